//! Sends what a callable returns to the client.

use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyString, PyTuple};
use smallvec::SmallVec;

use super::closing_file::ClosingFile;
use super::pending_response::{PendingResponse, longer};
use super::start_response::block;
use crate::closing::close;
use crate::environ::FileWrapper;
use crate::forked::end_child;
use crate::server::failure::{Unhandled, log_failure};

/// The items of a list are joined up to this size, so that they need only one write.
const TOGETHER: usize = 256 << 10;

/// Sends what a callable has returned, as far as it is complete, and closes it in any case (PEP 3333).
/// Returns the rest.
pub(super) fn begin(result: &Bound<'_, PyAny>, pending: &PendingResponse) -> PyResult<Option<UnsentItems>> {
    match content(result, pending) {
        Ok(SoFar::WithTheFile(sent)) => sent.map(|()| None),
        Ok(SoFar::First { blocks, block }) => {
            Ok(Some(UnsentItems { result: result.clone().unbind(), blocks: blocks.unbind(), block }))
        }
        Ok(SoFar::All) => {
            close_and_log(result, pending);
            Ok(None)
        }
        Err(error) => {
            close_and_log(result, pending);
            Err(error)
        }
    }
}

/// Content of which only the first block is known.
pub(super) struct UnsentItems {
    result: Py<PyAny>,
    blocks: Py<PyIterator>,
    block: Bytes,
}

impl UnsentItems {
    /// Sends the content to its end, and closes it in any case.
    pub(super) fn send(self, py: Python<'_>, pending: &PendingResponse) -> PyResult<()> {
        let sent = send_blocks(py, self.block, self.blocks.bind(py), pending);
        close_and_log(self.result.bind(py), pending);
        sent
    }
}

fn send_blocks(
    py: Python<'_>,
    first: Bytes,
    blocks: &Bound<'_, PyIterator>,
    pending: &PendingResponse,
) -> PyResult<()> {
    pending.send(py, first)?;
    let mut blocks = blocks.clone();
    while pending.wants_more() {
        let next = blocks.next();
        end_child(py, next.as_ref().and_then(|item| item.as_ref().err()));
        match next {
            Some(item) => pending.send(py, block(&item?)?)?,
            None => return pending.end(),
        }
    }
    Ok(())
}

fn close_and_log(result: &Bound<'_, PyAny>, pending: &PendingResponse) {
    if let Err(error) = close(result) {
        log_failure(Some(pending.asked()), &Unhandled::boxed(result.py(), error));
    }
}

/// How far the content has been sent.
enum SoFar<'py> {
    All,
    /// It is a file, which is closed when it has been sent, or is not going to be.
    WithTheFile(PyResult<()>),
    /// This is the first block, and more may follow.
    First {
        blocks: Bound<'py, PyIterator>,
        block: Bytes,
    },
}

fn content<'py>(result: &Bound<'py, PyAny>, pending: &PendingResponse) -> PyResult<SoFar<'py>> {
    let py = result.py();
    if !pending.is_begun() {
        if let Ok(wrapper) = result.cast_exact::<FileWrapper>()
            && let Some(range) = wrapper.borrow().range(py)
        {
            let range = pending.length().map_or_else(|| range.clone(), |length| range.part(0, length));
            return Ok(SoFar::WithTheFile(pending.complete(range.holding(ClosingFile::new(wrapper)).into())));
        }
        if let Some(whole) = at_hand(result)? {
            pending.complete(whole.into())?;
            return Ok(SoFar::All);
        }
    }
    if result.is_instance_of::<PyBytes>() || result.is_instance_of::<PyString>() {
        let kind = result.get_type().qualname()?;
        return Err(PyTypeError::new_err(format!(
            "the WSGI callable returned a value of type {kind}; expected an iterable of bytes, such as [b\"text\"]"
        )));
    }
    let mut blocks = result.try_iter()?;
    let is_single = result.len().is_ok_and(|length| length == 1);
    while let Some(item) = blocks.next() {
        let block = block(&item?)?;
        if block.is_empty() {
            continue;
        }
        let is_all = is_single || pending.length() == Some(block.len() as u64);
        if is_all && !pending.is_begun() {
            // With its length, and without a thread that waits.
            pending.complete(block.into())?;
            to_its_end(blocks)?;
            return Ok(SoFar::All);
        }
        return Ok(SoFar::First { blocks, block });
    }
    pending.end()?;
    Ok(SoFar::All)
}

/// Runs the code of an iterable after its last block as well; blocks that it yields there are an error.
fn to_its_end<'py>(blocks: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>) -> PyResult<()> {
    for item in blocks {
        if !block(&item?)?.is_empty() {
            return Err(longer());
        }
    }
    Ok(())
}

/// The joined content of a list or tuple, unless it is large. Its blocks exist already, so joining them
/// delays none.
fn at_hand(result: &Bound<'_, PyAny>) -> PyResult<Option<Bytes>> {
    let items: SmallVec<[Bound<'_, PyAny>; 4]> = if let Ok(list) = result.cast_exact::<PyList>() {
        list.iter().collect()
    } else if let Ok(tuple) = result.cast_exact::<PyTuple>() {
        tuple.iter().collect()
    } else {
        return Ok(None);
    };
    if let [item] = items.as_slice() {
        return block(item).map(Some);
    }
    let size = items.iter().filter_map(|item| item.len().ok()).fold(0_usize, usize::saturating_add);
    if size > TOGETHER {
        return Ok(None);
    }
    let mut whole = Vec::with_capacity(size);
    for item in &items {
        whole.extend_from_slice(&block(item)?);
    }
    Ok(Some(whole.into()))
}

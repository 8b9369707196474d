//! What a callable returns, on its way to the client.

use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyString, PyTuple};
use smallvec::SmallVec;

use super::Raised;
use super::exchange::{Exchange, longer};
use super::file_wrapper::{Closing, FileWrapper};
use super::log_failure;
use super::start_response::block;
use crate::forked::end_child;

/// Up to here the items of a list are put together, so that they need no more than one write.
const TOGETHER: usize = 256 << 10;

/// Sends what a callable has returned, as far as it is at hand, and closes it in any case (PEP 3333). The
/// rest comes back.
pub(super) fn begin(result: &Bound<'_, PyAny>, exchange: &Exchange) -> PyResult<Option<Content>> {
    match content(result, exchange) {
        Ok(Begun::WithTheFile(sent)) => sent.map(|()| None),
        Ok(Begun::First { blocks, block }) => {
            Ok(Some(Content { result: result.clone().unbind(), blocks: blocks.unbind(), block }))
        }
        Ok(Begun::All) => {
            close_and_log(result, exchange);
            Ok(None)
        }
        Err(error) => {
            close_and_log(result, exchange);
            Err(error)
        }
    }
}

/// Content of which only the first block is known.
pub(super) struct Content {
    result: Py<PyAny>,
    blocks: Py<PyIterator>,
    block: Bytes,
}

impl Content {
    /// Sends it to its end, and closes it in any case.
    pub(super) fn send(self, py: Python<'_>, exchange: &Exchange) -> PyResult<()> {
        let sent = send_blocks(py, self.block, self.blocks.bind(py), exchange);
        close_and_log(self.result.bind(py), exchange);
        sent
    }
}

fn send_blocks(
    py: Python<'_>,
    first: Bytes,
    blocks: &Bound<'_, PyIterator>,
    exchange: &Exchange,
) -> PyResult<()> {
    exchange.send(py, first)?;
    let mut blocks = blocks.clone();
    while exchange.wants_more() {
        let next = blocks.next();
        end_child(py, next.as_ref().and_then(|item| item.as_ref().err()));
        match next {
            Some(item) => exchange.send(py, block(&item?)?)?,
            None => return exchange.end(),
        }
    }
    Ok(())
}

fn close_and_log(result: &Bound<'_, PyAny>, exchange: &Exchange) {
    if let Err(error) = close(result) {
        log_failure(Some(exchange.asked()), &Raised::boxed(result.py(), error));
    }
}

/// Calls the `close` of an object that has one.
pub(super) fn close(object: &Bound<'_, PyAny>) -> PyResult<()> {
    // Python makes an exception to say that these have none.
    if object.is_exact_instance_of::<PyList>() || object.is_exact_instance_of::<PyTuple>() {
        return Ok(());
    }
    match object.getattr_opt(intern!(object.py(), "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}

/// How far the content is sent.
enum Begun<'py> {
    All,
    /// It is a file, which is closed when it has been sent, or is not going to be.
    WithTheFile(PyResult<()>),
    /// This is the first block, and more may follow.
    First {
        blocks: Bound<'py, PyIterator>,
        block: Bytes,
    },
}

fn content<'py>(result: &Bound<'py, PyAny>, exchange: &Exchange) -> PyResult<Begun<'py>> {
    let py = result.py();
    if !exchange.is_begun() {
        if let Ok(wrapper) = result.cast_exact::<FileWrapper>()
            && let Some(range) = wrapper.borrow().range(py)
        {
            let range = exchange.length().map_or_else(|| range.clone(), |length| range.part(0, length));
            return Ok(Begun::WithTheFile(exchange.complete(range.holding(Closing::new(wrapper)).into())));
        }
        if let Some(whole) = at_hand(result)? {
            exchange.complete(whole.into())?;
            return Ok(Begun::All);
        }
    }
    if result.is_instance_of::<PyBytes>() || result.is_instance_of::<PyString>() {
        let kind = result.get_type().qualname()?;
        return Err(PyTypeError::new_err(format!(
            "a WSGI callable returns an iterable of bytes, such as [b\"text\"], not {kind}"
        )));
    }
    let mut blocks = result.try_iter()?;
    let is_single = result.len().is_ok_and(|length| length == 1);
    while let Some(item) = blocks.next() {
        let block = block(&item?)?;
        if block.is_empty() {
            continue;
        }
        let is_all = is_single || exchange.length() == Some(block.len() as u64);
        if is_all && !exchange.is_begun() {
            // With its length, and without another thread to wait for.
            exchange.complete(block.into())?;
            to_its_end(blocks)?;
            return Ok(Begun::All);
        }
        return Ok(Begun::First { blocks, block });
    }
    exchange.end()?;
    Ok(Begun::All)
}

/// What an iterable does behind its last block is done as well; what it gives there is too much.
fn to_its_end<'py>(blocks: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>) -> PyResult<()> {
    for item in blocks {
        if !block(&item?)?.is_empty() {
            return Err(longer());
        }
    }
    Ok(())
}

/// The content of a list or tuple, unless it is large. Making these blocks takes no time, so that none is
/// held back.
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

//! A file of `wsgi.file_wrapper` on its way to the client.

use pyo3::prelude::*;
use tokio::runtime::Handle;

use crate::closing::close;
use crate::environ::FileWrapper;
use crate::forked::Unforkable;
use crate::server::failure::{Unhandled, log_failure};

/// Closes a wrapper when its file has been sent, or is not going to be.
pub(super) struct ClosingFile(Option<Py<FileWrapper>>);

impl ClosingFile {
    pub(super) fn new(wrapper: &Bound<'_, FileWrapper>) -> Self {
        ClosingFile(Some(wrapper.clone().unbind()))
    }
}

impl Drop for ClosingFile {
    fn drop(&mut self) {
        let Some(wrapper) = self.0.take() else { return };
        let closing = ClosingHere(Some(wrapper));
        // Python code must not run on the event loop.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || drop(closing));
        }
    }
}

/// Closes its wrapper when it is dropped: on this thread if the runtime accepts no more tasks.
struct ClosingHere(Option<Py<FileWrapper>>);

impl Drop for ClosingHere {
    fn drop(&mut self) {
        // A thread that reads files is not known to Python.
        let unforkable = Unforkable::wait();
        let _ = Python::try_attach(|py| {
            drop(unforkable);
            let Some(wrapper) = self.0.take() else { return };
            if let Err(error) = close(wrapper.into_bound(py).as_any()) {
                log_failure(None, &Unhandled::boxed(py, error));
            }
        });
    }
}

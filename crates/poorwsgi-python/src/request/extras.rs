//! The attributes of a request that are computed at the first access, or set.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

macro_rules! extras {
    ($($name:ident),*) => {
        /// The attributes. Allocated when the first one is needed.
        #[derive(Default)]
        pub(super) struct RequestAttributes {
            $(pub(super) $name: Option<Py<PyAny>>,)*
            /// How many bytes of the body `read` may still return.
            pub(super) left: Option<u64>,
            /// Whether the nonce of the request's digest login was counted as used.
            pub(super) has_used_nonce: bool,
        }

        impl RequestAttributes {
            fn each(&self) -> impl Iterator<Item = &Py<PyAny>> {
                [$(&self.$name),*].into_iter().flatten()
            }
        }
    };
}

extras!(
    headers,
    path_args,
    args,
    form,
    json,
    cookies,
    data,
    input,
    user,
    api,
    db,
    uri_rule,
    uri_handler,
    error_handler
);

/// The extras of a request, allocated at the first access. No Python code runs while they are locked.
#[derive(Default)]
pub(super) struct LazyExtras(Mutex<Option<Box<RequestAttributes>>>);

/// Selects one of the extras.
pub(super) type Slot = fn(&mut RequestAttributes) -> &mut Option<Py<PyAny>>;

impl LazyExtras {
    fn lock(&self) -> MutexGuard<'_, Option<Box<RequestAttributes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, py: Python<'_>, slot: Slot) -> Option<Py<PyAny>> {
        let mut extras = self.lock();
        slot(extras.as_mut()?).as_ref().map(|value| value.clone_ref(py))
    }

    /// Sets a value, and returns the previous one.
    pub(super) fn set(&self, slot: Slot, value: Py<PyAny>) -> Option<Py<PyAny>> {
        slot(self.lock().get_or_insert_default()).replace(value)
    }

    /// Sets a value that can be set only once: later values are ignored, and so is None.
    pub(super) fn set_once(&self, slot: Slot, value: Py<PyAny>) {
        if Python::attach(|py| value.is_none(py)) {
            return;
        }
        let mut extras = self.lock();
        let slot = slot(extras.get_or_insert_default());
        let unused = match slot {
            Some(_) => Some(value),
            None => slot.replace(value),
        };
        drop(extras);
        drop(unused);
    }

    /// The value, computed at the first access.
    pub(super) fn get_or_make(
        &self,
        py: Python<'_>,
        slot: Slot,
        make: impl FnOnce() -> PyResult<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if let Some(value) = self.get(py, slot) {
            return Ok(value);
        }
        let made = make()?;
        self.set_once(slot, made.clone_ref(py));
        Ok(self.get(py, slot).unwrap_or(made))
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut RequestAttributes) -> T) -> T {
        change(self.lock().get_or_insert_default())
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let extras = match self.0.try_lock() {
            Ok(extras) => extras,
            Err(TryLockError::Poisoned(extras)) => extras.into_inner(),
            // Another thread is using the request, so it is no garbage.
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        extras.iter().flat_map(|extras| extras.each()).try_for_each(|value| visit.call(value))
    }

    pub(super) fn clear(&self) {
        let old = self.lock().take();
        drop(old);
    }
}

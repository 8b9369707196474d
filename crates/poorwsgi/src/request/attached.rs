//! The values that hooks and handlers attach to a request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Extensions;

/// The values that are attached to one request. All views of the request share them: the application, an
/// application that is nested in it, and a handler with layers each have a
/// [`Request`](crate::Request) of their own.
#[derive(Default)]
pub(super) struct Attached {
    user: Mutex<Option<Arc<str>>>,
    values: Mutex<Extensions>,
}

impl Attached {
    pub(super) fn user(&self) -> Option<Arc<str>> {
        lock(&self.user).clone()
    }

    pub(super) fn set_user(&self, user: Arc<str>) {
        *lock(&self.user) = Some(user);
    }

    pub(super) fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        lock(&self.values).insert(value);
    }

    pub(super) fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        lock(&self.values).get().cloned()
    }

    pub(super) fn values(&self) -> Extensions {
        lock(&self.values).clone()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

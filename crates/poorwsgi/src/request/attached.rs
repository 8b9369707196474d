//! The values that hooks and handlers attach to a request.

use std::sync::{Arc, Mutex};

use http::Extensions;

use super::{Request, lock};

/// The values that are attached to one request. All views of the request share them: the application, an
/// application that is nested in it, and a handler with layers each have a [`Request`] of their own.
#[derive(Default)]
pub(super) struct Attached {
    user: Mutex<Option<Arc<str>>>,
    pub(super) values: Mutex<Extensions>,
}

impl Request {
    pub(super) fn attached(&self) -> &Arc<Attached> {
        self.extras().attached.get_or_init(Arc::default)
    }

    fn already_attached(&self) -> Option<&Attached> {
        self.0.extras.get()?.attached.get().map(Arc::as_ref)
    }

    /// The name of the user who is logged in, as set by [`set_user`](Self::set_user) or the digest check.
    #[must_use]
    pub fn user(&self) -> Option<Arc<str>> {
        self.already_attached().and_then(|attached| lock(&attached.user).clone())
    }

    /// Sets the name of the user who is logged in.
    pub fn set_user(&self, user: impl Into<Arc<str>>) {
        *lock(&self.attached().user) = Some(user.into());
    }

    /// Attaches a value, which [`get`](Self::get) finds by its type. An earlier value of the type is
    /// replaced.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        lock(&self.attached().values).insert(value);
    }

    /// A clone of the attached value of this type; where there is none, of the extension of this type that a
    /// server or layer has set.
    #[must_use]
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let attached = self.already_attached().and_then(|attached| lock(&attached.values).get().cloned());
        attached.or_else(|| self.head().parts().extensions.get().cloned())
    }
}

//! The states of the application.

use std::any::type_name;
use std::ops::{Deref, DerefMut};

use poorwsgi_core::error::HttpError;

use super::{FromRequestParts, RequiredStates};
use crate::request::Request;

/// A clone of the application's state of this type; see
/// [`Application::with_state`](crate::Application::with_state).
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use poorwsgi::extract::State;
/// use poorwsgi::{Application, state};
///
/// #[derive(Clone, Default)]
/// struct Guests(Arc<Mutex<Vec<String>>>);
///
/// fn count(State(guests): State<Guests>) -> String {
///     format!("{} guests", guests.0.lock().unwrap().len())
/// }
///
/// let mut app = Application::new("hotel");
/// app.with_state(Guests::default());
/// app.route("/guests", state::METHOD_HEAD | state::METHOD_GET, count)?;
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromRequestParts for State<T> {
    type Rejection = HttpError;
    const IS_READY: bool = true;

    async fn from_request_parts(request: &Request) -> Result<Self, HttpError> {
        request.state().cloned().map(State).ok_or_else(|| {
            let name = type_name::<T>();
            HttpError::new(500).with_source(format!("the application has no state of the type {name}"))
        })
    }

    fn required_states(required: &mut RequiredStates) {
        required.add::<T>();
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for State<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

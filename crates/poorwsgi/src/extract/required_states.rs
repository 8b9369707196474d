//! The states that a handler needs.

use std::any::type_name;

use http::Extensions;

/// The [states](super::State) that an argument of a handler is made of.
///
/// An argument type of your own names the states that it reads, so that a missing state is an error when the
/// route is set:
///
/// ```
/// use poorwsgi::extract::{FromRequestParts, RequiredStates, State};
/// use poorwsgi::{Application, Error, Request, Result, state};
///
/// #[derive(Clone)]
/// struct Pool;
///
/// /// A connection from the pool.
/// struct Connection(Pool);
///
/// impl FromRequestParts for Connection {
///     type Rejection = Error;
///
///     async fn from_request_parts(req: &Request) -> Result<Self> {
///         let State(pool) = State::from_request_parts(req).await?;
///         Ok(Connection(pool))
///     }
///
///     fn required_states(required: &mut RequiredStates) {
///         required.add::<Pool>();
///     }
/// }
///
/// let mut app = Application::new("demo");
/// let error = app.route("/", state::METHOD_GET, |_: Connection| "hello").unwrap_err();
/// assert!(error.to_string().contains("Pool"), "{error}");
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequiredStates(Vec<RequiredState>);

#[derive(Clone, Copy, Debug)]
struct RequiredState {
    name: &'static str,
    is_among: fn(&Extensions) -> bool,
}

impl RequiredStates {
    /// Names a state.
    pub fn add<T: Clone + Send + Sync + 'static>(&mut self) {
        self.0.push(RequiredState { name: type_name::<T>(), is_among: |states| states.get::<T>().is_some() });
    }

    /// The type of the first required state that is not among `states`.
    pub(crate) fn missing(&self, states: &Extensions) -> Option<&'static str> {
        self.0.iter().find(|state| !(state.is_among)(states)).map(|state| state.name)
    }
}

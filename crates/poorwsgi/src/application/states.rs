//! The states that the handlers of an application share.

use std::sync::Arc;

use poorwsgi_core::routing::{RouteError, RouteErrorKind};

use super::Application;
use crate::handler::Stored;
use crate::request::Request;

impl Application {
    /// Adds a state: a value that handlers and before hooks share. A function with an argument
    /// [`State<T>`](crate::extract::State) gets a clone of the value; put a value that is large, or that
    /// handlers change, into an `Arc`.
    ///
    /// An application has one state of each type. A second value of a type replaces the first one, also for
    /// the routes that are set already, so that a test can put its own value in place of the real one. For two
    /// values of one type, wrap each in a type of its own.
    ///
    /// Add a state before the routes whose handlers take it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use poorwsgi::extract::State;
    /// use poorwsgi::{Application, state};
    ///
    /// fn visit(State(visits): State<Arc<AtomicU64>>) -> String {
    ///     format!("visit {}", visits.fetch_add(1, Ordering::Relaxed) + 1)
    /// }
    ///
    /// let mut app = Application::new("demo");
    /// let forgotten = app.route("/visit", state::METHOD_HEAD | state::METHOD_GET, visit).map(drop);
    /// assert!(forgotten.unwrap_err().to_string().contains("State<alloc::sync::Arc<"));
    ///
    /// app.with_state(Arc::new(AtomicU64::new(0)));
    /// app.route("/visit", state::METHOD_HEAD | state::METHOD_GET, visit)?;
    /// # Ok::<(), poorwsgi::routing::RouteError>(())
    /// ```
    pub fn with_state<T: Clone + Send + Sync + 'static>(&mut self, state: T) -> &mut Self {
        Arc::make_mut(&mut self.shared).states.insert(state);
        self
    }

    /// Checks that the application has every state that its default handlers and before hooks take, which may
    /// be set before their states. (The states of a route are checked when the route is set.) `run` and
    /// `nest` call this; call it yourself where you serve the application in another way.
    ///
    /// ```
    /// use poorwsgi::Application;
    /// use poorwsgi::extract::State;
    ///
    /// let mut app = Application::new("demo");
    /// app.before_response(|State(limit): State<usize>| assert!(limit > 0));
    /// assert!(app.check_states().unwrap_err().to_string().contains("State<usize>"));
    /// assert!(app.with_state(7_usize).check_states().is_ok());
    /// ```
    ///
    /// # Errors
    /// Names the first handler or hook that takes a missing state, and the type of that state.
    pub fn check_states(&self) -> Result<(), RouteError> {
        let tables = &self.shared.tables;
        for (_, handler) in tables.router.defaults().shared() {
            self.check_handler("/*", handler)?;
        }
        tables.before.iter().try_for_each(|hook| self.check_handler("/*", hook))
    }

    pub(super) fn check_handler(&self, rule: &str, handler: &Stored<Request>) -> Result<(), RouteError> {
        let Some(missing) = handler.required_states().missing(&self.shared.states) else { return Ok(()) };
        let name = handler.name();
        let detail = format!(
            "{name} takes a State<{missing}>, which the application does not have: call with_state first"
        );
        Err(RouteError::new(RouteErrorKind::State, rule, detail))
    }
}

//! Hooks, state handlers and error handlers.

use std::any::{TypeId, type_name};

use poorwsgi_core::state::{IntoStatus, Method, MethodSet};

use super::Application;
use crate::error::Error;
use crate::handler::{AfterHook, BeforeHook, ErrorHandler, StateHandler, Stored, stored_error_handler};
use crate::language::ErrorType;

impl Application {
    /// Adds a hook that runs before each handler, and before files, default handlers and 404s.
    pub fn before_response<M>(&mut self, hook: impl BeforeHook<M>) -> &mut Self {
        self.tables_mut().before.push(hook.store());
        self
    }

    /// Removes all registrations of a before hook: `app.pop_before_response(sign_in)`. Returns whether it was
    /// there.
    pub fn pop_before_response<M>(&mut self, hook: impl BeforeHook<M>) -> bool {
        remove(&mut self.tables_mut().before, &hook)
    }

    /// Adds a hook that gets the request and its response, those to errors included, and returns the response
    /// to send. It has no other arguments: a state of the application is
    /// [`Request::state`](crate::Request::state).
    pub fn after_response<M>(&mut self, hook: impl AfterHook<M>) -> &mut Self {
        self.tables_mut().after.push(hook.store());
        self
    }

    /// Removes all registrations of an after hook. Returns whether it was there.
    pub fn pop_after_response<M>(&mut self, hook: impl AfterHook<M>) -> bool {
        remove(&mut self.tables_mut().after, &hook)
    }

    /// Sets the handler of a status for these methods. The error that it gets has the methods of a 405
    /// ([`allow`](crate::HttpError::allow)) and the login that a 401 asks for
    /// ([`challenge`](crate::HttpError::challenge)). A response of such a status without `Allow` or, with digest
    /// login, `WWW-Authenticate` gets the field.
    ///
    /// Two kinds of responses do not come from here: a status that a handler returns instead of raising it,
    /// as `(StatusCode, value)` or by a service that is [mounted](Self::mount), and what the server refuses
    /// itself, such as a request whose `Content-Length` is over its limit.
    pub fn http_state<M>(
        &mut self,
        status: impl IntoStatus,
        methods: MethodSet,
        handler: impl StateHandler<M>,
    ) -> &mut Self {
        self.tables_mut().states.set(status.into_status(), methods, handler.store());
        self
    }

    /// Removes the handler of a status for one method. Returns whether there was one.
    pub fn pop_http_state(&mut self, status: impl IntoStatus, method: Method) -> bool {
        self.tables_mut().states.pop(&status.into_status(), method).is_some()
    }

    /// Sets the handler of errors of type `E` for these methods: `app.error_handler::<DatabaseError, _>(…)`.
    pub fn error_handler<E, M>(&mut self, methods: MethodSet, handler: impl ErrorHandler<E, M>) -> &mut Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let kind = error_type::<E>();
        let handler = stored_error_handler(handler);
        self.tables_mut().errors.set(kind, methods, handler);
        self
    }

    /// Removes the handler of errors of type `E` for one method. Returns whether there was one.
    pub fn pop_error_handler<E>(&mut self, method: Method) -> bool
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.tables_mut().errors.pop(&error_type::<E>(), method).is_some()
    }
}

fn remove<A, F: 'static>(hooks: &mut Vec<Stored<A>>, hook: &F) -> bool {
    let all = hooks.len();
    hooks.retain(|stored| !stored.is_of(hook));
    hooks.len() < all
}

fn error_type<E: std::error::Error + 'static>() -> ErrorType {
    ErrorType {
        id: TypeId::of::<E>(),
        is: |error: &Error| error.downcast_ref::<E>().is_some(),
        name: type_name::<E>(),
    }
}

//! Registered handlers and hooks.

use std::any::{TypeId, type_name};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use poorwsgi_core::response::Response;
#[cfg(feature = "pages")]
use poorwsgi_core::results::HandlerRow;

use super::called::{Called, panicked};
use super::calls::Calls;
use crate::error::Result;
use crate::extract::RequiredStates;

/// A registered handler or hook: a shared callable, with what is known of the function that it was made from.
///
/// ```
/// use poorwsgi::{Application, Request, state};
///
/// async fn about(_req: Request) -> &'static str {
///     "about us"
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/about", state::METHOD_HEAD | state::METHOD_GET, about)?;
/// for (path, methods) in app.router().static_routes() {
///     for (methods, handler) in methods.shared() {
///         println!("{methods} {path}: {}", handler.name());
///         # assert!(handler.name().ends_with("::about"));
///     }
/// }
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
pub struct Stored<A> {
    call: Arc<dyn Fn(A) -> Called<Result<Response>> + Send + Sync>,
    about: Arc<About>,
}

/// What is known of a callable.
#[derive(Clone)]
pub(crate) struct About {
    name: &'static str,
    function: TypeId,
    reads_body: bool,
    required_states: RequiredStates,
    calls: Option<Arc<Calls>>,
    #[cfg(feature = "pages")]
    routes: Option<Arc<dyn Fn() -> Vec<HandlerRow> + Send + Sync>>,
}

impl About {
    /// Describes a function or service of the application. Its type identifies it, because every function and
    /// closure has its own.
    pub(crate) fn of<F: 'static>() -> Self {
        About {
            name: type_name::<F>(),
            function: TypeId::of::<F>(),
            reads_body: false,
            required_states: RequiredStates::default(),
            calls: None,
            #[cfg(feature = "pages")]
            routes: None,
        }
    }

    /// Whether the handler reads the body itself; the pipeline does not read it before.
    pub(crate) fn reading_body(self, reads_body: bool) -> Self {
        About { reads_body, ..self }
    }

    /// Sets what lists the routes of a nested application for the debug page.
    #[cfg(feature = "pages")]
    pub(crate) fn listing(self, routes: impl Fn() -> Vec<HandlerRow> + Send + Sync + 'static) -> Self {
        About { routes: Some(Arc::new(routes)), ..self }
    }

    /// Sets the states that the arguments are made of.
    pub(super) fn requiring(self, required_states: RequiredStates) -> Self {
        About { required_states, ..self }
    }

    /// Sets where the times of a plain function are kept.
    pub(super) fn timed_by(self, calls: &Arc<Calls>) -> Self {
        About { calls: Some(Arc::clone(calls)), ..self }
    }
}

impl<A: 'static> Stored<A> {
    pub(crate) fn new(
        about: About,
        call: impl Fn(A) -> Called<Result<Response>> + Send + Sync + 'static,
    ) -> Self {
        Stored { call: Arc::new(call), about: Arc::new(about) }
    }

    /// A plain function `F`, called by `function`.
    pub(super) fn plain<F: 'static>(function: impl Fn(A) -> Result<Response> + Send + Sync + 'static) -> Self
    where
        A: Send,
    {
        let (function, calls) = (Arc::new(function), Arc::<Calls>::default());
        Stored::new(About::of::<F>().timed_by(&calls), move |argument| calls.call(&function, argument))
    }

    /// An asynchronous function `F`, called by `function`.
    pub(super) fn asynchronous<F: 'static, T>(function: impl Fn(A) -> T + Send + Sync + 'static) -> Self
    where
        T: Future<Output = Result<Response>> + Send + 'static,
    {
        Stored::new(About::of::<F>(), move |argument| Called::later(function(argument)))
    }

    /// Returns a callable that first converts its argument.
    pub(super) fn converting<B: 'static>(
        self,
        convert: impl Fn(B) -> Result<A> + Send + Sync + 'static,
    ) -> Stored<B> {
        let Stored { call, about } = self;
        let call = move |argument| match convert(argument) {
            Ok(argument) => call(argument),
            Err(error) => Called::Ready(Err(error)),
        };
        Stored { call: Arc::new(call), about }
    }

    /// Calls the function. A panic becomes an error.
    pub(crate) async fn call(&self, argument: A) -> Result<Response> {
        let called = catch_unwind(AssertUnwindSafe(|| (self.call)(argument)));
        let mut future = match called {
            Ok(Called::Ready(answer)) => return answer,
            Ok(Called::Later(future)) => future,
            Err(panic) => return Err(panicked(panic.as_ref())),
        };
        std::future::poll_fn(move |context| {
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
                Ok(poll) => poll,
                Err(panic) => Poll::Ready(Err(panicked(panic.as_ref()))),
            }
        })
        .await
    }
}

impl<A> Stored<A> {
    /// Whether this was made from the given function.
    pub(crate) fn is_of<F: 'static>(&self, _: &F) -> bool {
        self.about.function == TypeId::of::<F>()
    }

    pub(super) fn about(&self) -> &About {
        &self.about
    }

    /// The name of the function, with its module; of a mounted service, the name of its type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.about.name
    }

    pub(crate) fn reads_body(&self) -> bool {
        self.about.reads_body
    }

    pub(crate) fn required_states(&self) -> &RequiredStates {
        &self.about.required_states
    }

    /// The routes of a nested application, without its prefix.
    #[cfg(feature = "pages")]
    pub(crate) fn routes(&self) -> Vec<HandlerRow> {
        self.about.routes.as_ref().map(|routes| routes()).unwrap_or_default()
    }

    /// Where the last call was made, and how long calls took; empty for an asynchronous function.
    pub(crate) fn calls(&self) -> String {
        self.about.calls.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

impl<A> Clone for Stored<A> {
    fn clone(&self) -> Self {
        Stored { call: Arc::clone(&self.call), about: Arc::clone(&self.about) }
    }
}

//! The application of the Rust door.

use std::any::{Any, TypeId, type_name};
use std::sync::Arc;

use http::request::Parts;

use crate::error::Error;
use crate::handler::{
    AfterHook, BeforeHook, ErrorHandler, Handler, StateHandler, Stored, stored_error_handler,
};
use crate::language::{ErrorType, Rust};
use crate::mount;
use crate::path_arg::{Converted, Converter};
use crate::request::Request;
use poorwsgi_core::dispatch::Language;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::request::{Connection, HttpHead};
use poorwsgi_core::routing::{self, Conversion, RouteError, Router};
use poorwsgi_core::settings::Settings;
use poorwsgi_core::state::{Method, MethodSet};
use poorwsgi_core::tables::Tables;
use poorwsgi_core::variables::Variables;

/// A web application: routes, hooks, state and error handlers, and settings.
///
/// It is a [`tower::Service`](tower_service::Service) over [`http::Request`] and [`http::Response`], so that
/// any server for such services can serve it, `poorwsgi-server` among them. A clone shares settings, routes,
/// hooks and handlers with the original until either is changed.
///
/// ```
/// use poorwsgi::{Application, Request, Response, Result, state};
///
/// async fn user_detail(req: Request) -> Result<Response> {
///     let name: &str = req.path_arg("name")?;
///     let age: i64 = req.path_arg("age")?;
///     Ok(Response::json(&serde_json::json!({ "name": name, "age": age }))?)
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut app = Application::new("demo");
/// app.route("/user/<name:word>/<age:int>", state::METHOD_GET, user_detail)?;
/// app.route("/", state::METHOD_GET_POST, async |_req: Request| "Hello world")?;
/// app.http_state(404, state::METHOD_ALL, |_req: Request, _error| ("Not here", "text/plain", [("X-Why", "lost")], 404));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Application {
    tables: Arc<Tables<Rust>>,
    variables: Option<Arc<Variables>>,
    connection: Option<Connection>,
}

impl Application {
    /// An application without routes, with the default settings. The environment variables `poor_*` and
    /// `app_*` of the process are read here, once.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Application {
            tables: Arc::new(Tables::new(Settings::new(name))),
            variables: Variables::of_process().map(Arc::new),
            connection: None,
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.tables.settings
    }

    /// The settings, to change them.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.tables_mut().settings
    }

    /// The routes and default handlers, to list them.
    #[must_use]
    pub fn router(&self) -> &Router<Stored<Request>, Converter> {
        &self.tables.router
    }

    /// Adds or replaces a filter. The whole text of an argument has to match `regex`. `convert` makes the
    /// value, which handlers get with `req.path_arg::<Arc<T>>(name)`; where the conversion fails, the request
    /// is answered with 404.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use poorwsgi::{Application, Request, Result, state};
    ///
    /// struct Year(u16);
    ///
    /// async fn archive(req: Request) -> Result<String> {
    ///     let year: Arc<Year> = req.path_arg("year")?;
    ///     Ok(format!("the year {}", year.0))
    /// }
    ///
    /// # fn main() -> Result<(), poorwsgi::routing::RouteError> {
    /// let mut app = Application::new("archive");
    /// app.set_filter("year", r"\d{4}", |text| text.parse().map(Year));
    /// app.route("/archive/<year:year>", state::METHOD_GET, archive)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A regular expression that does not compile is reported as an error by [`route`](Self::route), for each
    /// rule that uses the filter.
    pub fn set_filter<T, E>(
        &mut self,
        name: &str,
        regex: &str,
        convert: impl Fn(&str) -> Result<T, E> + Send + Sync + 'static,
    ) -> &mut Self
    where
        T: Any + Send + Sync,
        E: Into<BoxError>,
    {
        let convert = move |text: &str| match convert(text) {
            Ok(value) => Ok(Arc::new(value) as Converted),
            Err(error) => Err(error.into()),
        };
        let converter = Converter { convert: Arc::new(convert), type_name: type_name::<T>() };
        self.tables_mut().router.filters_mut().set(name, regex, Conversion::Custom(converter));
        self
    }

    /// Adds a route: a path, or a pattern with arguments such as `/user/<name:word>`.
    ///
    /// # Errors
    /// Where the pattern is invalid. The error gives the pattern, the column, and the known filters.
    pub fn route<M>(
        &mut self,
        rule: &str,
        methods: MethodSet,
        handler: impl Handler<M>,
    ) -> Result<&mut Self, RouteError> {
        let handler = stored(handler);
        self.tables_mut().router.set_route(rule, methods, handler)?;
        Ok(self)
    }

    /// Removes the handler of a route for one method. Returns whether there was one.
    pub fn pop_route(&mut self, rule: &str, method: Method) -> bool {
        routing::pop_route(&mut self.tables_mut().router, rule, method).is_ok()
    }

    /// Adds a route by a regular expression, matched from the start of the path (not to its end: write the
    /// `$`). Named groups are the path arguments.
    ///
    /// # Errors
    /// Where the regular expression does not compile.
    pub fn regular_route<M>(
        &mut self,
        regex: &str,
        methods: MethodSet,
        handler: impl Handler<M>,
    ) -> Result<&mut Self, RouteError> {
        let handler = stored(handler);
        routing::set_regular_route(&mut self.tables_mut().router, regex, methods, handler)?;
        Ok(self)
    }

    /// Removes the handler of a regular route for one method. Returns whether there was one.
    pub fn pop_regular_route(&mut self, regex: &str, method: Method) -> bool {
        routing::pop_regular_route(&mut self.tables_mut().router, regex, method).is_ok()
    }

    /// Sets the handler of requests that match neither a route nor a file.
    pub fn default<M>(&mut self, methods: MethodSet, handler: impl Handler<M>) -> &mut Self {
        let handler = stored(handler);
        self.tables_mut().router.set_default(methods, handler);
        self
    }

    /// Removes the default handler of one method. Returns whether there was one.
    pub fn pop_default(&mut self, method: Method) -> bool {
        self.tables_mut().router.pop_default(method).is_some()
    }

    /// Mounts any tower service below a prefix, such as `/api`. The service gets every request whose path is
    /// the prefix, or begins with the prefix and `/`, whatever its method; the prefix is removed from the
    /// path. Hooks run as for handlers, and the service finds the values that they attach to the request in
    /// its extensions. The framework neither parses the body nor reads it ahead.
    ///
    /// An application that is mounted knows the prefix: the URLs of `construct_url` have it, and so has a
    /// path in `Location`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::{Application, Request, Response, state};
    ///
    /// let mut admin = Application::new("admin");
    /// admin.route("/", state::METHOD_GET, |_req: Request| Response::redirect("/users", 302))?;
    ///
    /// let mut site = Application::new("site");
    /// site.mount("/admin", admin)?;
    /// let answer = site.handle(http::Request::get("/admin").body(String::new())?).await;
    /// assert_eq!(answer.headers()["Location"], "/admin/users");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where the prefix does not begin with `/`, ends with it, or has a group, and where something is mounted
    /// there already.
    pub fn mount<S, B>(&mut self, prefix: &str, service: S) -> Result<&mut Self, RouteError>
    where
        S: tower_service::Service<http::Request<poorwsgi_core::response::Body>, Response = http::Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let handler = mount::handler(prefix, service);
        routing::mount(&mut self.tables_mut().router, prefix, handler)?;
        Ok(self)
    }

    /// Adds a hook that runs before each handler, and before files, default handlers and 404s.
    pub fn before_response<M>(&mut self, hook: impl BeforeHook<M>) -> &mut Self {
        self.tables_mut().before.push(stored_before_hook(hook));
        self
    }

    /// Removes all registrations of a before hook: `app.pop_before_response(sign_in)`. Returns whether it was
    /// there.
    pub fn pop_before_response<M>(&mut self, hook: impl BeforeHook<M>) -> bool {
        remove(&mut self.tables_mut().before, &hook)
    }

    /// Adds a hook that gets each response, those to errors included, and returns the response to send.
    pub fn after_response<M>(&mut self, hook: impl AfterHook<M>) -> &mut Self {
        self.tables_mut().after.push(stored_after_hook(hook));
        self
    }

    /// Removes all registrations of an after hook. Returns whether it was there.
    pub fn pop_after_response<M>(&mut self, hook: impl AfterHook<M>) -> bool {
        remove(&mut self.tables_mut().after, &hook)
    }

    /// Sets the handler of a status for these methods.
    pub fn http_state<M>(
        &mut self,
        status: u16,
        methods: MethodSet,
        handler: impl StateHandler<M>,
    ) -> &mut Self {
        let handler = stored_state_handler(handler);
        self.tables_mut().states.set(status, methods, handler);
        self
    }

    /// Removes the handler of a status for one method. Returns whether there was one.
    pub fn pop_http_state(&mut self, status: u16, method: Method) -> bool {
        self.tables_mut().states.pop(&status, method).is_some()
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

    /// Sets the connection that all requests to this clone come in on. A server that makes a clone for each
    /// connection calls this, instead of attaching the [`Connection`] to each request as other servers do.
    pub fn set_connection(&mut self, connection: Connection) {
        self.connection = Some(connection);
    }

    pub(super) const fn tables(&self) -> &Arc<Tables<Rust>> {
        &self.tables
    }

    pub(super) fn head(&self, parts: Parts) -> HttpHead {
        HttpHead::new(parts, self.variables.clone()).with_connection(self.connection)
    }

    fn tables_mut(&mut self) -> &mut Tables<Rust> {
        Arc::make_mut(&mut self.tables)
    }
}

fn stored<M, H: Handler<M>>(handler: H) -> <Rust as Language>::Handler {
    Stored::new::<H>(handler.name(), move |request| handler.call(request))
}

fn stored_before_hook<M, H: BeforeHook<M>>(hook: H) -> <Rust as Language>::BeforeHook {
    Stored::new::<H>(hook.name(), move |request| hook.call(request))
}

fn stored_after_hook<M, H: AfterHook<M>>(hook: H) -> <Rust as Language>::AfterHook {
    Stored::new::<H>(hook.name(), move |(request, response)| hook.call(request, response))
}

fn stored_state_handler<M, H: StateHandler<M>>(handler: H) -> <Rust as Language>::StateHandler {
    Stored::new::<H>(handler.name(), move |(request, error)| handler.call(request, error))
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

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("settings", self.settings()).finish_non_exhaustive()
    }
}

//! The application of the Rust door.

mod hooks;
mod mounting;
mod states;

use std::any::{Any, type_name};
use std::sync::Arc;

use http::request::Parts;

use crate::handler::{Handler, Stored};
use crate::language::{Rust, Shared};
use crate::path_arg::{Converted, Converter};
use crate::request::Request;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::request::{Connection, HttpHead};
use poorwsgi_core::routing::{
    self, Conversion, RouteError, RouteErrorKind, Router, handlers_of_expression, handlers_of_path,
    mistakes_of_rule,
};
use poorwsgi_core::settings::Settings;
use poorwsgi_core::state::{Method, MethodSet};
use poorwsgi_core::tables::Tables;
use poorwsgi_core::variables::Variables;

/// A web application: routes, hooks, state and error handlers, and settings.
///
/// It is a `tower::Service` over `http::Request` and `http::Response`, so that
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
/// app.route("/user/<name:word>/<age:int>", state::METHOD_HEAD | state::METHOD_GET, user_detail)?;
/// app.route("/", state::METHOD_GET_POST, async |_req: Request| "Hello world")?;
/// app.http_state(404, state::METHOD_ALL, |_req: Request, _error| ("Not here", "text/plain", [("X-Why", "lost")], 404));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Application {
    shared: Arc<Shared>,
    variables: Option<Arc<Variables>>,
    connection: Option<Connection>,
}

impl Application {
    /// An application without routes, with the default settings. The environment variables `poor_*` and
    /// `app_*` of the process are read here, once.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Application {
            shared: Arc::new(Shared::new(Tables::new(Settings::new(name)))),
            variables: Variables::of_process().map(Arc::new),
            connection: None,
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.shared.tables.settings
    }

    /// The settings, to change them.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.tables_mut().settings
    }

    /// The routes and default handlers, to list them.
    #[must_use]
    pub fn router(&self) -> &Router<Stored<Request>, Converter> {
        &self.shared.tables.router
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
    /// app.route("/archive/<year:year>", state::METHOD_HEAD | state::METHOD_GET, archive)?;
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
        routing::set_filter(&mut self.tables_mut().router, name, regex, Conversion::Custom(converter));
        self
    }

    /// Adds a route: a path, or a pattern with arguments such as `/user/<name:word>`. The filter of an
    /// argument, here `word`, says which text the argument takes:
    ///
    /// | argument | matches | for example |
    /// |---|---|---|
    /// | `<id>` | `[^/]+`, any text up to the next `/` | `tea & more` |
    /// | `<id:int>` | `-?\d+` | `42`, `-1` |
    /// | `<id:float>` | `-?\d+(\.\d+)?` | `2.5`, `-1` |
    /// | `<id:word>` | `\w+` | `tea_2` |
    /// | `<id:hex>` | `[0-9a-fA-F]+` | `1f3A` |
    /// | `<id:uuid>` | 8-4-4-4-12 hexadecimal digits | `f81d4fae-7dec-11d0-a765-00a0c91e6bf6` |
    /// | `<id:re:[a-z]{2}>` | the expression after `re:` | `en` |
    ///
    /// [`set_filter`](Self::set_filter) adds filters. Expressions have the syntax of Python's `re`. The type
    /// of an argument is that which the handler asks for; a text that does not convert to it is a 404, such
    /// as `-1` for a `u32`.
    ///
    /// The path has to match as a whole, and is compared as it is, after percent-decoding: `/users/` is
    /// another path than `/users`, and no request is redirected from one to the other. A path without
    /// arguments wins over a pattern; of several patterns, the one that was added first wins.
    ///
    /// The handler gets the requests with one of the `methods` alone. A path that is known for other methods
    /// is answered with 405. [`METHOD_GET`](crate::state::METHOD_GET) does not include HEAD: for a page, write
    /// `METHOD_HEAD | METHOD_GET`. [`METHOD_GET_POST`](crate::state::METHOD_GET_POST) includes HEAD. The body
    /// of the response to a HEAD is not sent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::Application;
    /// use poorwsgi::extract::Path;
    /// use poorwsgi::state::{METHOD_GET, METHOD_GET_POST, METHOD_HEAD};
    ///
    /// async fn floor(Path(floor): Path<i64>) -> String {
    ///     format!("floor {floor}")
    /// }
    ///
    /// let mut app = Application::new("house");
    /// app.route("/floor/<number:int>", METHOD_HEAD | METHOD_GET, floor)?;
    /// app.route("/visit", METHOD_GET_POST, async || "come in")?;
    ///
    /// let ask = async |method: &str, path: &str| {
    ///     let request = http::Request::builder().method(method).uri(path).body(String::new());
    ///     app.handle(request.unwrap()).await.status().as_u16()
    /// };
    /// assert_eq!(ask("GET", "/floor/-1").await, 200);
    /// assert_eq!(ask("GET", "/floor/one").await, 404);
    /// assert_eq!(ask("GET", "/floor/1/").await, 404);
    /// assert_eq!(ask("POST", "/floor/1").await, 405);
    /// assert_eq!(ask("HEAD", "/visit").await, 200);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where the pattern is invalid: the error gives the pattern, the column, and the known filters. Where no
    /// request can reach the rule: without a slash at its start, or with a group in braces. Where the rule has
    /// a handler for one of the methods; [`pop_route`](Self::pop_route) removes it. Where the handler takes a
    /// [state](Self::with_state) that the application does not have yet.
    pub fn route<M>(
        &mut self,
        rule: &str,
        methods: MethodSet,
        handler: impl Handler<M>,
    ) -> Result<&mut Self, RouteError> {
        let handler = handler.store();
        self.check_handler(rule, &handler)?;
        self.check_rule(rule, methods)?;
        routing::set_route(&mut self.tables_mut().router, rule, methods, handler)?;
        Ok(self)
    }

    fn check_rule(&self, rule: &str, methods: MethodSet) -> Result<(), RouteError> {
        if let Some(mistake) = mistakes_of_rule(rule).next() {
            return Err(RouteError::new(RouteErrorKind::Unreachable, rule, mistake));
        }
        let router = &self.shared.tables.router;
        let taken: Vec<_> = match router.expression(rule)? {
            Some(expression) => methods_of(handlers_of_expression(router, &expression), methods),
            None => methods_of(handlers_of_path(router, rule), methods),
        };
        if taken.is_empty() {
            return Ok(());
        }
        let detail = format!(
            "{} has a handler already; give one of the two another path or method, or call pop_route first",
            taken.join(", ")
        );
        Err(RouteError::new(RouteErrorKind::Taken, rule, detail))
    }

    /// Removes the handler of a route for one method. Returns whether there was one.
    pub fn pop_route(&mut self, rule: &str, method: Method) -> bool {
        routing::pop_route(&mut self.tables_mut().router, rule, method).is_ok()
    }

    /// Adds a route by a regular expression, matched from the start of the path (not to its end: write the
    /// `$`). Named groups are the path arguments.
    ///
    /// # Errors
    /// Where the regular expression does not compile, or the handler takes a [state](Self::with_state) that
    /// the application does not have yet.
    pub fn regular_route<M>(
        &mut self,
        regex: &str,
        methods: MethodSet,
        handler: impl Handler<M>,
    ) -> Result<&mut Self, RouteError> {
        let handler = handler.store();
        self.check_handler(regex, &handler)?;
        routing::set_regular_route(&mut self.tables_mut().router, regex, methods, handler)?;
        Ok(self)
    }

    /// Removes the handler of a regular route for one method. Returns whether there was one.
    pub fn pop_regular_route(&mut self, regex: &str, method: Method) -> bool {
        routing::pop_regular_route(&mut self.tables_mut().router, regex, method).is_ok()
    }

    /// Sets the handler of requests that match neither a route nor a file.
    pub fn default<M>(&mut self, methods: MethodSet, handler: impl Handler<M>) -> &mut Self {
        routing::set_default(&mut self.tables_mut().router, methods, handler.store());
        self
    }

    /// Removes the default handler of one method. Returns whether there was one.
    pub fn pop_default(&mut self, method: Method) -> bool {
        routing::pop_default(&mut self.tables_mut().router, method).is_some()
    }

    /// Sets the connection that all requests to this clone come in on. A server that makes a clone for each
    /// connection calls this, instead of attaching the [`Connection`] to each request as other servers do.
    pub fn set_connection(&mut self, connection: Connection) {
        self.connection = Some(connection);
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn head(&self, parts: Parts) -> HttpHead {
        HttpHead::new(parts, self.variables.clone()).with_connection(self.connection)
    }

    fn tables_mut(&mut self) -> &mut Tables<Rust> {
        &mut Arc::make_mut(&mut self.shared).tables
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("settings", self.settings()).finish_non_exhaustive()
    }
}

/// The names of those methods that are in the set.
fn methods_of<'a>(
    handlers: impl Iterator<Item = (Method, &'a Stored<Request>)>,
    methods: MethodSet,
) -> Vec<&'static str> {
    handlers.filter(|(method, _)| methods.contains(*method)).map(|(method, _)| method.as_str()).collect()
}

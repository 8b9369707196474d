//! Services and applications that are mounted below a prefix.

#[cfg(any(feature = "pages", feature = "sealed-sessions"))]
use std::sync::Arc;

#[cfg(feature = "pages")]
use poorwsgi_core::dispatch::routes;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::request::enter_mount;
use poorwsgi_core::response::{Body, Response};
#[cfg(feature = "sealed-sessions")]
use poorwsgi_core::routing::RouteErrorKind;
use poorwsgi_core::routing::{self, RouteError};
#[cfg(feature = "sealed-sessions")]
use poorwsgi_core::session::{SealedKeys, SessionConfig};
use tower_service::Service;

use super::Application;
use crate::error::Error;
use crate::handler::{About, Called, Stored};
use crate::request::Request;

impl Application {
    /// Mounts any tower service below a prefix, such as `/api`. The service gets every request whose path is
    /// the prefix, or begins with the prefix and `/`, whatever its method; the prefix is removed from the
    /// path. Hooks run as for handlers, and the service finds the values that they attach to the request in
    /// its extensions. The framework neither parses the body nor reads it ahead.
    ///
    /// An application that is mounted knows the prefix: the URLs of `construct_url` have it, and so has a
    /// path in `Location`. To mount an application without layers around it, use [`nest`](Self::nest).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::{Application, Response, state};
    /// use tower::Layer;
    /// use tower::timeout::TimeoutLayer;
    ///
    /// let mut admin = Application::new("admin");
    /// admin.route("/", state::METHOD_HEAD | state::METHOD_GET, || Response::redirect("/users", 302))?;
    ///
    /// let mut site = Application::new("site");
    /// site.mount("/admin", TimeoutLayer::new(std::time::Duration::from_secs(30)).layer(admin))?;
    /// let answer = site.handle(http::Request::get("/admin").body(String::new())?).await;
    /// assert_eq!(answer.headers()["Location"], "/admin/users");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A router of axum is such a service. Its responses are sent as they are, whatever their status: a 404
    /// of the router gets neither the page nor the state handler of this application. After hooks get it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::Application;
    ///
    /// let api = axum::Router::new().route("/version", axum::routing::get(async || "1.0"));
    ///
    /// let mut app = Application::new("site");
    /// app.mount("/api", api)?;
    /// let answer = app.handle(http::Request::get("/api/version").body(String::new())?).await;
    /// assert_eq!(answer.status(), 200);
    /// # let answer = app.handle(http::Request::get("/api/nothing").body(String::new())?).await;
    /// # assert_eq!((answer.status().as_u16(), answer.headers().get("content-type")), (404, None));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where the prefix does not begin with `/`, ends with it, or has a group, and where something is mounted
    /// there already.
    pub fn mount<S, B>(&mut self, prefix: &str, service: S) -> Result<&mut Self, RouteError>
    where
        S: Service<http::Request<Body>, Response = http::Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.set_mount(prefix, calling(About::of::<S>(), prefix, service))
    }

    /// Nests an application below a prefix, such as `/admin`. The nested application gets every request whose
    /// path is the prefix, or begins with the prefix and `/`, whatever its method; the prefix is removed from
    /// the path. It answers with its own routes, hooks, state and error handlers, states and settings. The
    /// hooks of this application run before and after. Both applications share the values that hooks attach to
    /// a request, and the user who is logged in; [`OriginalUri`](crate::extract::OriginalUri) is the target as
    /// it arrived. The URLs of `construct_url` have the prefix, and so has a path in `Location`; the debug page
    /// lists the routes of both applications.
    ///
    /// The session of a user who signs in at the outer application reaches the nested one in two ways. Give
    /// the nested application the same `Arc<SealedKeys>` and the same `SessionConfig` as
    /// [states](Self::with_state), so that an argument `SealedSession` opens the same cookie. Or read the
    /// session in a before hook of the outer application and call [`Request::set_user`]: the nested
    /// application sees the user ([`Request::user`]).
    ///
    /// To put a tower layer around a nested application, use [`mount`](Self::mount):
    /// `app.mount("/admin", layer.layer(admin))`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::{Application, Request, Result, abort, state};
    ///
    /// /// Refuses requests of visitors who are not logged in.
    /// async fn members_only(req: Request) -> Result<()> {
    ///     if req.user().is_none() { abort(state::HTTP_FORBIDDEN) } else { Ok(()) }
    /// }
    ///
    /// let mut admin = Application::new("admin");
    /// admin.before_response(members_only);
    /// admin.route("/users", state::METHOD_HEAD | state::METHOD_GET, async |_req: Request| "all users")?;
    ///
    /// let mut app = Application::new("demo");
    /// app.route("/", state::METHOD_HEAD | state::METHOD_GET, async |_req: Request| "for everybody")?;
    /// app.nest("/admin", admin)?;
    /// let answer = app.handle(http::Request::get("/admin/users").body(String::new())?).await;
    /// assert_eq!(answer.status(), 403);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`mount`](Self::mount), and where the nested application [lacks a state](Self::check_states), or has
    /// the keys of sessions but no [`SessionConfig`](crate::session::SessionConfig), which the outer one has.
    pub fn nest(&mut self, prefix: &str, application: Application) -> Result<&mut Self, RouteError> {
        application.check_states()?;
        #[cfg(feature = "sealed-sessions")]
        self.check_sessions(prefix, &application)?;
        let about = About::of::<Application>();
        #[cfg(feature = "pages")]
        let about = about.listing({
            let shared = Arc::clone(application.shared());
            move || routes(&shared.tables)
        });
        self.set_mount(prefix, calling(about, prefix, application))
    }

    /// Sessions would live longer in the nested application than in this one.
    #[cfg(feature = "sealed-sessions")]
    fn check_sessions(&self, prefix: &str, nested: &Application) -> Result<(), RouteError> {
        let (own, nested) = (&self.shared.states, &nested.shared.states);
        if own.get::<SessionConfig>().is_none()
            || nested.get::<Arc<SealedKeys>>().is_none()
            || nested.get::<SessionConfig>().is_some()
        {
            return Ok(());
        }
        let detail = "the nested application has the state Arc<SealedKeys> but no SessionConfig, which this application \
                      has: sessions would have another lifetime there; call with_state on the nested one first";
        Err(RouteError::new(RouteErrorKind::State, prefix, detail))
    }

    fn set_mount(&mut self, prefix: &str, handler: Stored<Request>) -> Result<&mut Self, RouteError> {
        routing::mount(&mut self.tables_mut().router, prefix, handler)?;
        Ok(self)
    }
}

/// The handler that calls a service that is mounted below a prefix.
fn calling<S, B>(about: About, prefix: &str, service: S) -> Stored<Request>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let prefix = prefix.to_owned();
    Stored::new(about, move |request: Request| {
        let mut service = service.clone();
        let (mut head, body) = request.to_http().into_parts();
        let entered = enter_mount(&mut head, &prefix);
        Called::later(async move {
            entered?;
            std::future::poll_fn(|context| service.poll_ready(context)).await.map_err(Error::new)?;
            let called = service.call(http::Request::from_parts(head, body));
            Ok(Response::from(called.await.map_err(Error::new)?))
        })
    })
}

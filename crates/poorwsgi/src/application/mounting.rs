//! Services and applications that are mounted below a prefix.

use poorwsgi_core::error::BoxError;
use poorwsgi_core::response::Body;
use poorwsgi_core::routing::{self, RouteError};

use super::Application;
use crate::handler::{About, Stored};
use crate::mount;
use crate::request::Request;

impl Application {
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
    /// use poorwsgi::{Application, Response, state};
    /// use tower::Layer;
    /// use tower::timeout::TimeoutLayer;
    ///
    /// let mut admin = Application::new("admin");
    /// admin.route("/", state::METHOD_GET, || Response::redirect("/users", 302))?;
    ///
    /// let mut site = Application::new("site");
    /// site.mount("/admin", TimeoutLayer::new(std::time::Duration::from_secs(30)).layer(admin))?;
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
        S: tower_service::Service<http::Request<Body>, Response = http::Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.set_mount(prefix, mount::handler(About::of::<S>(), prefix, service))
    }

    fn set_mount(&mut self, prefix: &str, handler: Stored<Request>) -> Result<&mut Self, RouteError> {
        routing::mount(&mut self.tables_mut().router, prefix, handler)?;
        Ok(self)
    }
}

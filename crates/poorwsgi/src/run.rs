//! Serving an application with this project's server.

use std::io;

use poorwsgi_server::Server;

use crate::Application;

impl Application {
    /// Binds an address and serves this application there until SIGTERM or SIGINT (Ctrl-C), with the default
    /// settings of `poorwsgi-server`. The address is `HOST:PORT`, or `unix:PATH`; port 0 takes a free port,
    /// which the first line on the standard output names.
    ///
    /// The settings of the server are those of `poorwsgi_server::Config`, and `run` cannot change them: a
    /// request body may have 16 MiB (`max_body`), whatever the settings of this application say, and requests
    /// that still run 30 s after the stop began are cut off (`stop_timeout`). To change a setting, add
    /// `poorwsgi-server` to the dependencies and give the application to `poorwsgi_server::Server`, like any
    /// other service. Call [`check_states`](Self::check_states) before, as `run` does:
    ///
    /// ```no_run
    /// # use poorwsgi::{Application, BoxError};
    /// use poorwsgi_server::{Config, Server};
    ///
    /// # #[tokio::main] async fn main() -> Result<(), BoxError> {
    /// # let app = Application::new("demo");
    /// app.check_states()?;
    /// let server = Server::new(app).config(Config::new().max_body(64 << 20));
    /// server.bind("127.0.0.1:8080").await?.run().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// An application with the default settings of the server:
    ///
    /// ```no_run
    /// use poorwsgi::{Application, BoxError, state};
    ///
    /// # #[tokio::main] async fn main() -> Result<(), BoxError> {
    /// let mut app = Application::new("hello");
    /// app.route("/", state::METHOD_HEAD | state::METHOD_GET, async || "Hello world")?;
    /// app.run("127.0.0.1:8080").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Where the address cannot be bound, signals cannot be watched, or a handler or hook takes a state that
    /// the application does not have ([`check_states`](Self::check_states)).
    pub async fn run(self, address: &str) -> io::Result<()> {
        self.check_states().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Server::new(self).bind(address).await?.introduce(Application::set_connection).run().await
    }
}

//! Serving an application with this project's server.

use std::io;

use poorwsgi_server::Server;

use crate::Application;

impl Application {
    /// Binds an address and serves this application there until SIGTERM or SIGINT (Ctrl-C), with the default
    /// settings of `poorwsgi-server`. The address is `HOST:PORT`, or `unix:PATH`; port 0 takes a free port,
    /// which the first line on the standard output names.
    ///
    /// To change settings of the server, give the application to [`Server`], like any other service.
    ///
    /// ```no_run
    /// use poorwsgi::{Application, BoxError, Request, state};
    ///
    /// # #[tokio::main] async fn main() -> Result<(), BoxError> {
    /// let mut app = Application::new("hello");
    /// app.route("/", state::METHOD_GET, async |_req: Request| "Hello world")?;
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

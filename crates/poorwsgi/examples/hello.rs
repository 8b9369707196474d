//! The smallest application: one page.
//!
//!     cargo run -p poorwsgi --example hello
//!     curl http://127.0.0.1:8080/

use poorwsgi::state::{METHOD_GET, METHOD_HEAD};
use poorwsgi::{Application, BoxError};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("hello");
    app.route("/", METHOD_HEAD | METHOD_GET, async || "Hello world\n")?;
    Ok(app.run("127.0.0.1:8080").await?)
}

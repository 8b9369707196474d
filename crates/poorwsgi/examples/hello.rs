//! The smallest application: one page.
//!
//!     cargo run -p poorwsgi --example hello
//!     curl http://127.0.0.1:8080/

use poorwsgi::{Application, BoxError, Request, state};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("hello");
    app.route("/", state::METHOD_GET | state::METHOD_HEAD, async |_req: Request| "Hello world\n")?;
    Ok(app.run("127.0.0.1:8080").await?)
}

//! This project, with the same two routes.

use poorwsgi::{Application, Request, Response, Result, state};
use poorwsgi_bench::User;

async fn hello(_req: Request) -> &'static str {
    "Hello world"
}

async fn user(req: Request) -> Result<Response> {
    let name: &str = req.path_arg("name")?;
    let age: i64 = req.path_arg("age")?;
    Ok(Response::json(&User { name, age })?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut app = Application::new("bench");
    app.route("/hello", state::METHOD_GET, hello)?;
    app.route("/user/<name:word>/<age:int>", state::METHOD_GET, user)?;
    app.run(&poorwsgi_bench::address()).await?;
    Ok(())
}

//! Routes: filters, typed path arguments, a custom filter, regular expressions, a default handler.
//!
//!     cargo run -p poorwsgi --example routes
//!     curl http://127.0.0.1:8080/user/ann/42
//!     curl http://127.0.0.1:8080/archive/1999
//!     curl http://127.0.0.1:8080/car/ab-12
//!     curl http://127.0.0.1:8080/any/thing

use std::sync::Arc;

use poorwsgi::state::{METHOD_GET, METHOD_GET_POST};
use poorwsgi::{Application, BoxError, Request, Result};

struct Year(u16);

async fn user(req: Request) -> Result<String> {
    let name: &str = req.path_arg("name")?;
    let age: u32 = req.path_arg("age")?;
    Ok(format!("{name} will be {} next year\n", age + 1))
}

async fn archive(req: Request) -> Result<String> {
    let year: Arc<Year> = req.path_arg("year")?;
    Ok(format!("{} articles of the year {}\n", year.0 % 7, year.0))
}

fn car(req: Request) -> Result<String> {
    Ok(format!("the car {}\n", req.path_arg::<&str>("plate")?.to_uppercase()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("routes");
    app.set_filter("year", r"\d{4}", |text| text.parse().map(Year));
    app.route("/user/<name:word>/<age:int>", METHOD_GET, user)?;
    app.route("/archive/<year:year>", METHOD_GET, archive)?;
    // A rule with a regular expression for one argument, here with look-ahead; and a regular expression for a
    // whole path.
    app.route("/car/<plate:re:(?=[a-z])[a-z0-9-]+>", METHOD_GET, car)?;
    app.regular_route(r"/old/(?<page>.*)$", METHOD_GET, |req: Request| -> Result<_> {
        Ok(format!("the old page {}\n", req.path_arg::<&str>("page")?))
    })?;
    app.default(METHOD_GET_POST, |req: Request| format!("nothing is registered for {}\n", req.path()));
    Ok(app.run("127.0.0.1:8080").await?)
}

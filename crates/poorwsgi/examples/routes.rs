//! Routes: filters, typed path arguments, a custom filter, regular expressions, a default handler.
//!
//!     cargo run -p poorwsgi --example routes
//!     curl http://127.0.0.1:8080/user/ann/42
//!     curl http://127.0.0.1:8080/archive/1999
//!     curl http://127.0.0.1:8080/car/ab-12
//!     curl http://127.0.0.1:8080/any/thing

use std::sync::Arc;

use poorwsgi::extract::Path;
use poorwsgi::state::{METHOD_GET, METHOD_GET_POST, METHOD_HEAD};
use poorwsgi::{Application, BoxError, Request, Response, Result};

struct Year(u16);

async fn user(Path((name, age)): Path<(String, u32)>) -> String {
    format!("{name} will be {} next year\n", age + 1)
}

/// Takes the value that the filter of the application has made of the text.
async fn archive(req: Request) -> Result<String> {
    let year: Arc<Year> = req.path_arg("year")?;
    Ok(format!("{} articles of the year {}\n", year.0 % 7, year.0))
}

fn car(Path(plate): Path<String>) -> String {
    format!("the car {}\n", plate.to_uppercase())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let get = METHOD_HEAD | METHOD_GET;
    let mut app = Application::new("routes");
    app.set_filter("year", r"\d{4}", |text| text.parse().map(Year));
    app.route("/user/<name:word>/<age:int>", get, user)?;
    app.route("/archive/<year:year>", get, archive)?;
    // A rule with a regular expression for one argument, here with look-ahead; and a regular expression for a
    // whole path.
    app.route("/car/<plate:re:(?=[a-z])[a-z0-9-]+>", get, car)?;
    app.regular_route(r"/old/(?<page>.*)$", get, |Path(page): Path<String>| {
        Response::text(format!("the old page {page}\n"))
    })?;
    app.default(METHOD_GET_POST, |req: Request| {
        Response::text(format!("nothing is registered for {}\n", req.path()))
    });
    Ok(app.run("127.0.0.1:8080").await?)
}

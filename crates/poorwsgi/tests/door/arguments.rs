//! Path arguments, the query and cookies.

use std::sync::Arc;

use poorwsgi::state::{METHOD_GET, METHOD_HEAD};
use poorwsgi::{Application, Request, Result};

use crate::client::{get, get_with};

struct Year(u16);

fn application() -> Application {
    let mut app = Application::new("arguments");
    app.set_filter("year", r"\d{4}", |text| match text.parse() {
        Ok(year @ 1900..) => Ok(Year(year)),
        Ok(_) => Err("before our time".to_owned()),
        Err(error) => Err(error.to_string()),
    });
    app.route("/int/<id:int>", METHOD_GET, |req: Request| -> Result<_> {
        Ok((req.path_arg::<i64>("id")? / 2).to_string())
    })
    .unwrap();
    app.route("/small/<id:int>", METHOD_GET, |req: Request| -> Result<_> {
        Ok(req.path_arg::<u8>("id")?.to_string())
    })
    .unwrap();
    app.route("/float/<price:float>", METHOD_GET, |req: Request| -> Result<_> {
        Ok((req.path_arg::<f64>("price")? * 2.0).to_string())
    })
    .unwrap();
    app.route("/uuid/<id:uuid>", METHOD_GET, |req: Request| -> Result<_> {
        Ok(req.path_arg::<uuid::Uuid>("id")?.get_version_num().to_string())
    })
    .unwrap();
    app.route("/year/<year:year>", METHOD_GET, |req: Request| -> Result<_> {
        let year: Arc<Year> = req.path_arg("year")?;
        Ok(format!("{} as text {:?}", year.0, req.path_arg::<&str>("year")?))
    })
    .unwrap();
    app.route("/wrong/<year:year>", METHOD_GET, |req: Request| -> Result<_> {
        req.path_arg::<Arc<String>>("year").map(|year| year.to_string()).map_err(Into::into)
    })
    .unwrap();
    app.route("/missing/<id>", METHOD_GET, |req: Request| -> Result<_> {
        Ok(req.path_arg::<String>("name")?)
    })
    .unwrap();
    app.regular_route(r"/all/(?<name>\w+)/(\d+)$", METHOD_GET, |req: Request| {
        format!("{:?}", req.path_args().collect::<Vec<_>>())
    })
    .unwrap();
    app
}

#[tokio::test]
async fn path_arguments_have_types() {
    let app = application();
    for (path, text) in [
        ("/int/-84", "-42"),
        ("/small/255", "255"),
        ("/float/1.25", "2.5"),
        ("/uuid/67e55044-10b1-426f-9247-bb680e5fe0c8", "4"),
        ("/year/1999", "1999 as text \"1999\""),
        ("/all/ann/7", r#"[(Some("name"), "ann"), (None, "7")]"#),
    ] {
        get(&app, path).await.expect(200, text);
    }
}

/// A conversion that fails is a 404; PoorWSGI 2.8.1 answers 500.
#[tokio::test]
async fn a_value_out_of_its_type_is_404() {
    let app = application();
    for path in [
        "/int/9223372036854775808",
        "/int/99999999999999999999999999999999999999999999999999",
        "/int/%D9%A3",
        "/int/a",
        "/small/256",
        "/small/-1",
        "/uuid/67e55044-10b1-426f-9247-bb680e5fe0cx",
        "/year/1800",
        "/year/999999",
        "/wrong/1999",
    ] {
        assert_eq!(get(&app, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_name_that_the_rule_does_not_have_is_our_own_fault() {
    let mut app = application();
    assert_eq!(get(&app, "/missing/1").await.status, 500);
    app.settings_mut().debug = true;
    let page = get(&app, "/missing/1").await;
    page.expect_page(500, "the rule /missing/&lt;id&gt; has no path argument");
    page.expect_page(500, "arguments.rs:");
}

async fn told(req: Request) -> Result<String> {
    let args = req.args()?;
    Ok(format!("{:?} {:?} {:?}", args.get("a"), args.values("b"), req.cookies().get("c")))
}

#[tokio::test]
async fn query_and_cookies_are_parsed_unless_switched_off() {
    let mut app = Application::new("query");
    app.route("/", METHOD_GET, told).unwrap();
    let ask = async |app: &Application| get_with(app, "/?a=1&b=x&b=%C5%BE", &[("cookie", "c=d; e=f")]).await;
    ask(&app).await.expect(200, r#"Some("1") ["x", "ž"] Some("d")"#);
    app.settings_mut().auto_cookies = false;
    ask(&app).await.expect(200, r#"Some("1") ["x", "ž"] None"#);
    app.settings_mut().auto_args = false;
    ask(&app).await.expect(200, r#"None [] None"#);
}

#[tokio::test]
async fn a_query_that_breaks_the_syntax_is_skipped_or_400() {
    let mut app = Application::new("query");
    app.route("/", METHOD_GET, told).unwrap();
    get(&app, "/?a=1&broken").await.expect(200, r#"Some("1") [] None"#);
    app.settings_mut().strict_parsing = true;
    assert_eq!(get(&app, "/?a=1&broken").await.status, 400);
}

#[tokio::test]
async fn a_request_knows_its_route() {
    let mut app = Application::new("route");
    let facts = |req: Request| {
        format!("{:?} {:?} {}", req.rule(), req.handler().map(|name| name.contains("facts")), req.method())
    };
    app.route("/x/<id:int>", METHOD_GET | METHOD_HEAD, facts).unwrap();
    app.http_state(404, METHOD_GET, |req: Request, _error| format!("{:?} {:?}", req.rule(), req.handler()));
    let answer = get(&app, "/x/1").await;
    assert!(answer.text().starts_with(r#"Some("/x/<id:int>") Some("#), "{}", answer.text());
    get(&app, "/").await.expect(200, "Some(\"/*\") None");
}

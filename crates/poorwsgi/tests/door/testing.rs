//! The client that applications test themselves with.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use poorwsgi::headers::SetCookie;
use poorwsgi::session::{SealedKeys, SealedSession, SessionConfig, check_token, get_token};
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_GET_POST, METHOD_POST};
use poorwsgi::testing::Client;
use poorwsgi::{Application, Form, Json, Request, Response, Result};
use serde_json::{Value, json};

fn echo(req: Request) -> Json<Value> {
    Json(json!({
        "method": req.method(),
        "target": req.target().to_string(),
        "cookies": req.cookies().iter().collect::<Vec<_>>(),
        "length": req.content_length().ok().flatten(),
        "type": req.mime_type(),
        "data": req.data().map(|data| String::from_utf8_lossy(data).into_owned()),
        "x": req.headers().get_all("x-a").iter().filter_map(|x| x.to_str().ok()).collect::<Vec<_>>(),
        "host": req.hostname(),
    }))
}

fn application() -> Application {
    let mut app = Application::new("tested");
    app.route("/echo", METHOD_ALL, echo).unwrap();
    app.route("/set/<name>/<value>", METHOD_GET, |req: Request| -> Result<_> {
        let cookie =
            SetCookie::new(req.path_arg::<&str>("name")?, req.path_arg::<&str>("value")?).path("/echo");
        Ok(Response::no_content().with_header("Set-Cookie", cookie.render()?)?)
    })
    .unwrap();
    app.route("/to/<status:int>", METHOD_ALL, |req: Request| -> Result<_> {
        Ok(Response::redirect("/echo?to=1", req.path_arg::<u16>("status")?)?)
    })
    .unwrap();
    app.route("/loop", METHOD_GET, || Response::redirect("/loop", 302)).unwrap();
    app.route("/away", METHOD_GET, || Response::redirect("https://other.example/", StatusCode::FOUND))
        .unwrap();
    app.route("/home", METHOD_GET, || Response::redirect("http://localhost/echo", StatusCode::FOUND))
        .unwrap();
    app
}

#[tokio::test]
async fn a_request_has_all_that_a_browser_sends() {
    let client = Client::new(application());
    let answer = client
        .request(Method::PUT, "/echo?a=1")
        .header("X-A", "1")
        .header("x-a", "2")
        .body("text")
        .send()
        .await;
    assert_eq!(
        (answer.status(), answer.header("content-type")),
        (StatusCode::OK, Some("application/json; charset=utf-8"))
    );
    let echo: Value = answer.json();
    let expected = json!({
        "method": "PUT", "target": "/echo?a=1", "cookies": [], "length": 4, "type": "", "data": "text",
        "x": ["1", "2"], "host": "localhost",
    });
    assert_eq!(echo, expected);
    for (request, method) in [
        (client.get("/echo"), "GET"),
        (client.post("/echo"), "POST"),
        (client.put("/echo"), "PUT"),
        (client.patch("/echo"), "PATCH"),
        (client.delete("/echo"), "DELETE"),
    ] {
        assert_eq!(request.send().await.json::<Value>()["method"], method);
    }
    let head = client.head("/echo").send().await;
    assert!(head.bytes().is_empty() && head.headers().contains_key("content-length"));
}

#[tokio::test]
async fn cookies_are_kept_and_sent_where_they_belong() {
    let client = Client::new(application());
    client.get("/set/a/1").send().await;
    client.get("/set/b/2").send().await;
    client.get("/set/a/3").send().await;
    client.set_cookie("c", "4");
    assert_eq!(client.cookie("a").as_deref(), Some("3"));
    let cookies = client.get("/echo").send().await.json::<Value>()["cookies"].clone();
    assert_eq!(cookies, json!([["b", "2"], ["a", "3"], ["c", "4"]]));
}

#[tokio::test]
async fn redirections_are_followed_on_request_alone() {
    let shown = Client::new(application());
    let answer = shown.get("/to/302").send().await;
    assert_eq!((answer.status().as_u16(), answer.header("location")), (302, Some("/echo?to=1")));
    let client = Client::new(application()).follow_redirects();
    for (status, method, data) in [
        (301, "GET", Value::Null),
        (302, "GET", Value::Null),
        (303, "GET", Value::Null),
        (307, "POST", json!("x")),
    ] {
        let echo: Value = client.post(&format!("/to/{status}")).body("x").send().await.json();
        assert_eq!(
            (&echo["method"], &echo["target"], &echo["data"]),
            (&json!(method), &json!("/echo?to=1"), &data)
        );
    }
    assert_eq!(client.get("/home").send().await.json::<Value>()["target"], "/echo");
    assert_eq!(client.get("/away").send().await.status(), 302, "another host is not ours to ask");
    let endless =
        tokio::spawn(async { Client::new(application()).follow_redirects().get("/loop").send().await });
    assert!(endless.await.unwrap_err().is_panic());
}

/// RFC 9110, section 15.4: the other client, `poorwsgi.testing`, asks the same function of the engine.
#[tokio::test]
async fn fields_that_do_not_belong_to_the_next_request_are_not_sent() {
    async fn names(req: Request) -> String {
        let known = ["authorization", "content-language", "content-type", "cookie", "x-a"];
        known.into_iter().filter(|name| req.headers().contains_key(*name)).collect::<Vec<_>>().join(" ")
    }
    let mut app = Application::new("leaving");
    app.route("/names", METHOD_ALL, names).unwrap();
    app.route("/to/<status:int>", METHOD_ALL, |req: Request| -> Result<_> {
        Ok(Response::redirect(&req.query(), req.path_arg::<u16>("status")?)?)
    })
    .unwrap();
    let client = Client::new(app).follow_redirects();
    for (target, expected) in [
        ("/to/302?/names", "authorization cookie x-a"),
        ("/to/307?http://localhost:80/names", "authorization content-language content-type cookie x-a"),
        ("/to/307?https://localhost/names", "content-language content-type x-a"),
        ("/to/303?//localhost:8080/names", "x-a"),
    ] {
        let mut request = client.post(target).body("x");
        for name in ["Authorization", "Content-Language", "Content-Type", "Cookie", "X-A"] {
            request = request.header(name, "a=b");
        }
        assert_eq!(request.send().await.text(), expected, "{target}");
    }
}

#[tokio::test]
async fn twenty_redirections_to_relative_references_are_followed() {
    let mut app = Application::new("chain");
    app.route("/<left:int>", METHOD_GET, |req: Request| -> Result<Response> {
        let left: u32 = req.path_arg("left")?;
        if left == 0 {
            Ok(Response::text("the end"))
        } else {
            Ok(Response::redirect(&(left - 1).to_string(), 302)?)
        }
    })
    .unwrap();
    let client = Client::new(app).follow_redirects();
    assert_eq!(client.get("/20").send().await.text(), "the end");
}

/// A session, its cookie and a digest nonce expire by the client's clock, wherever the application is polled
/// and the handler is called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_is_set() {
    let mut app = Application::new("time");
    app.with_state(Arc::new(SealedKeys::new(["secret"]).unwrap()));
    app.with_state(SessionConfig { max_age: Some(60), ..SessionConfig::default() });
    app.route("/login", METHOD_POST, async |mut session: SealedSession| {
        tokio::task::yield_now().await;
        session.data_mut().insert("user".into(), "ann".into());
        (session, "welcome")
    })
    .unwrap();
    app.route("/token", METHOD_GET, || get_token("secret", "ann", NonZeroU64::new(60), None)).unwrap();
    app.route("/me", METHOD_GET, async |session: SealedSession| {
        tokio::task::yield_now().await;
        session.data().len().to_string()
    })
    .unwrap();
    let client = Client::new(app);
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    client.set_time(noon);
    assert!(client.time() >= noon && client.time() < noon + Duration::from_secs(50));
    client.post("/login").send().await;
    assert_eq!((client.get("/me").send().await.text(), client.session().len()), ("1", 1));
    let cookie = client.cookie("SESSID").unwrap();

    client.advance(Duration::from_secs(61));
    assert_eq!((client.cookie("SESSID"), client.session().len()), (None, 0), "the cookie has expired");
    client.set_cookie("SESSID", &cookie);
    assert_eq!(client.get("/me").send().await.text(), "0", "and so has the session in it");
    client.set_time(noon + Duration::from_secs(1));
    assert_eq!(client.get("/me").send().await.text(), "1");

    let token = client.get("/token").send().await.text().to_owned();
    assert!(!check_token(&token, "secret", "ann", NonZeroU64::new(60)), "other threads keep their time");
}

#[tokio::test]
async fn a_session_is_made_read_and_looked_into() {
    #[derive(serde::Deserialize)]
    struct Login {
        user: String,
    }
    let mut app = Application::new("sessions");
    app.with_state(Arc::new(SealedKeys::new(["secret"]).unwrap()));
    app.with_state(SessionConfig { sid: "ID".into(), max_age: Some(60), ..SessionConfig::default() });
    app.route("/login", METHOD_POST, async |mut session: SealedSession, Form(login): Form<Login>| {
        session.data_mut().insert("user".into(), login.user.into());
        (session, (StatusCode::CREATED, "welcome"))
    })
    .unwrap();
    app.route("/me", METHOD_GET_POST, |session: SealedSession| format!("{:?}", session.data().get("user")))
        .unwrap();
    app.route("/logout", METHOD_POST, |mut session: SealedSession| {
        session.destroy();
        (session, "bye")
    })
    .unwrap();
    let client = Client::new(app.clone());
    assert!(client.session().is_empty());
    assert_eq!(client.get("/me").send().await.text(), "None");
    let answer = client.post("/login").form(&[("user", "ann & bob")]).send().await;
    assert_eq!((answer.status().as_u16(), answer.header("vary")), (201, Some("Cookie")));
    assert_eq!(client.session()["user"], "ann & bob");
    assert_eq!(client.get("/me").send().await.text(), "Some(String(\"ann & bob\"))");
    assert!(client.cookie("ID").is_some());
    client.post("/logout").send().await;
    assert!(client.session().is_empty() && client.cookie("ID").is_none());
    client.set_cookie("ID", "tampered");
    assert_eq!(
        client.get("/me").send().await.text(),
        "None",
        "a cookie that does not open is as good as none"
    );
    let error =
        Application::new("x").route("/", METHOD_GET, |_: SealedSession| "never").map(drop).unwrap_err();
    assert!(error.to_string().contains("SealedKeys"), "{error}");
}

/// RFC 7616, section 3.7: a challenge whose algorithm is not known is passed over. A 302 changes the method of a
/// POST alone.
#[tokio::test]
async fn the_next_challenge_is_answered_and_a_302_keeps_put() {
    let mut app = Application::new("challenges");
    app.route("/", METHOD_GET, |req: Request| match req.headers().get("authorization") {
        Some(credentials) => Response::text(credentials.to_str().unwrap().to_owned()),
        None => {
            let mut refused = Response::empty(401).unwrap();
            for algorithm in ["SHA-999", "SHA-256"] {
                let challenge =
                    format!("Digest realm=\"r\", nonce=\"n\", algorithm={algorithm}, qop=\"auth\"");
                refused.headers_mut().append("WWW-Authenticate", challenge).unwrap();
            }
            refused
        }
    })
    .unwrap();
    app.route("/put", METHOD_ALL, || Response::redirect("/echo", 302)).unwrap();
    app.route("/echo", METHOD_ALL, echo).unwrap();
    let client = Client::new(app).digest_login("ann", "secret").follow_redirects();
    assert!(client.get("/").send().await.text().contains("algorithm=SHA-256"));
    assert_eq!(client.request(Method::PUT, "/put").send().await.json::<Value>()["method"], "PUT");
}

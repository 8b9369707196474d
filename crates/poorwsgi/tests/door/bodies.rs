//! JSON, data, and bodies that the handler reads itself.

use http_body_util::BodyExt;
use poorwsgi::response::iter;
use poorwsgi::state::METHOD_POST;
use poorwsgi::{Application, Body, BoxError, HttpError, Request, Response, Result};

use crate::client::{Answer, ask, post, request, send};

async fn told(req: Request) -> Result<String> {
    let data = req.data().map(|data| String::from_utf8_lossy(data).into_owned());
    let rest = req.read(1000).await?;
    Ok(format!(
        "form {:?} json {:?} data {data:?} rest {:?}",
        req.form().map(|form| form.get("a").map(str::to_owned)),
        req.json().map(ToString::to_string),
        String::from_utf8_lossy(&rest),
    ))
}

fn application() -> Application {
    let mut app = Application::new("bodies");
    app.route("/", METHOD_POST, told).unwrap();
    app.route("/read", METHOD_POST, |req: Request| async move { req.read(4).await }).unwrap();
    app.route("/pipe", METHOD_POST, |req: Request| req.take_body()).unwrap();
    app.route("/unread", METHOD_POST, |_req: Request| "unread").unwrap();
    app
}

fn chunked(text: &'static str) -> Body {
    Body::stream(iter(text.as_bytes().chunks(2).map(Ok::<_, BoxError>)))
}

#[tokio::test]
async fn bodies_are_parsed_by_their_media_type_unless_switched_off() {
    let mut app = application();
    let form = async |app: &_| post(app, "/", "application/x-www-form-urlencoded", "a=1").await;
    let json = async |app: &_| post(app, "/", "application/json; charset=utf-8", "[1]").await;
    let data = async |app: &_| post(app, "/", "text/plain", "text").await;
    form(&app).await.expect(200, r#"form Some(Some("1")) json None data None rest """#);
    json(&app).await.expect(200, r#"form None json Some("[1]") data None rest """#);
    data(&app).await.expect(200, r#"form None json None data Some("text") rest "text""#);
    app.settings_mut().auto_form = false;
    app.settings_mut().auto_json = false;
    form(&app).await.expect(200, r#"form None json None data Some("a=1") rest "a=1""#);
    json(&app).await.expect(200, r#"form None json None data Some("[1]") rest "[1]""#);
    app.settings_mut().auto_data = false;
    form(&app).await.expect(200, r#"form None json None data None rest "a=1""#);
    json(&app).await.expect(200, r#"form None json None data None rest "[1]""#);
    data(&app).await.expect(200, r#"form None json None data None rest "text""#);
}

#[tokio::test]
async fn chunked_bodies_are_parsed_too_but_never_read_ahead_as_data() {
    let app = application();
    post(&app, "/", "application/json", chunked("[1, 2]"))
        .await
        .expect(200, r#"form None json Some("[1,2]") data None rest """#);
    post(&app, "/", "text/plain", chunked("text"))
        .await
        .expect(200, r#"form None json None data None rest "text""#);
}

#[tokio::test]
async fn bad_json_is_400_and_says_where() {
    let app = application();
    let json = async |text: &'static str| post(&app, "/", "application/json", text).await;
    json("{\n  \"a\": }").await.expect_page(400, "line 2 column 8");
    json("{").await.expect_page(400, "JSON");
    json("\"<script>\" x").await.expect_page(400, "line 1 column 12");
    post(&app, "/", "application/json", "[".repeat(101)).await.expect_page(400, "nested deeper than 100");
    post(&app, "/", "application/json; charset=koi8-r", "[]").await.expect_page(400, "koi8-r");
    post(&app, "/", "application/json", &b"\"\xff\""[..]).await.expect_page(400, "JSON");
}

#[tokio::test]
async fn json_over_its_limit_is_413_and_names_the_setting() {
    let mut app = application();
    app.settings_mut().json_size = 4;
    let json = async |body: Body| post(&app, "/", "application/json", body).await;
    assert_eq!(json("1234".into()).await.status, 200);
    json("12345".into()).await.expect_page(413, "over the limit of 4 (setting json_size)");
    json(chunked("12345")).await.expect_page(413, "over the limit of 4 (setting json_size)");
}

#[tokio::test]
async fn a_handler_reads_up_to_its_own_limit() {
    let mut app = application();
    app.settings_mut().data_size = 2;
    let read = async |body: Body| post(&app, "/read", "text/plain", body).await;
    read("1234".into()).await.expect(200, "1234");
    read("1".into()).await.expect(200, "1");
    read("12345".into()).await.expect_page(413, "over the limit of 4");
    read(chunked("12345")).await.expect_page(413, "over the limit of 4");
}

#[tokio::test]
async fn a_body_is_taken_as_a_stream() {
    let app = application();
    for body in [Body::from("one two"), chunked("one two")] {
        post(&app, "/pipe", "text/plain", body).await.expect(200, "one two");
    }
    post(&app, "/unread", "text/plain", chunked("nobody wants it")).await.expect(200, "unread");
}

#[tokio::test]
async fn a_taken_body_is_gone() {
    let mut app = application();
    app.route("/twice", METHOD_POST, async |req: Request| -> Result<_> {
        let first = req.take_body().collect().await.map_err(poorwsgi::Error::new)?.to_bytes();
        Ok(format!("{first:?} {:?}", req.read(10).await?))
    })
    .unwrap();
    post(&app, "/twice", "text/plain", "x").await.expect(200, r#"b"x" b"""#);
}

fn broken(error: impl Into<BoxError>) -> Body {
    Body::stream(iter([Ok("a=1"), Err(error.into())]))
}

/// An error of a body whose source is the server's own status (408 or 413).
#[derive(Debug)]
struct Wrapped(HttpError);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the body failed")
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_taken_for_a_whole_one() {
    let app = application();
    for content_type in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let ask = async |body| -> Answer { post(&app, "/", content_type, body).await };
        ask(broken("connection reset")).await.expect_page(400, "could not be read to its end");
        ask(broken(HttpError::new(408).with_detail("too slow"))).await.expect_page(408, "too slow");
        ask(broken(Wrapped(HttpError::new(413).with_detail("max_body")))).await.expect_page(413, "max_body");
    }
}

#[tokio::test]
async fn a_length_that_is_no_number_is_400() {
    let request = request("POST", "/").header("content-length", "+5").body(Body::from("12345")).unwrap();
    assert_eq!(send(&application(), request).await.status, 400);
}

#[tokio::test]
async fn hooks_run_before_the_body_is_read() {
    let mut app = application();
    app.before_response(|_req: Request| -> Result<()> { poorwsgi::abort(Response::text("not yours")) });
    post(&app, "/", "application/json", broken("never polled")).await.expect(200, "not yours");
}

#[tokio::test]
async fn json_that_does_not_fit_is_400_and_another_content_type_is_415() {
    let mut app = Application::new("typed");
    app.route("/", METHOD_POST, |req: Request| -> Result<_> {
        let (name, age): (&str, u8) = req.json_as()?;
        Ok(format!("{name} {age}"))
    })
    .unwrap();
    let json = async |text: &'static str| post(&app, "/", "application/json", text).await;
    json(r#"["ann", 42]"#).await.expect(200, "ann 42");
    json(r#"["ann", 256]"#).await.expect_page(400, "expected u8");
    json(r#"{"name": "ann"}"#).await.expect_page(400, "JSON");
    post(&app, "/", "text/plain", r#"["ann", 42]"#).await.expect_page(415, "a JSON body is wanted");
    ask(&app, "POST", "/").await.expect_page(415, "a JSON body is wanted");
}

/// After an error, every further read of the body fails, too.
#[tokio::test]
async fn a_broken_body_stays_broken() {
    async fn twice(req: Request) -> String {
        let mut answers = Vec::new();
        for _ in 0..2 {
            answers.push(req.read(1000).await.map_err(|error| error.status()));
        }
        format!("{answers:?}")
    }
    let mut app = application();
    app.route("/twice", METHOD_POST, twice).unwrap();
    app.http_state(400, METHOD_POST, |req: Request, _error: HttpError| twice(req));
    let broken = || Body::stream(iter([Ok("[1"), Err(BoxError::from("reset"))]));
    post(&app, "/twice", "text/plain", broken()).await.expect(200, "[Err(400), Err(400)]");
    for media_type in
        ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B"]
    {
        post(&app, "/", media_type, broken()).await.expect(200, "[Err(400), Err(400)]");
    }
    let long = || Body::stream(iter([Ok::<_, BoxError>("x".repeat(2000))]));
    post(&app, "/twice", "text/plain", long()).await.expect(200, "[Err(413), Err(413)]");
}

//! Forms and uploads.

use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};

use poorwsgi::form::{FormFile, FormLimits, WriteOnly};
use poorwsgi::state::{METHOD_ALL, METHOD_POST};
use poorwsgi::{Application, HttpError, Request, Result};

use crate::client::{Answer, post};

const MULTIPART: &str = "multipart/form-data; boundary=x";
const URLENCODED: &str = "application/x-www-form-urlencoded";

fn upload(data: &str) -> String {
    format!(
        "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA title\r\n\
         --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n{data}\r\n--x--\r\n"
    )
}

async fn told(req: Request) -> Result<String> {
    let form = req.form().ok_or_else(|| HttpError::bad_request("a form is wanted"))?;
    let file = form.field("file").ok_or_else(|| HttpError::bad_request("a file is wanted"))?;
    let data = file
        .bytes()
        .map_or_else(|error| error.to_string(), |data| String::from_utf8_lossy(&data).into_owned());
    Ok(format!("{:?} {:?} {:?} {data}", form.get("title"), file.filename(), file.safe_filename()))
}

fn application() -> Application {
    let mut app = Application::new("forms");
    app.route("/", METHOD_POST, told).unwrap();
    app.route("/first", METHOD_POST, |req: Request| -> Result<_> {
        let form = req.form().ok_or_else(|| HttpError::new(400))?;
        let numbers: Vec<u8> = form.getlist("n", str::parse)?;
        Ok(format!("{numbers:?} {}", form.len()))
    })
    .unwrap();
    app
}

async fn send(app: &Application, data: &str) -> Answer {
    post(app, "/", MULTIPART, upload(data)).await
}

#[tokio::test]
async fn an_upload_has_its_field_and_its_file() {
    let app = application();
    send(&app, "text").await.expect(200, r#"Some("A title") Some("../a.txt") Some("a.txt") text"#);
    let large = "0123456789abcde\n".repeat(20_000);
    assert!(send(&app, &large).await.text().ends_with(&large), "over 256 KiB, from a temporary file");
}

#[tokio::test]
async fn values_are_converted_or_400() {
    let app = application();
    post(&app, "/first", URLENCODED, "n=1&n=2&other=3").await.expect(200, "[1, 2] 2");
    assert_eq!(post(&app, "/first", URLENCODED, "n=1&n=x").await.status, 400);
}

#[tokio::test]
async fn a_bad_form_is_400() {
    let mut app = application();
    for (content_type, body) in [
        ("multipart/form-data", "x".to_owned()),
        (MULTIPART, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end".to_owned()),
        (MULTIPART, "no boundary at all".to_owned()),
    ] {
        let answer = post(&app, "/", content_type, body).await;
        answer.expect_page(400, "Bad Request");
    }
    app.settings_mut().strict_parsing = true;
    assert_eq!(post(&app, "/first", URLENCODED, "n").await.status, 400);
}

#[tokio::test]
async fn a_form_over_a_limit_is_413_and_names_the_setting() {
    let mut app = application();
    for (limits, setting) in [
        (FormLimits { body_bytes: 10, ..FormLimits::default() }, "form_limits.body_bytes"),
        (FormLimits { parts: 1, ..FormLimits::default() }, "form_limits.parts"),
        (FormLimits { files: 0, ..FormLimits::default() }, "form_limits.files"),
        (FormLimits { field_bytes: 3, ..FormLimits::default() }, "form_limits.field_bytes"),
        (FormLimits { filename_bytes: 3, ..FormLimits::default() }, "form_limits.filename_bytes"),
    ] {
        app.settings_mut().form_limits = limits;
        send(&app, "text").await.expect_page(413, &format!("(setting {setting})"));
    }
    app.settings_mut().form_limits = FormLimits { fields: 1, ..FormLimits::default() };
    post(&app, "/first", URLENCODED, "n=1&n=2").await.expect_page(413, "(setting form_limits.fields)");
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_callback_supplies_the_files() {
    let mut app = application();
    let written = Shared::default();
    let names = Arc::new(Mutex::new(Vec::new()));
    let (seen, sink) = (Arc::clone(&names), written.clone());
    app.settings_mut().file_callback = Some(Arc::new(move |name| {
        seen.lock().unwrap().push(name.to_owned());
        Ok(Box::new(WriteOnly(sink.clone())) as Box<dyn FormFile>)
    }));
    assert_eq!(send(&app, "text").await.status, 200);
    assert_eq!(*names.lock().unwrap(), ["a.txt"], "the last component, which is safe to save under");
    assert_eq!(*written.0.lock().unwrap(), b"text");
    app.settings_mut().file_callback = Some(Arc::new(|_| Ok(Box::new(Cursor::new(Vec::new())))));
    send(&app, "again").await.expect_page(200, "again");
}

/// Applications of PoorWSGI rely on this: errors of the callback reach the application's error handlers.
#[tokio::test]
async fn an_error_of_the_callback_reaches_the_error_handlers() {
    let mut app = application();
    app.settings_mut().file_callback = Some(Arc::new(|_| Err(io::Error::other("no such album"))));
    let answer = send(&app, "text").await;
    answer.expect_page(500, "class=\"status\"");
    assert!(!answer.text().contains("album"));
    app.error_handler::<io::Error, _>(METHOD_ALL, |_req: Request, error: io::Error| error.to_string());
    send(&app, "text").await.expect(200, "no such album");
    app.settings_mut().file_callback =
        Some(Arc::new(|_| Err(io::Error::other(HttpError::new(403).with_detail("not for you")))));
    send(&app, "text").await.expect_page(403, "not for you");
}

//! Multipart forms as streams.

use std::sync::{Arc, Mutex};

use poorwsgi::extract::Multipart;
use poorwsgi::form::FormLimits;
use poorwsgi::response::iter;
use poorwsgi::state::METHOD_POST;
use poorwsgi::testing::{Client, MultipartForm};
use poorwsgi::{Application, Body, BoxError, Result};

use crate::client::post;

const MULTIPART: &str = "multipart/form-data; boundary=x";

async fn told(mut form: Multipart) -> Result<String> {
    let mut text = String::new();
    while let Some(field) = form.next_field().await? {
        let (name, file) = (field.name().unwrap_or("none").to_owned(), field.safe_filename());
        let content_type = field.content_type().to_owned();
        text.push_str(&format!("{name} {file:?} {content_type} {}\n", field.text().await?));
    }
    Ok(text)
}

/// Reads only the first piece of each field.
async fn glanced(mut form: Multipart) -> Result<String> {
    let mut text = String::new();
    while let Some(mut field) = form.next_field().await? {
        let length = field.chunk().await?.map_or(0, |piece| piece.len());
        text.push_str(&format!("{} {}\n", field.name().unwrap_or_default(), length.min(1)));
    }
    Ok(text)
}

fn application() -> Application {
    let mut app = Application::new("uploads");
    app.route("/told", METHOD_POST, told).unwrap();
    app.route("/glanced", METHOD_POST, glanced).unwrap();
    app.route("/maybe", METHOD_POST, |form: Option<Multipart>| format!("{}", form.is_some())).unwrap();
    app
}

#[tokio::test]
async fn fields_come_one_after_the_other() {
    let client = Client::new(application());
    let form = || {
        MultipartForm::new()
            .text("title", "Žluť")
            .file("a", "../x.txt", "text/css", "one")
            .file("b", "", "text/css", "")
    };
    let response = client.post("/told").multipart(form()).send().await;
    assert_eq!(
        response.text(),
        "title None text/plain Žluť\na Some(\"x.txt\") text/css one\nb None text/css \n"
    );
    let response =
        client.post("/glanced").multipart(form().file("c", "c", "a/b", "x".repeat(200_000))).send().await;
    assert_eq!(response.text(), "title 1\na 1\nb 0\nc 1\n", "what is left of a field is skipped");
    assert_eq!(client.post("/maybe").send().await.text(), "false");
    assert_eq!(client.post("/maybe").multipart(form()).send().await.text(), "true");
}

#[tokio::test]
async fn a_form_that_is_none_is_refused() {
    let app = application();
    post(&app, "/told", "application/x-www-form-urlencoded", "a=1")
        .await
        .expect_page(415, "multipart/form-data");
    for (content_type, body) in [
        ("multipart/form-data", "x"),
        (MULTIPART, "no boundary at all"),
        (MULTIPART, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end"),
    ] {
        assert_eq!(post(&app, "/told", content_type, body).await.status, 400, "{body}");
    }
    let begin = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext";
    let broken = Body::stream(iter([Ok(begin), Err(BoxError::from("reset"))]));
    post(&app, "/told", MULTIPART, broken).await.expect_page(400, "could not be read to its end");
}

#[tokio::test]
async fn the_limits_of_forms_hold() {
    let mut app = application();
    let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext\r\n\
                --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"long.txt\"\r\n\r\ntext\r\n--x--";
    for (limits, setting) in [
        (FormLimits { body_bytes: 10, ..FormLimits::default() }, "form_limits.body_bytes"),
        (FormLimits { parts: 1, ..FormLimits::default() }, "form_limits.parts"),
        (FormLimits { files: 0, ..FormLimits::default() }, "form_limits.files"),
        (FormLimits { fields: 0, ..FormLimits::default() }, "form_limits.fields"),
        (FormLimits { field_bytes: 3, ..FormLimits::default() }, "form_limits.field_bytes"),
        (FormLimits { filename_bytes: 3, ..FormLimits::default() }, "form_limits.filename_bytes"),
    ] {
        app.settings_mut().form_limits = limits;
        for path in ["/told", "/glanced"] {
            post(&app, path, MULTIPART, body).await.expect_page(413, &format!("(setting {setting})"));
        }
    }
}

/// The handler sees the beginning of an upload before its end was sent.
#[tokio::test]
async fn a_field_is_read_while_it_arrives() {
    let (pieces, received) = tokio::sync::mpsc::channel::<Result<String, BoxError>>(1);
    let seen = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&seen);
    let mut app = Application::new("stream");
    app.route("/", METHOD_POST, move |mut form: Multipart| {
        let counter = Arc::clone(&counter);
        async move {
            while let Some(mut field) = form.next_field().await? {
                while let Some(piece) = field.chunk().await? {
                    *counter.lock().unwrap() += piece.len();
                }
            }
            Ok::<_, poorwsgi::HttpError>("read")
        }
    })
    .unwrap();
    let answer = tokio::spawn(async move {
        let mut received = received;
        let body = Body::stream(Receiver(std::future::poll_fn(move |context| received.poll_recv(context))));
        post(&app, "/", MULTIPART, body).await
    });
    let head = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n".to_owned();
    pieces.send(Ok(head + "0123456789")).await.unwrap();
    while *seen.lock().unwrap() < 10 {
        tokio::task::yield_now().await;
    }
    pieces.send(Ok("0123456789\r\n--x--".to_owned())).await.unwrap();
    drop(pieces);
    answer.await.unwrap().expect(200, "read");
    assert_eq!(*seen.lock().unwrap(), 20);
}

/// A stream of what a function polls for.
struct Receiver<F>(F);

impl<F: Future<Output = Option<T>> + Unpin, T> futures_core::Stream for Receiver<F> {
    type Item = T;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

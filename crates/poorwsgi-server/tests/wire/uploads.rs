//! Uploads to an application of the Rust door, over real sockets.

use std::path::Path;
use std::sync::Arc;

use poorwsgi::form::FormLimits;
use poorwsgi::state::METHOD_POST;
use poorwsgi::{Application, HttpError, Request, Result};
use poorwsgi_server::Config;

use crate::support::{TestServer, statuses};

fn application() -> Application {
    let mut app = Application::new("uploads");
    app.route("/", METHOD_POST, |req: Request| -> Result<_> {
        let form = req.form().ok_or_else(|| HttpError::bad_request("a form is wanted"))?;
        let mut text = String::new();
        for file in form.fields("file") {
            let sum: u64 = file.bytes()?.iter().map(|byte| u64::from(*byte)).sum();
            text.push_str(&format!(
                "{} {} {sum}, ",
                file.safe_filename().unwrap_or_default(),
                file.bytes()?.len()
            ));
        }
        Ok(format!("{text}{}.", form.get("title").unwrap_or("no title")))
    })
    .unwrap();
    app
}

fn part(disposition: &str, data: &[u8]) -> Vec<u8> {
    [format!("--xyz\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").as_bytes(), data, b"\r\n"]
        .concat()
}

fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = part("name=title", b"Pictures");
    for (name, data) in files {
        body.extend(part(&format!("name=file; filename=\"{name}\""), data));
    }
    body.extend(b"--xyz--\r\n");
    body
}

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Type: multipart/form-data; boundary=xyz\r\nConnection: close\r\n";

fn with_length(body: &[u8]) -> Vec<u8> {
    [format!("{HEAD}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut message = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(size) {
        message.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        message.extend(chunk);
        message.extend(b"\r\n");
    }
    message.extend(b"0\r\n\r\n");
    message
}

#[tokio::test]
async fn files_arrive_byte_for_byte_however_they_are_framed() {
    let server = TestServer::of(application(), Config::new()).await;
    // over the 256 KiB that are kept in memory, with line ends and near-boundaries in it
    let large: Vec<u8> = b"\r\n--xy\r\n--xyzz\r\n\0\xff".iter().copied().cycle().take(1_000_000).collect();
    let sum: u64 = large.iter().map(|byte| u64::from(*byte)).sum();
    let body = form(&[("../../a.bin", &large), ("b.txt", b""), ("c.txt", b"abc")]);
    let expected = format!("a.bin 1000000 {sum}, b.txt 0 0, c.txt 3 294, Pictures.");
    for message in [with_length(&body), chunked(&body, 1000), chunked(&body, 65_537)] {
        let answer = server.ask(message).await;
        assert!(answer.ends_with(&expected), "{answer}");
    }
}

fn save_into(folder: &Path) -> Application {
    let mut app = application();
    let folder = folder.to_owned();
    app.settings_mut().file_callback = Some(Arc::new(move |name| {
        let file =
            std::fs::File::options().read(true).write(true).create_new(true).open(folder.join(name))?;
        Ok(Box::new(file))
    }));
    app
}

#[tokio::test]
async fn the_callback_writes_into_a_folder_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let server = TestServer::of(save_into(&inner), Config::new()).await;
    let answer = server.ask(with_length(&form(&[("../../a.bin", b"abc"), ("b.txt", b"b")]))).await;
    assert!(answer.ends_with("a.bin 3 294, b.txt 1 98, Pictures."), "{answer}");
    assert_eq!(std::fs::read(inner.join("a.bin")).unwrap(), b"abc");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // The file is there already: the callback's own error is no business of the client's.
    let again = server.ask(with_length(&form(&[("a.bin", b"other")]))).await;
    assert_eq!(statuses(&again), [500]);
    assert_eq!(std::fs::read(inner.join("a.bin")).unwrap(), b"abc");
}

#[tokio::test]
async fn limits_of_forms_are_413_and_name_their_setting() {
    let mut app = application();
    app.settings_mut().form_limits = FormLimits { files: 2, body_bytes: 10_000, ..FormLimits::default() };
    let server = TestServer::of(app, Config::new()).await;
    let many = form(&[("a", b""), ("b", b""), ("c", b"")]);
    let large = form(&[("a", &[b'a'; 10_000])]);
    for (body, setting) in [(many, "form_limits.files"), (large, "form_limits.body_bytes")] {
        for message in [with_length(&body), chunked(&body, 100)] {
            let answer = server.ask(message).await;
            assert_eq!(statuses(&answer), [413], "{answer}");
            assert!(answer.contains(setting), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_truncated_upload_is_400() {
    let server = TestServer::of(application(), Config::new()).await;
    let body = form(&[("a.txt", b"abc")]);
    for end in [1, 60, body.len() - 12, body.len() - 1] {
        let mut message = with_length(&body);
        message.truncate(message.len() - body.len() + end);
        let answer = server.ask(message).await;
        assert_eq!(statuses(&answer), [400], "{end}: {answer}");
    }
}

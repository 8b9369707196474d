use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{Cursor, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::Frame;
use proptest::prelude::*;

use super::super::WriteOnly;
use super::*;
use crate::HttpError;

const MULTIPART: &str = "multipart/form-data; boundary=b";
const URLENCODED: &str = "application/x-www-form-urlencoded";

fn read(content_type: &str, body: &[u8], options: FormOptions) -> Result<FieldStorage, FormError> {
    let mut reader = FormReader::new(content_type, options)?;
    for piece in body.chunks(1000) {
        reader.push(Bytes::copy_from_slice(piece))?;
    }
    reader.finish()
}

fn part(disposition: &str, data: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{data}\r\n")
}

fn upload(filename: &str, data: &str) -> String {
    part(&format!("name=\"file\"; filename=\"{filename}\""), data) + "--b--\r\n"
}

fn setting(result: Result<FieldStorage, FormError>) -> &'static str {
    match result {
        Err(FormError::TooLarge { setting, .. }) => setting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn texts_and_files_become_fields() {
    let body = part("name=\"name\"", "Ond\u{159}ej")
        + &part("name=\"tag\"", "a")
        + &part("name=\"tag\"", "")
        + &upload("../me.png", "data");
    let form = read(MULTIPART, body.as_bytes(), FormOptions::default()).unwrap();
    assert_eq!(form.get("name"), Some("Ondřej"));
    assert_eq!(form.getlist("tag", str::parse::<String>).unwrap(), ["a", ""]);
    assert_eq!((form.content_type(), form.bytes_read()), ("multipart/form-data", body.len() as u64));
    let file = form.field("file").unwrap();
    assert_eq!((file.filename(), file.safe_filename().as_deref()), (Some("../me.png"), Some("me.png")));
    assert_eq!((file.bytes().unwrap(), file.bytes_read(), file.length()), (b"data".to_vec(), 4, None));
    assert_eq!(file.disposition(), "form-data");
}

#[test]
fn a_multipart_body_says_itself_where_it_ends() {
    let mut reader = FormReader::new(MULTIPART, FormOptions::default()).unwrap();
    reader.push(part("name=\"a\"", "1").into()).unwrap();
    assert!(!reader.is_complete());
    reader.push("--b--".into()).unwrap();
    assert!(reader.is_complete());
    let mut reader = FormReader::new(URLENCODED, FormOptions::default()).unwrap();
    reader.push("a=1".into()).unwrap();
    assert!(!reader.is_complete());
}

#[test]
fn a_body_that_says_it_is_too_large_is_not_begun() {
    let limits = FormLimits { body_bytes: 10, ..FormLimits::default() };
    let of = |length| {
        let options =
            FormOptions { limits: limits.clone(), content_length: Some(length), ..FormOptions::default() };
        FormReader::new(URLENCODED, options)
    };
    assert!(of(10).is_ok());
    assert!(matches!(of(11), Err(FormError::TooLarge { setting: "form_limits.body_bytes", .. })));
}

/// PoorWSGI decodes text with replacement.
#[test]
fn text_that_is_not_utf8_is_replaced() {
    let body = b"--b\r\nContent-Disposition: form-data; name=\"a\xff\"\r\n\r\n\xff\r\n--b--";
    let form = read(MULTIPART, body, FormOptions::default()).unwrap();
    assert_eq!(form.get("a\u{fffd}"), Some("\u{fffd}"));
}

/// A nested part is a field with fields, and the field after it is not lost.
#[test]
fn a_nested_part_is_a_list() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"files\"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n\
                --c\r\nContent-Disposition: file; filename=\"1.txt\"\r\n\r\none\r\n--c--\r\n"
        .to_owned()
        + &part("name=\"after\"", "kept")
        + "--b--";
    let form = read(MULTIPART, body.as_bytes(), FormOptions::default()).unwrap();
    let files = form.field("files").unwrap();
    assert_eq!(files.list().first().unwrap().bytes().unwrap(), b"one");
    assert_eq!(files.bytes_read(), 3);
    assert_eq!(form.get("after"), Some("kept"));
}

/// No file was chosen: a browser sends an empty file name, and PoorWSGI reads an empty text.
#[test]
fn an_empty_file_name_is_no_file() {
    let callback: FormFileCallback = Box::new(|_| panic!("there is no file"));
    let options = FormOptions { file_callback: Some(callback), ..FormOptions::default() };
    let form = read(MULTIPART, upload("", "").as_bytes(), options).unwrap();
    let field = form.field("file").unwrap();
    assert_eq!((field.filename(), field.text()), (Some(""), Some("")));
}

/// For files of these sizes, whether each is on disk when `spool_bytes` may stay in memory.
fn on_disk(spool_bytes: u64, sizes: &[usize]) -> Vec<bool> {
    let part = |size: &usize| part("name=\"file\"; filename=\"x\"", &"x".repeat(*size));
    let body = sizes.iter().map(part).collect::<String>() + "--b--\r\n";
    let limits = FormLimits { spool_bytes, ..FormLimits::default() };
    let form = read(MULTIPART, body.as_bytes(), FormOptions { limits, ..FormOptions::default() }).unwrap();
    let files = form.list().iter().zip(sizes).map(|(field, size)| {
        assert_eq!(field.bytes().unwrap().len(), *size);
        let file: &dyn std::any::Any = &**field.file().unwrap();
        file.downcast_ref::<SpooledTempFile>().unwrap().is_rolled()
    });
    files.collect()
}

#[test]
fn files_leave_memory_when_they_are_too_large_together() {
    const KILO: usize = 1024;
    assert_eq!(on_disk(64 * 1024, &[64 * KILO]), [false]);
    assert_eq!(on_disk(64 * 1024, &[64 * KILO + 1]), [true]);
    assert_eq!(on_disk(64 * 1024, &[40 * KILO, 30 * KILO, 24 * KILO, 9 * KILO]), [false, true, false, true]);
    assert_eq!(on_disk(0, &[8 * KILO, 8 * KILO, 8 * KILO + 1]), [false, false, true]);
}

#[derive(Clone, Default)]
struct SharedFile(Arc<Mutex<Vec<Vec<u8>>>>);

impl Write for SharedFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(data.to_vec());
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The callback's file is written to while the body arrives, in pieces that end at line ends, and need not be
/// readable.
#[test]
fn the_callbacks_file_is_written_while_the_body_arrives() {
    let written = SharedFile::default();
    let (file, names) = (written.clone(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&names);
    let callback: FormFileCallback = Box::new(move |filename| {
        seen.lock().unwrap().push(filename.to_owned());
        Ok(Box::new(WriteOnly(file.clone())))
    });
    let options = FormOptions { file_callback: Some(callback), ..FormOptions::default() };
    let mut reader = FormReader::new(MULTIPART, options).unwrap();
    let head = "--b\r\nContent-Disposition: form-data; name=f; filename=\"/tmp/../x.csv\"\r\n\r\n";
    reader.push([head, "a;b\r\nc;"].concat().into()).unwrap();
    assert_eq!(*written.0.lock().unwrap(), [b"a;b\r\n"]);
    reader.push("d\r\n--b--".into()).unwrap();
    assert_eq!(*written.0.lock().unwrap(), [&b"a;b\r\n"[..], b"c;d"]);
    let form = reader.finish().unwrap();
    assert_eq!(form.field("f").unwrap().bytes_read(), 8);
    assert_eq!(*names.lock().unwrap(), ["x.csv"]);
}

#[test]
fn the_callbacks_file_is_the_fields_file() {
    let callback: FormFileCallback = Box::new(|_| Ok(Box::new(Cursor::new(Vec::new()))));
    let options = FormOptions { file_callback: Some(callback), ..FormOptions::default() };
    let form = read(MULTIPART, upload("..", "data").as_bytes(), options).unwrap();
    let mut data = String::new();
    form.field("file").unwrap().file().unwrap().read_to_string(&mut data).unwrap();
    assert_eq!(data, "data", "it stands at its beginning");
}

/// Errors of the callback, and of the file's `write`, reach the application unchanged.
#[test]
fn errors_of_the_callback_and_its_file_pass_unchanged() {
    #[derive(Debug)]
    struct Full;
    impl fmt::Display for Full {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("full")
        }
    }
    impl std::error::Error for Full {}
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other(Full))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let callbacks: [FormFileCallback; 2] =
        [Box::new(|_| Err(io::Error::other(Full))), Box::new(|_| Ok(Box::new(WriteOnly(Full))))];
    for callback in callbacks {
        let options = FormOptions { file_callback: Some(callback), ..FormOptions::default() };
        let Err(FormError::File(error)) = read(MULTIPART, upload("x", "data\n").as_bytes(), options) else {
            panic!()
        };
        assert!(error.into_inner().unwrap().is::<Full>());
    }
}

#[test]
fn every_limit_is_named() {
    let with = |limits: FormLimits, content_type: &str, body: &str| {
        setting(read(content_type, body.as_bytes(), FormOptions { limits, ..FormOptions::default() }))
    };
    let limits = FormLimits::default;
    let texts = part("name=\"a\"", "12345").repeat(3) + "--b--";
    let files = part("name=\"a\"; filename=\"long name\"", "12345").repeat(3) + "--b--";
    assert_eq!(with(FormLimits { body_bytes: 99, ..limits() }, MULTIPART, &texts), "form_limits.body_bytes");
    assert_eq!(
        with(FormLimits { body_bytes: 9, ..limits() }, URLENCODED, "a=12345678"),
        "form_limits.body_bytes"
    );
    assert_eq!(with(FormLimits { fields: 2, ..limits() }, MULTIPART, &texts), "form_limits.fields");
    assert_eq!(with(FormLimits { fields: 2, ..limits() }, URLENCODED, "a=1&a=2&a=3"), "form_limits.fields");
    assert_eq!(with(FormLimits { files: 2, ..limits() }, MULTIPART, &files), "form_limits.files");
    assert_eq!(with(FormLimits { field_bytes: 4, ..limits() }, MULTIPART, &texts), "form_limits.field_bytes");
    assert_eq!(
        with(FormLimits { field_bytes: 4, ..limits() }, "text/plain", "12345"),
        "form_limits.field_bytes"
    );
    assert_eq!(
        with(FormLimits { fields_bytes: 14, ..limits() }, MULTIPART, &texts),
        "form_limits.fields_bytes"
    );
    assert_eq!(
        with(FormLimits { filename_bytes: 8, ..limits() }, MULTIPART, &files),
        "form_limits.filename_bytes"
    );
    assert_eq!(with(FormLimits { parts: 2, ..limits() }, MULTIPART, &texts), "form_limits.parts");
    let no_texts = FormLimits { fields: 0, field_bytes: 0, fields_bytes: 0, ..limits() };
    let options = FormOptions { limits: no_texts, ..FormOptions::default() };
    assert!(read(MULTIPART, files.as_bytes(), options).is_ok(), "files do not count as fields");
}

/// Half a form is never taken for a whole one.
#[test]
fn a_failed_form_cannot_be_finished() {
    let limits = FormLimits { fields: 1, ..FormLimits::default() };
    for (content_type, body) in [(URLENCODED, "a=1&b=2&"), (MULTIPART, "--b\r\nno colon\r\n\r\n\r\n--b--")] {
        let options = FormOptions { limits: limits.clone(), ..FormOptions::default() };
        let mut reader = FormReader::new(content_type, options).unwrap();
        assert!(reader.push(body.into()).is_err());
        assert!(reader.finish().is_err());
    }
}

#[test]
fn a_form_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    shared(&FieldStorage::default());
    sent(&read_form(http_body_util::Full::new(Bytes::new()), "", FormOptions::default()));
}

#[test]
fn urlencoded_fields_have_type_and_length() {
    let options = FormOptions { keep_blank_values: true, content_length: Some(9), ..FormOptions::default() };
    let form = read("", b"a=b+c&d=", options).unwrap();
    let field = form.field("a").unwrap();
    assert_eq!((field.text(), field.content_type(), field.length()), (Some("b c"), "text/plain", Some(3)));
    assert_eq!(form.get("d"), Some(""));
    assert_eq!((form.content_type(), form.length(), form.bytes_read()), (URLENCODED, Some(9), 8));
}

/// PoorWSGI reads a body of any other type as one field without a name.
#[test]
fn a_body_of_another_type_is_one_text() {
    let form = read("text/plain; charset=utf-8", b"Hello,\nworld", FormOptions::default()).unwrap();
    assert_eq!(
        (form.text(), form.content_type(), form.bytes_read()),
        (Some("Hello,\nworld"), "text/plain", 12)
    );
    assert_eq!(form.list().len(), 0);
}

#[test]
fn a_boundary_is_needed() {
    for content_type in
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a \""]
    {
        let error = FormReader::new(content_type, FormOptions::default()).unwrap_err();
        assert_eq!(HttpError::from(error).status(), 400, "{content_type}");
    }
}

/// Frames of a body, the last perhaps an error.
struct Frames(VecDeque<Result<Bytes, &'static str>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.pop_front().map(|frame| frame.map(Frame::data).map_err(Into::into)))
    }
}

/// An error of the body is never taken for its end, even where the form could end there.
#[tokio::test]
async fn a_body_error_is_no_end() {
    let frames = [Ok(Bytes::from_static(b"a=1")), Err("connection reset")];
    let read = read_form(Frames(frames.into()), URLENCODED, FormOptions::default()).await;
    assert!(matches!(read, Err(FormError::Body(error)) if error.to_string() == "connection reset"));
}

#[tokio::test]
async fn an_async_body_is_read() {
    let frames = ["--b\r\nContent-Disposition: form-data; na", "me=\"a\"\r\n\r\n1\r", "\n--b--"]
        .map(|text| Ok(text.into()));
    let form = read_form(Frames(frames.into()), MULTIPART, FormOptions::default()).await.unwrap();
    assert_eq!(form.get("a"), Some("1"));
    assert_eq!(form.length(), None);
}

#[tokio::test]
async fn a_body_known_to_be_too_large_is_not_read() {
    let body = http_body_util::Full::new(Bytes::from_static(b"a=12345678"))
        .map_err(|error: Infallible| match error {});
    let limits = FormLimits { body_bytes: 9, ..FormLimits::default() };
    let read = read_form(body, URLENCODED, FormOptions { limits, ..FormOptions::default() }).await;
    assert_eq!(setting(read), "form_limits.body_bytes");
}

proptest! {
    #[test]
    fn arbitrary_bodies_do_not_panic(body in proptest::collection::vec(any::<u8>(), 0..300), content_type in ".*") {
        for content_type in [MULTIPART, URLENCODED, &content_type] {
            let _ = read(content_type, &body, FormOptions::default());
        }
    }
}

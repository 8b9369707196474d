use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A part as a test sees it: name, file name, data, and the parts within.
#[derive(Clone, Debug, Default, PartialEq)]
struct Part {
    name: Option<String>,
    filename: Option<String>,
    content_type: String,
    data: Vec<u8>,
    parts: Vec<Part>,
}

/// Reads a body that comes in these pieces.
fn read_pieces<'a>(
    boundary: &str,
    limits: FormLimits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Part>, FormError> {
    let mut parser = MultipartParser::new(boundary.as_bytes(), limits)?;
    let mut open = vec![Part::default()];
    let mut ended = false;
    for piece in pieces {
        parser.push(Bytes::copy_from_slice(piece));
        while let Some(event) = parser.next_event()? {
            assert!(!ended, "no event follows the end");
            match event {
                MultipartEvent::PartBegin(head) => open.push(Part {
                    name: head.name,
                    filename: head.filename,
                    content_type: head.content_type,
                    ..Part::default()
                }),
                MultipartEvent::Data(data) => {
                    assert!(!data.is_empty());
                    open.last_mut().unwrap().data.extend_from_slice(&data);
                }
                MultipartEvent::PartEnd => {
                    let part = open.pop().unwrap();
                    open.last_mut().unwrap().parts.push(part);
                }
                MultipartEvent::End => ended = true,
            }
        }
    }
    parser.finish()?;
    assert!(ended);
    let root = open.pop().unwrap();
    assert!(open.is_empty() && root.data.is_empty());
    Ok(root.parts)
}

fn read(boundary: &str, body: &[u8]) -> Result<Vec<Part>, FormError> {
    read_pieces(boundary, FormLimits::default(), [body])
}

fn malformed(body: &str) -> String {
    match read("b", body.as_bytes()) {
        Err(FormError::Malformed(reason)) => reason.into_owned(),
        other => panic!("{body:?}: {other:?}"),
    }
}

fn over(limits: FormLimits, body: &str) -> &'static str {
    match read_pieces("b", limits, [body.as_bytes()]) {
        Err(FormError::TooLarge { setting, .. }) => setting,
        other => panic!("{other:?}"),
    }
}

fn text(name: &str, data: &str) -> Part {
    Part {
        name: Some(name.to_owned()),
        content_type: "text/plain".to_owned(),
        data: data.as_bytes().to_vec(),
        ..Part::default()
    }
}

fn file(name: &str, filename: &str, content_type: &str, data: &[u8]) -> Part {
    Part {
        name: Some(name.to_owned()),
        filename: Some(filename.to_owned()),
        content_type: content_type.to_owned(),
        data: data.to_vec(),
        ..Part::default()
    }
}

const CHROME: &[u8] = b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n\
    Content-Disposition: form-data; name=\"title\"\r\n\r\nP\xc5\x99\xc3\xadloha\r\n\
    ------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n\
    Content-Disposition: form-data; name=\"file\"; filename=\"a%22b;c.txt\"\r\n\
    Content-Type: text/plain\r\n\r\none\r\ntwo\n\r\n\
    ------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n\
    Content-Disposition: form-data; name=\"none\"; filename=\"\"\r\n\
    Content-Type: application/octet-stream\r\n\r\n\r\n\
    ------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n";

const FIREFOX: &[u8] = b"-----------------------------9051914041544843365972754266\r\n\
    Content-Disposition: form-data; name=\"text\"\r\n\r\ntext default\r\n\
    -----------------------------9051914041544843365972754266\r\n\
    Content-Disposition: form-data; name=\"file1\"; filename=\"a.html\"\r\n\
    Content-Type: text/html\r\n\r\n<!DOCTYPE html><title>Content of a.html.</title>\n\r\n\
    -----------------------------9051914041544843365972754266--\r\n";

const CURL: &[u8] = b"--------------------------d74496d66958873e\r\n\
    Content-Disposition: form-data; name=\"person\"\r\n\r\nanonymous\r\n\
    --------------------------d74496d66958873e\r\n\
    Content-Disposition: form-data; name=\"secret\"; filename=\"file.txt\"\r\n\
    Content-Type: text/plain\r\n\r\ncontents of the file\n\r\n\
    --------------------------d74496d66958873e--\r\n";

/// urllib3 writes bare hexadecimal boundaries, `filename*` in older versions, and its own header order.
const REQUESTS: &[u8] = b"--3b2a1d5e8d0e4f6c9c1f\r\n\
    Content-Disposition: form-data; name=\"upload\"; filename*=utf-8''%C5%BElu%C5%A5.bin\r\n\
    Content-Type: application/octet-stream\r\n\r\n\x00\r\n--3b2a\r\n--\xff\r\n\
    --3b2a1d5e8d0e4f6c9c1f--\r\n";

/// RFC 7578, section 4, as clients write it.
#[test]
fn bodies_of_browsers_curl_and_requests() {
    assert_eq!(
        read("----WebKitFormBoundary7MA4YWxkTrZu0gW", CHROME).unwrap(),
        [
            text("title", "Příloha"),
            file("file", "a\"b;c.txt", "text/plain", b"one\r\ntwo\n"),
            file("none", "", "application/octet-stream", b""),
        ]
    );
    assert_eq!(
        read("---------------------------9051914041544843365972754266", FIREFOX).unwrap(),
        [
            text("text", "text default"),
            file("file1", "a.html", "text/html", b"<!DOCTYPE html><title>Content of a.html.</title>\n"),
        ]
    );
    assert_eq!(
        read("------------------------d74496d66958873e", CURL).unwrap(),
        [text("person", "anonymous"), file("secret", "file.txt", "text/plain", b"contents of the file\n"),]
    );
    assert_eq!(
        read("3b2a1d5e8d0e4f6c9c1f", REQUESTS).unwrap(),
        [file("upload", "žluť.bin", "application/octet-stream", b"\x00\r\n--3b2a\r\n--\xff")]
    );
}

/// Split into two pieces at every position, and into single bytes.
#[test]
fn a_split_body_reads_like_a_whole_one() {
    let bodies = [
        ("----WebKitFormBoundary7MA4YWxkTrZu0gW", CHROME),
        ("3b2a1d5e8d0e4f6c9c1f", REQUESTS),
        ("outer", NESTED.as_bytes()),
    ];
    for (boundary, body) in bodies {
        let whole = read(boundary, body).unwrap();
        for at in 0..=body.len() {
            let pieces = [&body[..at], &body[at..]];
            assert_eq!(read_pieces(boundary, FormLimits::default(), pieces).unwrap(), whole, "at {at}");
        }
        assert_eq!(read_pieces(boundary, FormLimits::default(), body.chunks(1)).unwrap(), whole);
    }
}

/// RFC 2046, section 5.1.1: preamble, epilogue and transport padding are no data.
#[test]
fn what_is_outside_of_parts_is_skipped() {
    let body = "This is the preamble.\r\n--b-not\r\n--b \t\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
                --b--   \r\nThis is the epilogue.\r\n--b\r\n";
    assert_eq!(read("b", body.as_bytes()).unwrap(), [text("a", "1")]);
}

/// RFC 2046, section 5.1.1: a body part may have no data, and even no line end between its header and the
/// delimiter.
#[test]
fn parts_without_data() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--b\r\n\
                Content-Disposition: form-data; name=\"b\"\r\n\r\n--b\r\n\r\n\r\n--b--";
    let unnamed = Part { content_type: "text/plain".to_owned(), ..Part::default() };
    assert_eq!(read("b", body.as_bytes()).unwrap(), [text("a", ""), text("b", ""), unnamed]);
    assert_eq!(read("b", b"--b--\r\n").unwrap(), []);
}

/// PoorWSGI reads bodies whose lines end in LF.
#[test]
fn bare_line_feeds_are_line_ends() {
    let body = "--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n2\n--b--\n";
    assert_eq!(read("b", body.as_bytes()).unwrap(), [text("a", "1\n2")]);
}

/// RFC 5322, section 2.2.3.
#[test]
fn folded_header_lines_are_one() {
    let body = "--b\r\nContent-Disposition: form-data;\r\n\tname=\"a\";\r\n filename=x\r\n\r\n1\r\n--b--";
    assert_eq!(read("b", body.as_bytes()).unwrap(), [file("a", "x", "text/plain", b"1")]);
}

const NESTED: &str = "--outer\r\nContent-Disposition: form-data; name=\"files\"\r\n\
    Content-Type: multipart/mixed; boundary=\"in ner\"\r\n\r\npreamble\r\n\
    --in ner\r\nContent-Disposition: file; filename=\"1.txt\"\r\n\r\nfirst\r\n\
    --in ner\r\nContent-Disposition: file; filename=\"2.txt\"\r\n\r\nsecond\r\n\
    --in ner--\r\nepilogue\r\n\
    --outer\r\nContent-Disposition: form-data; name=\"after\"\r\n\r\nkept\r\n\
    --outer--\r\n";

/// RFC 7578, section 4.3. PoorWSGI lost the fields after a nested part.
#[test]
fn a_nested_body_has_parts_and_the_field_after_it_stays() {
    let inner = |filename: &str, data: &str| Part {
        filename: Some(filename.to_owned()),
        content_type: "text/plain".to_owned(),
        data: data.as_bytes().to_vec(),
        ..Part::default()
    };
    let files = Part {
        name: Some("files".to_owned()),
        content_type: "multipart/mixed".to_owned(),
        parts: vec![inner("1.txt", "first"), inner("2.txt", "second")],
        ..Part::default()
    };
    assert_eq!(read("outer", NESTED.as_bytes()).unwrap(), [files, text("after", "kept")]);
}

#[test]
fn nesting_ends_at_the_fixed_depth() {
    let nested = |levels: usize| {
        let mut body = String::new();
        for level in 1..levels {
            body += &format!("--b{level}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", level + 1);
        }
        body += &format!("--b{levels}--\r\n");
        for level in (1..levels).rev() {
            body += &format!("--b{level}--\r\n");
        }
        body
    };
    assert!(read("b1", nested(MAX_DEPTH).as_bytes()).is_ok());
    let error = read("b1", nested(MAX_DEPTH + 1).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("nested deeper than 4"), "{error}");
}

/// A body that ends early is an error, never a form with fields missing.
#[test]
fn a_body_that_ends_early_is_an_error() {
    let end = CURL.len() - "--\r\n".len();
    for at in 0..=end {
        let error = read("------------------------d74496d66958873e", &CURL[..at]).unwrap_err();
        assert!(error.to_string().contains("before its closing boundary"), "at {at}: {error}");
    }
    assert!(malformed(&NESTED.replace("outer", "b").replace("--in ner--", "")).contains("ends before"));
}

#[test]
fn bad_part_headers_are_refused() {
    assert!(malformed("--b\r\nno colon\r\n\r\n1\r\n--b--").contains("no colon"));
    assert!(malformed("--b\r\n continued: 1\r\n\r\n1\r\n--b--").contains("continuation"));
    assert!(malformed("--b\r\nX\0: 1\r\n\r\n1\r\n--b--").contains("header"));
    assert!(malformed("--b\r\nX: a\0b\r\n\r\n1\r\n--b--").contains("header"));
    assert!(malformed("--b\r\nX: a\rb\r\n\r\n1\r\n--b--").contains("header"));
    assert!(malformed("--b\r\né: a\r\n\r\n1\r\n--b--").contains("header"));
    assert!(malformed("--b\r\nContent-Type: multipart/mixed\r\n\r\n1\r\n--b--").contains("boundary"));
}

#[test]
fn nothing_follows_an_error() {
    let mut parser = MultipartParser::new(b"b", FormLimits::default()).unwrap();
    parser.push(Bytes::from_static(b"--b\r\nno colon\r\n\r\n1\r\n--b--"));
    assert!(parser.next_event().is_err());
    assert!(parser.next_event().unwrap().is_none());
    assert!(parser.finish().is_err());
}

/// Each limit of the parser is exceeded in turn, and the error names it.
#[test]
fn every_limit_is_named() {
    let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    let limits = FormLimits::default;
    assert_eq!(over(limits(), &part.repeat(10_000)), "form_limits.parts");
    let many = FormLimits { parts: u64::MAX, header_bytes: 4096, ..limits() };
    assert_eq!(over(many, &part.repeat(10_000)), "form_limits.header_bytes");
    assert_eq!(over(limits(), &format!("--b\r\n{}", "A: b\r\n".repeat(10_000))), "form_limits.part_headers");
    assert_eq!(
        over(limits(), &format!("--b\r\nA: {}", "b".repeat(100_000))),
        "form_limits.part_header_bytes"
    );
    assert_eq!(
        over(limits(), &format!("--b\r\nA: b\r\n{}", " c\r\n".repeat(10_000))),
        "form_limits.part_header_bytes"
    );
    assert_eq!(over(limits(), &"x".repeat(100_000)), "form_limits.padding_bytes");
    assert_eq!(over(limits(), &format!("--b--{}", "\r\n".repeat(100_000))), "form_limits.padding_bytes");
    let both = FormLimits { padding_bytes: 10, ..limits() };
    assert_eq!(over(both, "12345\r\n--b--\r\n6789"), "form_limits.padding_bytes");
    assert!(
        read_pieces("b", FormLimits { padding_bytes: 0, ..limits() }, [&b"--b\r\n\r\n1\r\n--b--"[..]])
            .is_ok()
    );
}

fn time(body: &Bytes) -> Duration {
    let run = || {
        let begin = Instant::now();
        let mut parser = MultipartParser::new(b"boundary", FormLimits::default()).unwrap();
        let mut bytes = 0;
        let mut rest = body.clone();
        while !rest.is_empty() {
            parser.push(rest.split_to(rest.len().min(4 * 1024)));
            while let Some(event) = parser.next_event().unwrap() {
                if let MultipartEvent::Data(data) = event {
                    bytes += data.len();
                }
            }
        }
        assert!(bytes > body.len() / 2);
        begin.elapsed()
    };
    (0..10).map(|_| run()).min().unwrap()
}

/// Data that is dense in line ends or nearly matches the boundary: 8 times the size takes at most 10 times
/// the time.
#[test]
fn time_is_linear_in_the_size() {
    let body = |line: &str, size: usize| {
        let head = "--boundary\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n";
        Bytes::from([head, &line.repeat(size / line.len())].concat())
    };
    let spaces = format!("\r\n--boundary{}x", " ".repeat(300));
    for line in [
        "\r\n",
        "\r",
        "\n",
        "\r\n--",
        "\r\n--boundar",
        "\n--boundar",
        "\r\n--boundaryx",
        "\r\n--boundary-x",
        &spaces,
    ] {
        // Both runs fit into one time slice, so that a busy machine slows both alike; one undisturbed attempt
        // is enough.
        let linear = (0..20).any(|_| {
            let small = time(&body(line, 16 * 1024));
            let large = time(&body(line, 8 * 16 * 1024));
            large <= small * 10
        });
        assert!(linear, "{line:?}");
    }
}

fn render(boundary: &str, parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, data) in parts {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// Data composed of parts of a delimiter, but never the boundary itself, which ends in `z`.
fn nearly_boundaries() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(select(vec![&b"\r\n--ab"[..], b"\r", b"\n", b"-", b"ab", b" ", b"\xff"]), 0..12)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Parsing what was rendered gives the same parts, however the body is split.
    #[test]
    fn render_then_parse_is_identity(
        parts in proptest::collection::vec(("[a-z]{1,8}", nearly_boundaries()), 0..5),
        size in 1usize..40,
    ) {
        let body = render("abz", &parts);
        let read = read_pieces("abz", FormLimits::default(), body.chunks(size)).unwrap();
        let read: Vec<_> = read.into_iter().map(|part| (part.name.unwrap(), part.data)).collect();
        prop_assert_eq!(read, parts);
    }

    /// Arbitrary bytes never cause a panic, and give the same result whole and split.
    #[test]
    fn arbitrary_bytes_read_alike_whole_and_split(
        pieces in proptest::collection::vec(
            select(vec![
                &b"--b\r\n"[..], b"\r\n--b", b"--b--", b"\r\n", b"\r", b"\n", b": ", b"A", b"\"", b"\xff\0",
                b"Content-Type: multipart/x; boundary=c\r\n\r\n", b"\r\n--c--", b"--c\n",
            ]),
            0..20,
        ),
        size in 1usize..10,
    ) {
        let body = pieces.concat();
        let whole = read("b", &body);
        let split = read_pieces("b", FormLimits::default(), body.chunks(size));
        prop_assert_eq!(whole.map_err(|error| error.to_string()), split.map_err(|error| error.to_string()));
    }
}

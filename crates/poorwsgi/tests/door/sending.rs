//! The last step: HEAD, statuses without content, conditions and ranges.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_LENGTH, ETAG};
use poorwsgi::response::EntityTag;
use poorwsgi::state::{METHOD_GET, METHOD_HEAD};
use poorwsgi::{Application, Request, Response};

use crate::client::{Answer, ask, get, get_with, page};

/// RFC 9110, section 9.3.2.
#[tokio::test]
async fn head_is_get_without_content_and_of_the_same_length() {
    let app = page("Hello world");
    let (get, head) = (get(&app, "/").await, ask(&app, "HEAD", "/").await);
    get.expect(200, "Hello world");
    head.expect(200, "");
    assert_eq!(head.header("content-length"), Some("11"));
    let fields = |answer: &Answer| {
        let mut fields = answer.headers.clone();
        fields.remove(CONTENT_LENGTH);
        fields
    };
    assert_eq!(fields(&get), fields(&head));
    let (get, head) = (crate::client::get(&app, "/x").await, ask(&app, "HEAD", "/x").await);
    assert_eq!((get.status, head.status, head.text()), (404, 404, ""));
    assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
}

/// 204 and 304 never have a body, but keep their header fields; PoorWSGI 2.8.1 drops the fields.
#[tokio::test]
async fn statuses_without_content_have_none() {
    for status in [204, 304] {
        let answer = get(&page(("text", "text/plain", ("X-A", "1"), status)), "/").await;
        answer.expect(status, "");
        assert_eq!(answer.header("x-a"), Some("1"));
        assert_eq!((answer.header("content-length"), answer.header("content-type")), (None, None));
    }
}

fn document_root() -> (tempfile::TempDir, Application) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.txt");
    std::fs::write(&path, "0123456789").unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    let mut app = Application::new("files");
    app.settings_mut().document_root = Some(root.path().to_owned());
    (root, app)
}

fn generated() -> Application {
    let mut app = Application::new("generated");
    app.route("/a.txt", METHOD_GET | METHOD_HEAD, |_req: Request| {
        Response::text("0123456789")
            .accept_ranges()
            .with_entity_tag(&EntityTag::strong("1").unwrap())
            .with_last_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
    })
    .unwrap();
    app
}

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// RFC 9110, section 13.
#[tokio::test]
async fn conditions_hold_for_documents_and_for_responses() {
    let (_root, files) = document_root();
    for app in [files, generated()] {
        let whole = get(&app, "/a.txt").await;
        whole.expect(200, "0123456789");
        let tag = whole.headers[ETAG].to_str().unwrap();
        assert_eq!(whole.header("last-modified"), Some(MODIFIED));
        for fields in [[("if-none-match", tag)], [("if-none-match", "*")], [("if-modified-since", MODIFIED)]]
        {
            let answer = get_with(&app, "/a.txt", &fields).await;
            answer.expect(304, "");
            assert_eq!(answer.header("etag"), Some(tag));
        }
        assert_eq!(get_with(&app, "/a.txt", &[("if-match", "\"other\"")]).await.status, 412);
        let other = [("if-none-match", "\"other\""), ("if-modified-since", MODIFIED)];
        get_with(&app, "/a.txt", &other).await.expect(200, "0123456789");
    }
}

/// RFC 9110, section 14.
#[tokio::test]
async fn ranges_hold_for_documents_and_for_responses() {
    let (_root, files) = document_root();
    for app in [files, generated()] {
        for (range, content_range, text) in [
            ("bytes=0-0", "bytes 0-0/10", "0"),
            ("bytes=2-4", "bytes 2-4/10", "234"),
            ("bytes=8-", "bytes 8-9/10", "89"),
            ("bytes=-3", "bytes 7-9/10", "789"),
            ("bytes=5-99999999999999999999999", "bytes 5-9/10", "56789"),
        ] {
            let answer = get_with(&app, "/a.txt", &[("range", range)]).await;
            answer.expect(206, text);
            assert_eq!(answer.header("content-range"), Some(content_range), "{range}");
        }
        let beyond = get_with(&app, "/a.txt", &[("range", "bytes=10-")]).await;
        assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */10")));
        let several = get_with(&app, "/a.txt", &[("range", "bytes=0-1,8-9")]).await;
        assert_eq!(several.status, 206);
        assert!(several.header("content-type").unwrap().starts_with("multipart/byteranges"));
        let stale = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
        get_with(&app, "/a.txt", &stale).await.expect(200, "0123456789");
        get_with(&app, "/a.txt", &[("range", "lines=0-1")]).await.expect(200, "0123456789");
    }
    get_with(&page("0123"), "/", &[("range", "bytes=0-1")]).await.expect(200, "0123");
}

#[tokio::test]
async fn hooks_see_documents_and_nothing_leaves_the_root() {
    let (root, mut app) = document_root();
    std::fs::write(root.path().join(".secret"), "dot").unwrap();
    app.after_response(|_req: Request, response: Response| response.with_header("X-Hook", "ran"));
    assert_eq!(get(&app, "/a.txt").await.header("x-hook"), Some("ran"));
    for path in ["/../a.txt", "/%2e%2e/a.txt", "/.secret", "//etc/passwd", "/a.txt%00"] {
        let status = get(&app, path).await.status;
        assert!(matches!(status, 404 | 403 | 400), "{path}: {status}");
    }
    assert_eq!(ask(&app, "POST", "/a.txt").await.status, 404);
}

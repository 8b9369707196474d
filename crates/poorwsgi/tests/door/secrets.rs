//! Secrets, which must never be shown or logged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use poorwsgi::state::METHOD_GET;
use poorwsgi::{Application, HttpError, Request, Result};

use crate::client::{get, get_with};

const KEY: &str = "hush-hush-hush-hush";

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_secret_key_is_nowhere_to_be_seen() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let mut app = Application::new("secrets");
    let settings = app.settings_mut();
    settings.debug = true;
    settings.auth_digest = true;
    settings.secret_key = Some(KEY.into());
    app.route("/fails", METHOD_GET, |req: Request| -> Result<()> {
        let text = format!("{:?} {:?}", req.settings(), req.secret_key());
        Err(io::Error::other(text).into())
    })
    .unwrap();
    app.route("/login", METHOD_GET, |_req: Request| Err::<(), _>(HttpError::new(401))).unwrap();
    let mut seen = String::new();
    for path in ["/debug-info", "/fails", "/login", "/nowhere"] {
        let answer =
            get_with(&app, path, &[("cookie", "SESSID=cookie-secret"), ("authorization", "Basic YTpi")])
                .await;
        seen.push_str(answer.text());
        seen.push_str(&format!("{:?}", answer.headers));
    }
    seen.push_str(&format!("{app:?} {:?}", app.settings()));
    let log = log.text();
    assert!(log.contains("a request failed") && log.contains("/fails"), "{log}");
    for secret in [KEY, "cookie-secret", "YTpi"] {
        assert!(!seen.contains(secret) && !log.contains(secret), "{secret}");
    }
}

/// Pages escape text that comes from the client; PoorWSGI 2.8.1 does not escape the error text of a 400.
#[tokio::test]
async fn the_clients_words_are_escaped() {
    let mut app = Application::new("pages");
    app.settings_mut().debug = true;
    for path in ["/%3Cscript%3E", "/debug-info?%3Cscript%3E=1"] {
        let answer = get_with(&app, path, &[("x-a", "<script>"), ("host", "<script>")]).await;
        assert!(!answer.text().contains("<script>"), "{}", answer.text());
    }
    assert_eq!(get(&Application::new("no debug"), "/debug-info").await.status, 404);
}

//! Forms with files.

use std::fmt::Write as _;

/// The boundary, with which no line of a test's data is likely to begin.
const BOUNDARY: &str = "----PoorWSGI-test-form-6fX0cQb1";

/// A multipart form, encoded as browsers do.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::testing::{Client, MultipartForm};
/// use poorwsgi::{Application, HttpError, Request, Result, state};
///
/// fn upload(req: Request) -> Result<String> {
///     let form = req.form().ok_or_else(|| HttpError::bad_request("a form is wanted"))?;
///     let photo = form.field("photo").ok_or_else(|| HttpError::bad_request("a photo is wanted"))?;
///     Ok(format!("{:?}: {:?}, {} bytes", form.get("title"), photo.filename(), photo.bytes()?.len()))
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/upload", state::METHOD_POST, upload)?;
/// let form = MultipartForm::new().text("title", "Me").file("photo", "me.png", "image/png", b"\x89PNG");
/// let response = Client::new(app).post("/upload").multipart(form).send().await;
/// assert_eq!(response.text(), r#"Some("Me"): Some("me.png"), 4 bytes"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MultipartForm {
    body: Vec<u8>,
}

impl MultipartForm {
    /// A form without fields.
    pub fn new() -> Self {
        MultipartForm::default()
    }

    /// Adds a text.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.part(&format!("form-data; name=\"{}\"", escape(name)), None, value.as_bytes())
    }

    /// Adds a file.
    pub fn file(self, name: &str, filename: &str, content_type: &str, data: impl AsRef<[u8]>) -> Self {
        let disposition = format!("form-data; name=\"{}\"; filename=\"{}\"", escape(name), escape(filename));
        self.part(&disposition, Some(content_type), data.as_ref())
    }

    fn part(mut self, disposition: &str, content_type: Option<&str>, data: &[u8]) -> Self {
        let mut head = format!("--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n");
        if let Some(content_type) = content_type {
            // Writing to a text cannot fail.
            let _ = write!(head, "Content-Type: {content_type}\r\n");
        }
        head.push_str("\r\n");
        for piece in [head.as_bytes(), data, b"\r\n"] {
            self.body.extend_from_slice(piece);
        }
        self
    }

    /// The content type and the body.
    pub(super) fn encode(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.body)
    }
}

/// Escapes a name as browsers do (HTML, "multipart/form-data encoding algorithm").
fn escape(name: &str) -> String {
    name.replace('\n', "%0A").replace('\r', "%0D").replace('"', "%22")
}

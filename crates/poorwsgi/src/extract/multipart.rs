//! Multipart forms, read while they arrive.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http_body::Body as _;
use poorwsgi_core::error::{HttpError, unsupported_media_type};
use poorwsgi_core::form::multipart::MultipartEvent;
use poorwsgi_core::form::{PartHead, PartReader, safe_filename};
use poorwsgi_core::headers::Headers;
use poorwsgi_core::request::{Head, body_error};
use poorwsgi_core::response::Body;

use super::{FromRequest, OptionalFromRequest};
use crate::request::Request;

/// A multipart form as a stream, as the last argument of a handler: one field after the other, each in pieces
/// as they arrive. No field is stored, neither in memory nor in a file. A form whose files may be stored
/// before the handler runs is easier to read with [`Request::form`].
///
/// | body | answer |
/// |---|---|
/// | malformed | 400 |
/// | a content type other than `multipart/form-data` | 415 |
/// | larger than the setting `form_limits` | 413 |
/// | larger than the setting `max_body` of the server | 413 |
///
/// `Option<Multipart>` is `None` for a request without a `Content-Type`.
///
/// # Limits
///
/// Two limits apply to the size of an upload, and both are 16 MiB by default:
/// [`form_limits.body_bytes`](crate::form::FormLimits::body_bytes) of the application, and `max_body` of the
/// server. An upload of 20 MB needs both to be raised. [`Application::run`](crate::Application::run) cannot
/// raise the second one; `poorwsgi_server::Server` can, which is in a crate of its own, so that
/// `poorwsgi-server` is a second dependency:
///
/// ```no_run
/// use poorwsgi::Application;
/// use poorwsgi::form::FormLimits;
/// use poorwsgi_server::{Config, Server};
///
/// # #[tokio::main] async fn main() -> Result<(), poorwsgi::BoxError> {
/// let mut app = Application::new("demo");
/// app.settings_mut().form_limits = FormLimits { body_bytes: 64 << 20, ..FormLimits::default() };
/// // … the routes
/// app.check_states()?;
/// let server = Server::new(app).config(Config::new().max_body(64 << 20));
/// server.bind("127.0.0.1:8080").await?.run().await?;
/// # Ok(())
/// # }
/// ```
///
/// `testing::Client` applies the limits of the application, not those of the
/// server.
///
/// The setting is for all routes. For a lower limit of one route, count the bytes of the chunks, and return
/// [`HttpError::too_large`]: see the example of [`Field`].
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::extract::Multipart;
/// use poorwsgi::{Application, Response, Result, state};
///
/// async fn upload(mut form: Multipart) -> Result<Response> {
///     let mut sizes = String::new();
///     while let Some(mut field) = form.next_field().await? {
///         let mut size = 0;
///         while let Some(piece) = field.chunk().await? {
///             size += piece.len();
///         }
///         sizes.push_str(&format!("{}: {size}\n", field.name().unwrap_or_default()));
///     }
///     Ok(Response::text(sizes))
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/upload", state::METHOD_POST, upload)?;
/// let body = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nHello\r\n--x--\r\n";
/// let request = http::Request::post("/upload").header("Content-Type", "multipart/form-data; boundary=x");
/// let answer = app.handle(request.body(body.to_owned())?).await;
/// # use http_body_util::BodyExt;
/// assert_eq!(answer.into_body().collect().await?.to_bytes(), "file: 5\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Multipart {
    request: Request,
    body: Body,
    reader: PartReader,
}

impl Multipart {
    /// The next field; `None` after the last one. The unread rest of the field before is skipped. The parts
    /// of a nested multipart body are fields, too.
    ///
    /// # Errors
    /// 400 for a form that is malformed or incomplete, 413 for one over a limit.
    pub async fn next_field(&mut self) -> Result<Option<Field<'_>>, HttpError> {
        loop {
            match self.next_event().await? {
                Some(MultipartEvent::PartBegin(head)) if !head.is_multipart() => {
                    return Ok(Some(Field { head: *head, multipart: self, is_over: false }));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    async fn next_event(&mut self) -> Result<Option<MultipartEvent>, HttpError> {
        let event = self.read_event().await;
        event.inspect_err(|error| self.request.break_body(Some(error)))
    }

    async fn read_event(&mut self) -> Result<Option<MultipartEvent>, HttpError> {
        loop {
            if let Some(event) = self.reader.next_event()? {
                return Ok(Some(event));
            }
            let Some(frame) = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await else {
                self.reader.finish()?;
                return Ok(None);
            };
            if let Ok(piece) = frame.map_err(body_error)?.into_data() {
                self.reader.push(piece)?;
            }
        }
    }
}

impl FromRequest for Multipart {
    type Rejection = HttpError;
    const IS_READY: bool = true;

    async fn from_request(request: Request) -> Result<Self, HttpError> {
        if !request.mime_type().eq_ignore_ascii_case("multipart/form-data") {
            return Err(unsupported_media_type("a form", "multipart/form-data"));
        }
        let content_type = request.head().header(&CONTENT_TYPE).unwrap_or_default();
        let reader = PartReader::new(&content_type, request.settings().form_limits.clone())?;
        let body = request.take_body();
        Ok(Multipart { request, body, reader })
    }
}

impl OptionalFromRequest for Multipart {
    type Rejection = HttpError;

    async fn from_request(request: Request) -> Result<Option<Self>, HttpError> {
        if !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest>::from_request(request).await.map(Some)
    }
}

/// A field of a [`Multipart`] form: a file or a text.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use std::io::Write;
///
/// use poorwsgi::extract::{Field, Multipart};
/// use poorwsgi::{Application, HttpError, Result, state};
/// use tempfile::NamedTempFile;
///
/// /// The most bytes of a portrait.
/// const PORTRAIT: u64 = 2 << 20;
///
/// /// Writes a file while it arrives. If the upload fails, the temporary file is removed.
/// async fn stored(mut field: Field<'_>) -> Result<NamedTempFile> {
///     let (mut file, mut size) = (NamedTempFile::new()?, 0);
///     while let Some(piece) = field.chunk().await? {
///         size += piece.len() as u64;
///         if size > PORTRAIT {
///             return Err(HttpError::too_large("bytes of the portrait", PORTRAIT, "PORTRAIT").into());
///         }
///         file.write_all(&piece)?;
///     }
///     Ok(file)
/// }
///
/// async fn upload(mut form: Multipart) -> Result<String> {
///     let field = form.next_field().await?.ok_or_else(|| HttpError::bad_request("a file is wanted"))?;
///     let file = stored(field).await?;
///     // `file.persist(path)?` keeps the file.
///     Ok(format!("{} bytes", file.as_file().metadata()?.len()))
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/portrait", state::METHOD_POST, upload)?;
/// # let ask = async |content: &str| {
/// #     let body = format!("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{content}\r\n--x--\r\n");
/// #     let request = http::Request::post("/portrait").header("Content-Type", "multipart/form-data; boundary=x");
/// #     app.handle(request.body(body).unwrap()).await.status()
/// # };
/// # assert_eq!((ask("small").await.as_u16(), ask(&"x".repeat(3 << 20)).await.as_u16()), (200, 413));
/// # Ok(())
/// # }
/// ```
///
/// A short write to a file seldom blocks for long; where a file system is slow, write with `tokio::fs`.
#[derive(Debug)]
pub struct Field<'m> {
    head: PartHead,
    multipart: &'m mut Multipart,
    is_over: bool,
}

impl Field<'_> {
    /// The name; `None` where the client left it out.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.head.name.as_deref()
    }

    /// The file name as the client sent it, perhaps with a path; empty where no file was chosen. To save the
    /// file, use [`safe_filename`](Self::safe_filename) instead.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.head.filename.as_deref()
    }

    /// A file name that cannot leave its directory: see [`safe_filename`].
    #[must_use]
    pub fn safe_filename(&self) -> Option<String> {
        self.file_name().and_then(safe_filename)
    }

    /// The media type in lower case, `text/plain` where the client gave none.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.head.content_type
    }

    /// The header fields of the part.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The next piece of the data; `None` at its end.
    ///
    /// # Errors
    /// As [`Multipart::next_field`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        if self.is_over {
            return Ok(None);
        }
        if let Some(MultipartEvent::Data(data)) = self.multipart.next_event().await? {
            return Ok(Some(data));
        }
        self.is_over = true;
        Ok(None)
    }

    /// The rest of the data as a whole.
    ///
    /// # Errors
    /// As [`Multipart::next_field`].
    pub async fn bytes(mut self) -> Result<Bytes, HttpError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// The rest of the data as text; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// As [`Multipart::next_field`].
    pub async fn text(self) -> Result<String, HttpError> {
        Ok(String::from_utf8_lossy(&self.bytes().await?).into_owned())
    }
}

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
/// as they arrive. No field is stored, neither in memory nor in a file.
///
/// | body | answer |
/// |---|---|
/// | malformed | 400 |
/// | a content type other than `multipart/form-data` | 415 |
/// | larger than the setting `form_limits` | 413 |
///
/// `Option<Multipart>` is `None` for a request without a `Content-Type`.
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
/// use poorwsgi::extract::{Field, Multipart};
/// use poorwsgi::{HttpError, Result};
/// use tokio::io::{AsyncWrite, AsyncWriteExt};
///
/// /// Writes a file while it arrives.
/// async fn write(mut field: Field<'_>, mut file: impl AsyncWrite + Unpin) -> Result<()> {
///     while let Some(piece) = field.chunk().await? {
///         file.write_all(&piece).await?;
///     }
///     Ok(())
/// }
///
/// async fn upload(mut form: Multipart) -> Result<&'static str> {
///     let field = form.next_field().await?.ok_or_else(|| HttpError::bad_request("a file is wanted"))?;
///     write(field, tokio::io::sink()).await?;
///     Ok("thank you")
/// }
/// # poorwsgi::Application::new("demo").route("/", poorwsgi::state::METHOD_POST, upload).unwrap();
/// ```
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

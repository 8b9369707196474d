//! Turns the application's response into the one that is sent.

use std::any::Any;
use std::fmt;

use bytes::Bytes;
use http::response::Parts as ResponseHead;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body;
use poorwsgi_core::BoxError;
use poorwsgi_core::headers::connection;
use poorwsgi_core::response::{BodyKind, Content, DeclaredLength, Declined, check_final_or_switching};

use super::ids::REQUEST_ID;
use super::outgoing::{Outgoing, Payload};
use super::record::Record;
use super::{Carrier, Refusal, Upgrade, date};
use crate::LOG;

/// A response that the server itself makes.
pub(super) fn refused<B: Body<Data = Bytes>>(refusal: &Refusal, mut record: Record) -> Response<Outgoing<B>> {
    record.carrier().abandon_request(None);
    let (mut head, text) = refusal.to_response(record.method().as_str(), record.path()).into_parts();
    record.answered(head.status);
    if let Some(server) = &record.context().config.server_header {
        head.headers.insert(header::SERVER, server.clone());
    }
    name_request(&mut head.headers, &record);
    record.carrier().complete_head(&mut head, None);
    Response::from_parts(head, Outgoing::new(Payload::Text { text }, None, record))
}

/// A response of the application, or a 500 if it cannot be sent.
pub(super) fn finish<B: Body<Data = Bytes> + 'static>(
    response: Response<B>,
    mut record: Record,
) -> Result<Response<Outgoing<B>>, Cut> {
    let (mut head, body) = response.into_parts();
    if head.extensions.get::<Declined>().is_some() {
        record.finish();
        return Err(Cut);
    }
    let upgrade = accepted(&mut head, record.carrier());
    let status = head.status;
    let content = Content::of(record.method().as_str().parse().ok(), status.as_u16());
    let said = match Said::of(&head, body.size_hint().exact(), content, upgrade.is_some()) {
        Ok(said) => said,
        Err(reason) => {
            tracing::error!(
                target: LOG,
                method = %record.quoted_method(),
                path = &*record.quoted_path(),
                "the response cannot be sent: {reason}",
            );
            return Ok(refused(&Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "bad response"), record));
        }
    };
    record.answered(status);
    if is_at_hand(&body) {
        record.abandon_body();
    }
    let headers = &mut head.headers;
    if said.connection {
        record.carrier().take_connection_fields(headers, status);
    }
    let stated = content.stated_length(said.length);
    match stated {
        // The 0 of `Content::Empty` is written even where the application has sent one in another spelling.
        Some(length) if said.restates_length || content == Content::Empty => {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        None if said.length.is_some() => drop(headers.remove(header::CONTENT_LENGTH)),
        _ => {}
    }
    if let Some(server) = record.context().config.server_header.as_ref().filter(|_| !said.server) {
        headers.append(header::SERVER, server.clone());
    }
    name_request(headers, &record);
    if !said.date && date::is_set_back() {
        date::put(headers);
    }
    // Where no field gives the length, the session takes it from the body, and leaves the body out itself.
    let has_length = stated.or(said.length).is_some();
    let is_left_out = upgrade.is_some() || !content.is_allowed() && has_length;
    if let Some(upgrade) = &upgrade {
        upgrade.name(format!("{} {}", record.quoted_method(), record.quoted_path()));
    }
    record.carrier().complete_head(&mut head, upgrade);
    let payload = if is_left_out {
        Payload::Text { text: Bytes::new() }
    } else {
        Payload::of(body, record.carrier().files().is_some())
    };
    Ok(Response::from_parts(head, Outgoing::new(payload, said.length, record)))
}

/// Gives a response the id of its request.
fn name_request(headers: &mut HeaderMap, record: &Record) {
    if let Some(id) = record.id() {
        headers.insert(REQUEST_ID, id.clone());
    }
}

/// The other protocol that a response of the application opens by a 101 with an [`Upgrade`], if the request asks
/// for one. The response gets the status by which its session does that. Only a 101 names the protocol.
fn accepted(head: &mut ResponseHead, carrier: &dyn Carrier) -> Option<Upgrade> {
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        return None;
    }
    let status = carrier.upgrade_status()?;
    let upgrade = head.extensions.remove::<Upgrade>()?;
    if status != StatusCode::SWITCHING_PROTOCOLS {
        head.status = status;
        head.headers.remove(header::UPGRADE);
    }
    Some(upgrade)
}

/// Whether generating the content certainly does not read the request body while the response is sent.
fn is_at_hand<B: 'static>(body: &B) -> bool {
    let ours = (body as &dyn Any).downcast_ref::<poorwsgi_core::response::Body>();
    ours.is_some_and(|body| matches!(BodyKind::of(body), BodyKind::Bytes(_) | BodyKind::File(_)))
}

/// What the head of a response says about matters of the server.
#[derive(Default)]
struct Said {
    server: bool,
    date: bool,
    /// Fields about the connection, including `Transfer-Encoding`, and `Upgrade` even where the application may
    /// send it.
    connection: bool,
    length: Option<u64>,
    /// Several fields give the length, or one with blanks: a message is sent with one field, of digits only
    /// (RFC 9110, section 8.6).
    restates_length: bool,
}

impl Said {
    /// Reads the head, and checks what it says about the content of this size: no session checks a
    /// `Content-Length`.
    fn of(
        head: &ResponseHead,
        size: Option<u64>,
        content: Content,
        upgrades: bool,
    ) -> Result<Self, BoxError> {
        let status = head.status.as_u16();
        check_final_or_switching(status, upgrades, || head.headers.contains_key(header::UPGRADE))?;
        let mut said = Said::default();
        let mut declared = DeclaredLength::default();
        for (name, value) in &head.headers {
            match *name {
                header::SERVER => said.server = true,
                header::DATE => said.date = true,
                header::CONTENT_LENGTH => {
                    let is_bare = value.as_bytes().iter().all(u8::is_ascii_digit);
                    said.restates_length |= declared.get().is_some() || !is_bare;
                    declared.add(value.as_bytes())?;
                }
                header::CONNECTION | header::UPGRADE => said.connection = true,
                header::CONTENT_TYPE | header::SET_COOKIE | header::CACHE_CONTROL | header::ETAG => {}
                _ => said.connection |= connection::position(name, status).is_some(),
            }
        }
        said.length = declared.get();
        content.check_length(said.length, size)?;
        Ok(said)
    }
}

/// Ends a connection without a response.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the application declined to answer")
    }
}

impl std::error::Error for Cut {}

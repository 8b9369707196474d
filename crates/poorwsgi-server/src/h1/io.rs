//! The socket as hyper sees it: one message at a time, each head complete and unambiguous, every wait with a
//! deadline.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::header::SERVER;
use http::{HeaderValue, StatusCode};
use poorwsgi_core::headers::usual_spelling;
use poorwsgi_core::response::Content;
use poorwsgi_core::state::{self, Method};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::carrier::H1Session;
use super::chunks::{BadChunk, Chunks, Taken};
use super::framing::{Framing, HeadLimits, HeadScanner, MessageHead, accept_of, method_of};
use crate::LOG;
use crate::body_rate::BodyRate;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::exchange::{Carrier, Refusal, date};
use crate::idle::IdleWait;
use crate::transport::sendfile::is_stand_in;

/// The layer between a transport and hyper.
///
/// A request that is refused here is an end of file for hyper, which then finishes the earlier responses and
/// shuts the connection down; during the shutdown, after those responses, the refusal is written.
#[derive(Debug)]
pub(crate) struct GuardedIo<T> {
    inner: T,
    session: Arc<H1Session>,
    /// Bytes read ahead: an incomplete head, or requests after this one. Empty and without allocated memory
    /// while a client waits for its responses.
    held: BytesMut,
    /// Bytes of a chunked body that hyper is to read next: its buffer was too small for them.
    ready: BytesMut,
    phase: Phase,
    served_before: bool,
    /// Whether reading ended before the client's message did.
    given_up: bool,
    refusal: Option<Refusal>,
    /// The rest of the refusal that is still to be written.
    answer: Option<Vec<u8>>,
    /// Whether hyper has begun to shut the connection down.
    is_shut: bool,
    deadline: Deadline,
    /// When the system's clock was last read.
    clock_seen: Instant,
    writing_since: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    /// Between two messages, or within a head.
    Head { scanner: HeadScanner, idle: IdleWait, begun: Option<Instant> },
    /// The rest of a message: a known number of bytes, and then chunks if there are any.
    Message { left: u64, chunks: Option<Chunks>, rate: BodyRate },
    /// A message that failed: its reader gets an error, and there are no more requests.
    Broken(BadChunk),
    /// No more requests.
    Closed,
}

impl Phase {
    fn head() -> Self {
        Phase::Head { scanner: HeadScanner::default(), idle: IdleWait::default(), begun: None }
    }
}

/// How many bytes of a chunked body are read at once.
const CHUNKS_READ: usize = 64 << 10;

thread_local! {
    /// The buffer for these reads: it is empty between two reads, so that all connections of a thread share
    /// one.
    static CHUNKS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// How often a connection reads the system's clock, while requests arrive on it.
const CLOCK: Duration = Duration::from_secs(1);

impl<T: AsyncRead + AsyncWrite + Unpin> GuardedIo<T> {
    pub(crate) fn new(inner: T, session: &Arc<H1Session>) -> Self {
        date::look_at_clock();
        GuardedIo {
            inner,
            session: Arc::clone(session),
            held: BytesMut::new(),
            ready: BytesMut::new(),
            phase: Phase::head(),
            served_before: false,
            given_up: false,
            refusal: None,
            answer: None,
            is_shut: false,
            deadline: Deadline::default(),
            clock_seen: Instant::now(),
            writing_since: None,
        }
    }

    fn config(&self) -> &Config {
        &self.session.context().config
    }

    /// Why this connection was closed, if a request was refused.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Whether the client may still be sending bytes that will not be read.
    pub(crate) fn has_unread(&self) -> bool {
        self.given_up
            || !self.held.is_empty()
            || !self.ready.is_empty()
            || matches!(self.phase, Phase::Message { .. })
    }

    /// The transport itself, with the bytes that were read ahead.
    pub(crate) fn into_parts(self) -> (T, BytesMut) {
        let mut read_ahead = self.ready;
        read_ahead.unsplit(self.held);
        (self.inner, read_ahead)
    }

    /// Whether hyper has begun to shut the connection down.
    pub(crate) const fn is_shut(&self) -> bool {
        self.is_shut
    }

    fn refuse(&mut self, refusal: Refusal, head: &[u8]) {
        let refusal = refusal.accepting(accept_of(head));
        self.answer = Some(bytes_of(&refusal, method_of(head), self.config().server_header.as_ref()));
        self.refusal = Some(refusal);
        self.give_up();
    }

    fn give_up(&mut self) {
        self.given_up = true;
        self.phase = Phase::Closed;
    }

    /// Examines the head so far, and begins the message once the head is complete, with the version that
    /// hyper sees.
    fn look_at_head(&mut self, bytes: &mut [u8]) {
        let Phase::Head { scanner, .. } = &mut self.phase else { return };
        match scanner.scan(bytes, &HeadLimits::of(&self.session.context().config)) {
            Ok(None) => {}
            Ok(Some(MessageHead { length, framing, later_minor })) => {
                if let Some(minor) = later_minor.and_then(|at| bytes.get_mut(at)) {
                    *minor = b'1';
                }
                let (body, chunks) = match framing {
                    Framing::Length(length) => (length, None),
                    Framing::Chunked => (0, Some(Chunks::new(self.config().max_body))),
                };
                match body.checked_add(length as u64) {
                    Some(left) => {
                        self.served_before = true;
                        self.phase = Phase::Message { left, chunks, rate: BodyRate::default() };
                    }
                    None => self.refuse(Refusal::bad_request("Content-Length over 64 bits"), bytes),
                }
            }
            Err(refusal) => self.refuse(refusal, bytes),
        }
    }

    /// How many of these bytes belong to the message that hyper is reading, and how many of them hyper gets:
    /// those are moved to the front.
    fn follow_message(&mut self, bytes: &mut [u8]) -> Taken {
        let Phase::Message { left, chunks, .. } = &mut self.phase else { return Taken::default() };
        let known = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        let mut taken = Taken { read: known, kept: known };
        *left -= known as u64;
        if *left > 0 {
            return taken;
        }
        if let Some(chunks) = chunks {
            let (more, result) = chunks.follow(bytes.get_mut(known..).unwrap_or_default());
            taken = Taken { read: known + more.read, kept: known + more.kept };
            if let Err(bad) = result {
                self.given_up = true;
                self.phase = Phase::Broken(bad);
                return taken;
            }
            if !chunks.ended() {
                return taken;
            }
        }
        self.phase = Phase::head();
        taken
    }

    /// Gives hyper the bytes that were read ahead, without empty lines before a request (RFC 9112, section
    /// 2.2). `false` if the socket has to be read.
    fn read_held(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if matches!(self.phase, Phase::Head { .. }) {
            while self.held.starts_with(b"\r\n") {
                self.held.advance(2);
            }
            if !matches!(&*self.held, b"" | b"\r") {
                let mut held = std::mem::take(&mut self.held);
                self.look_at_head(&mut held);
                self.held = held;
            }
        }
        let mut held = std::mem::take(&mut self.held);
        let fitting = held.len().min(buf.remaining());
        let Taken { read, kept } = self.follow_message(held.get_mut(..fitting).unwrap_or_default());
        buf.put_slice(held.get(..kept).unwrap_or_default());
        if read < held.len() {
            self.held = held;
            self.held.advance(read);
        }
        kept > 0
    }

    /// Reads the next part of a chunked body from the socket. It reads more at once than hyper's buffer
    /// holds: hyper enlarges its buffer only while reads fill it, and small chunks never do, as merging
    /// shortens them. `false` if none of the bytes is for hyper.
    fn poll_read_chunks(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        CHUNKS.with_borrow_mut(|space| {
            if space.is_empty() {
                space.resize(CHUNKS_READ, 0);
            }
            let mut read_buf = ReadBuf::new(space);
            match Pin::new(&mut self.inner).poll_read(cx, &mut read_buf) {
                Poll::Pending => return self.poll_late(cx).map_ok(|()| true),
                Poll::Ready(read) => read?,
            }
            let bytes = read_buf.filled_mut();
            let is_end = bytes.is_empty();
            if let Phase::Message { rate, .. } = &mut self.phase {
                rate.received(bytes.len());
            }
            let Taken { read, kept } = self.follow_message(bytes);
            let (kept, rest) = (bytes.get(..kept), bytes.get(read..));
            self.held.extend_from_slice(rest.unwrap_or_default());
            let fitting = buf.remaining().min(kept.map_or(0, <[u8]>::len));
            let (now, later) = kept.unwrap_or_default().split_at_checked(fitting).unwrap_or_default();
            buf.put_slice(now);
            self.ready.extend_from_slice(later);
            Poll::Ready(Ok(is_end || fitting > 0))
        })
    }

    /// Gives hyper the bytes of a chunked body that were read before. `false` if there are none.
    fn read_ready(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let length = self.ready.len().min(buf.remaining());
        buf.put_slice(&self.ready.split_to(length));
        if self.ready.is_empty() {
            // Its memory is freed while a client waits for its response.
            self.ready = BytesMut::new();
        }
        length > 0
    }

    fn reads_chunks(&self) -> bool {
        matches!(self.phase, Phase::Message { left: 0, chunks: Some(_), .. })
    }

    /// Examines what was read into hyper's buffer after its first `before` bytes: leaves there what hyper may
    /// see and holds the rest back. `false` if hyper may see nothing.
    fn take_in(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> bool {
        let bytes = buf.filled_mut().get_mut(before..).unwrap_or_default();
        match &mut self.phase {
            Phase::Message { rate, .. } => rate.received(bytes.len()),
            _ if self.held.is_empty() && !bytes.starts_with(b"\r") => self.look_at_head(bytes),
            _ => {}
        }
        let Taken { read, kept } = self.follow_message(bytes);
        self.held.extend_from_slice(bytes.get(read..).unwrap_or_default());
        buf.set_filled(before + kept);
        kept > 0
    }

    /// The client sends nothing: checks its deadline.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let context = self.session.context();
        let at = match &mut self.phase {
            Phase::Closed | Phase::Broken(_) => return Poll::Ready(Ok(())),
            Phase::Message { rate, .. } => {
                rate.deadline(Instant::now(), context.config.body_timeout, context.config.min_body_rate)
            }
            Phase::Head { begun, .. } if !self.held.is_empty() => {
                *begun.get_or_insert_with(Instant::now) + context.config.head_timeout
            }
            Phase::Head { idle, .. } => {
                let since = idle.since();
                if since >= self.clock_seen + CLOCK {
                    date::look_at_clock();
                    self.clock_seen = since;
                }
                match idle.deadline(context, self.served_before) {
                    Some(at) => at,
                    None => {
                        self.phase = Phase::Closed;
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        };
        if !self.deadline.poll_passed(at, cx) {
            return Poll::Pending;
        }
        if matches!(self.phase, Phase::Message { .. }) {
            self.give_up();
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if self.held.is_empty() {
            self.phase = Phase::Closed;
        } else {
            let held = std::mem::take(&mut self.held);
            let reason = "the head did not arrive in time (setting head_timeout)";
            self.refuse(Refusal::new(StatusCode::REQUEST_TIMEOUT, reason), &held);
        }
        Poll::Ready(Ok(()))
    }

    /// The result of a write, with the deadline for a client that does not read.
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.writing_since = None;
            return written;
        }
        let since = *self.writing_since.get_or_insert_with(Instant::now);
        if self.deadline.poll_passed(since + self.config().write_timeout, cx) {
            let reason = "the client does not read its response (setting write_timeout)";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, reason)));
        }
        Poll::Pending
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for GuardedIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.read_ready(buf) || !this.held.is_empty() && this.read_held(buf) {
                return Poll::Ready(Ok(()));
            }
            match this.phase {
                Phase::Closed => return Poll::Ready(Ok(())),
                Phase::Broken(bad) => return Poll::Ready(Err(bad.into())),
                Phase::Head { .. } | Phase::Message { .. } => {}
            }
            if this.reads_chunks() {
                if ready!(this.poll_read_chunks(cx, buf))? {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let before = buf.filled().len();
            match Pin::new(&mut this.inner).poll_read(cx, buf) {
                Poll::Pending => return this.poll_late(cx),
                Poll::Ready(read) => read?,
            }
            if buf.filled().len() == before || this.take_in(buf, before) {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.poll_written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let length = bufs.iter().fold(0_usize, |length, buf| length.saturating_add(buf.len()));
        let written = if length <= SMALL && !bufs.iter().any(|buf| is_stand_in(buf)) {
            let mut bytes = SmallVec::<[u8; SMALL]>::new();
            bufs.iter().for_each(|buf| bytes.extend_from_slice(buf));
            Pin::new(&mut this.inner).poll_write(cx, &bytes)
        } else {
            Pin::new(&mut this.inner).poll_write_vectored(cx, bufs)
        };
        this.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
        if !this.session.flushed(cx) {
            let peer = this.session.context().peer();
            tracing::error!(
                target: LOG,
                %peer,
                "a file was not sent as one, the connection is cut: this is a bug",
            );
            return Poll::Ready(Err(io::Error::other("a stand-in for a file was sent in its place")));
        }
        Poll::Ready(Ok(()))
    }

    /// hyper has written all its responses: writes the refusal, if there is one.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_shut = true;
        while let Some(mut answer) = this.answer.take_if(|answer| !answer.is_empty()) {
            let written = Pin::new(&mut this.inner).poll_write(cx, &answer);
            let written = this.poll_written(cx, written);
            if let Poll::Ready(Ok(bytes)) = written {
                answer.drain(..bytes);
            }
            this.answer = Some(answer);
            if ready!(written)? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

/// The response to a head that was refused before it was parsed.
fn bytes_of(refusal: &Refusal, method: Option<Method>, server: Option<&HeaderValue>) -> Vec<u8> {
    let (head, page) = refusal.to_response("", "").into_parts();
    let status = refusal.status().as_u16();
    let content = Content::of(method, status);
    let reason = state::reason(status).unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
    if let Some(length) = content.stated_length(Some(page.len() as u64)) {
        bytes.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"Connection: close\r\n");
    for (name, value) in head.headers.iter().chain(server.map(|server| (&SERVER, server))) {
        bytes.extend_from_slice(usual_spelling(name).as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    if content.is_allowed() {
        bytes.extend_from_slice(&page);
    }
    bytes
}

/// A head and a body of up to this many bytes are written from one buffer, which costs less than two.
const SMALL: usize = 4096;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use poorwsgi_core::request::Connection;
    use proptest::prelude::*;

    use super::*;
    use crate::connection::ConnectionContext;
    use crate::stop::Stop;

    #[test]
    fn a_refusal_has_status_length_close_and_reason() {
        let refusal = Refusal::over_limit(StatusCode::URI_TOO_LONG, "request line", 100, "max_request_line");
        let server = HeaderValue::from_static("PoorWSGI");
        let text = String::from_utf8(bytes_of(&refusal, Some(Method::Get), Some(&server))).unwrap();
        assert!(text.starts_with("HTTP/1.1 414 URI Too Long\r\n"), "{text}");
        assert!(
            text.contains("\r\nConnection: close\r\n") && text.contains("\r\nServer: PoorWSGI\r\n"),
            "{text}"
        );
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let reason = "request line over the limit of 100 (setting max_request_line)";
        assert!(body.contains("414") && body.contains(reason), "{body}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        let to_head = bytes_of(&refusal, method_of(b"HEAD /long"), None);
        assert!(to_head.ends_with(b"\r\n\r\n"));
        assert!(String::from_utf8(to_head).unwrap().contains(&format!("Content-Length: {}\r\n", body.len())));

        let refusal = refusal.accepting(Some("application/json".to_owned()));
        let text = String::from_utf8(bytes_of(&refusal, None, None)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nContent-Type: application/problem+json"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["detail"]), (&414.into(), &reason.into()));
    }

    /// The engine names a 413 `Content Too Large` (RFC 9110, section 15.5.14), the `http` crate does not.
    #[test]
    fn the_reason_phrase_is_that_of_the_engine() {
        let refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "");
        let text = String::from_utf8(bytes_of(&refusal, None, None)).unwrap();
        assert!(text.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{text}");
    }

    /// A socket whose bytes arrive in these pieces, and then end.
    struct PiecewiseSocket(VecDeque<Vec<u8>>);

    impl AsyncRead for PiecewiseSocket {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some(mut piece) = self.0.pop_front() {
                let rest = piece.split_off(piece.len().min(buf.remaining()));
                buf.put_slice(&piece);
                if !rest.is_empty() {
                    self.0.push_front(rest);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for PiecewiseSocket {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What hyper gets in each read, with a buffer of this size.
    fn reads(pieces: impl Iterator<Item = Vec<u8>>, size: usize) -> Vec<Vec<u8>> {
        let (config, stop) = (Arc::new(Config::new()), Arc::new(Stop::new()));
        let context = ConnectionContext::new(config, stop, Connection::default());
        let mut io = GuardedIo::new(
            PiecewiseSocket(pieces.collect()),
            &Arc::new(H1Session::new(context, None, false)),
        );
        let mut cx = Context::from_waker(Waker::noop());
        let mut reads = Vec::new();
        loop {
            let mut space = vec![0; size];
            let mut buf = ReadBuf::new(&mut space);
            let read = Pin::new(&mut io).poll_read(&mut cx, &mut buf);
            if !matches!(read, Poll::Ready(Ok(()))) || buf.filled().is_empty() {
                return reads;
            }
            reads.push(buf.filled().to_vec());
        }
    }

    /// With chunks of which each line of a size ends in this; those with an extension stay as they are.
    fn message(extension: &'static str) -> impl Strategy<Value = Vec<u8>> {
        let content = proptest::collection::vec(any::<u8>(), 0..50);
        (content, 0..3_u8).prop_map(move |(content, kind)| {
            let mut message = b"POST / HTTP/1.1\r\nHost: a.example\r\n".to_vec();
            match kind {
                0 => message.extend(b"\r\n"),
                1 => {
                    message.extend(format!("Content-Length: {}\r\n\r\n", content.len()).bytes());
                    message.extend(content);
                }
                _ => {
                    message.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                    for chunk in content.chunks(7) {
                        message.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
                        message.extend(chunk);
                        message.extend(b"\r\n");
                    }
                    message.extend(b"0\r\n\r\n");
                }
            }
            message
        })
    }

    /// The contents of messages, whatever they are framed by.
    fn contents(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let line_end = |bytes: &[u8]| bytes.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let mut contents = Vec::new();
        while !bytes.is_empty() {
            let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            let (head, rest) = bytes.split_at(head_end);
            bytes = rest;
            let head = String::from_utf8_lossy(head);
            let mut content = Vec::new();
            if let Some((_, length)) = head.split_once("Content-Length: ") {
                let (data, rest) = bytes.split_at(length.trim_end().parse().unwrap());
                content.extend_from_slice(data);
                bytes = rest;
            }
            while head.contains("chunked") {
                let end = line_end(bytes);
                let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
                content.extend_from_slice(&bytes[end + 2..end + 2 + size]);
                bytes = &bytes[end + 2 + size + 2..];
                if size == 0 {
                    break;
                }
            }
            contents.push(content);
        }
        contents
    }

    proptest! {
        #[test]
        fn small_chunks_are_put_together_and_the_content_stays(
            messages in proptest::collection::vec(message(""), 1..5),
            step in 1_usize..200,
            size in 1_usize..200,
        ) {
            let bytes = messages.concat();
            let reads = reads(bytes.chunks(step).map(<[u8]>::to_vec), size);
            prop_assert_eq!(contents(&reads.concat()), contents(&bytes));
        }

        /// However the bytes arrive, hyper gets the same ones, and never the end of one message with the
        /// beginning of the next.
        #[test]
        fn messages_pass_whole_and_one_by_one(
            messages in proptest::collection::vec(message(";x"), 1..5),
            step in 1_usize..200,
            size in 1_usize..200,
        ) {
            let bytes = messages.concat();
            let reads = reads(bytes.chunks(step).map(<[u8]>::to_vec), size);
            let mut ends = messages.iter().scan(0, |end, message| { *end += message.len(); Some(*end) });
            let mut end = ends.next();
            let mut seen = 0;
            for read in &reads {
                seen += read.len();
                prop_assert!(Some(seen) <= end, "a read goes past the end of a message");
                if Some(seen) == end {
                    end = ends.next();
                }
            }
            prop_assert_eq!(reads.concat(), bytes);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1_usize..50) {
            reads(bytes.chunks(step).map(<[u8]>::to_vec), 64);
        }
    }
}

//! A push parser of multipart bodies (RFC 2046, section 5.1; RFC 7578).
//!
//! ```
//! use bytes::Bytes;
//! use poorwsgi_core::form::{FormLimits, multipart::{MultipartEvent, MultipartParser}};
//!
//! let mut parser = MultipartParser::new(b"AaB03x", FormLimits::default())?;
//! let mut text = Vec::new();
//! for chunk in ["--AaB03x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nHel", "lo\r\n--AaB", "03x--\r\n"] {
//!     parser.push(Bytes::from(chunk));
//!     while let Some(event) = parser.next_event()? {
//!         if let MultipartEvent::Data(data) = event {
//!             text.extend_from_slice(&data);
//!         }
//!     }
//! }
//! parser.finish()?;
//! assert_eq!(text, b"Hello");
//! # Ok::<(), poorwsgi_core::form::FormError>(())
//! ```

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

pub use super::delimiter::is_boundary;
use super::delimiter::{self, Delimiter, Search};
use super::limits::{self, FormLimits};
use super::part::{HeaderLine, PartHead};
use super::{Decode, FormError, utf8_lossy};

/// How many levels multipart bodies may nest: the form itself is the first level, a `multipart/mixed` field
/// (RFC 7578, section 4.3) the second. A body that nests deeper is malformed.
pub const MAX_DEPTH: usize = 4;

/// What the parser has found.
#[derive(Debug)]
pub enum MultipartEvent {
    /// A part begins. Where [`PartHead::is_multipart`] holds, its parts follow before its [`MultipartEvent::PartEnd`],
    /// and it has no data of its own.
    PartBegin(Box<PartHead>),
    /// More of the data of the part that began last. Never empty; usually a slice of a pushed piece, not a
    /// copy.
    Data(Bytes),
    /// The end of the innermost open part.
    PartEnd,
    /// The closing boundary of the form was read. What follows is skipped.
    End,
}

/// Bytes in, [`MultipartEvent`]s out. See the [module](self) for an example.
#[derive(Debug)]
pub struct MultipartParser {
    limits: FormLimits,
    decode: DecodeFn,
    state: ParserState,
    /// The delimiter of each open multipart body, the innermost last.
    open: Vec<Delimiter>,
    /// Pushed bytes that have not been scanned yet.
    input: Bytes,
    /// The end of an earlier push that may be the beginning of a delimiter.
    held: BytesMut,
    /// Whether the first byte of `held` is a line end that the parser put there and that is not data. It is
    /// needed because a delimiter may open a body, or follow a part's header at once, with no line end before
    /// it.
    line_start: bool,
    line: Vec<u8>,
    head: Vec<HeaderLine>,
    part_header_bytes: u64,
    used: MultipartUsage,
}

#[derive(Debug, Default)]
struct MultipartUsage {
    parts: u64,
    header_bytes: u64,
    padding_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParserState {
    /// Before the first boundary of a body.
    Preamble,
    Header,
    Data,
    /// After the closing boundary of a nested body, within the part that contains it.
    NestedEpilogue,
    /// The closing boundary was read, but [`MultipartEvent::End`] was not returned yet.
    Closed,
    Epilogue,
    Failed,
}

enum Scanned {
    NeedsMore,
    Data(Bytes),
    Delimiter { close: bool },
}

struct DecodeFn(Decode);

impl std::fmt::Debug for DecodeFn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decode")
    }
}

impl MultipartParser {
    /// A parser for one body with this boundary, a parameter of its `Content-Type`.
    ///
    /// # Errors
    /// [`FormError::Malformed`] for a boundary that is not 1 to 201 printable ASCII characters, or ends with
    /// a space.
    pub fn new(boundary: &[u8], limits: FormLimits) -> Result<Self, FormError> {
        let mut parser = MultipartParser {
            limits,
            decode: DecodeFn(Arc::new(utf8_lossy)),
            state: ParserState::Preamble,
            open: vec![Delimiter::new(boundary)?],
            input: Bytes::new(),
            held: BytesMut::new(),
            line_start: false,
            line: Vec::new(),
            head: Vec::new(),
            part_header_bytes: 0,
            used: MultipartUsage::default(),
        };
        parser.begin_line();
        Ok(parser)
    }

    /// Sets how names are decoded. Without it, they are UTF-8.
    #[must_use]
    pub fn with_decode(mut self, decode: Decode) -> Self {
        self.decode = DecodeFn(decode);
        self
    }

    /// Gives the parser the next piece of the body. Take all events before pushing the next piece, which
    /// otherwise has to be copied.
    pub fn push(&mut self, piece: Bytes) {
        if self.input.is_empty() {
            self.input = piece;
        } else {
            self.input = [self.input.as_ref(), piece.as_ref()].concat().into();
        }
    }

    /// The next event, `None` where more of the body is needed.
    ///
    /// # Errors
    /// [`FormError::Malformed`], [`FormError::TooLarge`] or [`FormError::Decode`]. After an error there are
    /// no more events.
    pub fn next_event(&mut self) -> Result<Option<MultipartEvent>, FormError> {
        let result = self.advance();
        if result.is_err() {
            self.state = ParserState::Failed;
            self.input = Bytes::new();
        }
        result
    }

    /// Whether the closing boundary was read. Everything after it is skipped.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, ParserState::Closed | ParserState::Epilogue)
    }

    /// Whether no boundary of the form was read yet.
    #[must_use]
    pub fn is_before_first_boundary(&self) -> bool {
        self.state == ParserState::Preamble && self.open.len() == 1
    }

    /// Checks, at the end of the body, that the form is complete.
    ///
    /// # Errors
    /// [`FormError::Malformed`] where the closing boundary has not been read.
    pub fn finish(&self) -> Result<(), FormError> {
        if self.is_closed() {
            Ok(())
        } else {
            Err(FormError::malformed("the body ends before its closing boundary"))
        }
    }

    fn advance(&mut self) -> Result<Option<MultipartEvent>, FormError> {
        loop {
            match self.state {
                ParserState::Failed => return Ok(None),
                ParserState::Closed => {
                    self.state = ParserState::Epilogue;
                    return Ok(Some(MultipartEvent::End));
                }
                ParserState::Epilogue => {
                    let skipped = std::mem::take(&mut self.input);
                    self.skip(skipped.len())?;
                    return Ok(None);
                }
                ParserState::Header => match self.header_line()? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => return self.begin_part().map(Some),
                    Some(line) => self.add_header(&line)?,
                },
                ParserState::Preamble | ParserState::Data | ParserState::NestedEpilogue => {
                    match self.scan() {
                        Scanned::NeedsMore => return Ok(None),
                        Scanned::Data(data) if self.state == ParserState::Data => {
                            return Ok(Some(MultipartEvent::Data(data)));
                        }
                        Scanned::Data(data) => self.skip(data.len())?,
                        Scanned::Delimiter { close } => {
                            if self.end_part(close) {
                                return Ok(Some(MultipartEvent::PartEnd));
                            }
                        }
                    }
                }
            }
        }
    }

    fn skip(&mut self, bytes: usize) -> Result<(), FormError> {
        limits::PADDING_BYTES.spend(&self.limits, &mut self.used.padding_bytes, bytes as u64)
    }

    /// Moves to the state after a delimiter, and returns whether the delimiter ended a part.
    fn end_part(&mut self, close: bool) -> bool {
        let in_part = self.state != ParserState::Preamble;
        if close {
            self.open.pop();
            self.state = if self.open.is_empty() { ParserState::Closed } else { ParserState::NestedEpilogue };
        } else {
            self.state = ParserState::Header;
            self.part_header_bytes = 0;
        }
        in_part
    }

    fn begin_part(&mut self) -> Result<MultipartEvent, FormError> {
        limits::PARTS.spend(&self.limits, &mut self.used.parts, 1)?;
        let head = PartHead::of_part(std::mem::take(&mut self.head), &self.decode.0)?;
        self.state = ParserState::Data;
        if head.is_multipart() {
            if self.open.len() >= MAX_DEPTH {
                return Err(FormError::malformed(format!("multipart bodies nested deeper than {MAX_DEPTH}")));
            }
            self.open.push(Delimiter::new(head.boundary()?.as_bytes())?);
            self.state = ParserState::Preamble;
        }
        self.begin_line();
        Ok(MultipartEvent::PartBegin(Box::new(head)))
    }

    fn begin_line(&mut self) {
        self.held.extend_from_slice(b"\n");
        self.line_start = true;
    }

    /// The next header line without its line end, once it is whole.
    fn header_line(&mut self) -> Result<Option<Vec<u8>>, FormError> {
        let line_feed = memchr::memchr(b'\n', &self.input);
        let taken = self.input.split_to(line_feed.map_or(self.input.len(), |at| at + 1));
        let bytes = taken.len() as u64;
        limits::PART_HEADER_BYTES.spend(&self.limits, &mut self.part_header_bytes, bytes)?;
        limits::HEADER_BYTES.spend(&self.limits, &mut self.used.header_bytes, bytes)?;
        self.line.extend_from_slice(&taken);
        if line_feed.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        line.pop();
        line.pop_if(|last| *last == b'\r');
        Ok(Some(line))
    }

    fn add_header(&mut self, line: &[u8]) -> Result<(), FormError> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            let Some(last) = self.head.last_mut() else {
                return Err(FormError::malformed("the header of a part begins with a continuation line"));
            };
            last.unfold(line);
            return Ok(());
        }
        self.head.push(HeaderLine::parse(line)?);
        limits::PART_HEADERS.check(&self.limits, self.head.len() as u64)
    }

    /// Looks for the innermost body's delimiter.
    fn scan(&mut self) -> Scanned {
        if !self.held.is_empty()
            && let Some(scan) = self.scan_held()
        {
            return scan;
        }
        if self.input.is_empty() {
            return Scanned::NeedsMore;
        }
        let found = self.open.last().map_or(Search::Nothing, |delimiter| delimiter.find(&self.input));
        match found {
            Search::Delimiter { start: 0, end, close } => {
                self.input.advance(end);
                Scanned::Delimiter { close }
            }
            Search::Delimiter { start, .. } => Scanned::Data(self.input.split_to(start)),
            Search::Undecided { start } => {
                let data = self.input.split_to(start);
                self.held.extend_from_slice(&std::mem::take(&mut self.input));
                if data.is_empty() { Scanned::NeedsMore } else { Scanned::Data(data) }
            }
            Search::Nothing => Scanned::Data(std::mem::take(&mut self.input)),
        }
    }

    /// Scans the held bytes together with the input after them. `None` where no bytes are held any more and
    /// the input is unchanged.
    fn scan_held(&mut self) -> Option<Scanned> {
        let old = self.held.len();
        let borrowed = self.input.len().min(delimiter::LONGEST.saturating_sub(old));
        self.held.extend_from_slice(self.input.get(..borrowed).unwrap_or_default());
        let found = self.open.last().map_or(Search::Nothing, |delimiter| delimiter.find(&self.held));
        let data_end = match found {
            Search::Delimiter { start: 0, end, close } => {
                self.held.clear();
                self.line_start = false;
                self.input.advance(end.saturating_sub(old));
                return Some(Scanned::Delimiter { close });
            }
            Search::Undecided { start: 0 } => {
                self.input.advance(borrowed);
                return Some(Scanned::NeedsMore);
            }
            Search::Delimiter { start, .. } | Search::Undecided { start } => start.min(old),
            Search::Nothing => old,
        };
        self.held.truncate(old);
        let mut data = self.held.split_to(data_end).freeze();
        if std::mem::take(&mut self.line_start) {
            data.advance(1);
        }
        if !data.is_empty() {
            return Some(Scanned::Data(data));
        }
        if self.held.is_empty() { None } else { self.scan_held() }
    }
}

#[cfg(test)]
mod tests;

//! Several ranges of one representation in one body: `multipart/byteranges` (RFC 9110, section 14.6).

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use bytes::Bytes;

use super::blocks::{Blocking, Blocks};
use super::body::{Body, BodyKind};
use super::file::FileRange;
use crate::error::BoxError;
use crate::headers::ContentRange;

/// The text that separates the parts. It is random, so that nobody can make content that contains it.
pub(super) struct Boundary(String);

impl Boundary {
    /// A new boundary; `None` where the operating system gives no random bytes.
    pub(super) fn random() -> Option<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok()?;
        Some(Boundary(format!("{:032x}", u128::from_be_bytes(random))))
    }

    /// The `Content-Type` of the multipart body.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.0)
    }
}

/// A multipart body of these ranges of `whole`, which has `full` bytes. Only bytes and files can be read at
/// several places; any other body is returned unchanged as the error.
pub(super) fn body(
    whole: Body,
    full: u64,
    ranges: &[RangeInclusive<u64>],
    content_type: Option<&str>,
    boundary: &Boundary,
) -> Result<Body, Body> {
    let mut pieces = VecDeque::with_capacity(2 * ranges.len() + 1);
    let mut head = String::new();
    for range in ranges {
        let content_range = ContentRange { units: "bytes", range: Some(range.clone()), full: Some(full) };
        let _ = write!(head, "--{}\r\n", boundary.0);
        if let Some(content_type) = content_type {
            let _ = write!(head, "Content-Type: {content_type}\r\n");
        }
        let _ = write!(head, "Content-Range: {content_range}\r\n\r\n");
        pieces.push_back(Piece::Bytes(std::mem::replace(&mut head, "\r\n".to_owned()).into()));
        match piece(&whole, range) {
            Some(piece) => pieces.push_back(piece),
            None => return Err(whole),
        }
    }
    let _ = write!(head, "--{}--\r\n", boundary.0);
    pieces.push_back(Piece::Bytes(head.into()));
    Ok(Blocking::body(RangeParts { pieces }))
}

fn piece(whole: &Body, range: &RangeInclusive<u64>) -> Option<Piece> {
    let (start, length) = (*range.start(), range.end() - range.start() + 1);
    match BodyKind::of(whole) {
        BodyKind::Bytes(bytes) => {
            let from = usize::try_from(start).ok()?;
            let to = from.checked_add(usize::try_from(length).ok()?)?;
            (to <= bytes.len()).then(|| Piece::Bytes(bytes.slice(from..to)))
        }
        BodyKind::File(file) => Some(Piece::File(file.part(start, length))),
        BodyKind::Blocks(_) | BodyKind::Stream(_) => None,
    }
}

struct RangeParts {
    pieces: VecDeque<Piece>,
}

enum Piece {
    Bytes(Bytes),
    File(FileRange),
}

impl Blocks for RangeParts {
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        while let Some(piece) = self.pieces.pop_front() {
            match piece {
                Piece::Bytes(bytes) => return Ok(Some(bytes)),
                Piece::File(mut file) => {
                    if let Some(block) = file.next_block()? {
                        self.pieces.push_front(Piece::File(file));
                        return Ok(Some(block));
                    }
                }
            }
        }
        Ok(None)
    }

    fn remaining(&self) -> Option<u64> {
        let length = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File(file) => file.len(),
        };
        Some(self.pieces.iter().map(length).sum())
    }

    fn at_hand(&self) -> bool {
        match self.pieces.front() {
            Some(Piece::File(file)) => file.at_hand(),
            Some(Piece::Bytes(_)) | None => true,
        }
    }
}

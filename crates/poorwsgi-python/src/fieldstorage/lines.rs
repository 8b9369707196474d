//! Reading a body line by line, so that a parser stops right after a boundary and leaves the rest to another
//! parser.

use bytes::Bytes;
use poorwsgi_core::form::multipart::{MultipartEvent, MultipartParser};
use poorwsgi_core::form::{FormError, FormLimits};

/// Finds, line by line, the boundary at the end of a part.
pub(super) struct BoundaryFinder {
    parser: MultipartParser,
    ended: bool,
}

impl BoundaryFinder {
    /// # Errors
    /// If the boundary is invalid.
    pub(super) fn new(boundary: &[u8]) -> Result<Self, FormError> {
        // The caller limits how much is read.
        let limits = FormLimits { padding_bytes: u64::MAX, ..FormLimits::default() };
        let mut parser = MultipartParser::new(boundary, limits)?;
        // The parser starts inside a part without headers.
        parser.push([b"--", boundary, b"\r\n\r\n"].concat().into());
        while parser.next_event()?.is_some() {}
        Ok(BoundaryFinder { parser, ended: false })
    }

    /// The data of the next line, after any data that was held back before because it could be the start of a
    /// boundary.
    pub(super) fn push(&mut self, line: Bytes) -> Result<Vec<Bytes>, FormError> {
        self.parser.push(line);
        let mut data = Vec::new();
        while let Some(event) = self.parser.next_event()? {
            match event {
                MultipartEvent::Data(piece) => data.push(piece),
                MultipartEvent::PartEnd => self.ended = true,
                MultipartEvent::PartBegin(_) | MultipartEvent::End => {}
            }
        }
        Ok(data)
    }

    /// The data that was held back, if the body ended without the boundary.
    pub(super) fn finish(&mut self) -> Result<Vec<Bytes>, FormError> {
        // With this character, the data held back can no longer be the start of a boundary.
        const NO_BOUNDARY: &[u8] = b"x";
        let mut data = self.push(Bytes::from_static(NO_BOUNDARY))?;
        if let Some(last) = data.last_mut() {
            last.truncate(last.len() - NO_BOUNDARY.len());
        }
        Ok(data)
    }

    /// Whether the boundary was read.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the boundary was the closing one.
    pub(super) const fn is_closed(&self) -> bool {
        self.parser.is_closed()
    }
}

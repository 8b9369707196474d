//! Reading a body line by line, for which a parser can stop right behind a boundary and leave the rest to
//! another one.

use bytes::Bytes;
use poorwsgi_core::form::multipart::{Event, MultipartParser};
use poorwsgi_core::form::{FormError, Limits};

/// Looks for the boundary after a part, in lines.
pub(super) struct Boundary {
    parser: MultipartParser,
    ended: bool,
}

impl Boundary {
    /// # Errors
    /// The boundary is none.
    pub(super) fn new(boundary: &[u8]) -> Result<Self, FormError> {
        // How much may be read is the business of whoever gives the lines.
        let limits = Limits { padding_bytes: u64::MAX, ..Limits::default() };
        let mut parser = MultipartParser::new(boundary, limits)?;
        // A part without a header has begun.
        parser.push([b"--", boundary, b"\r\n\r\n"].concat().into());
        while parser.next_event()?.is_some() {}
        Ok(Boundary { parser, ended: false })
    }

    /// The data in the next line, and in what an earlier one held back.
    pub(super) fn push(&mut self, line: Bytes) -> Result<Vec<Bytes>, FormError> {
        self.parser.push(line);
        let mut data = Vec::new();
        while let Some(event) = self.parser.next_event()? {
            match event {
                Event::Data(piece) => data.push(piece),
                Event::PartEnd => self.ended = true,
                Event::PartBegin(_) | Event::End => {}
            }
        }
        Ok(data)
    }

    /// What was held back, where the body has ended without the boundary.
    pub(super) fn finish(&mut self) -> Result<Vec<Bytes>, FormError> {
        // With this, what was held back is no beginning of a boundary any more.
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

    /// Whether it was the closing one.
    pub(super) const fn is_closed(&self) -> bool {
        self.parser.is_closed()
    }
}

//! Reads a multipart form part by part, for a caller that handles the data as the body arrives.

use bytes::Bytes;

use super::FormError;
use super::budget::Budget;
use super::limits::FormLimits;
use super::multipart::{MultipartEvent, MultipartParser};
use super::part::PartHead;

/// Gives the events of a [`MultipartParser`], and checks them against all [`FormLimits`]. It keeps no data of
/// the parts.
///
/// ```
/// use poorwsgi_core::form::{FormLimits, PartReader, multipart::MultipartEvent};
///
/// let limits = FormLimits { field_bytes: 3, ..FormLimits::default() };
/// let mut reader = PartReader::new("multipart/form-data; boundary=b", limits)?;
/// reader.push("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nHello\r\n--b--\r\n".into())?;
/// assert!(matches!(reader.next_event()?, Some(MultipartEvent::PartBegin(head)) if head.name.as_deref() == Some("a")));
/// let error = reader.next_event().unwrap_err();
/// assert_eq!(error.to_string(), "bytes of one field over the limit of 3 (setting form_limits.field_bytes)");
/// # Ok::<(), poorwsgi_core::form::FormError>(())
/// ```
#[derive(Debug)]
pub struct PartReader {
    parser: MultipartParser,
    budget: Budget,
    /// The parts that have begun and not ended, the innermost last: for a text the number of its bytes so
    /// far, for a file or a container of parts `None`.
    open: Vec<Option<u64>>,
    failed: bool,
}

impl PartReader {
    /// A reader for a body of this `Content-Type`.
    ///
    /// # Errors
    /// [`FormError::Malformed`] for a media type that is not multipart, and for a missing or impossible
    /// boundary.
    pub fn new(content_type: &str, limits: FormLimits) -> Result<Self, FormError> {
        let head = PartHead::of_body(content_type, "")?;
        if !head.is_multipart() {
            return Err(FormError::malformed(format!("{:?} is not multipart", head.content_type)));
        }
        let parser = MultipartParser::new(head.boundary()?.as_bytes(), limits.clone())?;
        Ok(PartReader { parser, budget: Budget::new(limits), open: Vec::new(), failed: false })
    }

    /// Gives the reader the next piece of the body. Take all events before the next piece.
    ///
    /// # Errors
    /// [`FormError::TooLarge`] for a body over its limit. There are no more events then.
    pub fn push(&mut self, piece: Bytes) -> Result<(), FormError> {
        let result = self.budget.spend_body(&piece);
        self.failed |= result.is_err();
        self.parser.push(piece);
        result
    }

    /// The next event; `None` where the reader needs more of the body.
    ///
    /// # Errors
    /// [`FormError::Malformed`] and [`FormError::TooLarge`]. There are no more events then.
    pub fn next_event(&mut self) -> Result<Option<MultipartEvent>, FormError> {
        if self.failed {
            return Err(FormError::malformed("an earlier piece of the body could not be read"));
        }
        let result = self.parser.next_event().and_then(|event| {
            event.as_ref().map_or(Ok(()), |event| self.count(event))?;
            Ok(event)
        });
        self.failed |= result.is_err();
        result
    }

    /// Says that the body has ended.
    ///
    /// # Errors
    /// [`FormError::Malformed`] where the closing boundary has not been read.
    pub fn finish(&self) -> Result<(), FormError> {
        self.parser.finish()
    }

    fn count(&mut self, event: &MultipartEvent) -> Result<(), FormError> {
        match event {
            MultipartEvent::PartBegin(head) => {
                self.budget.spend_part(head)?;
                self.open.push((!head.is_file() && !head.is_multipart()).then_some(0));
            }
            MultipartEvent::Data(data) => {
                if let Some(Some(length)) = self.open.last_mut() {
                    *length += data.len() as u64;
                    let length = *length;
                    self.budget.spend_text(data, length)?;
                }
            }
            MultipartEvent::PartEnd => _ = self.open.pop(),
            MultipartEvent::End => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=b";
    const BODY: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext\r\n\
                        --b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"long.txt\"\r\n\r\nfile of text\r\n\
                        --b--\r\n";

    fn read(limits: FormLimits) -> Result<usize, FormError> {
        let mut reader = PartReader::new(TYPE, limits)?;
        let mut bytes = 0;
        for piece in BODY.as_bytes().chunks(7) {
            reader.push(Bytes::copy_from_slice(piece))?;
            while let Some(event) = reader.next_event()? {
                if let MultipartEvent::Data(data) = event {
                    bytes += data.len();
                }
            }
        }
        reader.finish()?;
        Ok(bytes)
    }

    /// The same limits as those of a form that is read as a whole.
    #[test]
    fn every_limit_holds_part_by_part() {
        let default = FormLimits::default;
        assert_eq!(read(default()).unwrap(), 16);
        for limits in [
            FormLimits { body_bytes: 100, ..default() },
            FormLimits { parts: 1, ..default() },
            FormLimits { fields: 0, ..default() },
            FormLimits { files: 0, ..default() },
            FormLimits { field_bytes: 3, ..default() },
            FormLimits { fields_bytes: 3, ..default() },
            FormLimits { filename_bytes: 3, ..default() },
            FormLimits { part_header_bytes: 10, ..default() },
        ] {
            let error = read(limits.clone()).unwrap_err();
            assert!(matches!(error, FormError::TooLarge { .. }), "{limits:?}: {error}");
        }
        assert_eq!(read(FormLimits { field_bytes: 4, fields_bytes: 4, files: 1, ..default() }).unwrap(), 16);
    }

    #[test]
    fn what_is_not_multipart_is_refused_and_a_failure_stays_one() {
        for content_type in ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary="] {
            assert!(PartReader::new(content_type, FormLimits::default()).is_err(), "{content_type}");
        }
        let mut reader =
            PartReader::new(TYPE, FormLimits { body_bytes: 3, ..FormLimits::default() }).unwrap();
        assert!(reader.push(BODY.into()).is_err());
        assert!(reader.next_event().is_err() && reader.next_event().is_err() && reader.finish().is_err());
    }
}

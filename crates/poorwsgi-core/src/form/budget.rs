//! Counts how much of its limits a form has used.

use super::FormError;
use super::limits::{self, FormLimits};
use super::part::PartHead;

/// What one form has used of its limits. Forms that are read as a whole and forms that are read part by part
/// are counted in the same way.
#[derive(Debug)]
pub(super) struct Budget {
    limits: FormLimits,
    body_bytes: u64,
    fields: u64,
    files: u64,
    fields_bytes: u64,
}

impl Budget {
    pub(super) const fn new(limits: FormLimits) -> Self {
        Budget { limits, body_bytes: 0, fields: 0, files: 0, fields_bytes: 0 }
    }

    pub(super) const fn limits(&self) -> &FormLimits {
        &self.limits
    }

    /// The bytes of the body so far.
    pub(super) const fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Counts a piece of the body.
    pub(super) fn spend_body(&mut self, piece: &[u8]) -> Result<(), FormError> {
        limits::BODY_BYTES.spend(&self.limits, &mut self.body_bytes, piece.len() as u64)
    }

    /// Counts a part that begins: a file, a field, or a container of parts, which is neither.
    pub(super) fn spend_part(&mut self, head: &PartHead) -> Result<(), FormError> {
        if head.is_multipart() {
            return Ok(());
        }
        match head.filename.as_deref().filter(|_| head.is_file()) {
            Some(filename) => {
                limits::FILENAME_BYTES.check(&self.limits, filename.len() as u64)?;
                limits::FILES.spend(&self.limits, &mut self.files, 1)
            }
            None => limits::FIELDS.spend(&self.limits, &mut self.fields, 1),
        }
    }

    /// Counts a piece of a text that has `length` bytes with it.
    pub(super) fn spend_text(&mut self, piece: &[u8], length: u64) -> Result<(), FormError> {
        limits::FIELD_BYTES.check(&self.limits, length)?;
        limits::FIELDS_BYTES.spend(&self.limits, &mut self.fields_bytes, piece.len() as u64)
    }
}

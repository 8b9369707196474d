//! Charsets with one byte for each character.

use super::error::DecodeError;

/// Marks a byte that stands for no character.
pub(super) const NONE: u16 = 0xFFFF;

/// How a charset differs from ISO-8859-1: `characters` are the code points of the bytes from `first` on.
pub(super) struct Table {
    pub(super) first: u8,
    pub(super) characters: &'static [u16],
}

impl Table {
    /// ISO-8859-1 itself, whose bytes are the first code points of Unicode.
    pub(super) const LATIN_1: Table = Table { first: u8::MAX, characters: &[0xFF] };

    fn character(&self, byte: u8) -> Option<char> {
        let departure = byte.checked_sub(self.first).and_then(|at| self.characters.get(usize::from(at)));
        match departure {
            None => Some(char::from(byte)),
            Some(&NONE) => None,
            Some(&code) => char::from_u32(code.into()),
        }
    }

    pub(super) fn decode(&self, bytes: &[u8], name: &'static str) -> Result<String, DecodeError> {
        let mut text = String::with_capacity(bytes.len());
        for (index, &byte) in bytes.iter().enumerate() {
            text.push(self.character(byte).ok_or(DecodeError { charset: name, index })?);
        }
        Ok(text)
    }
}

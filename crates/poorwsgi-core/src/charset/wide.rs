//! Charsets with two or four bytes for each code unit.

use std::char::decode_utf16;

use super::error::DecodeError;

/// Which byte of a code unit comes first.
#[derive(Clone, Copy)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// The byte order and the bytes to decode. Where `order` is `None`, a byte order mark gives the order and is
/// split off.
fn ordered<const N: usize>(
    bytes: &[u8],
    order: Option<ByteOrder>,
    little: [u8; N],
    big: [u8; N],
) -> (&[u8], ByteOrder) {
    match (order, bytes.strip_prefix(&little), bytes.strip_prefix(&big)) {
        (Some(order), ..) => (bytes, order),
        (None, _, Some(rest)) => (rest, ByteOrder::Big),
        (None, rest, None) => (rest.unwrap_or(bytes), ByteOrder::Little),
    }
}

/// UTF-16 (RFC 2781). Where `order` is `None` and there is no byte order mark, it is little-endian, as in
/// Python on most machines.
pub(super) fn decode_16(
    bytes: &[u8],
    order: Option<ByteOrder>,
    charset: &'static str,
) -> Result<String, DecodeError> {
    let (units, order) = ordered(bytes, order, [0xFF, 0xFE], [0xFE, 0xFF]);
    let (units, rest) = units.as_chunks();
    let read = |&unit| match order {
        ByteOrder::Little => u16::from_le_bytes(unit),
        ByteOrder::Big => u16::from_be_bytes(unit),
    };
    let mut text = String::with_capacity(bytes.len());
    let mut index = bytes.len() - rest.len() - 2 * units.len();
    for character in decode_utf16(units.iter().map(read)) {
        let character = character.map_err(|_| DecodeError { charset, index })?;
        index += 2 * character.len_utf16();
        text.push(character);
    }
    whole(text, rest, index, charset)
}

/// UTF-32. Where `order` is `None` and there is no byte order mark, it is little-endian, as in Python on most
/// machines.
pub(super) fn decode_32(
    bytes: &[u8],
    order: Option<ByteOrder>,
    charset: &'static str,
) -> Result<String, DecodeError> {
    let (units, order) = ordered(bytes, order, [0xFF, 0xFE, 0, 0], [0, 0, 0xFE, 0xFF]);
    let (units, rest) = units.as_chunks();
    let mut text = String::with_capacity(bytes.len());
    let mut index = bytes.len() - rest.len() - 4 * units.len();
    for &unit in units {
        let code = match order {
            ByteOrder::Little => u32::from_le_bytes(unit),
            ByteOrder::Big => u32::from_be_bytes(unit),
        };
        text.push(char::from_u32(code).ok_or(DecodeError { charset, index })?);
        index += 4;
    }
    whole(text, rest, index, charset)
}

/// The text, or an error where the last code unit is incomplete.
fn whole(text: String, rest: &[u8], index: usize, charset: &'static str) -> Result<String, DecodeError> {
    if rest.is_empty() { Ok(text) } else { Err(DecodeError { charset, index }) }
}

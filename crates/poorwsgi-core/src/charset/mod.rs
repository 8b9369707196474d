//! The charsets that a client may name for the text it sends.
//!
//! The client chooses the name, and must not have a whole library of codecs to choose from: some codecs of
//! Python take quadratic time (`idna`, `punycode`), and Python keeps each unknown name in memory. Both doors
//! therefore use this list: Unicode, US-ASCII, ISO-8859-1, and the single-byte charsets that clients of
//! PoorWSGI are known to send. All of them are decoded in linear time, to a text of at most three times the
//! size.

mod error;
mod single;
mod tables;
mod wide;

use std::borrow::Cow;

pub use error::DecodeError;
use single::Table;
use wide::ByteOrder;

/// The longest name of a charset that is looked up, in bytes. The longest name in IANA's registry has 45.
pub const MAX_NAME: usize = 64;

/// A charset that a client may name.
///
/// ```
/// use poorwsgi_core::charset::Charset;
///
/// let charset = Charset::named("Latin-1").unwrap();
/// assert_eq!(charset.name(), "iso-8859-1");
/// assert_eq!(charset.decode(b"caf\xe9")?, "café");
/// assert_eq!(Charset::named("idna"), None);
/// # Ok::<(), poorwsgi_core::charset::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Charset {
    /// US-ASCII: bytes below 128.
    Ascii,
    /// UTF-8. A byte order mark is a character like any other.
    Utf8,
    /// UTF-16, in the byte order of its byte order mark; without one, little-endian.
    Utf16,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
    /// UTF-32, in the byte order of its byte order mark; without one, little-endian.
    Utf32,
    /// UTF-32, little-endian.
    Utf32Le,
    /// UTF-32, big-endian.
    Utf32Be,
    /// ISO-8859-1, Western Europe.
    Iso8859_1,
    /// ISO-8859-2, Central Europe.
    Iso8859_2,
    /// ISO-8859-15, Western Europe with the euro.
    Iso8859_15,
    /// Windows-1250, Central Europe.
    Windows1250,
    /// Windows-1252, Western Europe.
    Windows1252,
}

impl Charset {
    /// The charset of this name; `None` for any charset that is not in this list.
    ///
    /// As in Unicode's rules for matching names (UTS #22, section 1.4), only letters and digits are compared,
    /// without regard to case: `UTF-8`, `utf8` and `utf_8` are the same name. A name longer than [`MAX_NAME`]
    /// is refused.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name.len() > MAX_NAME || !name.is_ascii() {
            return None;
        }
        let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
        let plain: String = letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
        Some(match plain.as_str() {
            "utf8" => Charset::Utf8,
            "usascii" | "ascii" => Charset::Ascii,
            "utf16" => Charset::Utf16,
            "utf16le" => Charset::Utf16Le,
            "utf16be" => Charset::Utf16Be,
            "utf32" => Charset::Utf32,
            "utf32le" => Charset::Utf32Le,
            "utf32be" => Charset::Utf32Be,
            "iso88591" | "latin1" | "l1" => Charset::Iso8859_1,
            "iso88592" | "latin2" | "l2" => Charset::Iso8859_2,
            "iso885915" | "latin9" | "l9" => Charset::Iso8859_15,
            "windows1250" | "cp1250" => Charset::Windows1250,
            "windows1252" | "cp1252" => Charset::Windows1252,
            _ => return None,
        })
    }

    /// The usual name of the charset in lower case. Python knows this name, too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Charset::Ascii => "us-ascii",
            Charset::Utf8 => "utf-8",
            Charset::Utf16 => "utf-16",
            Charset::Utf16Le => "utf-16le",
            Charset::Utf16Be => "utf-16be",
            Charset::Utf32 => "utf-32",
            Charset::Utf32Le => "utf-32le",
            Charset::Utf32Be => "utf-32be",
            Charset::Iso8859_1 => "iso-8859-1",
            Charset::Iso8859_2 => "iso-8859-2",
            Charset::Iso8859_15 => "iso-8859-15",
            Charset::Windows1250 => "windows-1250",
            Charset::Windows1252 => "windows-1252",
        }
    }

    /// Decodes a text, strictly and in linear time.
    ///
    /// # Errors
    /// The index of the first byte that is invalid in the charset.
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
        let table = match self {
            Charset::Utf8 | Charset::Ascii => return self.checked(bytes).map(Cow::Borrowed),
            Charset::Iso8859_1 => &Table::LATIN_1,
            Charset::Iso8859_2 => &tables::ISO_8859_2,
            Charset::Iso8859_15 => &tables::ISO_8859_15,
            Charset::Windows1250 => &tables::WINDOWS_1250,
            Charset::Windows1252 => &tables::WINDOWS_1252,
            Charset::Utf16 => return wide::decode_16(bytes, None, self.name()).map(Cow::Owned),
            Charset::Utf16Le => return self.utf_16(bytes, ByteOrder::Little),
            Charset::Utf16Be => return self.utf_16(bytes, ByteOrder::Big),
            Charset::Utf32 => return wide::decode_32(bytes, None, self.name()).map(Cow::Owned),
            Charset::Utf32Le => return self.utf_32(bytes, ByteOrder::Little),
            Charset::Utf32Be => return self.utf_32(bytes, ByteOrder::Big),
        };
        table.decode(bytes, self.name()).map(Cow::Owned)
    }

    fn checked(self, bytes: &[u8]) -> Result<&str, DecodeError> {
        let error = |index| DecodeError { charset: self.name(), index };
        if self == Charset::Ascii
            && let Some(index) = bytes.iter().position(|byte| !byte.is_ascii())
        {
            return Err(error(index));
        }
        std::str::from_utf8(bytes).map_err(|utf8| error(utf8.valid_up_to()))
    }

    fn utf_16(self, bytes: &[u8], order: ByteOrder) -> Result<Cow<'_, str>, DecodeError> {
        wide::decode_16(bytes, Some(order), self.name()).map(Cow::Owned)
    }

    fn utf_32(self, bytes: &[u8], order: ByteOrder) -> Result<Cow<'_, str>, DecodeError> {
        wide::decode_32(bytes, Some(order), self.name()).map(Cow::Owned)
    }
}

/// The error message for a charset that is not in the list. The name is cut, because the client may send one
/// of any length.
#[must_use]
pub fn unsupported(name: &str) -> String {
    let shown: String = name.chars().take(MAX_NAME).collect();
    let cut = if shown.len() < name.len() { "…" } else { "" };
    format!(
        "charset {shown:?}{cut} is not supported; utf-8, utf-16, utf-32, us-ascii, iso-8859-1, -2 and -15, \
         windows-1250 and windows-1252 are"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(name: &str, bytes: &[u8]) -> Result<String, DecodeError> {
        Charset::named(name).unwrap().decode(bytes).map(Cow::into_owned)
    }

    const ALL: [Charset; 13] = [
        Charset::Ascii,
        Charset::Utf8,
        Charset::Utf16,
        Charset::Utf16Le,
        Charset::Utf16Be,
        Charset::Utf32,
        Charset::Utf32Le,
        Charset::Utf32Be,
        Charset::Iso8859_1,
        Charset::Iso8859_2,
        Charset::Iso8859_15,
        Charset::Windows1250,
        Charset::Windows1252,
    ];

    #[test]
    fn usual_names_are_understood() {
        for charset in ALL {
            assert_eq!(Charset::named(charset.name()), Some(charset));
            assert_eq!(Charset::named(&charset.name().to_uppercase().replace('-', "_")), Some(charset));
        }
        for (name, charset) in
            [("utf8", Charset::Utf8), ("Latin-1", Charset::Iso8859_1), ("cp1250", Charset::Windows1250)]
        {
            assert_eq!(Charset::named(name), Some(charset));
        }
    }

    /// Codecs of Python that take quadratic time, or do not decode text, and overlong names.
    #[test]
    fn nothing_else_is_taken() {
        for name in [
            "",
            "-",
            "idna",
            "punycode",
            "hex",
            "zlib",
            "bz2",
            "rot13",
            "unicode_escape",
            "utf-7",
            "mbcs",
            "ůtf-8",
        ] {
            assert_eq!(Charset::named(name), None, "{name}");
        }
        assert_eq!(Charset::named(&format!("utf-8{}", "-".repeat(MAX_NAME))), None);
        let said = unsupported(&"ž".repeat(50_000));
        assert!(said.len() < 400 && said.contains("…"), "{said}");
    }

    #[test]
    fn charsets_of_one_byte() {
        assert_eq!(decode("iso-8859-1", b"\x80\xe9\xff").unwrap(), "\u{80}é\u{ff}");
        assert_eq!(decode("iso-8859-2", b"\x80\xb9\xe8\xf8").unwrap(), "\u{80}ščř");
        assert_eq!(decode("iso-8859-15", b"\xa3\xa4\xa8\xbf").unwrap(), "£€š¿");
        assert_eq!(decode("windows-1250", b"\x80\x8a\x9e\xf8").unwrap(), "€Šžř");
        assert_eq!(decode("windows-1252", b"\x80\x8a\xe9").unwrap(), "€Šé");
        assert_eq!(decode("windows-1252", b"ab\x81").unwrap_err().index(), 2);
        assert_eq!(decode("us-ascii", b"ab\x80").unwrap_err().index(), 2);
        assert_eq!(decode("utf-8", b"a\xff").unwrap_err().to_string(), "invalid utf-8 sequence from index 1");
    }

    #[test]
    fn wide_charsets_and_their_byte_order_marks() {
        for (name, bytes) in [
            ("utf-16", &b"\xff\xfea\0\x3d\xd8\x00\xde"[..]),
            ("utf-16", b"\xfe\xff\0a\xd8\x3d\xde\x00"),
            ("utf-16", b"a\0\x3d\xd8\x00\xde"),
            ("utf-16be", b"\0a\xd8\x3d\xde\x00"),
            ("utf-32", b"\xff\xfe\0\0a\0\0\0\x00\xf6\x01\0"),
            ("utf-32", b"\0\0\xfe\xff\0\0\0a\0\x01\xf6\0"),
            ("utf-32le", b"a\0\0\0\x00\xf6\x01\0"),
        ] {
            assert_eq!(decode(name, bytes).unwrap(), "a😀", "{name} {bytes:?}");
        }
        assert_eq!(decode("utf-16le", b"\xff\xfea\0").unwrap(), "\u{feff}a");
        for (name, bytes, index) in [
            ("utf-16", &b"a\0b"[..], 2),
            ("utf-16le", b"a\0\x3d\xd8a\0", 2),
            ("utf-16le", b"a\0\x00\xde", 2),
            ("utf-32le", b"a\0\0\0\0\0\x11\0", 4),
            ("utf-32be", b"\0\0\xd8\0", 0),
            ("utf-32", b"a\0\0\0b\0\0", 4),
            ("utf-16", b"\xff\xfe\x00\xde", 2),
        ] {
            assert_eq!(decode(name, bytes).unwrap_err().index(), index, "{name} {bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn utf_8_is_that_of_the_standard_library(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decode("utf-8", &bytes).ok(), String::from_utf8(bytes).ok());
        }

        #[test]
        fn wide_texts_are_read_back(text in any::<String>()) {
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            prop_assert_eq!(decode("utf-16le", &little).unwrap(), text.clone());
            let big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
            prop_assert_eq!(decode("utf-32be", &big).unwrap(), text);
        }

        #[test]
        fn texts_grow_to_three_times_their_size_at_most(
            at in 0..ALL.len(), bytes in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            if let Ok(text) = ALL[at].decode(&bytes) {
                prop_assert!(text.len() <= 3 * bytes.len());
            }
        }
    }
}

//! The end of a chunked body (RFC 9112, section 7.1), followed without decoding it.
//!
//! hyper decodes the chunks and has the limits for extensions and trailers of a whole body. This module
//! follows hyper's decoder byte for byte, to know where the next request begins. It also refuses, before
//! hyper sees them, bytes that the grammar does not allow and hyper's decoder ignores: what one reader skips,
//! another one may take for data.

use std::io::{self, Write};

/// Why a chunked body is refused. What hyper would refuse is refused here as well, or the two would disagree
/// about the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadChunk {
    /// The grammar does not allow it.
    Malformed(&'static str),
    /// The framing of the body exceeds the limit.
    TooMuch,
}

impl From<BadChunk> for io::Error {
    /// The error kind tells the two apart.
    fn from(bad: BadChunk) -> Self {
        match bad {
            BadChunk::Malformed(reason) => io::Error::new(io::ErrorKind::InvalidData, reason),
            BadChunk::TooMuch => io::ErrorKind::FileTooLarge.into(),
        }
    }
}

/// How many bytes have been read, and how many remain at the front.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) read: usize,
    pub(crate) kept: usize,
}

/// The maximum number of digits of a chunk size, as many as 64 bits have. Leading zeros count.
const MAX_DIGITS: u16 = 16;
/// The maximum number of bytes in the first line of a chunk, its size and its extensions.
const MAX_SIZE_LINE: u16 = 4096;

/// Chunks up to this size are merged: larger ones are not worth a copy.
const SMALL: usize = 4096;
/// The framing that any body may have, beside one byte of framing for each byte that the body may have.
const FREE_FRAMING: u64 = 64 << 10;

/// Follows one chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunks {
    state: ChunkState,
    /// How many bytes of framing have arrived, and how many may.
    framing: u64,
    most_framing: u64,
    /// How many bytes of the size line have arrived.
    line: u16,
    /// The chunk's size, then the number of its bytes that are left.
    size: u64,
}

/// The state of the parser before the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkState {
    Start,
    Digits,
    /// White space behind a size or a value: there must be another extension.
    BlankBeforeExtension,
    Semicolon,
    ExtensionName,
    BlankAfterExtensionName,
    Equals,
    ExtensionToken,
    Quoted,
    QuotedBackslash,
    QuotedEnd,
    SizeReturn,
    Data,
    DataEnd,
    DataReturn,
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerReturn,
    LastReturn,
    End,
}

impl Chunks {
    /// A body of at most `max_body` bytes.
    pub(crate) const fn new(max_body: u64) -> Self {
        let most_framing = max_body.saturating_add(FREE_FRAMING);
        Chunks { state: ChunkState::Start, framing: 0, most_framing, line: 0, size: 0 }
    }

    pub(crate) fn ended(&self) -> bool {
        self.state == ChunkState::End
    }

    /// Consumes the bytes that belong to the body, and moves those that hyper is to read to the front. Small
    /// chunks that arrived together are merged into one, because each chunk costs hyper and the reader of the
    /// body the same, however small it is. After a violation, the bytes before it count.
    pub(crate) fn follow(&mut self, bytes: &mut [u8]) -> (Taken, Result<(), BadChunk>) {
        let mut at = Taken::default();
        while self.state != ChunkState::End && at.read < bytes.len() {
            let result = match self.state {
                ChunkState::Data => {
                    self.pass_data(bytes, &mut at);
                    Ok(())
                }
                ChunkState::Start => self.merge(bytes, &mut at),
                _ => self.pass_byte(bytes, &mut at),
            };
            let result = result.and_then(|()| self.check_framing());
            if result.is_err() {
                return (at, result);
            }
        }
        (at, Ok(()))
    }

    fn pass_data(&mut self, bytes: &mut [u8], at: &mut Taken) {
        let length = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len() - at.read);
        if at.kept < at.read {
            bytes.copy_within(at.read..at.read + length, at.kept);
        }
        at.read += length;
        at.kept += length;
        self.size -= length as u64;
        if self.size == 0 {
            self.state = ChunkState::DataEnd;
        }
    }

    fn pass_byte(&mut self, bytes: &mut [u8], at: &mut Taken) -> Result<(), BadChunk> {
        let Some(&byte) = bytes.get(at.read) else { return Ok(()) };
        self.state = self.step(byte)?;
        self.framing += 1;
        if let Some(kept) = bytes.get_mut(at.kept) {
            *kept = byte;
        }
        at.read += 1;
        at.kept += 1;
        Ok(())
    }

    /// Merges the complete chunks without extensions that begin here into one. The result is never longer
    /// than they were: two chunks have more framing than one.
    fn merge(&mut self, bytes: &mut [u8], at: &mut Taken) -> Result<(), BadChunk> {
        let rest = bytes.get(at.read..).unwrap_or_default();
        let Some((first, length)) = small_chunk(rest) else { return self.pass_byte(bytes, at) };
        let Some((second, more)) = small_chunk(rest.get(length..).unwrap_or_default()) else {
            return self.pass_byte(bytes, at);
        };
        let mut data = Vec::with_capacity(rest.len());
        data.extend_from_slice(first);
        data.extend_from_slice(second);
        let mut end = length + more;
        while let Some((next, more)) = small_chunk(rest.get(end..).unwrap_or_default()) {
            data.extend_from_slice(next);
            end += more;
        }
        self.framing += (end - data.len()) as u64;
        let mut place = bytes.get_mut(at.kept..at.read + end).unwrap_or_default();
        let room = place.len();
        // There is room, so nothing fails.
        let _ = write!(place, "{:x}\r\n", data.len());
        let _ = place.write_all(&data);
        let _ = place.write_all(b"\r\n");
        at.kept += room - place.len();
        at.read += end;
        Ok(())
    }

    fn check_framing(&self) -> Result<(), BadChunk> {
        if self.framing > self.most_framing { Err(BadChunk::TooMuch) } else { Ok(()) }
    }

    fn step(&mut self, byte: u8) -> Result<ChunkState, BadChunk> {
        match self.state {
            ChunkState::Data | ChunkState::DataEnd | ChunkState::DataReturn => {
                Self::after_data(self.state, byte)
            }
            ChunkState::LineStart
            | ChunkState::TrailerName
            | ChunkState::TrailerValue
            | ChunkState::TrailerReturn
            | ChunkState::LastReturn
            | ChunkState::End => Self::in_trailers(self.state, byte),
            _ => self.in_size_line(byte),
        }
    }

    /// `chunk-size [ chunk-ext ] CRLF`
    fn in_size_line(&mut self, byte: u8) -> Result<ChunkState, BadChunk> {
        if self.state == ChunkState::Start {
            self.line = 0;
        }
        self.line = self.line.saturating_add(1);
        if self.line > MAX_SIZE_LINE {
            return Err(BadChunk::Malformed("the line of a chunk size is too long"));
        }
        match (self.state, byte) {
            (ChunkState::Start | ChunkState::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if self.line > MAX_DIGITS {
                    return Err(BadChunk::Malformed("a chunk size of more than 16 digits"));
                }
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                self.size = self.size << 4 | u64::from(digit);
                Ok(ChunkState::Digits)
            }
            (ChunkState::SizeReturn, b'\n') if self.size == 0 => Ok(ChunkState::LineStart),
            (ChunkState::SizeReturn, b'\n') => Ok(ChunkState::Data),
            (ChunkState::Start | ChunkState::SizeReturn, _) => {
                Err(BadChunk::Malformed("the size of a chunk is not a hexadecimal number"))
            }
            (state, byte) => Self::in_extensions(state, byte),
        }
    }

    /// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (section 7.1.1)
    fn in_extensions(state: ChunkState, byte: u8) -> Result<ChunkState, BadChunk> {
        use ChunkState::{
            BlankAfterExtensionName, BlankBeforeExtension, Digits, Equals, ExtensionName, ExtensionToken,
            Quoted, QuotedBackslash, QuotedEnd, Semicolon, SizeReturn,
        };
        Ok(match (state, byte) {
            (Digits | ExtensionName | ExtensionToken | QuotedEnd, b'\r') => SizeReturn,
            (
                Digits
                | BlankBeforeExtension
                | ExtensionName
                | BlankAfterExtensionName
                | ExtensionToken
                | QuotedEnd,
                b';',
            ) => Semicolon,
            (Digits | BlankBeforeExtension | ExtensionToken | QuotedEnd, b' ' | b'\t') => {
                BlankBeforeExtension
            }
            (Semicolon, b' ' | b'\t') => Semicolon,
            (Semicolon | ExtensionName, byte) if is_token(byte) => ExtensionName,
            (ExtensionName | BlankAfterExtensionName, b' ' | b'\t') => BlankAfterExtensionName,
            (ExtensionName | BlankAfterExtensionName, b'=') => Equals,
            (Equals, b' ' | b'\t') => Equals,
            (Equals, b'"') => Quoted,
            (Equals | ExtensionToken, byte) if is_token(byte) => ExtensionToken,
            (Quoted, b'"') => QuotedEnd,
            (Quoted, b'\\') => QuotedBackslash,
            (Quoted | QuotedBackslash, byte) if is_text(byte) => Quoted,
            (Digits, _) => {
                return Err(BadChunk::Malformed("the size of a chunk is not a hexadecimal number"));
            }
            _ => return Err(BadChunk::Malformed("the extension of a chunk is malformed")),
        })
    }

    fn after_data(state: ChunkState, byte: u8) -> Result<ChunkState, BadChunk> {
        match (state, byte) {
            (ChunkState::DataEnd, b'\r') => Ok(ChunkState::DataReturn),
            (ChunkState::DataReturn, b'\n') => Ok(ChunkState::Start),
            _ => Err(BadChunk::Malformed("a chunk does not end in CR LF")),
        }
    }

    /// `*( field-line CRLF ) CRLF` (section 7.1.2)
    fn in_trailers(state: ChunkState, byte: u8) -> Result<ChunkState, BadChunk> {
        Ok(match (state, byte) {
            (ChunkState::LineStart, b'\r') => ChunkState::LastReturn,
            (ChunkState::LineStart | ChunkState::TrailerName, byte) if is_token(byte) => {
                ChunkState::TrailerName
            }
            (ChunkState::TrailerName, b':') => ChunkState::TrailerValue,
            (ChunkState::TrailerValue, byte) if is_text(byte) => ChunkState::TrailerValue,
            (ChunkState::TrailerValue, b'\r') => ChunkState::TrailerReturn,
            (ChunkState::TrailerReturn, b'\n') => ChunkState::LineStart,
            (ChunkState::LastReturn, b'\n') => ChunkState::End,
            _ => return Err(BadChunk::Malformed("a trailer is not a field line")),
        })
    }
}

/// The data of the chunk at the beginning of these bytes, and the length of the whole chunk, if it has
/// arrived completely and is small.
fn small_chunk(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut size = 0_usize;
    let mut digits = 0;
    for &byte in bytes.iter().take(MAX_DIGITS.into()) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => break,
        };
        size = size << 4 | usize::from(digit);
        if size > SMALL {
            return None;
        }
        digits += 1;
    }
    if size == 0 {
        return None;
    }
    let rest = bytes.get(digits..)?.strip_prefix(b"\r\n")?;
    let (data, rest) = rest.split_at_checked(size)?;
    rest.starts_with(b"\r\n").then_some((data, digits + size + 4))
}

/// `tchar` (RFC 9110, section 5.6.2)
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The characters of a quoted string and of a field's value, obsolete text included (RFC 9110, sections 5.5
/// and 5.6.4).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn follow(bytes: &[u8]) -> Result<(usize, bool), BadChunk> {
        let mut chunks = Chunks::new(1 << 20);
        let (taken, result) = chunks.follow(&mut bytes.to_vec());
        result.map(|()| (taken.read, chunks.ended()))
    }

    #[test]
    fn ends_after_the_last_chunk_and_its_trailers() {
        assert_eq!(follow(b"0\r\n\r\nGET"), Ok((5, true)));
        assert_eq!(follow(b"3\r\nabc\r\n0\r\n\r\nGET"), Ok((13, true)));
        assert_eq!(follow(b"A;x=\"y\"\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\nGET"), Ok((38, true)));
        assert_eq!(follow(b"3\r\nabc\r\n0\r\n"), Ok((11, false)));
    }

    /// RFC 9112, section 7.1.1.
    #[test]
    fn extensions_have_names_and_may_have_values() {
        for line in [
            "1;a",
            "1;a=b",
            "1;a=\"\"",
            "1;a=\"b;c=\\\"\\\\\u{e9}\t\"",
            "1;a;b=c;d",
            "1 ;\t a \t= b ;c",
            "1;!#$%&'*+-.^_`|~=~",
            "0000000000000001;a",
        ] {
            let body = format!("{line}\r\nx\r\n0;last\r\n\r\n");
            assert_eq!(follow(body.as_bytes()), Ok((body.len(), true)), "{line:?}");
        }
        for line in [
            "1 ",
            "1\t",
            "1;",
            "1; ",
            "1;;a",
            "1;a ",
            "1;a b",
            "1;a=",
            "1;a= ",
            "1;a=b=c",
            "1;a=b ",
            "1;a=b c",
            "1;a=\"b\"c",
            "1;a=\"b\" ",
            "1;a=\"b",
            "1;a=\"\u{1}\"",
            "1;a=\"\u{7f}\"",
            "1;a=\"\\\u{1}\"",
            "1;a=\"\\",
            "1;\0a",
            "1;a[=b",
            "1;a=[b",
            "1;\u{e9}",
            "1;=b",
            "00000000000000001",
        ] {
            let body = format!("{line}\r\nx\r\n0\r\n\r\n");
            assert!(follow(body.as_bytes()).is_err(), "{line:?}");
        }
    }

    #[test]
    fn size_lines_have_an_end() {
        let body = |blanks: usize| format!("1{};a\r\nx\r\n0\r\n\r\n", " ".repeat(blanks));
        let most = usize::from(MAX_SIZE_LINE) - "1;a\r\n".len();
        assert_eq!(follow(body(most).as_bytes()), Ok((body(most).len(), true)));
        assert!(follow(body(most + 1).as_bytes()).is_err());
        assert_eq!(follow(b"FFFFFFFFFFFFFFFF\r\n"), Ok((18, false)));
    }

    #[test]
    fn what_is_no_field_line_is_no_trailer() {
        for line in ["A", ": b", "A : b", " A: b", "A: b\0", "A: \u{7f}", "A: b\rc", "\u{e9}: b", "(: b"] {
            assert!(follow(format!("0\r\n{line}\r\n\r\n").as_bytes()).is_err(), "{line:?}");
        }
        for line in ["A:", "A:b", "A: \t b \u{e9}\t"] {
            let body = format!("0\r\n{line}\r\n\r\n");
            assert_eq!(follow(body.as_bytes()), Ok((body.len(), true)), "{line:?}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bytes in [
            "\r\n",
            "g\r\n",
            "0x1\r\n",
            "-1\r\n",
            "+1\r\n",
            "1_0\r\n",
            " 1\r\n",
            "1\n",
            "1;a\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "0\r\n\n",
            "0\r\nA: b\n",
            "10000000000000000\r\n",
        ] {
            assert!(follow(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
    }

    /// What is left of a body in pieces of this size, each followed for itself.
    fn kept(body: &[u8], step: usize) -> (Vec<u8>, bool) {
        let mut chunks = Chunks::new(1 << 20);
        let mut kept = Vec::new();
        for piece in body.chunks(step) {
            let mut piece = piece.to_vec();
            let (taken, result) = chunks.follow(&mut piece);
            assert_eq!(result, Ok(()));
            kept.extend_from_slice(&piece[..taken.kept]);
        }
        (kept, chunks.ended())
    }

    #[test]
    fn small_chunks_become_one() {
        let many = b"1\r\na\r\n02\r\nbc\r\n3\r\ndef\r\n4;x\r\nghij\r\n1\r\nk\r\n0\r\nT: v\r\n\r\n";
        assert_eq!(
            kept(many, many.len()),
            (b"6\r\nabcdef\r\n4;x\r\nghij\r\n1\r\nk\r\n0\r\nT: v\r\n\r\n".to_vec(), true)
        );
        let alone = b"3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(kept(alone, alone.len()), (alone.to_vec(), true));
        let large = [b"1001\r\n".as_slice(), &[b'x'; 0x1001], b"\r\n"].concat().repeat(3);
        assert_eq!(kept(&large, large.len()), (large, false));
    }

    /// Zeros in front of a size make no chunk large.
    #[test]
    fn small_chunks_become_one_however_their_sizes_are_written() {
        for digits in 1..=usize::from(MAX_DIGITS) {
            let padded = format!("{:0digits$x}\r\na\r\n", 1);
            let many = format!("{padded}1\r\nb\r\n{padded}");
            assert_eq!(kept(many.as_bytes(), many.len()), (b"3\r\naba\r\n".to_vec(), false), "{digits}");
            let last = format!("{:0digits$x}\r\n\r\n", 0);
            let body = padded.clone() + &last;
            assert_eq!(kept(body.as_bytes(), body.len()), (body.into_bytes(), true), "{digits}");
        }
        let most = usize::from(MAX_DIGITS);
        assert!(follow(format!("1\r\na\r\n1\r\nb\r\n0{:0most$x}\r\nc\r\n", 1).as_bytes()).is_err());
    }

    /// One byte of framing for each byte that the body may have, and some for nothing.
    #[test]
    fn framing_has_a_budget() {
        let tiny = b"1\r\na\r\n".repeat(40_000);
        let most = u64::try_from(tiny.len()).unwrap() / 6 * 5 - FREE_FRAMING;
        assert_eq!(Chunks::new(most).follow(&mut tiny.clone()).1, Ok(()));
        assert_eq!(Chunks::new(most - 1).follow(&mut tiny.clone()).1, Err(BadChunk::TooMuch));
        let mut in_pieces = Chunks::new(most - 1);
        let results: Vec<_> = tiny.chunks(2).map(|piece| in_pieces.follow(&mut piece.to_vec()).1).collect();
        assert_eq!(results.iter().find(|result| result.is_err()), Some(&Err(BadChunk::TooMuch)));
    }

    /// The data of a body that is rightly framed.
    fn data(mut body: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let line = body.iter().position(|byte| *byte == b'\n').unwrap();
            let size = std::str::from_utf8(&body[..line - 1]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                return all;
            }
            all.extend_from_slice(&body[line + 1..line + 1 + size]);
            body = &body[line + 3 + size..];
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_has_the_same_data(
            sizes in proptest::collection::vec(
                (prop_oneof![8 => 1..40_usize, 1 => 4000..9000_usize], 0..=16_usize), 0..60,
            ),
            step in prop_oneof![1..50_usize, 1000..20_000_usize],
        ) {
            let mut body = Vec::new();
            for (number, (size, digits)) in sizes.iter().enumerate() {
                body.extend(format!("{size:0digits$X}\r\n").bytes());
                body.extend((0..*size).map(|at| (at + number) as u8));
                body.extend(b"\r\n");
            }
            body.extend(b"0\r\n\r\n");
            let (kept, ended) = kept(&body, step);
            prop_assert!(ended);
            prop_assert!(kept.len() <= body.len());
            prop_assert_eq!(data(&kept), data(&body));
        }

        #[test]
        fn rendered_chunks_end_where_they_end(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            trailer in proptest::option::of("[a-z]{1,9}: [a-z]{0,9}"),
            step in 1_usize..9,
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                body.extend(chunk);
                body.extend(b"\r\n");
            }
            body.extend(b"0\r\n");
            body.extend(trailer.map(|line| line + "\r\n").unwrap_or_default().into_bytes());
            body.extend(b"\r\n");
            let length = body.len();
            body.extend(b"GET / HTTP/1.1\r\n\r\n");
            prop_assert_eq!(follow(&body), Ok((length, true)));

            let mut in_pieces = Chunks::new(1 << 20);
            let mut taken = 0;
            for piece in body.chunks(step) {
                let (more, result) = in_pieces.follow(&mut piece.to_vec());
                prop_assert_eq!(result, Ok(()));
                taken += more.read;
            }
            prop_assert_eq!((taken, in_pieces.ended()), (length, true));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = follow(&bytes);
        }
    }
}

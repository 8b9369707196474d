//! The end of a chunked body (RFC 9112, section 7.1), followed without decoding it.
//!
//! hyper decodes the chunks and holds the budgets for extensions and trailers of a whole body; this follows its decoder
//! byte for byte, to know where the next request begins, and refuses before it what the grammar does not allow and the
//! decoder passes over: what one reader skips, another one may take for data.

/// What hyper would refuse is refused here as well, or else the two would disagree about the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadChunk(pub(crate) &'static str);

/// The most digits of a chunk size: as many as 64 bits have. Zeros in front count.
const MAX_DIGITS: u16 = 16;
/// The most bytes of the line that a chunk begins with, its size and its extensions.
const MAX_SIZE_LINE: u16 = 4096;

/// Follows one chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunks {
    state: State,
    /// How many bytes of the size line have come.
    line: u16,
    /// The chunk's size, and then what is left of its data.
    size: u64,
}

/// What was before the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
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
    pub(crate) const fn new() -> Self {
        Chunks { state: State::Start, line: 0, size: 0 }
    }

    pub(crate) fn ended(&self) -> bool {
        self.state == State::End
    }

    /// Takes the bytes that belong to the body and says how many they are. When that is no chunked body, those before
    /// the fault count.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> (usize, Result<(), BadChunk>) {
        let mut rest = bytes;
        while self.state != State::End {
            if self.state == State::Data {
                let taken = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len());
                self.size -= taken as u64;
                rest = rest.get(taken..).unwrap_or_default();
                if self.size > 0 {
                    break;
                }
                self.state = State::DataEnd;
            }
            let Some((&byte, after)) = rest.split_first() else { break };
            match self.step(byte) {
                Ok(state) => self.state = state,
                Err(bad) => return (bytes.len() - rest.len(), Err(bad)),
            }
            rest = after;
        }
        (bytes.len() - rest.len(), Ok(()))
    }

    fn step(&mut self, byte: u8) -> Result<State, BadChunk> {
        match self.state {
            State::Data | State::DataEnd | State::DataReturn => Self::after_data(self.state, byte),
            State::LineStart
            | State::TrailerName
            | State::TrailerValue
            | State::TrailerReturn
            | State::LastReturn
            | State::End => Self::in_trailers(self.state, byte),
            _ => self.in_size_line(byte),
        }
    }

    /// `chunk-size [ chunk-ext ] CRLF`
    fn in_size_line(&mut self, byte: u8) -> Result<State, BadChunk> {
        if self.state == State::Start {
            self.line = 0;
        }
        self.line = self.line.saturating_add(1);
        if self.line > MAX_SIZE_LINE {
            return Err(BadChunk("the line of a chunk size is too long"));
        }
        match (self.state, byte) {
            (State::Start | State::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if self.line > MAX_DIGITS {
                    return Err(BadChunk("a chunk size of more than 16 digits"));
                }
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                self.size = self.size << 4 | u64::from(digit);
                Ok(State::Digits)
            }
            (State::SizeReturn, b'\n') if self.size == 0 => Ok(State::LineStart),
            (State::SizeReturn, b'\n') => Ok(State::Data),
            (State::Start | State::SizeReturn, _) => Err(BadChunk("bad chunk size")),
            (state, byte) => Self::in_extensions(state, byte),
        }
    }

    /// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (section 7.1.1)
    fn in_extensions(state: State, byte: u8) -> Result<State, BadChunk> {
        use State::{
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
            (Digits, _) => return Err(BadChunk("bad chunk size")),
            _ => return Err(BadChunk("bad chunk extension")),
        })
    }

    fn after_data(state: State, byte: u8) -> Result<State, BadChunk> {
        match (state, byte) {
            (State::DataEnd, b'\r') => Ok(State::DataReturn),
            (State::DataReturn, b'\n') => Ok(State::Start),
            _ => Err(BadChunk("a chunk does not end in CR LF")),
        }
    }

    /// `*( field-line CRLF ) CRLF` (section 7.1.2)
    fn in_trailers(state: State, byte: u8) -> Result<State, BadChunk> {
        Ok(match (state, byte) {
            (State::LineStart, b'\r') => State::LastReturn,
            (State::LineStart | State::TrailerName, byte) if is_token(byte) => State::TrailerName,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, byte) if is_text(byte) => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerReturn,
            (State::TrailerReturn, b'\n') => State::LineStart,
            (State::LastReturn, b'\n') => State::End,
            _ => return Err(BadChunk("a trailer is not a field line")),
        })
    }
}

/// `tchar` (RFC 9110, section 5.6.2)
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a quoted string and a field's value consist of, obsolete text included (RFC 9110, sections 5.5 and 5.6.4).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn follow(bytes: &[u8]) -> Result<(usize, bool), BadChunk> {
        let mut chunks = Chunks::new();
        let (taken, result) = chunks.follow(bytes);
        result.map(|()| (taken, chunks.ended()))
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

    proptest! {
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

            let mut in_pieces = Chunks::new();
            let mut taken = 0;
            for piece in body.chunks(step) {
                let (more, result) = in_pieces.follow(piece);
                prop_assert_eq!(result, Ok(()));
                taken += more;
            }
            prop_assert_eq!((taken, in_pieces.ended()), (length, true));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = follow(&bytes);
        }
    }
}

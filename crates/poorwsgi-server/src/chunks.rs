//! The end of a chunked body (RFC 9112, section 7.1), followed without decoding it.
//!
//! hyper decodes the chunks and holds the budgets for extensions and trailers; this only counts along, byte for byte
//! with hyper's decoder, to know where the next request begins.

/// What hyper would refuse is refused here as well, or else the two would disagree about the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadChunk(pub(crate) &'static str);

/// Follows one chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunks {
    state: State,
    size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    FirstDigit,
    Digits,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    TrailerStart,
    Trailer,
    TrailerLineFeed,
    LastLineFeed,
    End,
}

impl Chunks {
    pub(crate) const fn new() -> Self {
        Chunks { state: State::FirstDigit, size: 0 }
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
                self.state = State::DataReturn;
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
        Ok(match (self.state, byte) {
            (State::FirstDigit | State::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let size = self.size.checked_mul(16).ok_or(BadChunk("chunk size over 64 bits"))?;
                self.size = size + u64::from(digit);
                State::Digits
            }
            (State::Digits | State::Extension, b'\r') => State::SizeLineFeed,
            (State::Digits, b';' | b' ' | b'\t') => State::Extension,
            (State::Extension, b'\n') => return Err(BadChunk("bare LF after a chunk size")),
            (State::Extension, _) => State::Extension,
            (State::SizeLineFeed, b'\n') if self.size == 0 => State::TrailerStart,
            (State::SizeLineFeed, b'\n') => State::Data,
            (State::DataReturn, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => State::FirstDigit,
            (State::TrailerStart, b'\r') => State::LastLineFeed,
            (State::Trailer, b'\r') => State::TrailerLineFeed,
            (State::TrailerStart | State::Trailer, b'\n') => return Err(BadChunk("bare LF in the trailers")),
            (State::TrailerStart | State::Trailer, _) => State::Trailer,
            (State::TrailerLineFeed, b'\n') => State::TrailerStart,
            (State::LastLineFeed, b'\n') => State::End,
            (State::FirstDigit | State::Digits | State::SizeLineFeed, _) => {
                return Err(BadChunk("bad chunk size"));
            }
            _ => return Err(BadChunk("a chunk or trailer does not end in CR LF")),
        })
    }
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

//! A filter that lets a part of a sequence of chunks through.

use bytes::Bytes;

use super::length::{PromisedLength, WrongLength};

/// Skips the first bytes of a sequence of chunks and lets the next ones through, up to a length. Too few
/// bytes are an error; too many are one only where the sequence has to end there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    skip: u64,
    length: PromisedLength,
    /// Whether bytes after the window are an error; otherwise they are dropped.
    closed: bool,
}

impl Window {
    /// For a sequence that has to have exactly this length.
    pub(super) const fn exactly(length: u64) -> Self {
        Window { skip: 0, length: PromisedLength::new(length), closed: true }
    }

    /// For a part of a longer sequence.
    pub(super) const fn part(start: u64, length: u64) -> Self {
        Window { skip: start, length: PromisedLength::new(length), closed: false }
    }

    /// How many bytes are still to be skipped.
    pub(super) const fn start(&self) -> u64 {
        self.skip
    }

    /// How many bytes are still to be let through.
    pub(super) const fn left(&self) -> u64 {
        self.length.left()
    }

    /// Whether the source need not be read further: the window is complete, and what follows it does not
    /// matter.
    pub(super) const fn is_through(&self) -> bool {
        self.left() == 0 && !self.closed
    }

    /// The part of the next chunk that is let through.
    pub(super) fn cut(&mut self, mut chunk: Bytes) -> Result<Bytes, WrongLength> {
        let skipped = chunk.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        let _ = chunk.split_to(skipped);
        self.skip -= skipped as u64;
        if !self.closed {
            chunk.truncate(usize::try_from(self.left()).unwrap_or(usize::MAX));
        }
        self.length.take(chunk.len() as u64)?;
        Ok(chunk)
    }

    /// Checks, after the last chunk, that no bytes are missing.
    pub(super) const fn end(&self) -> Result<(), WrongLength> {
        self.length.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(mut window: Window, chunks: &[Vec<u8>]) -> Result<Vec<u8>, WrongLength> {
        let mut sent = Vec::new();
        for chunk in chunks {
            sent.extend_from_slice(&window.cut(Bytes::copy_from_slice(chunk))?);
        }
        window.end().map(|()| sent)
    }

    #[test]
    fn a_run_longer_or_shorter_than_promised_is_an_error() {
        let chunks = [b"abc".to_vec(), b"de".to_vec()];
        assert_eq!(through(Window::exactly(5), &chunks).unwrap(), b"abcde");
        let error = through(Window::exactly(4), &chunks).unwrap_err().to_string();
        assert_eq!(error, "the response body is longer than its announced length of 4 bytes");
        let error = through(Window::exactly(6), &chunks).unwrap_err().to_string();
        assert_eq!(error, "the response body is shorter than its announced length of 6 bytes");
        assert!(through(Window::part(3, 3), &chunks).is_err());
    }

    proptest! {
        #[test]
        fn a_part_of_any_chunks_is_the_slice_of_the_whole(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9),
            start in 0usize..40, length in 0usize..40,
        ) {
            let whole = chunks.concat();
            let window = Window::part(start as u64, length as u64);
            match whole.get(start..start + length) {
                Some(slice) => prop_assert_eq!(through(window, &chunks).unwrap(), slice),
                None => prop_assert!(length == 0 || through(window, &chunks).is_err()),
            }
        }
    }
}

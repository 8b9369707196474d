//! The part of a run of chunks that is let through.

use bytes::Bytes;

use super::length::{PromisedLength, WrongLength};

/// Skips the first bytes of a run of chunks, lets a number of them through, and notices when they are too few
/// or, where the run has to end there, too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    skip: u64,
    length: PromisedLength,
    /// Whether further bytes are an error rather than the part that nobody asked for.
    closed: bool,
}

impl Window {
    /// A run that has exactly this length.
    pub(super) const fn exactly(length: u64) -> Self {
        Window { skip: 0, length: PromisedLength::new(length), closed: true }
    }

    /// A part of a longer run.
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

    /// Whether the source need not be asked for more: whether it ends here does not matter.
    pub(super) const fn is_through(&self) -> bool {
        self.left() == 0 && !self.closed
    }

    /// What of the next chunk is let through.
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

    /// Called when no further chunk comes.
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
        assert_eq!(error, "response body: longer than the 4 bytes it was said to have");
        let error = through(Window::exactly(6), &chunks).unwrap_err().to_string();
        assert_eq!(error, "response body: shorter than the 6 bytes it was said to have");
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

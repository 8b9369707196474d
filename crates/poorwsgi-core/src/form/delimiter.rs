//! The line between two parts (RFC 2046, section 5.1.1): `CRLF "--" boundary [ "--" ] *LWSP CRLF`.

use memchr::memmem::Finder;

use super::FormError;

/// The longest boundary. RFC 2046 allows 70 characters; PoorWSGI took 201, and some clients use more than 70.
const MAX_BOUNDARY: usize = 201;

/// The most spaces and tabs between a boundary and its line end (RFC 2046's transport padding). The number is
/// limited, so that the bytes held back until a delimiter is decided are limited, too.
const MAX_PADDING: usize = 256;

/// The greatest length of a delimiter: CR, LF, two dashes, boundary, padding, CR, LF.
pub(super) const LONGEST: usize = 2 + 2 + MAX_BOUNDARY + MAX_PADDING + 2;

/// Whether a multipart body may have this boundary: 1 to 201 printable ASCII characters that do not end with
/// a space.
///
/// ```
/// use poorwsgi_core::form::multipart::is_boundary;
///
/// assert!(is_boundary(b"----WebKitFormBoundaryMPRpF8CUUmlmqKqy"));
/// assert!(!is_boundary(b"a\r\nb"));
/// ```
#[must_use]
pub fn is_boundary(boundary: &[u8]) -> bool {
    let printable = boundary.iter().all(|byte| matches!(byte, b' '..=b'~'));
    printable && boundary.len() <= MAX_BOUNDARY && boundary.last().is_some_and(|&last| last != b' ')
}

/// Finds the delimiters of one boundary.
#[derive(Debug)]
pub(super) struct Delimiter {
    /// `LF "--" boundary`. It begins with LF, so that the same search finds delimiters in bodies whose lines
    /// end in a bare LF, which PoorWSGI accepts. A CR before the LF belongs to the delimiter.
    finder: Finder<'static>,
}

/// What was found in a piece of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// A whole delimiter, including the CR or LF at `start`.
    Delimiter { start: usize, end: usize, close: bool },
    /// The bytes from `start` on may be the beginning of a delimiter; what follows the piece decides.
    Undecided { start: usize },
    /// The whole piece is data.
    Nothing,
}

/// What follows a boundary.
enum AfterBoundary {
    Ends { len: usize, close: bool },
    Undecided,
    IsData,
}

impl Delimiter {
    /// # Errors
    /// The boundary is empty, too long, ends with a space, or holds what is not printable ASCII.
    pub(super) fn new(boundary: &[u8]) -> Result<Self, FormError> {
        if !is_boundary(boundary) {
            return Err(FormError::malformed(format!(
                "the boundary must be 1 to {MAX_BOUNDARY} printable ASCII characters and not end with a space"
            )));
        }
        let needle = [b"\n--", boundary].concat();
        Ok(Delimiter { finder: Finder::new(&needle).into_owned() })
    }

    /// The first delimiter in a piece. Linear: the search restarts behind each candidate.
    pub(super) fn find(&self, piece: &[u8]) -> Search {
        let needle = self.finder.needle();
        let mut from = 0;
        while let Some(offset) = self.finder.find(piece.get(from..).unwrap_or_default()) {
            let at = from + offset;
            from = at + needle.len();
            let start = with_carriage_return(piece, at);
            match rest_of_line(piece.get(from..).unwrap_or_default()) {
                AfterBoundary::Ends { len, close } => {
                    return Search::Delimiter { start, end: from + len, close };
                }
                AfterBoundary::Undecided => return Search::Undecided { start },
                AfterBoundary::IsData => {}
            }
        }
        undecided_end(piece, needle)
    }
}

/// Whether a piece ends with the beginning of the needle. LF is the needle's first byte and no other, so the
/// needle can only begin at the last LF.
fn undecided_end(piece: &[u8], needle: &[u8]) -> Search {
    let tail = piece.len().saturating_sub(needle.len() - 1);
    match memchr::memrchr(b'\n', piece.get(tail..).unwrap_or_default()) {
        Some(offset) if needle.starts_with(piece.get(tail + offset..).unwrap_or_default()) => {
            Search::Undecided { start: with_carriage_return(piece, tail + offset) }
        }
        _ if piece.last() == Some(&b'\r') => Search::Undecided { start: piece.len() - 1 },
        _ => Search::Nothing,
    }
}

fn with_carriage_return(piece: &[u8], line_feed: usize) -> usize {
    match line_feed.checked_sub(1) {
        Some(before) if piece.get(before) == Some(&b'\r') => before,
        _ => line_feed,
    }
}

fn rest_of_line(rest: &[u8]) -> AfterBoundary {
    match rest {
        [] | [b'-'] => return AfterBoundary::Undecided,
        [b'-', b'-', ..] => return AfterBoundary::Ends { len: 2, close: true },
        _ => {}
    }
    let padding = rest.iter().take(MAX_PADDING).take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
    match rest.get(padding..).unwrap_or_default() {
        [b'\n', ..] => AfterBoundary::Ends { len: padding + 1, close: false },
        [b'\r', b'\n', ..] => AfterBoundary::Ends { len: padding + 2, close: false },
        [] | [b'\r'] => AfterBoundary::Undecided,
        _ => AfterBoundary::IsData,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(piece: &str) -> Search {
        Delimiter::new(b"AaB03x").unwrap().find(piece.as_bytes())
    }

    /// RFC 2046, section 5.1.1: the CRLF before the boundary is part of the delimiter.
    #[test]
    fn the_line_end_before_the_boundary_belongs_to_the_delimiter() {
        assert_eq!(find("ab\r\n--AaB03x\r\n"), Search::Delimiter { start: 2, end: 14, close: false });
        assert_eq!(find("ab\n--AaB03x\nx"), Search::Delimiter { start: 2, end: 12, close: false });
        assert_eq!(find("ab\r\n--AaB03x--"), Search::Delimiter { start: 2, end: 14, close: true });
    }

    /// RFC 2046, section 5.1.1: transport padding.
    #[test]
    fn spaces_and_tabs_may_follow_the_boundary() {
        assert_eq!(find("\r\n--AaB03x \t \r\n"), Search::Delimiter { start: 0, end: 15, close: false });
        let long = format!("\r\n--AaB03x{}\r\nx", " ".repeat(MAX_PADDING + 1));
        assert_eq!(find(&long), Search::Nothing);
    }

    #[test]
    fn a_longer_line_is_data() {
        assert_eq!(
            find("\r\n--AaB03xy\r\n.\r\n--AaB03x\r\n"),
            Search::Delimiter { start: 14, end: 26, close: false }
        );
        assert_eq!(find("\r\n--AaB03x-y"), Search::Nothing);
        assert_eq!(find("x--AaB03x\r\nx"), Search::Nothing);
    }

    #[test]
    fn every_beginning_of_a_delimiter_is_undecided() {
        for whole in ["\r\n--AaB03x \r\n", "\n--AaB03x--", "\n--AaB03x\r\n"] {
            for end in 1..whole.len() {
                assert_eq!(
                    find(&format!("data{}", &whole[..end])),
                    Search::Undecided { start: 4 },
                    "{whole:?} {end}"
                );
            }
        }
    }

    #[test]
    fn a_boundary_that_no_line_can_hold_is_refused() {
        for bad in [&b""[..], b"a\r\nb", b"a ", b"\xc3\xa9", &[b'a'; MAX_BOUNDARY + 1]] {
            assert!(Delimiter::new(bad).is_err(), "{bad:?}");
        }
        assert!(Delimiter::new(&[b'a'; MAX_BOUNDARY]).is_ok());
    }
}

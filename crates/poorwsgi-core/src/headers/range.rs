//! Range requests: `Range` and `Content-Range` (RFC 9110, section 14).

use std::fmt;
use std::ops::RangeInclusive;

/// How many ranges one request may ask for. Players and document viewers ask for a few. More are an attempt
/// to make the server work, so such a `Range` is ignored.
pub const MAX_RANGES: usize = 64;

/// One range of a `Range` field. A number over 64 bits counts as `u64::MAX`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::headers::RangeSpec;
/// use poorwsgi::response::Ranges;
/// use poorwsgi::{Application, Request, Response, state};
///
/// let mut app = Application::new("demo");
/// app.route("/log/tail", state::METHOD_HEAD | state::METHOD_GET, |_req: Request| {
///     let mut response = Response::text("first line\nlast line\n");
///     response.set_ranges(Ranges::Chosen(vec![RangeSpec::Last(10)]));
///     response
/// })?;
/// let answer = app.handle(http::Request::get("/log/tail").body(String::new())?).await;
/// assert_eq!(answer.status(), 206);
/// # use http_body_util::BodyExt;
/// assert_eq!(answer.into_body().collect().await?.to_bytes(), "last line\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeSpec {
    /// `0-499`: from the first to the last position, both included.
    FromTo(u64, u64),
    /// `9500-`: from a position to the end.
    From(u64),
    /// `-500`: this many positions at the end.
    Last(u64),
}

impl RangeSpec {
    /// The positions of this range in a representation of `length` units; `None` when the range cannot be
    /// satisfied. The response is a 416 when no range can be satisfied (RFC 9110, section 14.1.2).
    ///
    /// ```
    /// use poorwsgi::headers::RangeSpec;
    ///
    /// assert_eq!(RangeSpec::FromTo(500, 1999).resolve(1000), Some(500..=999));
    /// assert_eq!(RangeSpec::Last(100).resolve(1000), Some(900..=999));
    /// assert_eq!(RangeSpec::From(1000).resolve(1000), None);
    /// ```
    #[must_use]
    pub fn resolve(self, length: u64) -> Option<RangeInclusive<u64>> {
        let last = length.checked_sub(1)?;
        let range = match self {
            RangeSpec::FromTo(first, end) => first..=end.min(last),
            RangeSpec::From(first) => first..=last,
            RangeSpec::Last(count) => length.saturating_sub(count)..=last,
        };
        (!range.is_empty()).then_some(range)
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.trim().split_once('-')?;
        match (first, last) {
            ("", last) => Some(RangeSpec::Last(number(last)?)),
            (first, "") => Some(RangeSpec::From(number(first)?)),
            (first, last) => Some(RangeSpec::FromTo(number(first)?, number(last)?)),
        }
        .filter(|spec| !matches!(spec, RangeSpec::FromTo(first, last) if first > last))
    }
}

/// Only ASCII digits, at least one; `str::parse` would take a sign.
fn number(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Parses a `Range` field: the unit as it is written (units are compared without regard to case), and the
/// ranges.
///
/// `None` unless the value is a unit and ranges with exactly one `=` between them. Invalid ranges are left
/// out. The list is empty when no range remains or when there are more than [`MAX_RANGES`]; the response is
/// then the whole representation.
///
/// ```
/// use poorwsgi_core::headers::range::{RangeSpec::*, parse_range};
///
/// assert_eq!(parse_range("bytes=0-1,1-,-5"), Some(("bytes", vec![FromTo(0, 1), From(1), Last(5)])));
/// assert_eq!(parse_range("invalid=a-b"), Some(("invalid", vec![])));
/// assert_eq!(parse_range("invalid"), None);
/// ```
#[must_use]
pub fn parse_range(value: &str) -> Option<(&str, Vec<RangeSpec>)> {
    let (unit, ranges) = value.split_once('=')?;
    let unit = unit.trim();
    if unit.is_empty() || ranges.contains('=') {
        return None;
    }
    if ranges.split(',').nth(MAX_RANGES).is_some() {
        return Some((unit, Vec::new()));
    }
    Some((unit, ranges.split(',').filter_map(RangeSpec::parse).collect()))
}

/// The `Content-Range` field (RFC 9110, section 14.4).
///
/// ```
/// use poorwsgi::headers::ContentRange;
///
/// assert_eq!(ContentRange::new(1, 2).to_string(), "bytes 1-2/*");
/// assert_eq!(ContentRange { full: Some(10), ..ContentRange::new(1, 2) }.to_string(), "bytes 1-2/10");
/// assert_eq!(ContentRange { units: "lines", ..ContentRange::new(2, 5) }.to_string(), "lines 2-5/*");
/// assert_eq!(ContentRange::unsatisfied(10).to_string(), "bytes */10");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRange<'u> {
    /// The range unit.
    pub units: &'u str,
    /// The first and the last position that are sent; `None` in a 416.
    pub range: Option<RangeInclusive<u64>>,
    /// The length of the whole representation, where it is known.
    pub full: Option<u64>,
}

impl ContentRange<'static> {
    /// Bytes from the first to the last, both included, of a representation of unknown length.
    #[must_use]
    pub const fn new(first: u64, last: u64) -> Self {
        ContentRange { units: "bytes", range: Some(first..=last), full: None }
    }

    /// For a 416: no range can be satisfied by the representation of `full` bytes.
    #[must_use]
    pub const fn unsatisfied(full: u64) -> Self {
        ContentRange { units: "bytes", range: None, full: Some(full) }
    }
}

impl fmt::Display for ContentRange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.range {
            Some(range) => write!(f, "{} {}-{}/", self.units, range.start(), range.end())?,
            None => write!(f, "{} */", self.units)?,
        }
        match self.full {
            Some(full) => write!(f, "{full}"),
            None => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RangeSpec::{From, FromTo, Last};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_as_poorwsgi_reads_them() {
        assert_eq!(parse_range("units=500-999"), Some(("units", vec![FromTo(500, 999)])));
        assert_eq!(parse_range("bytes=-500"), Some(("bytes", vec![Last(500)])));
        assert_eq!(parse_range("bytes=9500-"), Some(("bytes", vec![From(9500)])));
        assert_eq!(
            parse_range("chunks=500-600, 601-999"),
            Some(("chunks", vec![FromTo(500, 600), FromTo(601, 999)]))
        );
        assert_eq!(parse_range("bytes=0-1,x"), Some(("bytes", vec![FromTo(0, 1)])));
        assert_eq!(parse_range("bytes=-"), Some(("bytes", vec![])));
        assert_eq!(parse_range("bytes="), Some(("bytes", vec![])));
        assert_eq!(parse_range("bytes=0-1=2"), None);
    }

    /// RFC 9110, section 14.1.1: positions are digits, and the last is not before the first.
    #[test]
    fn invalid_ranges_are_left_out() {
        for text in ["5-2", "+1-2", "1-+2", "--5", "1-2-3", "1 -2", "٣-", "a0-1b", "0x1-2"] {
            assert_eq!(parse_range(&format!("bytes={text}")), Some(("bytes", vec![])), "{text}");
        }
        assert_eq!(parse_range("=0-1"), None);
    }

    /// A position over 64 bits is a 416, never an error.
    #[test]
    fn numbers_over_64_bits_are_the_largest() {
        let huge = "9".repeat(1000);
        let (_, ranges) = parse_range(&format!("bytes={huge}-{huge},0-{huge},-{huge}")).unwrap();
        assert_eq!(ranges, [FromTo(u64::MAX, u64::MAX), FromTo(0, u64::MAX), Last(u64::MAX)]);
        let resolved: Vec<_> = ranges.into_iter().map(|range| range.resolve(10)).collect();
        assert_eq!(resolved, [None, Some(0..=9), Some(0..=9)]);
    }

    #[test]
    fn too_many_ranges_count_as_none() {
        let most = format!("bytes={}", vec!["0-0"; MAX_RANGES].join(","));
        assert_eq!(parse_range(&most).unwrap().1.len(), MAX_RANGES);
        assert_eq!(parse_range(&format!("{most},0-0")), Some(("bytes", vec![])));
    }

    /// RFC 9110, section 14.1.2.
    #[test]
    fn nothing_can_be_satisfied_in_an_empty_representation() {
        for spec in [FromTo(0, 0), From(0), Last(1)] {
            assert_eq!(spec.resolve(0), None);
        }
        assert_eq!(Last(0).resolve(10), None);
        assert_eq!(FromTo(0, 0).resolve(1), Some(0..=0));
        assert_eq!(FromTo(10, 20).resolve(10), None);
        assert_eq!(Last(20).resolve(10), Some(0..=9));
    }

    proptest! {
        #[test]
        fn any_text_is_read(value in ".*", length: u64) {
            if let Some((_, ranges)) = parse_range(&value) {
                prop_assert!(ranges.len() <= MAX_RANGES);
                for range in ranges.into_iter().filter_map(|range| range.resolve(length)) {
                    prop_assert!(range.start() <= range.end() && *range.end() < length);
                }
            }
        }

        #[test]
        fn what_was_written_is_read_back(first: u64, last: u64) {
            let (first, last) = (first.min(last), first.max(last));
            let value = format!("bytes={first}-{last},{first}-,-{last}");
            prop_assert_eq!(parse_range(&value), Some(("bytes", vec![FromTo(first, last), From(first), Last(last)])));
        }

        #[test]
        fn resolved_ranges_lie_in_the_representation(first: u64, last: u64, length in 0..1000u64) {
            for spec in [FromTo(first, last), From(first), Last(last), FromTo(first % 1100, last % 1100)] {
                if let Some(range) = spec.resolve(length) {
                    prop_assert!(!range.is_empty() && *range.end() < length);
                }
            }
        }
    }
}

//! Range requests (RFC 9110, section 14): a part of the body instead of the whole.

use std::ops::RangeInclusive;

use http::header::{ACCEPT_RANGES, CONTENT_RANGE, HeaderValue};

use super::byteranges::{self, Boundary};
use super::error::ResponseError;
use super::response::Response;
use crate::headers::range::parse_range;
use crate::headers::{ContentRange, RangeSpec};
use crate::state;

/// Whether a response with this status may be cut into ranges: only a 200 has the whole representation (RFC
/// 9110, section 15.3.7).
#[must_use]
pub const fn may_be_cut(status: u16) -> bool {
    status == state::HTTP_OK
}

/// Whether the ranges that an application has set stay with a response that gets this status. They are cut out
/// of a 200; the content of a 206 was cut by the application itself, so [`may_be_cut`] is false for it.
///
/// ```
/// use poorwsgi_core::response::{keeps_ranges, may_be_cut};
///
/// assert!(keeps_ranges(206) && !may_be_cut(206));
/// assert!(!keeps_ranges(404));
/// ```
#[must_use]
pub const fn keeps_ranges(status: u16) -> bool {
    may_be_cut(status) || status == state::HTTP_PARTIAL_CONTENT
}

/// The ranges of a `Range` field. `None` where the field has to be ignored, because its unit is not `bytes`
/// or one of its ranges is invalid (RFC 9110, section 14.2).
pub(super) fn requested(field: &str) -> Option<Vec<RangeSpec>> {
    let (unit, specs) = parse_range(field)?;
    let (_, list) = field.split_once('=')?;
    let listed = list.split(',').filter(|spec| !spec.trim().is_empty()).count();
    (unit.eq_ignore_ascii_case("bytes") && listed == specs.len()).then_some(specs)
}

/// What the requested ranges select from a representation of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selection {
    Whole,
    One(RangeInclusive<u64>),
    Several(Vec<RangeInclusive<u64>>),
    Unsatisfiable,
}

fn select(specs: &[RangeSpec], length: u64) -> Selection {
    let mut ranges: Vec<_> = specs.iter().filter_map(|spec| spec.resolve(length)).collect();
    match ranges.len() {
        0 if specs.is_empty() => Selection::Whole,
        // A suffix range of an empty representation selects no bytes, which Content-Range cannot express.
        0 if length == 0 && specs.iter().any(|spec| matches!(spec, RangeSpec::Last(1..))) => Selection::Whole,
        0 => Selection::Unsatisfiable,
        1 => ranges.pop().map_or(Selection::Whole, Selection::One),
        _ if overlap(&ranges) => Selection::Whole,
        _ => Selection::Several(ranges),
    }
}

/// Whether any two ranges overlap. Overlapping ranges send some bytes again and again, so that a small
/// request causes a huge response (RFC 9110, section 17.15).
fn overlap(ranges: &[RangeInclusive<u64>]) -> bool {
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_unstable_by_key(|range| *range.start());
    sorted.iter().zip(sorted.iter().skip(1)).any(|(before, after)| before.end() >= after.start())
}

/// Turns a 200 into a 206 or a 416, or leaves it as it is where its length is not known or the whole is to be
/// sent.
pub(super) fn apply(response: &mut Response, specs: &[RangeSpec]) -> Result<(), ResponseError> {
    let Some(full) = response.body().length() else { return Ok(()) };
    match select(specs, full) {
        Selection::Whole => Ok(()),
        Selection::One(range) => {
            let length = range.end() - range.start() + 1;
            response.map_body(|body| body.part(*range.start(), length));
            content_range(response, &ContentRange { units: "bytes", range: Some(range), full: Some(full) });
            response.headers_mut().remove(ACCEPT_RANGES);
            response.set_status(state::HTTP_PARTIAL_CONTENT)
        }
        Selection::Several(ranges) => several(response, full, &ranges),
        Selection::Unsatisfiable => unsatisfiable(response, Some(full)),
    }
}

/// Turns a 200 into a 416, whose `Content-Range` gives the full length where that is known.
pub(super) fn unsatisfiable(response: &mut Response, full: Option<u64>) -> Result<(), ResponseError> {
    response.drop_representation();
    if let Some(full) = full {
        content_range(response, &ContentRange::unsatisfied(full));
    }
    response.set_status(state::HTTP_RANGE_NOT_SATISFIABLE)
}

fn several(response: &mut Response, full: u64, ranges: &[RangeInclusive<u64>]) -> Result<(), ResponseError> {
    let Some(boundary) = Boundary::random() else { return Ok(()) };
    let content_type = response.content_type().map(str::to_owned);
    let mut parted = false;
    response.map_body(|whole| {
        let parts = byteranges::body(whole, full, ranges, content_type.as_deref(), &boundary);
        parted = parts.is_ok();
        parts.unwrap_or_else(|whole| whole)
    });
    if !parted {
        return Ok(());
    }
    response.headers_mut().set("Content-Type", boundary.content_type())?;
    response.headers_mut().remove(ACCEPT_RANGES);
    response.set_status(state::HTTP_PARTIAL_CONTENT)
}

fn content_range(response: &mut Response, range: &ContentRange<'_>) {
    if let Ok(value) = HeaderValue::try_from(range.to_string()) {
        response.headers_mut().put(CONTENT_RANGE, value);
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::io::{Cursor, Write};

    use bytes::Bytes;
    use http::HeaderName;
    use proptest::prelude::*;

    use super::super::body::{Body, read};
    use super::super::file::FileRange;
    use super::super::finish::finish;
    use super::super::response::{Ranges, state_content};
    use super::super::stream::iter;
    use super::*;
    use crate::error::BoxError;
    use crate::state::Method;

    fn ask(response: Response, range: &str) -> Response {
        let field = |name: &HeaderName| (name == http::header::RANGE).then_some(Cow::Borrowed(range));
        let mut response = finish(Method::Get, field, response).unwrap();
        state_content(&mut response);
        response
    }

    #[test]
    fn a_200_may_be_cut_and_a_206_has_been() {
        for status in [100, 200, 201, 204, 206, 304, 404, 416, 500] {
            assert_eq!(may_be_cut(status), status == 200, "{status}");
            assert_eq!(keeps_ranges(status), matches!(status, 200 | 206), "{status}");
        }
    }

    fn ten() -> Response {
        Response::text("0123456789").accept_ranges()
    }

    #[test]
    fn chosen_ranges_of_unknown_length_are_unsatisfiable_and_offered_ones_are_ignored() {
        let streamed = |ranges| {
            let mut response = Response::stream(iter([Ok::<_, BoxError>("0123456789")]));
            response.set_ranges(ranges);
            ask(response, "bytes=1-2").status()
        };
        assert_eq!(streamed(Ranges::Chosen(vec![RangeSpec::From(7)])), 416);
        assert_eq!(streamed(Ranges::Chosen(vec![])), 200);
        assert_eq!(streamed(Ranges::Offered), 200);
    }

    /// The kinds of body that can be cut, all with the same content.
    fn bodies(content: &[u8]) -> Vec<Body> {
        let chunks: Vec<Result<Bytes, BoxError>> =
            content.chunks(3).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        file.write_all(content).unwrap();
        file.write_all(b"after").unwrap();
        let length = content.len() as u64;
        vec![
            content.to_vec().into(),
            FileRange::new(file, 6..6 + length).into(),
            Body::stream(iter(chunks)).with_length(length),
            Body::blocking_reader(Cursor::new(content.to_vec())).with_length(length),
        ]
    }

    /// RFC 9110, sections 14.1.2 and 15.3.7.1. PoorWSGI 2.8.1 sends the whole body for `0-0`.
    #[test]
    fn one_range_is_206() {
        for (range, content_range, content) in [
            ("bytes=0-0", "bytes 0-0/10", "0"),
            ("bytes=2-4", "bytes 2-4/10", "234"),
            ("BYTES=2-4", "bytes 2-4/10", "234"),
            ("bytes=7-", "bytes 7-9/10", "789"),
            ("bytes=-2", "bytes 8-9/10", "89"),
            ("bytes=-20", "bytes 0-9/10", "0123456789"),
            ("bytes=5-99999999999999999999", "bytes 5-9/10", "56789"),
            ("bytes= 2-4 , ,", "bytes 2-4/10", "234"),
            ("bytes=2-4,50-60", "bytes 2-4/10", "234"),
        ] {
            let response = ask(ten(), range);
            assert_eq!(response.status(), 206, "{range}");
            assert_eq!(response.headers().get_str("Content-Range"), Some(content_range), "{range}");
            assert_eq!(response.headers().get_str("Content-Length"), Some(&*content.len().to_string()));
            assert_eq!(response.headers().get_str("Content-Type"), Some("text/plain; charset=utf-8"));
            assert!(!response.headers().contains("Accept-Ranges"));
            assert_eq!(read(response.into_body()).unwrap(), content, "{range}");
        }
    }

    /// RFC 9110, section 15.5.17. PoorWSGI 2.8.1 writes `None` for the length into the `Content-Range` of a
    /// 416, and raises an exception for a number over 64 bits.
    #[test]
    fn ranges_beyond_the_end_are_416() {
        for range in ["bytes=10-", "bytes=10-20,30-", "bytes=-0", "bytes=99999999999999999999-"] {
            let response = ask(ten(), range);
            assert_eq!(response.status(), 416, "{range}");
            assert_eq!(response.headers().get_str("Content-Range"), Some("bytes */10"));
            assert_eq!(response.headers().get_str("Content-Length"), Some("0"));
            assert!(!response.headers().contains("Content-Type"));
        }
        assert_eq!(ask(Response::new("").accept_ranges(), "bytes=0-").status(), 416);
        assert_eq!(ask(Response::new("").accept_ranges(), "bytes=-5").status(), 200);
    }

    /// RFC 9110, section 14.2: a field that is invalid or has an unknown unit is ignored.
    #[test]
    fn invalid_ranges_and_other_units_are_ignored() {
        let many = format!("bytes={}", (0..1000).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(","));
        for range in [
            "bytes=",
            "bytes",
            "",
            "=0-1",
            "bytes=4-2",
            "bytes=a-b",
            "bytes=0-1,x",
            "bytes=0-1=2-3",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=1 - 2",
            "bytes=\u{661}-\u{662}",
            "bytes=-",
            "bytes=0-1;2-3",
            "bytes=0-5,3-8",
            "bytes=0-,0-,0-",
            &many,
        ] {
            let response = ask(ten(), range);
            assert_eq!(response.status(), 200, "{range}");
            assert_eq!(response.headers().get_str("Accept-Ranges"), Some("bytes"));
            assert_eq!(response.body().as_bytes().unwrap(), "0123456789", "{range}");
        }
    }

    #[test]
    fn only_an_offer_is_taken_and_only_of_a_known_length() {
        assert_eq!(ask(Response::new("0123456789"), "bytes=0-1").status(), 200);
        assert_eq!(ask(ten().with_status(201).unwrap(), "bytes=0-1").status(), 201);
        let unknown = Response::text_stream(iter([Ok::<_, BoxError>("abc")])).accept_ranges();
        let response = ask(unknown, "bytes=0-1");
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains("Accept-Ranges"));
        assert_eq!(read(response.into_body()).unwrap(), "abc");
    }

    #[test]
    fn chosen_ranges_need_no_field() {
        let mut response = Response::new("0123456789");
        response.set_ranges(Ranges::Chosen(vec![RangeSpec::Last(3)]));
        let mut response = finish(Method::Get, |_| None, response).unwrap();
        state_content(&mut response);
        assert_eq!(response.body().as_bytes().unwrap(), "789");
        let mut response = Response::new("0123456789");
        response.set_ranges(Ranges::Chosen(Vec::new()));
        assert_eq!(finish(Method::Get, |_| None, response).unwrap().status(), 200);
    }

    /// RFC 9110, section 14.6.
    #[test]
    fn several_ranges_are_parts_of_one_body() {
        let response = ask(ten(), "bytes=7-8,0-1,-1");
        assert_eq!(response.status(), 206);
        assert!(!response.headers().contains("Content-Range"));
        let content_type = response.headers().get_str("Content-Type").unwrap();
        let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
        let length: usize = response.headers().get_str("Content-Length").unwrap().parse().unwrap();
        let part = |range: &str, content: &str| {
            format!(
                "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/10\r\n\r\n{content}\r\n"
            )
        };
        let expected =
            [part("7-8", "78"), part("0-1", "01"), part("9-9", "9"), format!("--{boundary}--\r\n")].concat();
        let body = read(response.into_body()).unwrap();
        assert_eq!(body, expected);
        assert_eq!(body.len(), length);
    }

    /// The contents of the parts of a multipart body, read as a client would.
    fn parts(response: Response) -> Vec<Vec<u8>> {
        let content_type = response.headers().get_str("Content-Type").unwrap();
        let delimiter = format!("--{}", content_type.split_once("boundary=").unwrap().1);
        let body = read(response.into_body()).unwrap();
        let text: String = body.iter().map(|byte| char::from(*byte)).collect();
        let inner = text.strip_suffix(&format!("\r\n{delimiter}--\r\n")).unwrap();
        let inner = inner.strip_prefix(&format!("{delimiter}\r\n")).unwrap();
        inner
            .split(&format!("\r\n{delimiter}\r\n"))
            .map(|part| part.split_once("\r\n\r\n").unwrap().1.chars().map(|c| c as u8).collect())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Every request gets the requested slice, the whole, or a 416: never other bytes.
        #[test]
        fn any_range_of_any_content_is_its_slice(
            content in prop::collection::vec(any::<u8>(), 0..60), first in 0usize..70, length in 1usize..70,
        ) {
            let last = first + length - 1;
            for body in bodies(&content) {
                let response = ask(Response::new(body).accept_ranges(), &format!("bytes={first}-{last}"));
                if first < content.len() {
                    prop_assert_eq!(response.status(), 206);
                    let slice = &content[first..content.len().min(last + 1)];
                    prop_assert_eq!(read(response.into_body()).unwrap(), slice);
                } else {
                    prop_assert_eq!(response.status(), 416);
                }
            }
        }

        #[test]
        fn any_last_bytes_of_any_content_are_its_end(
            content in prop::collection::vec(any::<u8>(), 1..60), count in 1usize..70,
        ) {
            for body in bodies(&content) {
                let response = ask(Response::new(body).accept_ranges(), &format!("bytes=-{count}"));
                let end = &content[content.len().saturating_sub(count)..];
                prop_assert_eq!(read(response.into_body()).unwrap(), end);
            }
        }

        #[test]
        fn several_ranges_are_their_slices_or_the_whole(
            content in prop::collection::vec(any::<u8>(), 20..60),
            pairs in prop::collection::vec((0usize..20, 0usize..5), 2..6),
        ) {
            let list: Vec<String> = pairs.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
            for body in bodies(&content) {
                let response = ask(Response::new(body).accept_ranges(), &format!("bytes={}", list.join(",")));
                if response.status() == 200 {
                    prop_assert_eq!(read(response.into_body()).unwrap(), content.clone());
                    continue;
                }
                let slices: Vec<_> = pairs
                    .iter()
                    .map(|(first, more)| content[*first..content.len().min(first + more + 1)].to_vec())
                    .collect();
                prop_assert_eq!(parts(response), slices);
            }
        }

        #[test]
        fn no_field_panics(field: String) {
            ask(ten(), &field);
            ask(ten(), &format!("bytes={field}"));
        }
    }
}

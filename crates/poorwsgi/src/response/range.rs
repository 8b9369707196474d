//! Range requests (RFC 9110, section 14): a part of the body instead of the whole.

use std::ops::RangeInclusive;

use http::header::{ACCEPT_RANGES, CONTENT_RANGE, HeaderValue};

use super::byteranges::{self, Boundary};
use super::error::ResponseError;
use super::finish::without_representation;
use super::response::Response;
use crate::headers::range::parse_range;
use crate::headers::{ContentRange, RangeSpec};
use crate::state;

/// Whether a response has parts, and which of them are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ranges {
    /// The whole is sent, whatever was asked for.
    #[default]
    Refused,
    /// The parts that the request asks for are sent.
    Offered,
    /// These parts are sent: the application has read the request itself.
    Chosen(Vec<RangeSpec>),
}

/// The ranges of a `Range` field. `None` where it has to be ignored: another unit, or anything in it that is not valid
/// (RFC 9110, section 14.2).
pub(super) fn requested(field: &str) -> Option<Vec<RangeSpec>> {
    let (unit, specs) = parse_range(field)?;
    let (_, list) = field.split_once('=')?;
    let listed = list.split(',').filter(|spec| !spec.trim().is_empty()).count();
    (unit.eq_ignore_ascii_case("bytes") && listed == specs.len()).then_some(specs)
}

/// What ranges come to for a representation of a known length.
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
        // The last bytes of nothing are nothing, which no Content-Range can say.
        0 if length == 0 && specs.iter().any(|spec| matches!(spec, RangeSpec::Last(1..))) => Selection::Whole,
        0 => Selection::Unsatisfiable,
        1 => ranges.pop().map_or(Selection::Whole, Selection::One),
        _ if overlap(&ranges) => Selection::Whole,
        _ => Selection::Several(ranges),
    }
}

/// Ranges that overlap would send some bytes again and again, which is how a small request makes a huge answer.
fn overlap(ranges: &[RangeInclusive<u64>]) -> bool {
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_unstable_by_key(|range| *range.start());
    sorted.iter().zip(sorted.iter().skip(1)).any(|(before, after)| before.end() >= after.start())
}

/// Makes a 200 a 206 or a 416, or leaves it whole where its length is not known.
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
        Selection::Unsatisfiable => {
            without_representation(response);
            content_range(response, &ContentRange::unsatisfied(full));
            response.set_status(state::HTTP_RANGE_NOT_SATISFIABLE)
        }
    }
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

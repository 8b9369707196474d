//! HTTP dates (RFC 9110, section 5.6.7).
//!
//! ```
//! use poorwsgi::headers::date::time_to_http;
//! use poorwsgi::{Response, Result};
//!
//! /// A page that is about to move, and says when its old address ends (RFC 8594).
//! fn moving(end: i64) -> Result<Response> {
//!     let mut response = Response::text("This page is moving.");
//!     if let Some(date) = time_to_http(end) {
//!         response.headers_mut().set("Sunset", date)?;
//!     }
//!     Ok(response)
//! }
//! # assert_eq!(moving(784_111_777)?.headers().get_str("Sunset"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
//! # Ok::<(), poorwsgi::Error>(())
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The calendar repeats, days of the week included, after this many years.
const CYCLE_YEARS: i64 = 400;
const CYCLE_SECONDS: i64 = 146_097 * 86_400;
/// The start of the year 1, and the end of the year 9999: the limits of a year with four digits.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// Writes a time, in seconds since 1970, in the preferred form. `None` outside the years 1 to 9999.
///
/// ```
/// use poorwsgi::headers::date::time_to_http;
///
/// assert_eq!(time_to_http(0).as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
/// assert_eq!(time_to_http(i64::MAX), None);
/// ```
#[must_use]
pub fn time_to_http(seconds: i64) -> Option<String> {
    if !(FIRST..=LAST).contains(&seconds) {
        return None;
    }
    // httpdate cannot write a time before 1970, so such a time is written some cycles later, and its year is
    // corrected.
    let cycles = if seconds < 0 { 1 + (-seconds) / CYCLE_SECONDS } else { 0 };
    let later = u64::try_from(seconds + cycles * CYCLE_SECONDS).ok()?;
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(later));
    if cycles == 0 {
        return Some(text);
    }
    let (day, rest) = text.split_at_checked("Thu, 01 Jan ".len())?;
    let (year, clock) = rest.split_at_checked("1970".len())?;
    let year = year.parse::<i64>().ok()? - cycles * CYCLE_YEARS;
    Some(format!("{day}{year:04}{clock}"))
}

/// Writes a time in the preferred form; a fraction of a second is cut off. `None` as with [`time_to_http`].
#[must_use]
pub fn system_time_to_http(time: SystemTime) -> Option<String> {
    time_to_http(unix_seconds(time)?)
}

/// Parses a date in any of the three forms; the result is in seconds since 1970. `None` for anything else,
/// and for dates before 1970 that are not in the preferred form.
///
/// The preferred form is read as PoorWSGI reads it (RFC 9110 asks recipients to be robust): leading zeros may
/// be missing, names may be in any letter case, blanks may be repeated, and the day of the week may be wrong.
///
/// ```
/// use poorwsgi::headers::date::http_to_time;
///
/// assert_eq!(http_to_time("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
/// assert_eq!(http_to_time("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
/// assert_eq!(http_to_time("Sun Nov  6 08:49:37 1994"), Some(784_111_777));
/// assert_eq!(http_to_time("mon, 6 nov 1994 8:49:37 gmt"), Some(784_111_777));
/// assert_eq!(http_to_time("yesterday"), None);
/// ```
#[must_use]
pub fn http_to_time(value: &str) -> Option<i64> {
    let value = value.trim();
    match httpdate::parse_http_date(value) {
        Ok(time) => unix_seconds(time),
        Err(_) => before_1970(value).or_else(|| carelessly_written(value)),
    }
}

/// Parses a date that is in the preferred form except for blanks, zeros, letter case and day of the week:
/// rewrites it with each day of the week, and parses the one that fits.
fn carelessly_written(value: &str) -> Option<i64> {
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let written = |names: &[&'static str], name: &str| {
        names.iter().copied().find(|known| known.eq_ignore_ascii_case(name))
    };
    let words: Vec<&str> = value.split_whitespace().collect();
    let [weekday, day, month, year, clock, zone] = words.as_slice() else { return None };
    written(&WEEKDAYS, weekday.strip_suffix(',')?)?;
    let month = written(&MONTHS, month)?;
    let clock: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = clock.as_slice() else { return None };
    let is_short = |number: &&str| matches!(number.len(), 1 | 2);
    if !zone.eq_ignore_ascii_case("GMT") || ![day, hour, minute, second].into_iter().all(is_short) {
        return None;
    }
    WEEKDAYS.iter().find_map(|weekday| {
        let date = format!("{weekday}, {day:0>2} {month} {year} {hour:0>2}:{minute:0>2}:{second:0>2} GMT");
        httpdate::parse_http_date(&date).ok().and_then(unix_seconds).or_else(|| before_1970(&date))
    })
}

/// Parses a date before 1970 in the preferred form, which httpdate cannot parse, as the same day some cycles
/// later.
fn before_1970(value: &str) -> Option<i64> {
    let (day, rest) = value.split_at_checked("Thu, 01 Jan ".len())?;
    let (year, clock) = rest.split_at_checked("1970".len())?;
    if !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year: u16 = year.parse().ok().filter(|year| (1..1970).contains(year))?;
    let cycles = (1970 - i64::from(year)) / CYCLE_YEARS + 1;
    let later = format!("{day}{:04}{clock}", i64::from(year) + cycles * CYCLE_YEARS);
    Some(unix_seconds(httpdate::parse_http_date(&later).ok()?)? - cycles * CYCLE_SECONDS)
}

/// Whole seconds since 1970, rounded down.
#[must_use]
pub fn unix_seconds(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).ok(),
        Err(before) => {
            let before = before.duration();
            let partial = i64::from(before.subsec_nanos() > 0);
            i64::try_from(before.as_secs()).ok()?.checked_add(partial).map(|seconds| -seconds)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The values are PoorWSGI's.
    #[test]
    fn times_before_1970_and_at_the_ends() {
        assert_eq!(time_to_http(-1).unwrap(), "Wed, 31 Dec 1969 23:59:59 GMT");
        assert_eq!(time_to_http(LAST).unwrap(), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(time_to_http(FIRST).unwrap(), "Mon, 01 Jan 0001 00:00:00 GMT");
        assert_eq!(time_to_http(-CYCLE_SECONDS).unwrap(), "Thu, 01 Jan 1570 00:00:00 GMT");
        assert_eq!(time_to_http(LAST + 1), None);
        assert_eq!(time_to_http(FIRST - 1), None);
        assert_eq!(time_to_http(i64::MIN), None);
    }

    #[test]
    fn dates_before_1970_are_read_in_the_preferred_form() {
        for seconds in [-1, -315_619_200, -CYCLE_SECONDS, FIRST] {
            assert_eq!(http_to_time(&time_to_http(seconds).unwrap()), Some(seconds));
        }
        assert_eq!(http_to_time("Sat, 01 Jan 0000 00:00:00 GMT"), None);
        assert_eq!(http_to_time("Fri, 01 Jan +960 00:00:00 GMT"), None);
        assert_eq!(http_to_time("Thu, 01 Jan 1960 00:00:00 GMT"), Some(-315_619_200), "it was a Friday");
    }

    /// As PoorWSGI reads them.
    #[test]
    fn a_date_that_is_carelessly_written_is_read() {
        for value in [
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 NOV 1994 08:49:37 gmt",
            "Sun,  06   Nov 1994\t8:49:37 GMT",
        ] {
            assert_eq!(http_to_time(value), Some(784_111_777), "{value}");
        }
        for value in [
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "Sun, 006 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
        ] {
            assert_eq!(http_to_time(value), None, "{value}");
        }
    }

    #[test]
    fn fractions_are_cut_off() {
        let time = UNIX_EPOCH + Duration::from_millis(1900);
        assert_eq!(system_time_to_http(time).unwrap(), "Thu, 01 Jan 1970 00:00:01 GMT");
        assert_eq!(unix_seconds(UNIX_EPOCH - Duration::from_millis(1)), Some(-1));
    }

    proptest! {
        #[test]
        fn any_text_is_read(
            value in ".*",
            preferred in "(Mon|Sun), [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
            old in "(Mon|Sun)day, [0-9]{2}-(Jan|Feb)-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
            careless in "(Mon|sun), [0-9]{1,2} (Jan|feb)  [0-9]{1,5} [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2} gmt",
            c in "(Mon|Sun) (Jan|Feb) [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}",
        ) {
            for value in [value, preferred, old, careless, c] {
                let _ = http_to_time(&value);
            }
        }

        #[test]
        fn what_was_written_is_read_back(seconds in FIRST..=LAST) {
            prop_assert_eq!(http_to_time(&time_to_http(seconds).unwrap()), Some(seconds));
        }

        #[test]
        fn any_time_is_written_or_refused(seconds: i64) {
            prop_assert_eq!(time_to_http(seconds).is_some(), (FIRST..=LAST).contains(&seconds));
        }
    }
}

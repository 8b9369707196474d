//! The time of a line, which is formatted once a second.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time as logs write it, in UTC.
#[derive(Debug, Default)]
pub(super) struct LogTime {
    second: u64,
    millisecond: u32,
    common: String,
    iso: String,
}

impl LogTime {
    /// The time as text.
    #[cfg(test)]
    pub(super) fn of(time: SystemTime) -> Self {
        let mut text = LogTime::default();
        text.show(time);
        text
    }

    /// Shows another time from now on.
    pub(super) fn show(&mut self, time: SystemTime) {
        // The dates that `httpdate` can format; a clock outside of them shows the nearest one.
        const LAST: Duration = Duration::from_secs(253_402_300_799);
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().min(LAST);
        self.millisecond = since.subsec_millis();
        if self.second == since.as_secs() && !self.iso.is_empty() {
            return;
        }
        self.second = since.as_secs();
        // `Tue, 01 Dec 2026 13:05:09 GMT`
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.second));
        let mut words = date.split(' ').skip(1);
        let mut word = || words.next().unwrap_or_default();
        let (day, month, year, clock) = (word(), word(), word(), word());
        self.common = format!("{day}/{month}/{year}:{clock} +0000");
        let number = MONTHS.iter().position(|name| *name == month).map_or(1, |at| at + 1);
        self.iso = format!("{year}-{number:02}-{day}T{clock}");
    }

    /// `01/Dec/2026:13:05:09 +0000`
    pub(super) fn common(&self) -> &str {
        &self.common
    }

    /// `2026-12-01T13:05:09.071Z`
    pub(super) fn write_iso(&self, line: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = write!(line, "{}.{:03}Z", self.iso, self.millisecond);
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_both_forms() {
        let mut time = LogTime::default();
        for (milliseconds, common, iso) in [
            (0, "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00.000Z"),
            (951_827_696_999, "29/Feb/2000:12:34:56 +0000", "2000-02-29T12:34:56.999Z"),
            (951_827_696_007, "29/Feb/2000:12:34:56 +0000", "2000-02-29T12:34:56.007Z"),
            (u64::MAX, "31/Dec/9999:23:59:59 +0000", "9999-12-31T23:59:59.000Z"),
        ] {
            let at = UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
            time.show(at.unwrap_or(UNIX_EPOCH + Duration::from_secs(1 << 40)));
            let mut written = Vec::new();
            time.write_iso(&mut written);
            assert_eq!((time.common(), &*written), (common, iso.as_bytes()));
        }
    }
}

//! Log lines that have an end, whatever they quote: none of this crate's is longer than 2 KiB.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// The most bytes of what a request says: its method, its path.
const QUOTED: usize = 300;
/// The most bytes of one line of an error.
const ERROR_LINE: usize = 900;
/// The most bytes of a list.
const LIST: usize = 1500;
/// The most bytes of an error of several lines, as a traceback is one.
const ALL_LINES: usize = 32 * 1024;

/// What a request says.
pub(crate) fn quoted(text: &str) -> Cow<'_, str> {
    if text.len() <= QUOTED {
        return Cow::Borrowed(text);
    }
    Cow::Owned(Clipped { text, line: QUOTED }.to_string())
}

/// What an error says.
pub(crate) const fn error<T: Display>(text: T) -> Clipped<T> {
    Clipped { text, line: ERROR_LINE }
}

/// What a list says.
pub(crate) const fn list<T: Display>(text: T) -> Clipped<T> {
    Clipped { text, line: LIST }
}

/// A text whose lines are cut off, with `…` in the place of the rest, and which has no control characters in its lines.
pub(crate) struct Clipped<T> {
    text: T,
    line: usize,
}

impl<T: Display> Display for Clipped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut clip = Clip { to: f, most: self.line, line: Some(self.line), all: ALL_LINES, failed: false };
        // An error is ours, once there is enough, or that of the formatter.
        let _ = write!(clip, "{}", self.text);
        if clip.failed { Err(fmt::Error) } else { Ok(()) }
    }
}

struct Clip<'f, 'a> {
    to: &'f mut fmt::Formatter<'a>,
    most: usize,
    /// How much of the line is left; `None` after its end was left out.
    line: Option<usize>,
    all: usize,
    failed: bool,
}

impl Clip<'_, '_> {
    fn put(&mut self, char: char) -> fmt::Result {
        let written = self.to.write_char(char);
        self.failed |= written.is_err();
        written
    }

    fn take(&mut self, char: char) -> fmt::Result {
        let size = char.len_utf8();
        let Some(all) = self.all.checked_sub(size) else {
            if self.line.is_some() {
                self.put('…')?;
            }
            return Err(fmt::Error);
        };
        if char == '\n' {
            (self.line, self.all) = (Some(self.most), all);
            return self.put(char);
        }
        let Some(line) = self.line else { return Ok(()) };
        self.line = line.checked_sub(size);
        if self.line.is_none() {
            return self.put('…');
        }
        self.all = all;
        self.put(char)
    }
}

impl Write for Clip<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            if char.is_control() && !matches!(char, '\n' | '\t') {
                char.escape_default().try_for_each(|char| self.take(char))?;
            } else {
                self.take(char)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_short_stays_as_it_is() {
        assert!(matches!(quoted("/path"), Cow::Borrowed("/path")));
        assert_eq!(error("one\ntwo\tand é\n").to_string(), "one\ntwo\tand é\n");
        assert_eq!(error("a\r\u{1b}[1m\0").to_string(), "a\\r\\u{1b}[1m\\u{0}");
    }

    #[test]
    fn each_line_is_cut_off() {
        assert_eq!(quoted(&"x".repeat(QUOTED)), "x".repeat(QUOTED));
        assert_eq!(quoted(&"x".repeat(QUOTED + 1)), "x".repeat(QUOTED) + "…");
        let long = format!("{}\nlast", "é".repeat(5000));
        assert_eq!(error(long).to_string(), format!("{}…\nlast", "é".repeat(ERROR_LINE / 2)));
        let many = "line\n".repeat(100_000);
        let clipped = error(&many).to_string();
        assert_eq!(clipped.len(), ALL_LINES + '…'.len_utf8());
        assert!(clipped.ends_with('…'), "{:?}", &clipped[clipped.len() - 20..]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long(text in "(?s).{0,2000}") {
            let clipped = error(&text).to_string();
            prop_assert!(clipped.lines().all(|line| line.len() <= ERROR_LINE + '…'.len_utf8()));
            prop_assert!(clipped.len() <= ALL_LINES + '…'.len_utf8());
        }
    }
}

//! Makes texts safe for a log, whatever they quote: with lines of limited length, of which only the first can
//! be taken for the start of a record, and without characters that control a terminal.
//!
//! Much of what is logged comes from clients: a path, or the text of an exception that quotes a form field.
//! Therefore control characters (except tabs), the line separators of Unicode and characters that change the
//! direction of writing are escaped, and every line of a record but the first begins with a blank.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// The longest line, in bytes. With the prefix that a formatter adds, a line stays below 2 KiB.
pub const LINE: usize = 1900;
/// The longest text from a request, such as its method or its path, in bytes.
const QUOTED: usize = 300;
/// The longest line of an error, in bytes.
const ERROR_LINE: usize = 900;
/// The longest line of a list, in bytes.
const LIST: usize = 1500;
/// How many bytes of an error are read. An error may have several lines, as a traceback has.
const ERROR: usize = 32 << 10;
/// How many bytes the lines after the first of a record may have in all.
const FOLLOWING: usize = 64 << 10;

/// A text from a request, on one line of at most 300 bytes.
#[must_use]
pub fn quoted(text: &str) -> Cow<'_, str> {
    line(text, QUOTED)
}

/// The text of an error: its first 32 KiB, with lines of at most 900 bytes.
pub const fn error<T: Display>(text: T) -> Clipped<T> {
    Clipped { text, line: ERROR_LINE }
}

/// The text of a list: its first 32 KiB, with lines of at most 1500 bytes.
pub const fn list<T: Display>(text: T) -> Clipped<T> {
    Clipped { text, line: LIST }
}

/// The text on one line of at most `most` bytes, followed by a note of how many bytes are left out.
#[must_use]
pub fn line(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len().min(most));
    for (at, char) in text.char_indices() {
        let kept = line.len();
        match is_escaped(char) {
            true => line.extend(char.escape_default()),
            false => line.push(char),
        }
        if line.len() > most {
            line.truncate(kept);
            // Writing to a String cannot fail.
            let _ = write!(line, "… ({} more bytes)", text.len() - at);
            break;
        }
    }
    Cow::Owned(line)
}

/// A whole record: its first line, and the lines after it as [`following`] gives them.
#[must_use]
pub fn record(text: &str) -> String {
    record_of(text, LINE)
}

fn record_of(text: &str, most: usize) -> String {
    let Some((first, others)) = text.split_once('\n') else { return line(text, most).into_owned() };
    format!("{}\n{}", line(first, most), following_of(others, most))
}

/// The lines after the first of a record, such as a traceback, each beginning with a blank. Of a text that is
/// longer than 64 KiB the end is kept, which says what happened.
#[must_use]
pub fn following(text: &str) -> String {
    following_of(text, LINE)
}

fn following_of(text: &str, most: usize) -> String {
    let text = text.trim_end_matches('\n');
    let mark = if text.split('\n').all(is_marked) { "" } else { "  " };
    let (mut lines, mut size, mut read) = (Vec::new(), 0, 0);
    for each in text.rsplit('\n') {
        let mark = if each.is_empty() { "" } else { mark };
        let shown = line(each, most);
        size += mark.len() + shown.len() + 1;
        if size > FOLLOWING {
            break;
        }
        read += each.len() + 1;
        lines.push((mark, shown));
    }
    let left = (text.len() + 1).saturating_sub(read);
    let note = if left > 0 { format!("  … ({left} bytes before)\n") } else { String::new() };
    lines.iter().rev().enumerate().fold(note, |all, (number, (mark, shown))| {
        let end = if number > 0 { "\n" } else { "" };
        all + end + mark + shown
    })
}

/// Whether the line is empty or indented, so that it cannot be taken for the start of a record.
fn is_marked(line: &str) -> bool {
    line.is_empty() || line.starts_with([' ', '\t'])
}

/// Whether a character is a control character (other than line feed and tab) or overrides the direction of
/// writing, which could disguise a text.
pub(crate) fn is_invisible(character: char) -> bool {
    (character.is_control() && !matches!(character, '\n' | '\t'))
        || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_escaped(char: char) -> bool {
    is_invisible(char) || matches!(char, '\n' | '\u{2028}' | '\u{2029}' | '\u{61C}' | '\u{200E}' | '\u{200F}')
}

/// A text that prints as a log may have it; made by [`error`] and [`list`].
#[derive(Debug)]
pub struct Clipped<T> {
    text: T,
    line: usize,
}

impl<T: Display> Display for Clipped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut begin = Beginning::default();
        // `Beginning` fails once it is full, which ends the formatting.
        let _ = write!(begin, "{}", self.text);
        f.write_str(&record_of(&begin.text, self.line))?;
        if begin.is_cut { f.write_str("…") } else { Ok(()) }
    }
}

/// The first [`ERROR`] bytes of a text.
#[derive(Default)]
struct Beginning {
    text: String,
    is_cut: bool,
}

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = text.len().min(ERROR.saturating_sub(self.text.len()));
        let kept = (0..=room).rev().find_map(|end| text.get(..end)).unwrap_or_default();
        self.text.push_str(kept);
        self.is_cut = kept.len() < text.len();
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The length of the note of what is left out.
    const NOTE: usize = "… (12345678 more bytes)".len();

    #[test]
    fn what_is_short_stays_as_it_is() {
        assert!(matches!(quoted("/path"), Cow::Borrowed("/path")));
        assert_eq!(error("one\ttwo and é").to_string(), "one\ttwo and é");
        assert_eq!(record("one\n  two\n\n\tthree\n"), "one\n  two\n\n\tthree");
    }

    #[test]
    fn nothing_begins_a_line_or_reaches_a_terminal() {
        assert_eq!(error("a\r\u{1b}[1m\0\u{9b}\u{7f}").to_string(), "a\\r\\u{1b}[1m\\u{0}\\u{9b}\\u{7f}");
        assert_eq!(record("a\u{85}b\u{2028}c\u{2029}d\u{202e}"), "a\\u{85}b\\u{2028}c\\u{2029}d\\u{202e}");
        assert_eq!(quoted("a\nb"), "a\\nb");
        assert_eq!(error("one\ntwo\n  three\n\nfour\n").to_string(), "one\n  two\n    three\n\n  four");
        assert_eq!(following("one\n  two"), "  one\n    two");
        let once = record("one\ntwo\n  three");
        assert_eq!(record(&once), once, "lines are marked once");
    }

    #[test]
    fn each_line_is_cut_off() {
        assert_eq!(quoted(&"x".repeat(QUOTED)), "x".repeat(QUOTED));
        assert_eq!(quoted(&"x".repeat(QUOTED + 1)), "x".repeat(QUOTED) + "… (1 more bytes)");
        assert_eq!(line("\0\0\0", 11), "\\u{0}\\u{0}… (1 more bytes)");
        let long = format!("{}\nlast", "é".repeat(5000));
        let kept = "é".repeat(ERROR_LINE / 2);
        assert_eq!(error(long).to_string(), format!("{kept}… ({} more bytes)\n  last", 10_000 - ERROR_LINE));
    }

    #[test]
    fn a_text_is_cut_off() {
        let many = (0..100_000).map(|number| format!("line {number}\n")).collect::<String>();
        let begin = error(&many).to_string();
        assert!(begin.starts_with("line 0\n  line 1\n") && begin.ends_with('…'), "{}", begin.len());
        assert!(begin.len() < 2 * ERROR);
        let end = record(&many);
        assert!(end.starts_with("line 0\n  … (") && end.ends_with("\n  line 99999"), "{}", end.len());
        assert!(end.len() <= FOLLOWING + 2 * NOTE);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_or_begins_a_record(text in "(?s)(.|\n|\u{1b}|\u{2028}){0,2000}") {
            for (clipped, most) in [(error(&text).to_string(), ERROR_LINE), (record(&text), LINE)] {
                prop_assert!(clipped.split('\n').all(|line| line.len() <= "  ".len() + most + NOTE));
                prop_assert!(clipped.split('\n').skip(1).all(is_marked));
                prop_assert!(!clipped.replace('\n', "").contains(is_escaped));
            }
        }
    }
}

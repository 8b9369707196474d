//! File names of uploads, made safe to save under.

/// The longest file name that common file systems take, in bytes.
const MAX_BYTES: usize = 255;

/// A name to save an upload under: the last component of the name that the client sent, without its dangerous
/// parts.
///
/// - Only the text after the last `/` or `\` is kept, on every system (old browsers send `C:\photos\me.png`).
/// - Control characters (including NUL) and characters that reverse the direction of text are removed. `:`
///   becomes `_`, because it denotes drives and alternate data streams on Windows.
/// - Dots and spaces at both ends are removed. This excludes `..` and hidden files, and Windows drops
///   trailing ones itself.
/// - A name that is a device on Windows (`CON`, `nul.txt`, `COM1`) gets a `_` in front.
/// - The name is cut to 255 bytes.
///
/// `None` where nothing is left. A file of this name may exist already: whether to overwrite it is the
/// application's choice.
///
/// ```
/// use poorwsgi::form::safe_filename;
///
/// assert_eq!(safe_filename("../../etc/passwd").as_deref(), Some("passwd"));
/// assert_eq!(safe_filename(r"C:\photos\me.png").as_deref(), Some("me.png"));
/// assert_eq!(safe_filename(".."), None);
/// ```
#[must_use]
pub fn safe_filename(filename: &str) -> Option<String> {
    let last = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last
        .chars()
        .filter(|&character| !character.is_control() && !is_direction_mark(character))
        .map(|character| if character == ':' { '_' } else { character })
        .collect();
    let trimmed = name.trim_matches(|character: char| character == '.' || character.is_whitespace());
    name = trimmed.to_owned();
    if is_device(&name) {
        name.insert(0, '_');
    }
    while name.len() > MAX_BYTES {
        name.pop();
    }
    name.truncate(name.trim_end_matches(['.', ' ']).len());
    (!name.is_empty()).then_some(name)
}

/// Unicode's bidirectional controls, with which `gnp.exe` can be made to look like `exe.png`.
const fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).unwrap_or_default();
    let mut digits = port.chars();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An upload's name never leads anywhere but into the folder it is saved in.
    #[test]
    fn hostile_names_lose_what_makes_them_hostile() {
        for (sent, saved) in [
            ("../../x", Some("x")),
            ("/etc/passwd", Some("passwd")),
            (r"..\..\boot.ini", Some("boot.ini")),
            (r"\\server\share\a.txt", Some("a.txt")),
            ("C:evil.txt", Some("C_evil.txt")),
            ("a.txt::$DATA", Some("a.txt__$DATA")),
            ("a\0.png", Some("a.png")),
            ("a\r\nb", Some("ab")),
            ("..", None),
            ("a/", None),
            (" . ", None),
            ("\0", None),
            (".htaccess", Some("htaccess")),
            ("x.php. .", Some("x.php")),
            ("nul", Some("_nul")),
            ("Con.tar.gz", Some("_Con.tar.gz")),
            ("COM1 .txt", Some("_COM1 .txt")),
            ("lpt²", Some("_lpt²")),
            ("com10", Some("com10")),
            ("\u{202e}gnp.exe", Some("gnp.exe")),
        ] {
            assert_eq!(safe_filename(sent).as_deref(), saved, "{sent:?}");
        }
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["report.pdf", "my file (1).txt", "účet č. 5.odt", "猫.png", "a..b", "common.txt"] {
            assert_eq!(safe_filename(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let name = safe_filename(&"č".repeat(200)).unwrap();
        assert_eq!(name, "č".repeat(127));
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_one_component(sent in any::<String>()) {
            if let Some(name) = safe_filename(&sent) {
                prop_assert!(!name.is_empty() && name.len() <= MAX_BYTES);
                prop_assert!(!name.contains(['/', '\\', '\0', ':']));
                prop_assert!(!name.starts_with('.') && !name.ends_with(['.', ' ']));
                prop_assert!(!is_device(&name));
            }
        }
    }
}

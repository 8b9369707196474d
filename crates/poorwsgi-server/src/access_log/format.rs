//! The format of a line of the access log.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;
use std::time::Duration;

use http::Version;

use super::time::LogTime;
use crate::call_report::CallReport;

/// What an access log says of one request. A text, which need not be UTF-8, is `None` where it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AccessEntry<'a> {
    pub(crate) client: &'a str,
    pub(crate) user: Option<&'a [u8]>,
    /// `None` for a request whose head was refused before it was understood.
    pub(crate) request: Option<RequestLine<'a>>,
    /// 0 if there was no response.
    pub(crate) status: u16,
    /// Bytes of the content that were handed to the connection.
    pub(crate) bytes: u64,
    pub(crate) duration: Duration,
    /// The report of the call, if the service makes one.
    pub(crate) call: Option<CallReport>,
    pub(crate) host: Option<&'a [u8]>,
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) user_agent: Option<&'a [u8]>,
    pub(crate) request_id: Option<&'a [u8]>,
    pub(crate) traceparent: Option<&'a [u8]>,
}

/// The first line of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) version: Version,
}

/// The format of the lines of an access log: `combined`, `json`, or a template.
///
/// A template is text with fields in braces; `{{` and `}}` are braces. Its text and the names of its fields are
/// checked when it is parsed.
///
/// ```
/// use poorwsgi_server::AccessFormat;
///
/// let format: AccessFormat = r#"{client} "{request}" {status} {duration}"#.parse()?;
/// let error = "{client} {statuss}".parse::<AccessFormat>().unwrap_err();
/// assert!(error.to_string().contains("there is no field {statuss}"));
/// # let _ = format;
/// # Ok::<(), poorwsgi_server::BadFormat>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessFormat {
    lines: Lines,
    fields: FieldSet,
}

/// The fields that a format names, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSet(u32);

impl FieldSet {
    /// All fields.
    pub(crate) const ALL: FieldSet = FieldSet(u32::MAX);

    pub(crate) const fn has(self, field: LogField) -> bool {
        self.0 >> field as u32 & 1 == 1
    }

    const fn with(self, field: LogField) -> Self {
        FieldSet(self.0 | 1 << field as u32)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Lines {
    Template(Vec<LogPiece>),
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LogPiece {
    Text(String),
    Field(LogField),
}

/// Generates the fields with their names.
macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// What a template can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum LogField { $($(#[$doc])* $variant,)* }

        impl LogField {
            const ALL: &[(&str, LogField)] = &[$(($name, LogField::$variant),)*];
        }
    };
}

fields! {
    /// The time at which the response ended, as in Apache's logs: `01/Dec/2026:13:05:09 +0000`.
    Time "time";
    /// The same as RFC 3339 has it, with milliseconds: `2026-12-01T13:05:09.071Z`.
    TimeIso "time_iso";
    /// The address of the client, which a trusted proxy may name; `unix` for a client on a Unix socket.
    Client "client";
    /// The user that `Authorization` names, which is verified only where the status is not 401.
    User "user";
    /// The request line: method, target and version.
    Request "request";
    Method "method";
    /// The path and the query.
    Target "target";
    Protocol "protocol";
    Status "status";
    /// The bytes of the content that were sent.
    Bytes "bytes";
    /// In seconds, from the complete head to the end of the response.
    Duration "duration";
    /// In seconds, how long the call waited for a thread.
    Queue "queue";
    /// Where the application was called: `inline`, `pool` or `waiting`.
    Call "call";
    Host "host";
    Referer "referer";
    UserAgent "user_agent";
    RequestId "request_id";
    Traceparent "traceparent";
    /// The process that served the request.
    Pid "pid";
}

/// The longest text of one field, in bytes: so that the fields of a line have room in one write to a pipe.
const LONGEST: usize = 1000;

const COMBINED: &str =
    r#"{client} - {user} [{time}] "{request}" {status} {bytes} "{referer}" "{user_agent}""#;

impl AccessFormat {
    /// The combined format of Apache and nginx.
    #[must_use]
    pub fn combined() -> Self {
        COMBINED.parse().unwrap_or(Self::json())
    }

    /// One JSON object in each line, with every field. A field that is not known is `null`.
    #[must_use]
    pub const fn json() -> Self {
        AccessFormat { lines: Lines::Json, fields: FieldSet::ALL }
    }

    pub(super) const fn field_set(&self) -> FieldSet {
        self.fields
    }

    /// The names of the fields of a template.
    pub fn fields() -> impl Iterator<Item = &'static str> {
        LogField::ALL.iter().map(|(name, _)| *name)
    }

    pub(super) fn write(&self, line: &mut Vec<u8>, entry: &AccessEntry<'_>, time: &LogTime) {
        match &self.lines {
            Lines::Template(pieces) => {
                for piece in pieces {
                    match piece {
                        LogPiece::Text(text) => line.extend_from_slice(text.as_bytes()),
                        LogPiece::Field(field) => write_field(line, *field, entry, time),
                    }
                }
            }
            Lines::Json => write_json(line, entry, time),
        }
        line.push(b'\n');
    }
}

impl Default for AccessFormat {
    fn default() -> Self {
        Self::combined()
    }
}

impl FromStr for AccessFormat {
    type Err = BadFormat;

    fn from_str(text: &str) -> Result<Self, BadFormat> {
        match text {
            "combined" => return COMBINED.parse(),
            "json" => return Ok(Self::json()),
            _ => {}
        }
        let (mut pieces, mut literal) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}', '\n', '\r']) {
            let (before, found) = rest.split_at(at);
            literal.push_str(before);
            rest = if let Some(rest) = found.strip_prefix("{{") {
                literal.push('{');
                rest
            } else if let Some(rest) = found.strip_prefix("}}") {
                literal.push('}');
                rest
            } else if let Some((name, rest)) = found.strip_prefix('{').and_then(|field| field.split_once('}'))
            {
                let field = LogField::ALL.iter().find(|(known, _)| *known == name);
                let (_, field) = field.ok_or_else(|| BadFormat::UnknownField(name.to_owned()))?;
                pieces.extend([LogPiece::Text(std::mem::take(&mut literal)), LogPiece::Field(*field)]);
                rest
            } else {
                return Err(BadFormat::Stray(found.chars().next().unwrap_or('{')));
            };
        }
        literal.push_str(rest);
        pieces.push(LogPiece::Text(literal));
        pieces.retain(|piece| !matches!(piece, LogPiece::Text(text) if text.is_empty()));
        let fields = pieces.iter().fold(FieldSet(0), |fields, piece| match piece {
            LogPiece::Field(field) => fields.with(*field),
            LogPiece::Text(_) => fields,
        });
        if fields == FieldSet(0) {
            return Err(BadFormat::NoField);
        }
        Ok(AccessFormat { lines: Lines::Template(pieces), fields })
    }
}

/// Why a text is not the format of an access log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadFormat {
    /// A field in braces that is not known.
    UnknownField(String),
    /// A brace without its counterpart, or the end of a line.
    Stray(char),
    /// Neither `combined` nor `json` nor a template with a field.
    NoField,
}

impl fmt::Display for BadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFormat::UnknownField(name) => write!(f, "there is no field {{{name}}}; known: ")?,
            BadFormat::Stray('\n' | '\r') => return f.write_str("a format is one line"),
            BadFormat::Stray(brace) => {
                return write!(f, "a single {brace:?}: a brace that is text is written twice");
            }
            BadFormat::NoField => {
                f.write_str("a format is combined, json, or a template with fields in braces; fields: ")?;
            }
        }
        for (number, (name, _)) in LogField::ALL.iter().enumerate() {
            f.write_str(if number > 0 { ", " } else { "" })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl std::error::Error for BadFormat {}

fn write_field(line: &mut Vec<u8>, field: LogField, entry: &AccessEntry<'_>, time: &LogTime) {
    match field {
        LogField::Time => line.extend_from_slice(time.common().as_bytes()),
        LogField::TimeIso => time.write_iso(line),
        LogField::Client => line.extend_from_slice(entry.client.as_bytes()),
        LogField::Status => number(line, entry.status.into()),
        LogField::Bytes => number(line, entry.bytes),
        LogField::Duration => seconds(line, entry.duration),
        LogField::Queue => match entry.call {
            Some(call) => seconds(line, call.queued),
            None => line.push(b'-'),
        },
        LogField::Pid => number(line, std::process::id().into()),
        LogField::Request => match entry.request {
            Some(RequestLine { method, target, version }) => {
                escape(line, method.as_bytes());
                line.push(b' ');
                escape(line, target.as_bytes());
                line.push(b' ');
                line.extend_from_slice(protocol(version).as_bytes());
            }
            None => line.push(b'-'),
        },
        _ => match text(field, entry) {
            Some(text) if !text.is_empty() => escape(line, text),
            _ => line.push(b'-'),
        },
    }
}

/// A field that is a text.
fn text<'a>(field: LogField, entry: &AccessEntry<'a>) -> Option<&'a [u8]> {
    match field {
        LogField::Client => Some(entry.client.as_bytes()),
        LogField::User => entry.user,
        LogField::Method => entry.request.map(|request| request.method.as_bytes()),
        LogField::Target => entry.request.map(|request| request.target.as_bytes()),
        LogField::Protocol => entry.request.map(|request| protocol(request.version).as_bytes()),
        LogField::Call => entry.call.map(|call| call.lane.name().as_bytes()),
        LogField::Host => entry.host,
        LogField::Referer => entry.referer,
        LogField::UserAgent => entry.user_agent,
        LogField::RequestId => entry.request_id,
        LogField::Traceparent => entry.traceparent,
        _ => None,
    }
}

fn write_json(line: &mut Vec<u8>, entry: &AccessEntry<'_>, time: &LogTime) {
    let mut separator = b'{';
    for (name, field) in LogField::ALL {
        // The request line is there in three parts, and the time in one form.
        let name = match field {
            LogField::Time | LogField::Request => continue,
            LogField::TimeIso => "time",
            _ => name,
        };
        line.push(separator);
        separator = b',';
        line.push(b'"');
        line.extend_from_slice(name.as_bytes());
        line.extend_from_slice(b"\":");
        match field {
            LogField::TimeIso => {
                line.push(b'"');
                time.write_iso(line);
                line.push(b'"');
            }
            LogField::Status | LogField::Bytes | LogField::Duration | LogField::Pid => {
                write_field(line, *field, entry, time);
            }
            LogField::Queue => match entry.call {
                Some(call) => seconds(line, call.queued),
                None => line.extend_from_slice(b"null"),
            },
            _ => match text(*field, entry) {
                Some(text) => json_text(line, text),
                None => line.extend_from_slice(b"null"),
            },
        }
    }
    line.push(b'}');
}

const fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Seconds with six decimals.
fn seconds(line: &mut Vec<u8>, duration: Duration) {
    number(line, duration.as_secs());
    line.push(b'.');
    let micros = duration.subsec_micros();
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(micros);
    line.extend_from_slice(b"000000".get(digits.len()..).unwrap_or_default());
    line.extend_from_slice(digits.as_bytes());
}

/// Writes a text so that it ends neither the line nor a field in quotation marks, as Apache does: `\"`, `\\`, and
/// `\xHH` for other bytes than visible ASCII. Of a long text the beginning is written.
fn escape(line: &mut Vec<u8>, text: &[u8]) {
    let clipped = text.get(..LONGEST).unwrap_or(text);
    // Each byte, without an early end: so the compiler compares many at once.
    if clipped.iter().fold(false, |found, byte| found | is_escaped(*byte)) {
        for byte in clipped {
            match byte {
                b'"' | b'\\' => line.extend([b'\\', *byte]),
                _ if is_escaped(*byte) => {
                    // Writing to a Vec cannot fail.
                    let _ = write!(line, "\\x{byte:02X}");
                }
                _ => line.push(*byte),
            }
        }
    } else {
        line.extend_from_slice(clipped);
    }
    if text.len() > LONGEST {
        line.extend_from_slice(b"...");
    }
}

const fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte >= 0x7f || byte == b'"' || byte == b'\\'
}

/// Writes a string of JSON (RFC 8259, section 7), of which readers of logs get only ASCII. Bytes that are not UTF-8
/// are replaced.
fn json_text(line: &mut Vec<u8>, text: &[u8]) {
    line.push(b'"');
    for char in String::from_utf8_lossy(text.get(..LONGEST).unwrap_or(text)).chars() {
        match char {
            '"' | '\\' => line.extend([b'\\', char as u8]),
            ' '..='~' => line.push(char as u8),
            _ => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
        }
    }
    line.extend_from_slice(if text.len() > LONGEST { b"...\"" } else { b"\"" });
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;
    use crate::call_report::{CallLane, RouteLabel};

    fn entry() -> AccessEntry<'static> {
        AccessEntry {
            client: "192.0.2.7",
            user: Some(b"ann"),
            request: Some(RequestLine { method: "GET", target: "/a?b=1", version: Version::HTTP_11 }),
            status: 200,
            bytes: 1234,
            duration: Duration::from_micros(1_000_071),
            call: Some(CallReport {
                queued: Duration::from_micros(42),
                lane: CallLane::Inline,
                route: RouteLabel::default(),
            }),
            host: Some(b"a.example"),
            referer: None,
            user_agent: Some(b"curl/8"),
            request_id: Some(b"7f"),
            traceparent: None,
        }
    }

    fn line(format: &str, entry: &AccessEntry<'_>) -> String {
        let time = LogTime::of(UNIX_EPOCH + Duration::from_millis(1_796_130_309_071));
        let mut line = Vec::new();
        format.parse::<AccessFormat>().unwrap().write(&mut line, entry, &time);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn combined_is_that_of_apache_and_nginx() {
        assert_eq!(
            line("combined", &entry()),
            "192.0.2.7 - ann [01/Dec/2026:13:05:09 +0000] \"GET /a?b=1 HTTP/1.1\" 200 1234 \"-\" \"curl/8\"\n"
        );
        let refused = AccessEntry { client: "unix", status: 400, ..AccessEntry::default() };
        assert_eq!(
            line("combined", &refused),
            "unix - - [01/Dec/2026:13:05:09 +0000] \"-\" 400 0 \"-\" \"-\"\n"
        );
    }

    #[test]
    fn json_has_every_field() {
        let text = line("json", &entry());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "time": "2026-12-01T13:05:09.071Z", "client": "192.0.2.7", "user": "ann", "method": "GET",
            "target": "/a?b=1", "protocol": "HTTP/1.1", "status": 200, "bytes": 1234, "duration": 1.000_071,
            "queue": 0.000_042, "call": "inline", "host": "a.example", "referer": null, "user_agent": "curl/8",
            "request_id": "7f", "traceparent": null, "pid": std::process::id(),
        });
        assert_eq!(value, expected, "{text}");
    }

    #[test]
    fn a_template_has_text_and_fields() {
        let format = "{{{method}}} {queue} {call} {duration} {time_iso}";
        assert_eq!(line(format, &entry()), "{GET} 0.000042 inline 1.000071 2026-12-01T13:05:09.071Z\n");
        for (format, why) in [
            ("{statuss}", "there is no field {statuss}; known: time, "),
            ("{status", "a single '{'"),
            ("status}", "a single '}'"),
            ("{status}\n", "a format is one line"),
            ("combinde", "a format is combined, json, or a template"),
            ("", "a format is combined, json, or a template"),
        ] {
            let error = format.parse::<AccessFormat>().unwrap_err().to_string();
            assert!(error.starts_with(why), "{format:?}: {error}");
        }
    }

    proptest! {
        /// No text of a client ends a line, or a field in quotation marks, or makes invalid JSON.
        #[test]
        fn no_line_can_be_forged(target in ".*", agent in ".*", user in ".*") {
            let request = Some(RequestLine { method: "GET", target: &target, version: Version::HTTP_11 });
            let entry = AccessEntry { request, user_agent: Some(agent.as_bytes()), user: Some(user.as_bytes()), ..entry() };
            let combined = line("combined", &entry);
            prop_assert_eq!(combined.find(|char: char| !(' '..='~').contains(&char)), Some(combined.len() - 1));
            let quotes = combined.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            prop_assert_eq!(quotes, 6);
            let json = line("json", &entry);
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            if agent.len() <= LONGEST {
                prop_assert_eq!(value["user_agent"].as_str(), Some(&*agent));
            }
            prop_assert_eq!(json.find('\n'), Some(json.len() - 1));
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = "ä".repeat(5000);
        let entry = AccessEntry { user_agent: Some(long.as_bytes()), ..entry() };
        assert!(line("{user_agent}", &entry).len() < 4096);
        assert!(line("{user_agent}", &entry).ends_with("\\xC3\\xA4...\n"));
        assert!(line("json", &entry).contains("\\u00e4...\""));
    }
}

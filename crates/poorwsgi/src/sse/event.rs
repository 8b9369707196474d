//! A server-sent event.

use std::time::Duration;

use serde::Serialize;

/// A server-sent event. Browsers ignore an event without data.
///
/// ```
/// use poorwsgi::sse::Event;
///
/// let event = Event::default().event("order").id("7").json_data(["tea", "milk"])?;
/// assert_eq!(event.into_text(), "event: order\nid: 7\ndata: [\"tea\",\"milk\"]\n\n");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Event {
    fields: String,
}

impl Event {
    /// Adds data, which may have several lines.
    pub fn data(self, data: impl AsRef<str>) -> Self {
        lines(data.as_ref()).fold(self, |event, line| event.line("data: ", line))
    }

    /// Adds data as JSON.
    ///
    /// # Errors
    /// Where the value has no JSON form.
    pub fn json_data(self, data: impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(self.data(serde_json::to_string(&data)?))
    }

    /// Sets the type, by which the browser chooses the listeners of the event. A line break in it becomes a
    /// space.
    pub fn event(self, event: impl AsRef<str>) -> Self {
        self.field("event: ", event.as_ref())
    }

    /// Sets the id, which a browser sends as `Last-Event-ID` when it connects again. A line break or a NUL in
    /// it becomes a space.
    pub fn id(self, id: impl AsRef<str>) -> Self {
        self.field("id: ", id.as_ref())
    }

    /// Sets how long the browser waits before it connects again.
    pub fn retry(self, pause: Duration) -> Self {
        let milliseconds = pause.as_millis().to_string();
        self.line("retry: ", &milliseconds)
    }

    /// Adds a comment, which browsers ignore.
    pub fn comment(self, comment: impl AsRef<str>) -> Self {
        lines(comment.as_ref()).fold(self, |event, line| event.line(": ", line))
    }

    /// The event as it is sent.
    #[must_use]
    pub fn into_text(mut self) -> String {
        self.fields.push('\n');
        self.fields
    }

    fn field(self, name: &str, value: &str) -> Self {
        self.line(name, &value.replace(['\r', '\n', '\0'], " "))
    }

    fn line(mut self, name: &str, value: &str) -> Self {
        for part in [name, value, "\n"] {
            self.fields.push_str(part);
        }
        self
    }
}

/// The lines of a text, which end with CR, LF or CR LF, as browsers read them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).flat_map(|line| line.split('\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_data_is_a_field() {
        let text = Event::default().data("a\nb\r\nc\rd\n").into_text();
        assert_eq!(text, "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
        assert_eq!(Event::default().data("").into_text(), "data: \n\n");
    }

    /// A value from a client or a database cannot begin another field or another event.
    #[test]
    fn no_field_breaks_out_of_its_line() {
        let event = Event::default().event("a\ndata: x").id("1\r\n\r\n\0").comment("x\n\nevent: y");
        assert_eq!(event.into_text(), "event: a data: x\nid: 1     \n: x\n: \n: event: y\n\n");
    }

    #[test]
    fn a_pause_is_in_milliseconds() {
        assert_eq!(Event::default().retry(Duration::from_millis(1005)).into_text(), "retry: 1005\n\n");
    }
}

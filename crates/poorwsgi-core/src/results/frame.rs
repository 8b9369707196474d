//! Frames of the stack, as the page of a 500 shows them when debug is on.

use std::borrow::Cow;

use super::redact::redact;
use super::{clip, cut};

/// How many frames of all errors of a report are shown.
const MAX_FRAMES: usize = 50;
/// The longest line of source shown, in characters.
const MAX_SOURCE: usize = 500;
/// How many variables of one frame are shown.
const MAX_VARIABLES: usize = 50;
/// The longest value of a variable shown, in characters.
const MAX_VALUE: usize = 500;
/// How many bytes the values of all variables of a report may take.
const MAX_VALUES: usize = 64 << 10;

/// A frame of the stack that an error passed through.
///
/// ```
/// use poorwsgi_core::results::{Cause, ErrorReport, Frame};
///
/// let frame = Frame {
///     file: "shop.py".into(),
///     line: 48,
///     function: "detail".into(),
///     source: vec![(48, "    return load(id)".into())],
///     variables: vec![("id".into(), "17".into())],
///     ..Frame::default()
/// };
/// let cause = Cause { message: "no such order".into(), frames: vec![frame], ..Cause::default() };
/// assert_eq!(ErrorReport { causes: vec![cause], ..ErrorReport::default() }.to_string(), "no such order");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The file of the code.
    pub file: String,
    /// The number of the line; 0 where it is unknown.
    pub line: u32,
    /// The name of the function.
    pub function: String,
    /// Whether the code belongs to a library instead of the application. Pages show such frames collapsed.
    pub is_library: bool,
    /// Lines of source with their numbers: the line itself, and those around it.
    pub source: Vec<(u32, String)>,
    /// How many frames of the same line came right before this one, as where a function calls itself.
    pub repeated: usize,
    /// Names and values of local variables. Pages hide the values of names that look secret, and cut values
    /// after 500 characters.
    pub variables: Vec<(String, String)>,
}

/// What is left of the limits of a page.
pub(super) struct Room {
    frames: usize,
    values: usize,
}

impl Room {
    pub(super) const fn of_page() -> Self {
        Room { frames: MAX_FRAMES, values: MAX_VALUES }
    }
}

/// The frames of one error as the template sees them. Of too many, the last ones are kept, which are nearest
/// to the error.
pub(super) struct Stack<'a> {
    pub(super) groups: Vec<FrameGroup<'a>>,
    pub(super) left_out: usize,
}

/// Frames that follow each other: one of the application, or any number of libraries.
pub(super) struct FrameGroup<'a> {
    pub(super) is_library: bool,
    pub(super) is_open: bool,
    pub(super) frames: Vec<ShownFrame<'a>>,
}

pub(super) struct ShownFrame<'a> {
    pub(super) frame: &'a Frame,
    pub(super) source: Vec<SourceLine<'a>>,
    pub(super) variables: Vec<(&'a str, Cow<'a, str>)>,
    /// Whether there are more variables.
    pub(super) is_cut: bool,
    pub(super) is_last: bool,
}

pub(super) struct SourceLine<'a> {
    pub(super) number: String,
    pub(super) text: Cow<'a, str>,
    pub(super) is_current: bool,
}

impl<'a> Stack<'a> {
    /// The frames that there is room for; `left_out` others come before them.
    pub(super) fn new(frames: &'a [Frame], left_out: usize, room: &mut Room) -> Self {
        let skipped = frames.len().saturating_sub(room.frames);
        let kept = frames.get(skipped..).unwrap_or_default();
        let left_out = left_out.saturating_add(skipped);
        room.frames -= kept.len();
        let all_of_libraries = kept.iter().all(|frame| frame.is_library);
        // Room goes to the frames nearest to the error first.
        let mut shown: Vec<_> = kept.iter().rev().map(|frame| ShownFrame::new(frame, room)).collect();
        if let Some(last) = shown.iter_mut().find(|shown| !shown.frame.is_library) {
            last.is_last = true;
        }
        let mut groups: Vec<FrameGroup<'a>> = Vec::new();
        for shown in shown.into_iter().rev() {
            let is_library = shown.frame.is_library;
            match groups.last_mut() {
                Some(group) if is_library && group.is_library => group.frames.push(shown),
                _ => groups.push(FrameGroup {
                    is_library,
                    is_open: !is_library || all_of_libraries,
                    frames: vec![shown],
                }),
            }
        }
        Stack { groups, left_out }
    }
}

impl<'a> ShownFrame<'a> {
    fn new(frame: &'a Frame, room: &mut Room) -> Self {
        let mut variables = Vec::new();
        for (name, value) in frame.variables.iter().take(MAX_VARIABLES) {
            let value = match redact(name, value) {
                Cow::Borrowed(value) => cut(value, MAX_VALUE),
                Cow::Owned(value) => Cow::Owned(cut(&value, MAX_VALUE).into_owned()),
            };
            let size = name.len() + value.len();
            if size > room.values {
                break;
            }
            room.values -= size;
            variables.push((name.as_str(), value));
        }
        let line = |(number, text): &'a (u32, String)| SourceLine {
            number: format!("{number:>4}  "),
            text: clip(text, MAX_SOURCE),
            is_current: *number == frame.line,
        };
        ShownFrame {
            frame,
            source: frame.source.iter().map(line).collect(),
            is_cut: frame.variables.len() > variables.len(),
            variables,
            is_last: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, is_library: bool) -> Frame {
        Frame { function: function.into(), is_library, ..Frame::default() }
    }

    fn shown(frames: &[Frame]) -> Stack<'_> {
        Stack::new(frames, 0, &mut Room::of_page())
    }

    /// The functions of each group; those of a group that is collapsed in brackets.
    fn functions(stack: &Stack<'_>) -> String {
        let group = |group: &FrameGroup<'_>| {
            let names: Vec<_> = group.frames.iter().map(|shown| shown.frame.function.as_str()).collect();
            if group.is_open { names.join(" ") } else { format!("({})", names.join(" ")) }
        };
        stack.groups.iter().map(group).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn frames_of_libraries_are_collapsed_between_those_of_the_application() {
        let frames = [
            frame("a", false),
            frame("b", true),
            frame("c", true),
            frame("d", false),
            frame("e", false),
            frame("f", true),
        ];
        assert_eq!(functions(&shown(&frames)), "a (b c) d e (f)");
        assert_eq!(functions(&shown(&frames[1..3])), "b c", "where there are no others");
        let last = |shown: &ShownFrame<'_>| shown.is_last.then(|| shown.frame.function.clone());
        let stack = shown(&frames);
        let last: Vec<_> =
            stack.groups.iter().flat_map(|group| group.frames.iter().filter_map(last)).collect();
        assert_eq!(last, ["e"]);
    }

    #[test]
    fn the_frames_nearest_to_the_error_are_kept() {
        let frames: Vec<_> = (0..1000).map(|number| frame(&number.to_string(), false)).collect();
        let mut room = Room::of_page();
        let stack = Stack::new(&frames, 7, &mut room);
        assert_eq!((stack.left_out, stack.groups.len()), (957, MAX_FRAMES));
        assert_eq!(stack.groups[0].frames[0].frame.function, "950");
        assert_eq!(Stack::new(&frames, 0, &mut room).left_out, 1000, "the limit is that of the page");
    }

    #[test]
    fn values_are_cut_counted_and_limited_in_all() {
        let variables: Vec<_> = (0..80).map(|number| (format!("v{number}"), "x".repeat(5000))).collect();
        let frames: Vec<_> =
            (0..10).map(|_| Frame { variables: variables.clone(), ..Frame::default() }).collect();
        let stack = shown(&frames);
        let all = || stack.groups.iter().flat_map(|group| &group.frames);
        let size: usize = all().flat_map(|shown| &shown.variables).map(|(_, value)| value.len()).sum();
        assert!(size <= MAX_VALUES, "{size}");
        assert!(all().all(|shown| shown.is_cut));
        let last = all().last().unwrap();
        assert_eq!(last.variables.len(), MAX_VARIABLES);
        assert_eq!(last.variables[0].1, "x".repeat(MAX_VALUE) + "…");
    }

    #[test]
    fn values_of_secret_names_are_hidden() {
        let variables = [("db_password", "'s3cr3t'"), ("config", "{'token': 's3cr3t'}"), ("page", "2")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let frames = [Frame { variables, ..Frame::default() }];
        let stack = shown(&frames);
        let values: Vec<_> =
            stack.groups[0].frames[0].variables.iter().map(|(_, value)| value.as_ref()).collect();
        assert_eq!(values, ["[hidden]", "{'token':[hidden]", "2"]);
    }
}

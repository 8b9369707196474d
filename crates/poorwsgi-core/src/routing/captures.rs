//! What the groups of a route matched.

use std::sync::Arc;

use super::filter::Conversion;
use super::matcher::Groups;

/// One group that becomes an argument of the handler.
#[derive(Clone, Debug)]
pub(super) struct Argument<C> {
    pub(super) group: usize,
    pub(super) name: Option<Arc<str>>,
    pub(super) conversion: Conversion<C>,
}

/// The text of one group, before its conversion.
#[derive(Debug)]
pub struct Capture<'r, 'p, C> {
    /// The group's name; `None` for an unnamed group of a regular route, which is an argument by position
    /// only.
    pub name: Option<&'r Arc<str>>,
    /// The part of the path that the group matched; `None` for an optional group that took no part.
    pub value: Option<&'p str>,
    /// What the text is to be converted to.
    pub conversion: &'r Conversion<C>,
}

/// The text of all groups of a route, in the order of the handler's arguments.
#[derive(Debug)]
pub struct Captures<'r, 'p, C> {
    pub(super) path: &'p str,
    pub(super) groups: Groups,
    pub(super) arguments: &'r [Argument<C>],
}

impl<'r, 'p, C> Captures<'r, 'p, C> {
    /// All groups, in the order of the handler's arguments.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Capture<'r, 'p, C>> {
        self.arguments.iter().map(|argument| Capture {
            name: argument.name.as_ref(),
            value: self.groups.get(self.path, argument.group),
            conversion: &argument.conversion,
        })
    }

    /// The number of groups.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.arguments.len()
    }

    /// Whether the route has no groups.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// The group of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Capture<'r, 'p, C>> {
        self.iter().find(|capture| capture.name.is_some_and(|known| **known == *name))
    }
}

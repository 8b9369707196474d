//! The expressions that routes share.

use std::collections::HashMap;
use std::sync::Arc;

use super::matcher::{End, Matcher, crosses_segments};
use super::segments::Expression;

/// The expressions of groups that stay within their segment, compiled once each.
#[derive(Clone, Debug, Default)]
pub(super) struct Expressions {
    known: HashMap<Box<str>, Option<Arc<Expression>>>,
}

impl Expressions {
    /// The compiled expression, which matches a group's whole text. `None` if the expression does not
    /// compile, may match a `/`, or depends on the text around its group.
    pub(super) fn within(&mut self, expression: &str) -> Option<Arc<Expression>> {
        if let Some(known) = self.known.get(expression) {
            return known.clone();
        }
        let within = match Matcher::compile(expression, End::Text) {
            Ok(Matcher::Linear(regex)) if !crosses_segments(expression) => {
                Some(Arc::new(Expression::new(regex, expression)))
            }
            _ => None,
        };
        self.known.insert(expression.into(), within.clone());
        within
    }
}

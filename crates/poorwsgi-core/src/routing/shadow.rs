//! Routes that are never reached, because one that was set before takes all their paths.

use std::sync::Arc;

use super::filter::Filters;
use super::pattern::{Pattern, has_groups};
use super::router::Router;
use crate::state::Method;

/// A handler that answers in place of that of a later route: its method, the handler, and its rule.
pub type Shadow<'r, H> = (Method, &'r H, &'r Arc<str>);

/// The handlers of routes with groups, set before, that take every path of this rule: the text between the
/// groups is the same, and each group matches the same, or all that a group of the rule can match. Those of
/// the rule itself, as it would be replaced, are not among them.
pub fn handlers_before<'r, H, C: Clone>(router: &'r Router<H, C>, rule: &str) -> Vec<Shadow<'r, H>> {
    let mut found = Vec::new();
    let Some(pattern) = parse(rule, router.filters()) else { return found };
    let source = pattern.source();
    for route in router.pattern_routes() {
        if *route.source == *source {
            break;
        }
        for (method, registered) in route.methods().iter() {
            let Some(before) = registered.rule().filter(|before| is_framed_alike(before, rule)) else {
                continue;
            };
            let takes_all = parse(before, router.filters()).is_some_and(|earlier| {
                *earlier.source() == **route.regex() && earlier.takes_all_of(&pattern)
            });
            if takes_all && !registered.is_mounted() {
                found.push((method, registered.handler(), before));
            }
        }
    }
    found
}

fn parse<'p, C: Clone>(rule: &'p str, filters: &Filters<C>) -> Option<Pattern<'p, C>> {
    if has_groups(rule) { Pattern::parse(rule, filters).ok() } else { None }
}

/// Whether two rules have the same text before their first group and after their last one. It spares most
/// rules the parsing.
fn is_framed_alike(one: &str, other: &str) -> bool {
    one.split('<').next() == other.split('<').next() && one.rsplit('>').next() == other.rsplit('>').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Conversion, mount};
    use crate::routing::{set_filter, set_route};
    use crate::state::{METHOD_GET, METHOD_GET_POST};

    fn before(rules: &[&str], rule: &str) -> Vec<String> {
        let mut router: Router<&str, ()> = Router::new();
        set_filter(&mut router, "year", r"\d{4}", Conversion::Str);
        for set in rules {
            set_route(&mut router, set, METHOD_GET, "first").unwrap();
        }
        handlers_before(&router, rule).into_iter().map(|(_, _, rule)| rule.to_string()).collect()
    }

    #[test]
    fn a_route_that_takes_the_same_paths_comes_before() {
        for (first, second) in [
            ("/a/<x:int>", "/a/<y:int>"),
            ("/a/<x>", "/a/<y>"),
            ("/a/<x>", "/a/<y:word>"),
            ("/a/<x>", "/a/<x:uuid>"),
            ("/<a>/<b:float>/c", "/<b:INT>/<a:float>/c"),
            ("/a/<x:year>", "/a/<y:year>"),
            ("/a/<x:re:[a-z]+>", "/a/<y:re:[a-z]+>"),
        ] {
            assert_eq!(before(&[first], second), [first], "{second}");
        }
    }

    #[test]
    fn other_routes_do_not() {
        for (first, second) in [
            ("/a/<x:int>", "/a/<x:int>"),
            ("/a/<x:int>", "/a/<y>"),
            ("/a/<x:word>", "/a/<y>"),
            ("/a/<x>", "/a/<y:year>"),
            ("/a/<x>", "/a/<y:re:.+>"),
            ("/a/<x>", "/a/<y>/c"),
            ("/a/<x>", "/b/<y>"),
            ("/a/<x>", "/a/b"),
            ("/a", "/a/<x>"),
        ] {
            assert!(before(&[first], second).is_empty(), "{first} {second}");
        }
        assert!(
            before(&["/a/<y:int>", "/a/<x:int>"], "/a/<y:int>").is_empty(),
            "the rule itself is the first"
        );
    }

    #[test]
    fn what_is_mounted_does_not_count_and_each_method_does() {
        let mut router: Router<&str, ()> = Router::new();
        mount(&mut router, "/a", "inner").unwrap();
        set_route(&mut router, "/a/<x>", METHOD_GET_POST, "first").unwrap();
        let methods: Vec<_> = handlers_before(&router, "/a/<y>").iter().map(|(method, ..)| *method).collect();
        assert_eq!(methods, [Method::Head, Method::Get, Method::Post]);
    }
}

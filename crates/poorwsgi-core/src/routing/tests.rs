//! Routes compared with those of PoorWSGI (see `docs/differences.md`), and the index with a plain scan.

use proptest::prelude::*;

use super::*;
use crate::state::{
    METHOD_ALL, METHOD_GET, METHOD_GET_POST, METHOD_HEAD, METHOD_POST, METHOD_PUT, Method, MethodSet,
};

type TestRouter = Router<usize, &'static str>;

/// A router with these routes for GET, their handlers numbered.
fn routes(rules: &[&str]) -> TestRouter {
    let mut router = Router::new();
    for (number, rule) in rules.iter().enumerate() {
        set_route(&mut router, rule, METHOD_GET, number).unwrap();
    }
    router
}

/// The handler and the arguments of a GET.
fn get<'p>(router: &TestRouter, path: &'p str) -> Option<(usize, Vec<Option<&'p str>>)> {
    match Resolved::of(router, path, Method::Get) {
        Resolved::Static { handler, .. } => Some((*handler, Vec::new())),
        Resolved::Pattern { handler, captures, .. } => {
            Some((*handler, captures.iter().map(|capture| capture.value).collect()))
        }
        _ => None,
    }
}

fn matches(rule: &str, path: &str) -> bool {
    get(&routes(&[rule]), path).is_some()
}

/// PoorWSGI lower-cases expressions of `:re:`; here they are taken as written.
#[test]
fn an_own_expression_is_compiled_as_written() {
    assert!(matches(r"/<x:re:\D+>", "/abc"));
    assert!(!matches(r"/<x:re:\D+>", "/123"));
    assert!(matches(r"/<x:RE:[A-Z]>", "/X"));
    assert!(matches("/<x:Int>", "/1"));
}

/// In PoorWSGI patterns end in `$`, so that a path with a trailing newline matches; here they end at the end
/// of the path.
#[test]
fn a_trailing_newline_is_part_of_the_path() {
    assert!(!matches("/<x:int>", "/1\n"));
    assert!(!matches("/<x:re:(?=1)1>", "/1\n"));
    assert!(!matches(r"/<x:re:(?=1)1\Z>", "/1\n"));
    assert!(matches("/<x>", "/1\n"), "[^/]+ takes the newline");
}

/// In PoorWSGI the literal parts of a pattern are regular expressions.
#[test]
fn literal_parts_are_literal() {
    assert!(matches("/a.b/<x>", "/a.b/1"));
    assert!(!matches("/a.b/<x>", "/aXb/1"));
    assert!(matches("/a+(b)[c]{d}|^$*?\\/<x>", "/a+(b)[c]{d}|^$*?\\/1"));
    assert!(matches("/#a-b&~ >/<x>", "/#a-b&~ >/1"));
}

/// As in PoorWSGI, look-around and back-references work in `:re:` and `regular_route`.
#[test]
fn look_around_and_back_references_work() {
    assert!(matches("/<x:re:[a-z]{2}(?=end)>end", "/abend"));
    assert!(!matches("/<x:re:(?!ab)[a-z]{2}>", "/ab"));
    assert!(matches("/<x:re:(?<=/)a>", "/a"));
    assert!(matches("/<a:word>/<b:re:(?P=a)>", "/x/x"));
    assert!(!matches("/<a:word>/<b:re:(?P=a)>", "/x/y"));
    assert!(matches(r"/<a:re:(\w)\2>", "/aa"), "groups are counted from the first of the route");
    let mut router = TestRouter::new();
    set_regular_route(&mut router, r"/(?P<a>\w)(?P=a)\Z", METHOD_GET, 0).unwrap();
    assert_eq!(get(&router, "/aa"), Some((0, vec![Some("a")])));
    assert_eq!(get(&router, "/ab"), None);
}

/// As in PoorWSGI, a pattern without the method is passed over for the next one. If none has the method,
/// their methods are known for a 405; PoorWSGI answers 404.
#[test]
fn the_first_pattern_that_has_the_method_wins() {
    let mut router = TestRouter::new();
    set_route(&mut router, "/<a:word>", METHOD_POST, 0).unwrap();
    set_route(&mut router, "/<b>", METHOD_GET, 1).unwrap();
    set_route(&mut router, "/<c:re:.*>", METHOD_GET_POST | METHOD_PUT, 2).unwrap();
    let resolve = |method| match Resolved::of(&router, "/x", method) {
        Resolved::Pattern { handler, captures, .. } => {
            Ok((*handler, captures.iter().next().unwrap().name.cloned()))
        }
        Resolved::NotFound { allowed } => Err(allowed),
        other => panic!("{other:?}"),
    };
    assert_eq!(resolve(Method::Post), Ok((0, Some("a".into()))));
    assert_eq!(resolve(Method::Get), Ok((1, Some("b".into()))));
    assert_eq!(resolve(Method::Put), Ok((2, Some("c".into()))));
    assert_eq!(resolve(Method::Delete), Err(METHOD_GET_POST | METHOD_PUT));
    assert!(matches!(
        Resolved::of(&router, "", Method::Delete),
        Resolved::NotFound { allowed } if allowed == MethodSet::default()
    ));
}

/// A static path without the method is a 405, and the patterns are not tried.
#[test]
fn a_path_of_another_method_is_not_looked_for_among_patterns() {
    let mut router = routes(&["/<x>"]);
    set_route(&mut router, "/a", METHOD_HEAD | METHOD_POST, 7).unwrap();
    let resolved = Resolved::of(&router, "/a", Method::Get);
    assert!(matches!(resolved, Resolved::MethodNotAllowed(allowed) if allowed.to_string() == "HEAD, POST"));
    assert!(
        matches!(Resolved::of(&router, "/a", Method::Post), Resolved::Static { handler: 7, rule } if **rule == *"/a")
    );
}

/// As in PoorWSGI, `regular_route` matches from the start and not necessarily to the end.
#[test]
fn a_regular_route_matches_from_the_start() {
    let mut router = TestRouter::new();
    set_regular_route(&mut router, "/user|/admin", METHOD_GET, 0).unwrap();
    for path in ["/user", "/users/1", "/admin/x", "/user\n"] {
        assert_eq!(get(&router, path), Some((0, vec![])), "{path}");
    }
    assert_eq!(get(&router, "/x/user"), None);
    assert_eq!(get(&router, "x/admin"), None);
}

/// PoorWSGI calls the handler with `match.groups()`, named or not, and `path_args` holds the named groups.
#[test]
fn groups_of_a_regular_route_are_arguments_by_position() {
    let mut router = TestRouter::new();
    set_regular_route(&mut router, r"/(\w+)/(?P<id>\d+)(/x)?", METHOD_GET, 0).unwrap();
    let Resolved::Pattern { rule, captures, .. } = Resolved::of(&router, "/a/1", Method::Get) else {
        panic!()
    };
    assert_eq!(**rule, *r"/(\w+)/(?P<id>\d+)(/x)?");
    let all: Vec<_> =
        captures.iter().map(|capture| (capture.name.map(|name| &**name), capture.value)).collect();
    assert_eq!(all, [(None, Some("a")), (Some("id"), Some("1")), (None, None)]);
    assert_eq!(captures.get("id").unwrap().conversion, &Conversion::Str);
    assert!(captures.get("a").is_none());
    assert_eq!(captures.len(), 3);
}

/// PoorWSGI pairs converters and groups by position, so that an inner group shifts those after it; here they
/// are paired by name first.
#[test]
fn converters_choose_and_name_the_groups() {
    let mut router = TestRouter::new();
    let route = RegularRoute::new(r"/(?P<price>\d+(\.\d+)?)/(?P<count>\d+)/(\w+)")
        .with_converters([
            ("price", Conversion::Float),
            ("count", Conversion::Int),
            ("gone", Conversion::Str),
        ])
        .with_rule("/price/count");
    set_regular_route(&mut router, route, METHOD_GET, 0).unwrap();
    let Resolved::Pattern { rule, captures, .. } = Resolved::of(&router, "/1.5/2/x", Method::Get) else {
        panic!()
    };
    assert_eq!(**rule, *"/price/count");
    assert_eq!(captures.get("price").unwrap().value, Some("1.5"));
    assert_eq!(captures.get("count").unwrap().value, Some("2"));

    let mut router = TestRouter::new();
    let positional = [("x", Conversion::Int), ("y", Conversion::Str), ("beyond", Conversion::Str)];
    set_regular_route(
        &mut router,
        RegularRoute::new(r"/(\d+)/(\w+)").with_converters(positional),
        METHOD_GET,
        0,
    )
    .unwrap();
    let Resolved::Pattern { captures, .. } = Resolved::of(&router, "/1/b", Method::Get) else { panic!() };
    let all: Vec<_> =
        captures.iter().map(|capture| (capture.name.unwrap().to_string(), capture.value)).collect();
    assert_eq!(all, [("x".to_owned(), Some("1")), ("y".to_owned(), Some("b"))]);
}

/// In PoorWSGI the group inside `:float` takes the place of the next argument.
#[test]
fn a_float_does_not_shift_the_next_argument() {
    assert_eq!(get(&routes(&["/<a:float>/<b:int>"]), "/1.5/2"), Some((0, vec![Some("1.5"), Some("2")])));
}

/// As in PoorWSGI, the digits of `:int` and `:float` may be of any script and of any length.
#[test]
fn digits_of_any_script_are_handed_on_as_they_are() {
    let router = routes(&["/<x:int>"]);
    let Resolved::Pattern { captures, .. } = Resolved::of(&router, "/-٣٤", Method::Get) else { panic!() };
    let capture = captures.get("x").unwrap();
    assert_eq!((capture.value, capture.conversion), (Some("-٣٤"), &Conversion::Int));
    let long = format!("/{}", "9".repeat(100_000));
    assert_eq!(get(&router, &long), Some((0, vec![Some(&long[1..])])));
}

#[test]
fn empty_segments_are_segments() {
    assert!(!matches("/a/<x>", "/a/"));
    assert!(!matches("/a/<x>", "/a//b"));
    assert!(matches("/a/<x:re:.*>", "/a/"));
    assert!(matches("/a/<x:re:[a-z]*>/b", "/a//b"));
    assert!(matches("/a//<x>", "/a//b"));
    assert!(!matches("/a/<x>", "/a/b/"));
}

#[test]
fn groups_may_share_a_segment() {
    let router =
        routes(&["/<name>.<extension:word>", "/v<major:int>.<minor:int>/<x>", "/<lang:re:cs|en>-<rest>"]);
    assert_eq!(get(&router, "/a.b.txt"), Some((0, vec![Some("a.b"), Some("txt")])));
    assert_eq!(get(&router, "/v1.2/x"), Some((1, vec![Some("1"), Some("2"), Some("x")])));
    assert_eq!(get(&router, "/cs-x"), Some((2, vec![Some("cs"), Some("x")])));
}

#[test]
fn an_own_filter_brings_its_converter() {
    let mut router = TestRouter::new();
    set_filter(&mut router, "colour", "[0-9a-f]{6}", Conversion::Custom("colour"));
    set_route(&mut router, "/<c:Colour>", METHOD_GET, 0).unwrap();
    set_filter(&mut router, "colour", "x", Conversion::Str);
    let Resolved::Pattern { captures, .. } = Resolved::of(&router, "/00ff00", Method::Get) else { panic!() };
    assert_eq!(captures.get("c").unwrap().conversion, &Conversion::Custom("colour"));
}

/// As in PoorWSGI, setting a route again adds or overrides its methods, and the order of the routes stays.
#[test]
fn a_route_set_again_keeps_its_place() {
    let mut router = routes(&["/<x:word>", "/<y>", "/a"]);
    set_route(&mut router, "/<x:WORD>", METHOD_ALL, 10).unwrap();
    set_route(&mut router, "/a", METHOD_POST, 11).unwrap();
    assert_eq!(get(&router, "/b"), Some((10, vec![Some("b")])));
    assert_eq!(get(&router, "/a"), Some((2, vec![])));
    assert_eq!(router.pattern_routes().count(), 2);
    assert_eq!(router.static_routes().count(), 1);
}

/// PoorWSGI lists its live tables; these listings are read-only.
#[test]
fn tables_list_in_the_order_of_registration() {
    let mut router = routes(&["/z", "/<n:int>", "/a", "/b/<f:float>"]);
    set_regular_route(&mut router, "/r", METHOD_POST, 9).unwrap();
    set_default(&mut router, METHOD_GET_POST, 5);
    let paths: Vec<_> = router.static_routes().map(|(path, table)| (&**path, table.methods())).collect();
    assert_eq!(paths, [("/z", METHOD_GET), ("/a", METHOD_GET)]);
    let patterns: Vec<_> = router
        .pattern_routes()
        .flat_map(|route| {
            route.methods().iter().map(|(method, registration)| {
                let converters: Vec<_> = registration
                    .converters()
                    .map(|(name, conversion)| format!("{name} {conversion:?}"))
                    .collect();
                (route.regex().to_string(), method, registration.rule().cloned(), converters.join(", "))
            })
        })
        .collect();
    assert_eq!(
        patterns,
        [
            (r"/(?P<n>-?\d+)$".to_owned(), Method::Get, Some("/<n:int>".into()), "n Int".to_owned()),
            (
                r"/b/(?P<f>-?\d+(\.\d+)?)$".to_owned(),
                Method::Get,
                Some("/b/<f:float>".into()),
                "f Float".to_owned()
            ),
            ("/r".to_owned(), Method::Post, None, String::new()),
        ]
    );
    assert_eq!(router.default_handler(Method::Post), Some(&5));
    assert_eq!(router.default_handler(Method::Put), None);
    assert_eq!(router.defaults().methods(), METHOD_GET_POST);
}

/// As in PoorWSGI, one method is removed at a time, a missing one is an error, and a route without methods is
/// removed.
#[test]
fn a_route_goes_with_its_last_method() {
    let mut router = TestRouter::new();
    set_route(&mut router, "/a", METHOD_HEAD | METHOD_GET, 0).unwrap();
    set_route(&mut router, "/<x>", METHOD_GET, 1).unwrap();
    set_route(&mut router, "/<y:re:.*>", METHOD_GET, 2).unwrap();
    set_regular_route(&mut router, "/", METHOD_GET, 3).unwrap();
    assert!(matches!(pop_route(&mut router, "/a", Method::Get), Ok(Popped::Static(0))));
    assert!(router.is_route("/a").unwrap());
    assert!(matches!(pop_route(&mut router, "/a", Method::Head), Ok(Popped::Static(0))));
    assert!(!router.is_route("/a").unwrap());
    assert_eq!(
        pop_route(&mut router, "/a", Method::Head).unwrap_err().to_string(),
        "\"/a\": no handler is registered for HEAD"
    );

    assert_eq!(get(&router, "/z").unwrap().0, 1);
    let Ok(Popped::Pattern(popped)) = pop_route(&mut router, "/<x>", Method::Get) else { panic!() };
    assert_eq!((popped.rule().unwrap().to_string(), popped.into_handler()), ("/<x>".to_owned(), 1));
    assert!(!router.is_route("/<x>").unwrap());
    assert_eq!(get(&router, "/z").unwrap().0, 2);
    assert_eq!(
        pop_route(&mut router, "/<x>", Method::Get).unwrap_err().kind(),
        RouteErrorKind::NotRegistered
    );

    assert!(router.is_regular_route("/(?P<y>.*)$"), "a route with groups is a regular route");
    assert_eq!(*pop_regular_route(&mut router, "/(?P<y>.*)$", Method::Get).unwrap().handler(), 2);
    assert_eq!(get(&router, "/z").unwrap().0, 3);
    assert_eq!(
        pop_regular_route(&mut router, "/", Method::Post).unwrap_err().kind(),
        RouteErrorKind::NotRegistered
    );

    set_default(&mut router, METHOD_GET_POST, 4);
    assert_eq!(pop_default(&mut router, Method::Get), Some(4));
    assert_eq!(
        (pop_default(&mut router, Method::Get), router.default_handler(Method::Post)),
        (None, Some(&4))
    );
}

#[test]
fn a_bad_expression_is_refused_and_nothing_is_registered() {
    let mut router = TestRouter::new();
    assert_eq!(
        set_regular_route(&mut router, "/(a", METHOD_GET, 0).unwrap_err().kind(),
        RouteErrorKind::Regex
    );
    assert_eq!(
        set_regular_route(&mut router, "/a)|(?:b", METHOD_GET, 0).unwrap_err().kind(),
        RouteErrorKind::Regex
    );
    assert_eq!(set_route(&mut router, "/<a:re:*>", METHOD_GET, 0).unwrap_err().kind(), RouteErrorKind::Regex);
    assert_eq!(
        set_route(&mut router, "/<a:wrod>", METHOD_GET, 0).unwrap_err().kind(),
        RouteErrorKind::UnknownFilter
    );
    assert_eq!(set_route(&mut router, "/< a>", METHOD_GET, 0).unwrap_err().kind(), RouteErrorKind::Space);
    assert_eq!(router.pattern_routes().count(), 0);
}

/// The expected values are what PoorWSGI 2.8.1 gives for these routes and paths: the arguments as text, or
/// `None` for no match.
#[test]
fn routes_match_as_in_poorwsgi() {
    for (rule, path, expected) in [
        (r"/<a:re:\w{1,3}>_user", "/12_user", Some(vec!["12"])),
        (r"/<a:re:.*><b:re:[\w-]+><c:re:[a&&b]+>", "/12x-yab", Some(vec!["12x-y", "a", "b"])),
        ("/<a:word>b<b:int>/", "/12b1/", Some(vec!["12", "1"])),
        ("/<a:re:.*>a<b:word>/", "/abaa/", Some(vec!["ab", "a"])),
        (r"/<a:hex>/<b>/<c:hex><d:re:[\w-]+>", "/a/bb/bb12", Some(vec!["a", "bb", "bb1", "2"])),
        (r"/<a:re:a{,2}><b:re:\w{1,3}><c:re:.*>", "/e\u{301}_&", Some(vec!["", "e", "\u{301}_&"])),
        ("/<a:re:[^/a]*><b:re:[^/a]*>/", "/1x-y/", Some(vec!["1x-y", ""])),
        ("/b<a><b:re:a*?><c:re:a*?>", "/b12až", Some(vec!["12až", "", ""])),
        ("/<a:word>", "/²", Some(vec!["²"])),
        ("/<a:int>", "/²", None),
        ("/<a:word>", "/e\u{301}", None),
        (r"/b<a:re:\d\b>", "/b²", None),
        ("/<a:re:.*><b:re:(?<!a)b>/<c:re:.*>", "/žx-y/x-y", None),
        ("/<a>/<b:int><c:re:[[a]+>/", "/ab/12ab/", None),
        ("/<a:float>", "/1.", None),
        (
            "/<a:uuid>",
            "/6BA7B810-9dad-11d1-80b4-00c04fd430c8",
            Some(vec!["6BA7B810-9dad-11d1-80b4-00c04fd430c8"]),
        ),
    ] {
        let expected = expected.map(|values| (0, values.into_iter().map(Some).collect()));
        assert_eq!(get(&routes(&[rule]), path), expected, "{rule} on {path}");
    }
}

/// A piece of a route, made of few letters so that random paths match random routes.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/",
        "/",
        "/",
        "a",
        "b",
        "1",
        ".",
        "aa",
        "<?>",
        "<?:int>",
        "<?:word>",
        "<?:float>",
        "<?:re:.*>",
        "<?:re:a*>",
        "<?:re:(?=a).>",
        "<?:re:a|/b>",
        "<?:re:[^a]>",
        "<?:re:\\W>",
    ])
}

fn rule() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 1..7).prop_map(|pieces| {
        // Each group gets a name of its own.
        pieces.iter().enumerate().map(|(at, piece)| piece.replacen("<?", &format!("<g{at}"), 1)).collect()
    })
}

fn regular() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "/", "/", "a", "b", "1", r"\.", ".*", "a?", "(a|b)", "[^/]+", "^", "$", "|", "(?=a)",
    ]);
    prop::collection::vec(atom, 1..6).prop_map(|atoms| format!("/{}", atoms.concat()))
}

fn methods() -> impl Strategy<Value = MethodSet> {
    prop::sample::select(vec![METHOD_GET, METHOD_POST, METHOD_GET_POST])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_index_finds_what_a_scan_finds(
        table in prop::collection::vec((prop_oneof![rule().prop_map(Ok), regular().prop_map(Err)], methods()), 1..12),
        paths in prop::collection::vec("(/|a|b|1|\\.|-1|aa|\n|ž){0,7}", 1..12),
    ) {
        let mut router = TestRouter::new();
        for (number, (route, methods)) in table.iter().enumerate() {
            let set = match route {
                Ok(rule) => set_route(&mut router, rule, *methods, number),
                Err(regex) => set_regular_route(&mut router, &**regex, *methods, number),
            };
            set.unwrap();
        }
        let expressions = router.expressions();
        for path in paths.iter().map(|path| format!("/{path}")).chain(paths.iter().cloned()) {
            let resolved = Resolved::of(&router, &path, Method::Get);
            if matches!(resolved, Resolved::Static { .. } | Resolved::MethodNotAllowed(_)) {
                continue;
            }
            let (first, allowed) = router.scan(&expressions, &path, Method::Get);
            match resolved {
                Resolved::Pattern { handler, .. } => prop_assert_eq!(Some(*handler), first.copied(), "{:?}", path),
                Resolved::NotFound { allowed: found } => {
                    prop_assert_eq!((None, allowed), (first, found), "{:?}", path);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn literal_parts_match_only_themselves(literal in "[^<]{1,8}", other in "[^<]{1,8}") {
        let rule = format!("/{literal}/<x:int>");
        let (own, others) = (format!("/{literal}/1"), format!("/{other}/1"));
        prop_assert!(matches(&rule, &own));
        prop_assert_eq!(matches(&rule, &others), literal == other);
    }

    #[test]
    fn any_path_resolves(path in any::<String>()) {
        let router = routes(&["/", "/<a>/<b:float>", "/<c:re:(?=.).*>", "<d:uuid>"]);
        let _ = Resolved::of(&router, &path, Method::Get);
    }
}

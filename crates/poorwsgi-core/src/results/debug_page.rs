//! The page at `/debug-info`: the tables and settings of an application, and the request for the page.

use askama::Template;

use super::href::{directory_href, segments};
use super::{Site, human_methods, redact, render};
use crate::state::{Method, MethodSet};

/// A handler in one of the application's tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandlerRow {
    /// What the handler is registered for: a path, a rule, a status, the type of an error; empty for a
    /// default handler.
    pub key: String,
    /// The path arguments that the rule yields, each with the name of its filter or converter.
    pub arguments: Vec<(String, String)>,
    /// The methods the handler is registered for.
    pub methods: MethodSet,
    /// Name of the handler, with its module.
    pub handler: String,
    /// Statistics of the handler's calls so far; empty where there are none.
    pub calls: String,
}

impl HandlerRow {
    /// A handler without path arguments.
    #[must_use]
    pub fn new(key: impl Into<String>, methods: MethodSet, handler: impl Into<String>) -> Self {
        HandlerRow {
            key: key.into(),
            arguments: Vec::new(),
            methods,
            handler: handler.into(),
            calls: String::new(),
        }
    }

    /// Adds the statistics of the handler's calls.
    #[must_use]
    pub fn with_calls(mut self, calls: impl Into<String>) -> Self {
        self.calls = calls.into();
        self
    }

    /// Adds a path argument.
    #[must_use]
    pub fn with_argument(mut self, name: impl Into<String>, converter: impl Into<String>) -> Self {
        self.arguments.push((name.into(), converter.into()));
        self
    }
}

/// Everything that the debug page shows, each list in this order.
///
/// Values of `headers`, `variables`, `settings`, `options` and `environ` go through [`redact`](super::redact)
/// before they are shown, so it is safe to pass the `Cookie` field or the secret key.
///
/// ```
/// use poorwsgi_core::results::{DebugPage, HandlerRow, Site};
/// use poorwsgi_core::state;
///
/// let page = DebugPage {
///     application: "shop".into(),
///     static_routes: vec![HandlerRow::new("/cart", state::METHOD_GET_POST, "shop::cart")],
///     headers: vec![("Cookie".into(), "SESSID=s3cr3t".into())],
///     ..DebugPage::default()
/// };
/// let html = page.render(Site::default());
/// assert!(html.contains("shop::cart") && !html.contains("s3cr3t"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DebugPage {
    /// Name of the application.
    pub application: String,
    /// Handlers of exact paths.
    pub static_routes: Vec<HandlerRow>,
    /// Handlers of rules and patterns.
    pub regular_routes: Vec<HandlerRow>,
    /// Default handlers, for requests that no route takes.
    pub defaults: Vec<HandlerRow>,
    /// Handlers of status codes.
    pub states: Vec<HandlerRow>,
    /// Handlers of errors, by type.
    pub errors: Vec<HandlerRow>,
    /// Names of the hooks that run before a handler.
    pub before: Vec<String>,
    /// Names of the hooks that run after a handler.
    pub after: Vec<String>,
    /// Filters of rules: name, pattern, converter.
    pub filters: Vec<(String, String, String)>,
    /// Header fields of this request.
    pub headers: Vec<(String, String)>,
    /// Facts about server, request and runtime (`poor_*` variables, host, port, versions). The version of the
    /// engine is added.
    pub variables: Vec<(String, String)>,
    /// Settings of the application (`auto_form`, `data_size`, …).
    pub settings: Vec<(String, String)>,
    /// The application's own options, `app_*`.
    pub options: Vec<(String, String)>,
    /// The WSGI environ, or the environment of the process.
    pub environ: Vec<(String, String)>,
}

impl DebugPage {
    /// The page as an HTML document. The caller decides who may see it.
    #[must_use]
    pub fn render(&self, site: Site<'_>) -> String {
        let prefix = directory_href(segments(site.prefix));
        let prefix = prefix.trim_end_matches('/');
        let static_rows = self.static_routes.iter().map(|route| route.row_with_link(prefix)).collect();
        let version = ("Engine version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let variables = std::iter::once(&version).chain(&self.variables);
        let sections = vec![
            Section::new("uri_routes", "Route Table", HANDLERS, static_rows),
            Section::new(
                "regular_routes",
                "Regular Route Table",
                &["Rule", "Arguments", "Methods", "Handler", CALLS],
                self.regular_routes.iter().map(HandlerRow::row_with_arguments).collect(),
            ),
            Section::handlers("default_handlers", "Default Handlers", &self.defaults),
            Section::handlers("state_handlers", "State Handlers", &self.states),
            Section::handlers("error_handlers", "Error Handlers", &self.errors),
            Section::new(
                "before_after_handlers",
                "Before and After Hooks",
                &["Runs", "Hook"],
                hooks("before", &self.before).chain(hooks("after", &self.after)).collect(),
            ),
            Section::new(
                "filters",
                "Filters",
                &["Filter", "Pattern", "Converter"],
                self.filters.iter().map(filter).collect(),
            ),
            Section::pairs("headers", "Request Headers", &self.headers),
            Section::pairs("poor_variables", "Poor Variables, Server and Request", variables),
            Section::pairs("settings", "Application Settings", &self.settings),
            Section::pairs("app_variables", "Application Options", &self.options),
            Section::pairs("environ", "Environ", &self.environ),
        ];
        render(&DebugTemplate { application: &self.application, sections, site })
    }
}

const HANDLERS: &[&str] = &["For", "Methods", "Handler", CALLS];

/// The heading of the column that is left out where all its cells are empty.
const CALLS: &str = "Calls";

#[derive(Template)]
#[template(path = "debug_info.html", escape = "named", whitespace = "minimize")]
struct DebugTemplate<'a> {
    application: &'a str,
    sections: Vec<Section>,
    site: Site<'a>,
}

struct Section {
    /// The fragment that addresses the section (`/debug-info#filters`). It is PoorWSGI's, where PoorWSGI has
    /// the section.
    id: &'static str,
    title: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Row>,
}

impl Section {
    fn new(id: &'static str, title: &'static str, columns: &'static [&'static str], rows: Vec<Row>) -> Self {
        Section { id, title, columns, rows }.without_empty_end()
    }

    /// Leaves out the column [`CALLS`] where all its cells are empty.
    fn without_empty_end(mut self) -> Self {
        if let Some((&last, others)) = self.columns.split_last()
            && last == CALLS
            && self.rows.iter().all(|row| row.cells.last().is_none_or(String::is_empty))
        {
            self.columns = others;
            self.rows.iter_mut().for_each(|row| drop(row.cells.pop()));
        }
        self
    }

    fn handlers(id: &'static str, title: &'static str, handlers: &[HandlerRow]) -> Self {
        Section::new(id, title, HANDLERS, handlers.iter().map(HandlerRow::row).collect())
    }

    fn pairs<'a>(
        id: &'static str,
        title: &'static str,
        pairs: impl IntoIterator<Item = &'a (String, String)>,
    ) -> Self {
        let rows = pairs.into_iter().map(|(name, value)| Row::new(name, [redact(name, value).into_owned()]));
        Section::new(id, title, &["Name", "Value"], rows.collect())
    }

    const fn is_pairs(&self) -> bool {
        self.columns.len() == 2
    }
}

struct Row {
    name: String,
    href: Option<String>,
    cells: Vec<String>,
}

impl Row {
    fn new(name: &str, cells: impl Into<Vec<String>>) -> Self {
        Row { name: name.to_owned(), href: None, cells: cells.into() }
    }

    /// Links a path of this server. A route may be registered for any text, and browsers take `//host`,
    /// `/\host` and `/<tab>/host` for another server.
    fn with_link(mut self, prefix: &str) -> Self {
        let path = self.name.starts_with('/') && !self.name.starts_with("//");
        if path && !self.name.contains(|c: char| c == '\\' || c.is_control()) {
            self.href = Some(format!("{prefix}{}", self.name));
        }
        self
    }
}

impl HandlerRow {
    fn name(&self) -> &str {
        if self.key.is_empty() { "anything else" } else { &self.key }
    }

    fn row(&self) -> Row {
        Row::new(self.name(), [human_methods(self.methods), self.handler.clone(), self.calls.clone()])
    }

    /// Links a path that takes GET, the method of a link.
    fn row_with_link(&self, prefix: &str) -> Row {
        if self.methods.contains(Method::Get) { self.row().with_link(prefix) } else { self.row() }
    }

    fn row_with_arguments(&self) -> Row {
        let arguments: Vec<_> =
            self.arguments.iter().map(|(name, converter)| format!("{name}: {converter}")).collect();
        let (handler, calls) = (self.handler.clone(), self.calls.clone());
        Row::new(self.name(), [arguments.join(", "), human_methods(self.methods), handler, calls])
    }
}

fn hooks<'a>(when: &'a str, names: &'a [String]) -> impl Iterator<Item = Row> + 'a {
    names.iter().map(move |name| Row::new(when, [name.clone()]))
}

fn filter((name, pattern, converter): &(String, String, String)) -> Row {
    Row::new(name, [pattern.clone(), converter.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::wellformed::assert_page;
    use crate::state::{METHOD_ALL, METHOD_GET, METHOD_HEAD, METHOD_POST};

    /// A page with `text` in every place.
    fn filled(text: &str) -> DebugPage {
        let pair = || vec![(text.to_owned(), text.to_owned())];
        let handler = || HandlerRow::new(text, METHOD_ALL, text).with_argument(text, text);
        DebugPage {
            application: text.into(),
            static_routes: vec![handler()],
            regular_routes: vec![handler()],
            defaults: vec![handler()],
            states: vec![handler()],
            errors: vec![handler()],
            before: vec![text.into()],
            after: vec![text.into()],
            filters: vec![(text.into(), text.into(), text.into())],
            headers: pair(),
            variables: pair(),
            settings: pair(),
            options: pair(),
            environ: pair(),
        }
    }

    #[test]
    fn every_value_is_escaped() {
        let injection = "/\"><script>alert('&')</script>";
        let site = Site {
            hostname: injection,
            admin: injection,
            software: injection,
            debug: true,
            prefix: injection,
        };
        let html = filled(injection).render(site);
        assert_page(&html);
        // Title and heading, 3 in the footer, 5 tables of handlers (one with a link, one with an argument),
        // 2 hooks, 3 of a filter, 5 tables of pairs.
        assert_eq!(html.matches("&lt;script&gt;").count(), 2 + 3 + 10 + 1 + 2 + 2 + 3 + 10);
    }

    // PoorWSGI shows `poor_SecretKey` in the environ, and may write it to the log.
    #[test]
    fn no_secret_is_shown_in_any_table() {
        let secrets = || {
            ["poor_SecretKey", "Cookie", "Authorization", "app_db_password", "X-Api-Key"]
                .map(|name| (name.to_owned(), "s3cr3t".to_owned()))
                .into_iter()
                .chain([("Referer".into(), "https://a/?token=s3cr3t".into())])
                .collect::<Vec<_>>()
        };
        let page = DebugPage {
            headers: secrets(),
            variables: secrets(),
            settings: secrets(),
            options: secrets(),
            environ: secrets(),
            ..DebugPage::default()
        };
        let html = page.render(Site { debug: true, ..Site::default() });
        assert_page(&html);
        assert!(!html.contains("s3cr3t"));
        assert_eq!(html.matches("[hidden]").count(), 30);
    }

    #[test]
    fn an_empty_page_says_so_in_each_section() {
        let html = DebugPage::default().render(Site::default());
        assert_page(&html);
        assert_eq!(html.matches(">None.<").count(), 11, "only the version of the engine is known");
    }

    // The sections of PoorWSGI 2.8.1, by the names in their addresses.
    #[test]
    fn sections_keep_their_addresses() {
        let html = DebugPage::default().render(Site::default());
        for id in [
            "uri_routes",
            "state_handlers",
            "before_after_handlers",
            "filters",
            "headers",
            "poor_variables",
            "app_variables",
            "environ",
        ] {
            assert!(html.contains(&format!("<h2 id=\"{id}\">")), "{id}");
            assert!(html.contains(&format!("<a href=\"#{id}\">")), "{id}");
        }
    }

    #[test]
    fn rules_show_arguments_methods_and_handler() {
        let route = HandlerRow::new("/user/<id:int>", METHOD_HEAD | METHOD_GET, "app.user")
            .with_argument("id", "int");
        let page = DebugPage { regular_routes: vec![route], ..DebugPage::default() };
        let html = page.render(Site::default());
        for cell in ["/user/&lt;id:int&gt;", ">id: int<", ">HEAD | GET<", ">app.user<"] {
            assert!(html.contains(cell), "{cell}");
        }
    }

    #[test]
    fn only_routes_that_take_get_become_links() {
        for (methods, linked) in
            [(METHOD_GET, true), (METHOD_ALL, true), (METHOD_POST, false), (METHOD_HEAD, false)]
        {
            let routes = vec![HandlerRow::new("/cart", methods, "f")];
            let html = DebugPage { static_routes: routes, ..DebugPage::default() }.render(Site::default());
            assert_eq!(html.contains("href=\"/cart\""), linked, "{methods:?}");
        }
    }

    #[test]
    fn links_have_the_prefix_of_a_mounted_application() {
        let page = DebugPage {
            static_routes: vec![HandlerRow::new("/cart", METHOD_GET, "f")],
            ..DebugPage::default()
        };
        let html = page.render(Site { prefix: "/a b", ..Site::default() });
        assert!(html.contains("<a href=\"/a%20b/cart\">/cart</a>"));
    }

    #[test]
    fn only_paths_of_this_server_become_links() {
        for (key, linked) in [
            ("/cart", true),
            ("//elsewhere", false),
            ("/\\elsewhere", false),
            ("/\t/elsewhere", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            let routes = vec![HandlerRow::new(key, METHOD_GET, "f")];
            let html = DebugPage { static_routes: routes, ..DebugPage::default() }.render(Site::default());
            assert_page(&html);
            assert_eq!(html.contains(&format!("href=\"{key}\"")), linked, "{key}");
        }
    }
}

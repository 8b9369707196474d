//! The debug page: the tables, the settings and the request, as rows of a [`DebugPage`], which hides secrets.

use crate::dispatch::site::HeadSite;
use crate::dispatch::{Callable, Language};
use crate::request::Head;
use crate::results::{DebugPage, HandlerRow};
use crate::routing::{Conversion, MethodTable};
use crate::settings::{self, Settings};
use crate::state::MethodSet;
use crate::tables::Tables;

/// The routes of an application in the order in which they are tried: static ones, patterns, default
/// handlers. Those of a mounted application follow it, with its prefix. Each comes with the statistics of its
/// handler's calls, where there are any.
#[must_use]
pub fn routes<L: Language>(tables: &Tables<L>) -> Vec<HandlerRow> {
    let (mut rows, patterns) = (static_routes(tables), pattern_routes(tables));
    rows.extend(patterns);
    rows.extend(by_methods::<L>("/*", tables.router.defaults()));
    rows
}

fn by_methods<L: Language>(key: &str, table: &MethodTable<L::Handler>) -> Vec<HandlerRow> {
    table.shared().map(|(methods, handler)| route::<L>(key, methods, handler)).collect()
}

fn route<L: Language>(key: &str, methods: MethodSet, handler: &L::Handler) -> HandlerRow {
    let name = L::name(Callable::Handler(handler)).into_owned();
    HandlerRow::new(key, methods, name).with_calls(L::calls(handler))
}

fn static_routes<L: Language>(tables: &Tables<L>) -> Vec<HandlerRow> {
    tables.router.static_routes().flat_map(|(path, methods)| by_methods::<L>(path, methods)).collect()
}

fn pattern_routes<L: Language>(tables: &Tables<L>) -> Vec<HandlerRow> {
    let routes = tables.router.pattern_routes().flat_map(|pattern| {
        pattern.methods().shared().flat_map(|(methods, registration)| {
            let rule = registration.rule().unwrap_or_else(|| pattern.regex());
            let row = route::<L>(rule, methods, registration.handler());
            let row = registration.converters().fold(row, |row, (name, conversion)| {
                row.with_argument(&**name, converter_name::<L>(conversion))
            });
            let below =
                if registration.is_mounted() { L::routes(registration.handler()) } else { Vec::new() };
            let prefix = rule.strip_suffix("/*").unwrap_or(rule);
            let below =
                below.into_iter().map(move |row| HandlerRow { key: format!("{prefix}{}", row.key), ..row });
            std::iter::once(row).chain(below)
        })
    });
    routes.collect()
}

/// The debug page of an application, as seen by one request, as an HTML document.
pub fn debug_page<L: Language>(tables: &Tables<L>, head: &dyn Head) -> String {
    let router = &tables.router;
    let page = DebugPage {
        application: tables.settings.name.clone(),
        static_routes: static_routes(tables),
        regular_routes: pattern_routes(tables),
        defaults: by_methods::<L>("", router.defaults()),
        states: tables
            .states
            .iter()
            .flat_map(|(status, methods)| {
                rows(&status.to_string(), methods, &|handler| L::name(Callable::State(handler)).into_owned())
            })
            .collect(),
        errors: tables
            .errors
            .iter()
            .flat_map(|(kind, methods)| {
                let kind = L::name(Callable::ErrorType(kind));
                rows(&kind, methods, &|handler| L::name(Callable::Error(handler)).into_owned())
            })
            .collect(),
        before: tables.before.iter().map(|hook| L::name(Callable::Before(hook)).into_owned()).collect(),
        after: tables.after.iter().map(|hook| L::name(Callable::After(hook)).into_owned()).collect(),
        filters: router
            .filters()
            .iter()
            .map(|filter| {
                let regex = filter.regex().unwrap_or_default().to_owned();
                (filter.name().to_owned(), regex, converter_name::<L>(filter.conversion()))
            })
            .collect(),
        headers: pairs(|add| head.each_header(add)),
        variables: request_facts(&tables.settings, head),
        settings: settings(&tables.settings),
        options: head.options(),
        environ: pairs(|add| head.each_variable(add)),
    };
    page.render(HeadSite::new(&tables.settings, head).as_site())
}

/// One row for each handler, with all the methods that share it.
fn rows<H>(key: &str, table: &MethodTable<H>, name: &dyn Fn(&H) -> String) -> Vec<HandlerRow> {
    table.shared().map(|(methods, handler)| HandlerRow::new(key, methods, name(handler))).collect()
}

fn converter_name<L: Language>(conversion: &Conversion<L::Converter>) -> String {
    match conversion {
        Conversion::Str => "str".to_owned(),
        Conversion::Int => "int".to_owned(),
        Conversion::Float => "float".to_owned(),
        Conversion::Uuid => "uuid".to_owned(),
        Conversion::Custom(converter) => L::name(Callable::Converter(converter)).into_owned(),
    }
}

fn request_facts(settings: &Settings, head: &dyn Head) -> Vec<(String, String)> {
    let on = |on: bool| if on { "on" } else { "off" }.to_owned();
    let root = settings::document_root_for(settings, head);
    let facts = [
        ("Debug", on(settings::debug_for(settings, head))),
        ("Server Software", head.server_software().into_owned()),
        ("Server Name", head.server_name().into_owned()),
        ("Server Port", head.server_port().to_string()),
        ("Server Scheme", head.scheme().into_owned()),
        ("HTTP Hostname", head.hostname()),
        ("Server Admin", head.server_admin()),
        ("Forwarded For", head.forwarded_for().unwrap_or_default()),
        ("Forwarded Host", head.forwarded_host().unwrap_or_default()),
        ("Forwarded Proto", head.forwarded_proto().unwrap_or_default()),
        ("Document Root", root.map(|root| root.display().to_string()).unwrap_or_default()),
        ("Document Index", on(settings::document_index_for(settings, head))),
        (
            "Secret Key",
            if settings::secret_key_for(settings, head).is_some() { "set, not shown" } else { "not set" }
                .to_owned(),
        ),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}

fn settings(settings: &Settings) -> Vec<(String, String)> {
    let limits = &settings.form_limits;
    let values = [
        ("auto_args", settings.auto_args.to_string()),
        ("auto_form", settings.auto_form.to_string()),
        ("auto_json", settings.auto_json.to_string()),
        ("auto_data", settings.auto_data.to_string()),
        ("auto_cookies", settings.auto_cookies.to_string()),
        ("data_size", settings.data_size.to_string()),
        ("cached_size", settings.cached_size.to_string()),
        ("json_size", settings.json_size.to_string()),
        ("json_depth", settings.json_depth.to_string()),
        ("json_values", settings.json_values.to_string()),
        ("keep_blank_values", settings.keep_blank_values.to_string()),
        ("strict_parsing", settings.strict_parsing.to_string()),
        ("file_callback", settings.file_callback.is_some().to_string()),
        ("read_timeout", format!("{:?}", settings.read_timeout)),
        ("form_mime_types", settings.form_mime_types.join(", ")),
        ("json_mime_types", settings.json_mime_types.join(", ")),
        ("form_limits", format!("{limits:?}")),
        #[cfg(feature = "digest")]
        ("auth_digest", settings.auth_digest.to_string()),
        #[cfg(feature = "digest")]
        ("auth_algorithms", format!("{:?}", settings.auth_algorithms)),
        #[cfg(feature = "digest")]
        ("auth_qop", settings.auth_qop.to_string()),
        #[cfg(feature = "digest")]
        ("auth_timeout", format!("{:?}", settings.auth_timeout)),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The names and values that `each` passes to its callback.
fn pairs(each: impl FnOnce(&mut dyn FnMut(&str, &str))) -> Vec<(String, String)> {
    let mut all = Vec::new();
    each(&mut |name, value| all.push((name.to_owned(), value.to_owned())));
    all
}

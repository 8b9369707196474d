//! Finds the part of an application that answers a request.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::dispatch::{Language, Page, Route};
use crate::error::HttpError;
use crate::request::Head;
use crate::response::OpenFile;
use crate::response::document_root::{Directory, DocumentRoot, Found};
use crate::routing::{Captures, Resolved, RouteMatch, mounted};
use crate::settings;
use crate::state::{self, Method};
use crate::tables::Tables;

/// The rule of files, directories and default handlers.
static ANY_RULE: LazyLock<Arc<str>> = LazyLock::new(|| "/*".into());
/// The path, and the rule, of the debug page.
static DEBUG_RULE: LazyLock<Arc<str>> = LazyLock::new(|| "/debug-info".into());

/// What answers the request. Rare variants are boxed, because the target lives in the request's future while
/// the before hooks run.
pub(super) enum Target<'t, L: Language> {
    Handler(&'t L::Handler),
    /// Mounted below a prefix of the path.
    Mounted(&'t L::Handler),
    File(Box<OpenFile>),
    Directory(Box<Directory>),
    Debug,
    Refused(Box<HttpError>),
}

/// A target, and the route that is stored in the request, where there is one.
struct Resolution<'t, 'p, L: Language> {
    target: Target<'t, L>,
    rule: Option<&'t Arc<str>>,
    captures: Option<Captures<'t, 'p, L::Converter>>,
}

impl<'t, L: Language> Resolution<'t, '_, L> {
    fn ruled(rule: &'t Arc<str>, target: Target<'t, L>) -> Self {
        Resolution { target, rule: Some(rule), captures: None }
    }

    fn refused(error: HttpError) -> Self {
        Resolution { target: Target::Refused(Box::new(error)), rule: None, captures: None }
    }

    /// Nothing answers the request. It still gets the rule of the default handlers.
    fn untaken(error: HttpError) -> Self {
        Resolution { rule: Some(&ANY_RULE), ..Self::refused(error) }
    }
}

/// Finds what answers the request, and stores the route in the request. A method that is not known goes to
/// what is mounted, if anything is, which may know it.
pub(super) fn resolve<'t, L: Language>(
    tables: &'t Tables<L>,
    request: &L::Request,
    method: Option<Method>,
) -> Result<Target<'t, L>, L::Error> {
    let head = L::head(request);
    let path = match method {
        Some(_) => head.path()?,
        None => head.path().map_err(|_| unknown_method(head))?,
    };
    let Resolution { target, rule, captures } = match method {
        Some(method) => {
            let found = L::found(request).unwrap_or_else(|| RouteMatch::find(&tables.router, &path, method));
            find(tables, head, &path, found, method)
        }
        None => {
            let (rule, handler) = mounted(&tables.router, &path).ok_or_else(|| unknown_method(head))?;
            Resolution::ruled(rule, Target::Mounted(handler))
        }
    };
    if let Some(rule) = rule {
        let (handler, page) = match &target {
            Target::Handler(handler) | Target::Mounted(handler) => (Some(*handler), None),
            Target::Directory(_) => (None, Some(Page::Directory)),
            Target::Debug => (None, Some(Page::Debug)),
            Target::File(_) | Target::Refused(_) => (None, None),
        };
        L::assign(request, Route { rule, handler, captures, page })?;
    }
    Ok(target)
}

fn unknown_method(head: &dyn Head) -> HttpError {
    let detail = format!("the method {:?} is not known", head.method());
    HttpError::new(state::HTTP_NOT_IMPLEMENTED).with_detail(detail)
}

/// Looks in this order: static routes, patterns, document root, debug page, default handler.
fn find<'t, 'p, L: Language>(
    tables: &'t Tables<L>,
    head: &dyn Head,
    path: &'p str,
    found: RouteMatch,
    method: Method,
) -> Resolution<'t, 'p, L> {
    let default = found.default_handler(&tables.router);
    let allowed = match found.resolve(&tables.router, path) {
        Resolved::Static { rule, handler } => {
            return Resolution::ruled(rule, Target::Handler(handler));
        }
        Resolved::Pattern { rule, handler, captures } => {
            let captures = Some(captures);
            return Resolution { target: Target::Handler(handler), rule: Some(rule), captures };
        }
        Resolved::Mounted { rule, handler } => return Resolution::ruled(rule, Target::Mounted(handler)),
        Resolved::MethodNotAllowed(allowed) => {
            return match default {
                Some(handler) => Resolution::ruled(&ANY_RULE, Target::Handler(handler)),
                None => Resolution::refused(HttpError::method_not_allowed(allowed)),
            };
        }
        Resolved::NotFound { allowed } => allowed,
    };
    let file =
        document_root(tables, head, method).and_then(|root| below_document_root(tables, &root, head, path));
    file.or_else(|| without_file(tables, head, path, method)).unwrap_or_else(|| {
        Resolution::untaken(if allowed.is_empty() {
            HttpError::new(state::HTTP_NOT_FOUND)
        } else {
            HttpError::method_not_allowed(allowed)
        })
    })
}

/// The document root, where it may have an answer to a request that no route takes.
fn document_root<L: Language>(tables: &Tables<L>, head: &dyn Head, method: Method) -> Option<PathBuf> {
    matches!(method, Method::Get | Method::Head)
        .then(|| settings::document_root_for(&tables.settings, head))?
}

/// What answers a request that no route takes, and for which there is no file: the debug page or a default
/// handler.
fn without_file<'t, 'p, L: Language>(
    tables: &'t Tables<L>,
    head: &dyn Head,
    path: &str,
    method: Method,
) -> Option<Resolution<'t, 'p, L>> {
    if cfg!(feature = "pages") && path == &**DEBUG_RULE && settings::debug_for(&tables.settings, head) {
        return Some(Resolution::ruled(&DEBUG_RULE, Target::Debug));
    }
    let handler = tables.router.default_handler(method)?;
    Some(Resolution::ruled(&ANY_RULE, Target::Handler(handler)))
}

/// What will answer a request, as far as this is known without looking for a file.
#[derive(Debug)]
pub enum Foreseen<H> {
    /// This handler.
    Handler(H),
    /// A file or a directory below the document root; if there is none, what answers without a file.
    File,
    /// The engine: with the debug page or an error.
    Engine,
}

/// Finds what [`dispatch`](super::dispatch) will call for a request, for a server that has to know it earlier.
/// The path is that of the head, or what follows the prefix for an application that is mounted. The match is
/// for [`Language::found`], so that the request is routed once; it is `None` for a method that is not known.
pub fn foresee<'t, L: Language>(
    tables: &'t Tables<L>,
    head: &dyn Head,
    path: &str,
) -> (Option<RouteMatch>, Foreseen<&'t L::Handler>) {
    let Ok(method) = head.method().parse() else { return (None, Foreseen::Engine) };
    let found = RouteMatch::find(&tables.router, path, method);
    let foreseen = match found.handler(&tables.router) {
        Some(handler) => Foreseen::Handler(handler),
        None if !found.is_none() => {
            found.default_handler(&tables.router).map_or(Foreseen::Engine, Foreseen::Handler)
        }
        None if document_root(tables, head, method).is_some() => Foreseen::File,
        None => match without_file(tables, head, path, method) {
            Some(Resolution { target: Target::Handler(handler), .. }) => Foreseen::Handler(handler),
            _ => Foreseen::Engine,
        },
    };
    (Some(found), foreseen)
}

fn below_document_root<'t, 'p, L: Language>(
    tables: &'t Tables<L>,
    root: &Path,
    head: &dyn Head,
    path: &str,
) -> Option<Resolution<'t, 'p, L>> {
    let opened =
        if tables.settings.follow_links { DocumentRoot::open_linked(root) } else { DocumentRoot::open(root) };
    let found = opened.and_then(|opened| {
        let opened = if tables.settings.dot_files { opened.with_dot_files() } else { opened };
        opened.lookup(path)
    });
    match found {
        Ok(Found::File(file)) => Some(Resolution::ruled(&ANY_RULE, Target::File(Box::new(file)))),
        Ok(Found::Directory(directory))
            if cfg!(feature = "pages") && settings::document_index_for(&tables.settings, head) =>
        {
            Some(Resolution::ruled(&ANY_RULE, Target::Directory(Box::new(directory))))
        }
        Ok(Found::Directory(_) | Found::Forbidden) => {
            Some(Resolution::refused(HttpError::new(state::HTTP_FORBIDDEN)))
        }
        Ok(Found::Missing) => None,
        // A document root that does not exist has no file; the debug page or a default handler may answer.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
        Err(error) => {
            let error = format!("the document root {}: {error}", root.display());
            let failure = HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR).with_source(error);
            Some(Resolution::refused(failure))
        }
    }
}

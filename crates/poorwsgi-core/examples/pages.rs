//! Writes every built-in page into a directory, to be looked at in a browser:
//! `cargo run --example pages -- target/pages`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use poorwsgi_core::response::document_root::Entry;
use poorwsgi_core::results::{
    Cause, CauseLink, DebugPage, DirectoryIndex, ErrorPage, ErrorReport, Frame, HandlerRow, Site,
};
use poorwsgi_core::state::{self, METHOD_ALL, METHOD_GET, METHOD_GET_POST, METHOD_HEAD};

const SITE: Site<'_> = Site {
    hostname: "files.example.org",
    admin: "ann@example.org",
    software: "PoorWSGI",
    debug: false,
    prefix: "",
};
const DEBUG: Site<'_> = Site { debug: true, ..SITE };

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: pages DIRECTORY")?);
    fs::create_dir_all(&directory)?;
    error_pages(&directory)?;
    fs::write(directory.join("directory-index.html"), directory_index())?;
    fs::write(directory.join("debug-info.html"), debug_page().render(DEBUG))?;
    println!("{}", directory.display());
    Ok(())
}

fn error_pages(directory: &Path) -> Result<(), Box<dyn Error>> {
    for (status, _) in state::STATUS_CODES {
        let page = ErrorPage {
            method: "PATCH",
            uri: "/shared/a file with a rather long name.tar.gz?page=2",
            detail: match *status {
                state::HTTP_BAD_REQUEST => Some("field \"age\": \"twelve\" is not a number"),
                state::HTTP_REQUEST_ENTITY_TOO_LARGE => {
                    Some("body over the limit of 16777216 (setting body_limit)")
                }
                _ => None,
            },
            allow: (*status == state::HTTP_METHOD_NOT_ALLOWED).then_some(METHOD_HEAD | METHOD_GET),
            ..ErrorPage::new(*status, SITE)
        };
        fs::write(directory.join(format!("{status}.html")), page.render())?;
    }
    let report = report();
    let page = ErrorPage {
        method: "POST",
        uri: "/order/17",
        report: Some(&report),
        ..ErrorPage::new(state::HTTP_INTERNAL_SERVER_ERROR, DEBUG)
    };
    fs::write(directory.join("500-debug.html"), page.render())?;
    Ok(())
}

fn report() -> ErrorReport {
    let frame = |file: &str, line: u32, function: &str, is_library, text: &str| Frame {
        file: file.into(),
        line,
        function: function.into(),
        is_library,
        source: (line - 1..line + 2).map(|number| (number, text.to_owned())).collect(),
        repeated: 0,
        variables: vec![
            ("order_id".into(), "17".into()),
            ("db_password".into(), "'hunter2'".into()),
            ("articles".into(), format!("[{}]", "'an article of the shop', ".repeat(60))),
        ],
    };
    let application = "/home/ann/projects/the-shop-of-the-village/shop/orders/views/detail.py";
    let library = "/usr/lib/python3/dist-packages/database/engine.py";
    let long = "    return load(req.path_args[\"id\"], database=connection, articles=articles, timeout=timedelta(seconds=30))";
    let cause = |link, kind: &str, message: &str, frames| Cause {
        link,
        kind: Some(kind.into()),
        message: message.into(),
        frames,
        left_out: 0,
    };
    let causes = vec![
        cause(
            CauseLink::Cause,
            "OrderError",
            "order 17 cannot be loaded",
            vec![frame(application, 48, "detail", false, long)],
        ),
        cause(
            CauseLink::Cause,
            "FileNotFoundError",
            "[Errno 2] No such file or directory: 'orders.db'",
            vec![
                frame(application, 40, "load", false, "    connection = database.connect(path)"),
                frame(library, 1048, "connect", true, long),
                frame(library, 17, "open", true, "    return open(path)"),
            ],
        ),
    ];
    ErrorReport { causes, ..ErrorReport::default() }
        .with_backtrace(
            "Traceback (most recent call last):\n  File \"shop.py\", line 48, in detail\n    \
             return load(req.path_args[\"id\"], database=connection)\n\
             FileNotFoundError: [Errno 2] No such file or directory: 'orders.db'",
        )
        .with_route(Some("/order/<id:int>"), Some("shop.orders.views.detail"))
        .with_fact("Remote address", "2001:db8::17")
}

fn directory_index() -> String {
    let file = |name: &str, size, media_type: &'static str| Entry {
        name: name.to_owned(),
        size: Some(size),
        modified: Some(UNIX_EPOCH + Duration::from_secs(1_780_000_000 + size)),
        media_type: Some(media_type),
    };
    let directory = Entry { name: "pictures".into(), size: None, ..file("", 0, "") };
    let entries = [
        directory,
        file("100% <real> & \"quoted\".txt", 512, "text/plain"),
        file(
            "a-name-that-goes-on-and-on-and-on-until-no-telephone-can-show-it.tar.gz",
            8_123_456_789,
            "application/gzip",
        ),
        file("notes.txt", 20_480, "text/plain"),
        file("żółw.pdf", 2_000_000, "application/pdf"),
    ];
    DirectoryIndex { path: "/shared/2026/", entries: &entries, cut: false, parent: true, site: SITE }.render()
}

fn debug_page() -> DebugPage {
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    DebugPage {
        application: "shop".into(),
        static_routes: vec![
            HandlerRow::new("/", METHOD_HEAD | METHOD_GET, "shop.views.home"),
            HandlerRow::new("/cart", METHOD_GET_POST, "shop.views.cart"),
        ],
        regular_routes: vec![
            HandlerRow::new("/order/<id:int>", METHOD_HEAD | METHOD_GET, "shop.views.order_detail")
                .with_argument("id", "int"),
            HandlerRow::new(
                "/<shelf:word>/<price:float>/<day:re:\\d{4}-\\d{2}>",
                METHOD_GET_POST,
                "shop.views.shelf",
            )
            .with_argument("shelf", "str")
            .with_argument("price", "float")
            .with_argument("day", "str"),
        ],
        defaults: vec![HandlerRow::new("", METHOD_HEAD | METHOD_GET, "shop.views.fallback")],
        states: vec![
            HandlerRow::new("404", METHOD_GET_POST, "shop.errors.not_found"),
            HandlerRow::new("500", METHOD_ALL, "poorwsgi.results.internal_server_error"),
        ],
        errors: vec![],
        before: vec!["shop.hooks.sign_in".into(), "shop.hooks.measure".into()],
        after: vec!["shop.hooks.add_header".into()],
        filters: vec![
            (":int".into(), "-?\\d+".into(), "int".into()),
            (":word".into(), "\\w+".into(), "str".into()),
        ],
        headers: pairs(&[
            ("Host", "files.example.org"),
            ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"),
            ("Cookie", "SESSID=9f86d081884c7d65"),
            ("Referer", "https://files.example.org/start?token=9f86d081&page=2"),
        ]),
        variables: pairs(&[("Document root", "/srv/shop/static"), ("Secret key", "9f86d081884c7d65")]),
        settings: pairs(&[("auto_form", "true"), ("data_size", "65365"), ("auth_type", "Digest")]),
        options: pairs(&[
            ("app_db", "postgres://shop:9f86d081@db.example.org/shop"),
            ("app_title", "The shop"),
        ]),
        environ: pairs(&[("PATH_INFO", "/debug-info"), ("wsgi.url_scheme", "https")]),
    }
}

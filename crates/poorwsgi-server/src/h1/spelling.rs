//! The spelling of a response's fields.
//!
//! hyper sends names in Title-Case. For other spellings hyper has a map, which it fills when it reads a
//! message and uses when it sends one; the type of the map is private. So we have hyper read a message with
//! these names, take the map from there, and keep it for the next response with the same names.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::io::Cursor;
use std::pin::pin;
use std::task::{Context, Waker};

use http::response::Parts as ResponseHead;
use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poorwsgi_core::headers::{Headers, Spellings, has_acronym};

/// The number of maps that each thread keeps at most, and the bytes of names in one of them.
const KEPT: usize = 64;
const BYTES: usize = 1024;

thread_local! {
    static MAPS: RefCell<HashMap<Spellings, Extensions>> = RefCell::new(HashMap::new());
}

/// Has hyper spell the fields of a response as its application does. Without a spelling of the application,
/// acronyms are spelled as usual.
pub(super) fn keep(head: &mut ResponseHead) {
    let spellings = match head.extensions.remove::<Spellings>() {
        Some(spellings) => spellings,
        None if head.headers.keys().any(has_acronym) => Spellings::of(&Headers::from(&head.headers)),
        None => return,
    };
    let map = MAPS.with_borrow_mut(|maps| {
        if let Some(map) = maps.get(&spellings) {
            return map.clone();
        }
        let map = read(&spellings);
        if spellings.iter().map(str::len).sum::<usize>() <= BYTES {
            if maps.len() >= KEPT {
                maps.clear();
            }
            maps.insert(spellings, map.clone());
        }
        map
    });
    head.extensions.extend(map);
}

/// The map that hyper makes from a message with these names.
fn read(spellings: &Spellings) -> Extensions {
    let mut message = String::from("GET / HTTP/1.1\r\n");
    // hyper itself sets the transfer coding.
    for name in spellings.iter().filter(|name| !name.eq_ignore_ascii_case("transfer-encoding")) {
        message.push_str(name);
        message.push_str(": 0\r\n");
    }
    message.push_str("\r\n");
    let io = TokioIo::new(tokio::io::join(Cursor::new(message), tokio::io::sink()));
    let read = Cell::new(Extensions::new());
    let service = service_fn(|request: Request<Incoming>| {
        read.set(request.into_parts().0.extensions);
        pending::<Result<Response<String>, Infallible>>()
    });
    let mut builder = Builder::new();
    builder.preserve_header_case(true).header_read_timeout(None);
    {
        let connection = pin!(builder.serve_connection(io, service));
        // All bytes are there, so one poll is enough.
        let _ = connection.poll(&mut Context::from_waker(Waker::noop()));
    }
    read.take()
}

//! What a WSGI server knows of a request: its environ (PEP 3333).

use std::borrow::Cow;

use http::HeaderName;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use poorwsgi::HttpError;
use poorwsgi::request::Head;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// An environ. Values are read when they are asked for.
pub(crate) struct Environ {
    environ: Py<PyDict>,
    method: String,
}

impl Environ {
    pub(crate) fn new(environ: &Bound<'_, PyDict>) -> Self {
        let method = text(environ, "REQUEST_METHOD").unwrap_or_default();
        Environ { environ: environ.clone().unbind(), method }
    }

    /// A value that is not there, or is no text, is `None`.
    fn get(&self, name: &str) -> Option<String> {
        Python::attach(|py| text(self.environ.bind(py), name))
    }

    fn get_or(&self, name: &str, default: &'static str) -> Cow<'_, str> {
        self.get(name).filter(|value| !value.is_empty()).map_or(Cow::Borrowed(default), Cow::Owned)
    }

    fn each(&self, call: &mut dyn FnMut(&str, &Bound<'_, PyAny>)) {
        Python::attach(|py| {
            // A copy, because a dictionary must not change under its iterator, and this one is the server's.
            for (key, value) in self.environ.bind(py).items().iter().filter_map(|item| item.extract().ok()) {
                let (key, value): (String, Bound<'_, PyAny>) = (key, value);
                call(&key, &value);
            }
        });
    }
}

fn text(environ: &Bound<'_, PyDict>, name: &str) -> Option<String> {
    native(&environ.get_item(name).ok()??)
}

/// A native string of WSGI, whose characters stand for the bytes of the request, as the text that those bytes are:
/// UTF-8, or else Latin-1, as it stands.
fn native(value: &Bound<'_, PyAny>) -> Option<String> {
    let text = value.cast::<PyString>().ok()?.to_cow().ok()?;
    Some(match bytes(&text).map(String::from_utf8) {
        Some(Ok(decoded)) => decoded,
        _ => text.into_owned(),
    })
}

/// The bytes that a native string stands for; `None` where it holds other characters than those of Latin-1.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

/// The field that a key of the environ holds.
fn field_name(key: &str) -> Option<String> {
    match key {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => Some(key.replace('_', "-")),
        _ => key.strip_prefix("HTTP_").map(|name| name.replace('_', "-")),
    }
}

impl Head for Environ {
    fn method(&self) -> &str {
        &self.method
    }

    fn path(&self) -> Result<Cow<'_, str>, HttpError> {
        let raw = Python::attach(|py| {
            let value = self.environ.bind(py).get_item("PATH_INFO").ok()??;
            bytes(&value.cast::<PyString>().ok()?.to_cow().ok()?)
        });
        let raw = raw.ok_or_else(|| HttpError::bad_request("PATH_INFO: not a string of WSGI"))?;
        String::from_utf8(raw).map(Cow::Owned).map_err(|_| HttpError::bad_request("the path is not UTF-8"))
    }

    fn query(&self) -> Cow<'_, str> {
        self.get_or("QUERY_STRING", "")
    }

    fn raw_target(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn protocol(&self) -> Cow<'_, str> {
        self.get_or("SERVER_PROTOCOL", "HTTP/1.0")
    }

    fn scheme(&self) -> Cow<'_, str> {
        self.get_or("wsgi.url_scheme", "http")
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        let key = name.as_str().to_ascii_uppercase().replace('-', "_");
        let value = match *name {
            CONTENT_TYPE | CONTENT_LENGTH => self.get(&key).filter(|value| !value.is_empty()),
            _ => self.get(&format!("HTTP_{key}")),
        };
        value.map(Cow::Owned)
    }

    fn each_header(&self, call: &mut dyn FnMut(&str, &str)) {
        self.each(&mut |key, value| {
            if let (Some(name), Some(value)) = (field_name(key), native(value)) {
                call(&name, &value);
            }
        });
    }

    fn remote_addr(&self) -> Option<Cow<'_, str>> {
        self.get("REMOTE_ADDR").map(Cow::Owned)
    }

    fn remote_host(&self) -> Cow<'_, str> {
        self.get_or("REMOTE_HOST", "")
    }

    fn server_name(&self) -> Cow<'_, str> {
        self.get_or("SERVER_NAME", "localhost")
    }

    fn server_port(&self) -> u16 {
        self.get("SERVER_PORT").and_then(|port| port.parse().ok()).unwrap_or(80)
    }

    fn server_software(&self) -> Cow<'_, str> {
        self.get_or("SERVER_SOFTWARE", "Unknown")
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(Cow::Owned)
    }

    fn each_variable(&self, call: &mut dyn FnMut(&str, &str)) {
        self.each(&mut |key, value| {
            if field_name(key).is_none()
                && let Some(value) = native(value)
            {
                call(key, &value);
            }
        });
    }
}

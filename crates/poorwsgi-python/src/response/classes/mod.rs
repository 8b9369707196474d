//! The response classes, and the table that lists them.
//!
//! A new class is a file here and a row of the table.

mod declined;
mod file;
mod generator;
mod json;
mod no_content;
mod not_modified;
mod partial;
mod redirect;
mod response;
mod text;

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::base::BaseResponse;
pub(crate) use not_modified::NOT_MODIFIED_ONE_OF_REQUIRED;

/// The table of the classes that are added to the Python module, and that are sent without calling Python.
macro_rules! response_classes {
    ($($file:ident::$class:ident,)*) => {
        $(pub(super) use $file::$class;)*

        /// Adds the classes to the module.
        pub(crate) fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
            module.add_class::<BaseResponse>()?;
            $(module.add_class::<$class>()?;)*
            Ok(())
        }

        /// Whether a class is exactly one of ours: such a response is sent without calling Python methods.
        pub(super) fn is_ours(kind: &Bound<'_, PyType>) -> bool {
            let py = kind.py();
            $(kind.is(&py.get_type::<$class>()) ||)* kind.is(&py.get_type::<BaseResponse>())
        }
    };
}

response_classes! {
    response::Response,
    json::JSONResponse,
    text::TextResponse,
    redirect::RedirectResponse,
    file::FileResponse,
    file::FileObjResponse,
    generator::GeneratorResponse,
    generator::StrGeneratorResponse,
    generator::JSONGeneratorResponse,
    no_content::NoContentResponse,
    not_modified::NotModifiedResponse,
    partial::PartialResponse,
    no_content::EmptyResponse,
    declined::Declined,
}

/// Defines a subclass of `BaseResponse`. `__new__` accepts any arguments and `__init__` sets the values, so
/// that a Python subclass may take other arguments.
macro_rules! response_class {
    ($(#[$docs:meta])* $name:ident: $base:ty, $signature:literal) => {
        $(#[$docs])*
        #[pyclass(subclass, extends = $base, module = "poorwsgi.response")]
        #[derive(Default)]
        pub(crate) struct $name;

        impl $name {
            pub(crate) fn blank() -> PyClassInitializer<Self> {
                <$base>::initializer().add_subclass($name)
            }

            #[allow(dead_code, reason = "only classes that others stand on need it")]
            pub(crate) fn initializer() -> PyClassInitializer<Self> {
                Self::blank()
            }
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*_args, **_kwargs), text_signature = $signature)]
            fn new(
                _args: &Bound<'_, pyo3::types::PyTuple>,
                _kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
            ) -> PyClassInitializer<Self> {
                Self::blank()
            }
        }
    };
}
use response_class;

impl BaseResponse {
    pub(super) fn initializer() -> PyClassInitializer<Self> {
        BaseResponse::blank().into()
    }
}

/// A media type with a charset parameter, if there is a charset.
pub(super) fn with_charset(media_type: &str, charset: Option<&str>) -> String {
    match charset {
        Some(charset) if !charset.is_empty() => format!("{media_type}; charset={charset}"),
        _ => media_type.to_owned(),
    }
}

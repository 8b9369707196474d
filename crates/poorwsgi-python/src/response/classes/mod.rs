//! The response classes, and the table that lists them.
//!
//! A new class is a file here and a row of the table.

mod class;
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

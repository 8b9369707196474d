//! The response classes, and the table that lists them.
//!
//! A new class is a file here, a row of the table, and its types in `python/poorwsgi/response.pyi`.

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
use pyo3::types::{PyTuple, PyType};

use super::base::BaseResponse;

/// The table of the classes that `poorwsgi.response` exports, and that are sent without calling Python.
macro_rules! response_classes {
    ($($file:ident::$class:ident,)*) => {
        $(pub(super) use $file::$class;)*

        /// Adds the classes to the module, and the tuple of them, by which `poorwsgi.response` exports them.
        pub(crate) fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
            let py = module.py();
            let classes = [py.get_type::<BaseResponse>(), $(py.get_type::<$class>(),)*];
            for class in &classes {
                // Not by `add_class`, which also adds the name to `__all__`: for the names there, the stub of
                // this module needs a line each.
                module.setattr(class.name()?, class)?;
            }
            module.add("_RESPONSE_CLASSES", PyTuple::new(py, classes)?)
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

//! The limits of form parsing, as attributes of `Application.form_limits`.

use poorwsgi_core::form;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::Application;

/// The limits of form parsing. A form that exceeds a limit is answered with 413, and the error names the
/// limit.
///
///     >>> app.form_limits.body_bytes = 200 * 1024 * 1024
///     >>> app.form_limits
///     FormLimits(body_bytes=209715200, parts=1000, ...)
#[pyclass(frozen, module = "poorwsgi.wsgi")]
pub(crate) struct FormLimits {
    application: Py<Application>,
}

macro_rules! limits {
    ($($(#[$docs:meta])* $name:ident, $set:ident;)*) => {
        #[pymethods]
        impl FormLimits {
            $(
                $(#[$docs])*
                #[getter]
                fn $name(&self) -> u64 {
                    self.limits().$name
                }

                #[setter]
                fn $set(&self, py: Python<'_>, value: u64) {
                    self.application.get().change(py, |tables| tables.settings.form_limits.$name = value);
                }
            )*

            fn __repr__(&self) -> String {
                let limits = self.limits();
                let values = [$(format!("{}={}", stringify!($name), limits.$name)),*];
                format!("FormLimits({})", values.join(", "))
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                visit.call(&self.application)
            }
        }
    };
}

limits! {
    /// Bytes of the whole body. Default 16 MiB. The built-in server also limits all bodies, to its setting
    /// max_body.
    body_bytes, set_body_bytes;
    /// Parts of a multipart body, files included. Default 1000.
    parts, set_parts;
    /// Fields that are not files. Default 1000.
    fields, set_fields;
    /// Files. Default 100.
    files, set_files;
    /// Bytes of all files together that stay in memory. A file larger than 8 KiB that exceeds this limit goes
    /// to a temporary file. Default 256 KiB.
    spool_bytes, set_spool_bytes;
    /// Bytes of the value of one field that is not a file. Default 1 MiB.
    field_bytes, set_field_bytes;
    /// Bytes of the values of all fields that are not files. Default 4 MiB.
    fields_bytes, set_fields_bytes;
    /// Bytes of the header of one part. Default 16 KiB.
    part_header_bytes, set_part_header_bytes;
    /// Bytes of the headers of all parts. Default 512 KiB.
    header_bytes, set_header_bytes;
    /// Header fields of one part. Default 32.
    part_headers, set_part_headers;
    /// Bytes outside of all parts, such as those before the first boundary. Default 64 KiB.
    padding_bytes, set_padding_bytes;
    /// Bytes of a file name as the client sent it. Default 4096.
    filename_bytes, set_filename_bytes;
}

impl FormLimits {
    fn limits(&self) -> form::FormLimits {
        self.application.get().tables().settings.form_limits.clone()
    }
}

#[pymethods]
impl Application {
    /// The limits of form parsing: attributes that can be set, such as body_bytes (default 16 MiB).
    #[getter]
    fn form_limits(slf: Py<Self>) -> FormLimits {
        FormLimits { application: slf }
    }
}

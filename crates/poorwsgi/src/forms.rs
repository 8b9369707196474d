//! Bodies that are forms.

use poorwsgi_core::error::HttpError;
use poorwsgi_core::form::{self, FieldStorage, FormError, FormOptions, read_form};
use poorwsgi_core::request::{Head, body_error};
use poorwsgi_core::settings;

use crate::error::{Error, Result};
use crate::request::Request;

/// Reads the body of a request as a form, with the settings of its application, except that the caller
/// decides whether a field with an empty value is kept.
pub(crate) async fn read(request: &Request, keep_blank_values: bool) -> Result<FieldStorage> {
    let settings = request.settings();
    let content_type = request.head().header(&http::header::CONTENT_TYPE).unwrap_or_default();
    let options = FormOptions {
        keep_blank_values,
        strict_parsing: settings.strict_parsing,
        limits: settings.form_limits.clone(),
        file_callback: settings.file_callback.clone().map(own_callback),
        ..FormOptions::default()
    };
    read_form(request.take_body(), &content_type, options).await.map_err(form_error)
}

/// Converts the error of a form. A fault of the client becomes a status; an error of the application's
/// callback reaches its error handlers unchanged.
fn form_error(error: FormError) -> Error {
    match error {
        FormError::Body(error) => body_error(error).into(),
        FormError::File(error) => match error.downcast::<HttpError>() {
            Ok(status) => status.into(),
            Err(error) => error.into(),
        },
        error => HttpError::from(error).into(),
    }
}

/// Makes the callback for one form from the application's, which all forms share.
fn own_callback(callback: settings::FileCallback) -> form::FormFileCallback {
    Box::new(move |filename| callback(filename))
}

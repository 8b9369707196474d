//! The status of an error that no handler of the application has taken.

use crate::clip;
use crate::error::{BoxError, HttpError};
use crate::response::ResponseError;
use crate::session::SessionError;
use crate::state;

/// The status of an error that no error handler answered: that of the client's mistake where the engine's own
/// types say that it is one (a file that does not exist, a session cookie that was not made here), else 500.
#[must_use]
pub fn uncaught(error: BoxError) -> HttpError {
    let error = match error.downcast::<ResponseError>() {
        Ok(error) => HttpError::from(*error),
        Err(error) => match error.downcast::<SessionError>() {
            Ok(error) => HttpError::from(*error),
            Err(error) => return HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR).with_source(error),
        },
    };
    if let (state::HTTP_NOT_FOUND, Some(source)) = (error.status(), std::error::Error::source(&error)) {
        tracing::info!(target: "poorwsgi", "not found: {}", clip::error(source));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::Response;

    fn status(error: impl Into<BoxError>) -> u16 {
        uncaught(error.into()).status()
    }

    #[test]
    fn the_clients_mistakes_are_the_clients() {
        assert_eq!(status(Response::file("/no/such/file").unwrap_err()), 404);
        assert_eq!(status(Response::file(std::env::temp_dir()).unwrap_err()), 404);
        assert_eq!(status(SessionError::BadCookie), 400);
        assert_eq!(status(SessionError::Expired), 400);
        assert_eq!(status(SessionError::NotAnObject), 400);
    }

    #[test]
    fn the_applications_own_errors_are_500() {
        assert_eq!(status("x".parse::<i32>().unwrap_err()), 500);
        assert_eq!(status(std::io::Error::from(std::io::ErrorKind::NotFound)), 500);
        assert_eq!(status(SessionError::EmptySecret), 500);
        assert_eq!(status(SessionError::TooLarge { size: 5000 }), 500);
        assert_eq!(status(ResponseError::Status(99)), 500);
    }
}

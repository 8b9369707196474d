//! The status of a response is a final one.

use std::error::Error as StdError;
use std::fmt;

/// The error of a response whose status is a 1xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFinal(u16);

/// Checks that a status is not a 1xx: a client goes on waiting after a 1xx, and would take the response to its
/// next request for the one to this request (RFC 9110, section 15.2). A server that changes the protocol of
/// the connection with a 101 does not ask.
///
/// ```
/// use poorwsgi_core::response::check_final;
///
/// assert!(check_final(200).is_ok());
/// assert_eq!(check_final(103).unwrap_err().to_string(), "the status 103 is informational; a response has a final one, from 200 on");
/// ```
///
/// # Errors
/// [`NotFinal`] for a status below 200.
pub const fn check_final(status: u16) -> Result<(), NotFinal> {
    if status < 200 { Err(NotFinal(status)) } else { Ok(()) }
}

impl fmt::Display for NotFinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the status {} is informational; a response has a final one, from 200 on", self.0)
    }
}

impl StdError for NotFinal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_informational_statuses_are_refused() {
        for status in [100, 101, 103, 199] {
            assert_eq!(check_final(status), Err(NotFinal(status)));
        }
        for status in [200, 204, 304, 599, 999] {
            assert_eq!(check_final(status), Ok(()));
        }
    }
}

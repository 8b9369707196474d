//! The status of a response is a final one, or a 101 that changes the protocol of the connection.

use std::error::Error as StdError;
use std::fmt;

use crate::state;

/// The error of a response whose status is a 1xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFinal(u16);

/// Checks that a status is not a 1xx: a client goes on waiting after a 1xx, and would take the response to its
/// next request for the one to this request (RFC 9110, section 15.2). A server that changes the protocol of
/// the connection with a 101 calls [`check_final_or_switching`] instead.
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

/// The error of a response whose status is a 1xx, in a server that can change the protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadSwitch {
    /// A 1xx other than 101.
    NotFinal(NotFinal),
    /// A 101 to a request that asks for no upgrade, or after which no code speaks the other protocol.
    NotAccepted,
    /// A 101 that does not name the other protocol.
    Unnamed,
}

/// Checks that a status is not a 1xx, as [`check_final`] does, but allows a 101 that changes the protocol of
/// the connection. Such a 101 answers a request for an upgrade, has a field `Upgrade`, and is followed by the
/// protocol which that field names (RFC 9110, sections 7.8 and 15.2.2).
///
/// `is_accepted` tells whether the request asks for an upgrade and some code speaks the other protocol after
/// the response. `names_protocol` tells whether the response has a field `Upgrade`; it is called for a 101
/// only.
///
/// ```
/// use poorwsgi_core::response::{BadSwitch, check_final_or_switching};
///
/// assert!(check_final_or_switching(200, false, || false).is_ok());
/// assert!(check_final_or_switching(101, true, || true).is_ok());
/// assert_eq!(check_final_or_switching(101, true, || false), Err(BadSwitch::Unnamed));
/// ```
///
/// # Errors
/// [`BadSwitch`] for a status below 200, except for a 101 that changes the protocol.
pub fn check_final_or_switching(
    status: u16,
    is_accepted: bool,
    names_protocol: impl FnOnce() -> bool,
) -> Result<(), BadSwitch> {
    match status {
        state::HTTP_SWITCHING_PROTOCOLS if !is_accepted => Err(BadSwitch::NotAccepted),
        state::HTTP_SWITCHING_PROTOCOLS if !names_protocol() => Err(BadSwitch::Unnamed),
        state::HTTP_SWITCHING_PROTOCOLS => Ok(()),
        status => check_final(status).map_err(BadSwitch::NotFinal),
    }
}

impl fmt::Display for BadSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadSwitch::NotFinal(error) => error.fmt(f),
            BadSwitch::NotAccepted => f.write_str(
                "the application sent 101 Switching Protocols, but the request asked for no upgrade, or no code \
                 of the application takes the connection over",
            ),
            BadSwitch::Unnamed => f.write_str("101: no Upgrade names the protocol"),
        }
    }
}

impl StdError for BadSwitch {}

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

    /// RFC 9110, sections 7.8 and 15.2.2.
    #[test]
    fn a_101_that_changes_the_protocol_is_allowed() {
        let check = |is_accepted, names| check_final_or_switching(101, is_accepted, || names);
        assert_eq!(check(true, true), Ok(()));
        assert_eq!(check(true, false), Err(BadSwitch::Unnamed));
        assert_eq!(check(false, true), Err(BadSwitch::NotAccepted));
        assert_eq!(check(false, false), Err(BadSwitch::NotAccepted));
    }

    #[test]
    fn statuses_other_than_101_are_as_without_upgrades() {
        let unasked = || unreachable!("the field is of interest for a 101 only");
        for is_accepted in [false, true] {
            for status in [100, 103, 199] {
                let error = BadSwitch::NotFinal(NotFinal(status));
                assert_eq!(check_final_or_switching(status, is_accepted, unasked), Err(error));
            }
            for status in [200, 204, 426, 999] {
                assert_eq!(check_final_or_switching(status, is_accepted, unasked), Ok(()));
            }
        }
    }
}

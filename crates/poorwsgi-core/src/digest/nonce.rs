//! The server's nonces. They are not stored: the server recognises its own when they come back.
//!
//! ```text
//! nonce = issued "." salt "." token      milliseconds since 1970 and 12 random bytes, in hexadecimal
//! token = get_token(secret, "digest:" issued ":" salt ":" timeout ":" user agent)
//! ```
//!
//! The timeout is part of the token because an application may check a nonce like a token, by secret, client
//! and timeout: a token with another timeout is for another purpose, and no nonce may pass for it.
//!
//! PoorWSGI's nonce is the token alone, so all clients with the same user agent share it during one timeout.
//! To count the uses of a nonce, it must not be shared, so these nonces have a salt; the age of a nonce is
//! needed, too, so they contain the time of issue. To clients, a nonce is opaque in either case.
//!
//! The time is that of the system clock, because workers, which start at different times, accept each other's
//! nonces.

use std::num::NonZeroU64;

use subtle::ConstantTimeEq;

use crate::session::{hex, token_of};

const SALT: usize = 12;

/// By how many milliseconds the time of issue may lie in the future: the clocks of machines differ, and a
/// clock may be set back a little.
pub(super) const CLOCK_TOLERANCE: u64 = 5000;

/// A nonce that this server made, at this time in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) at: u64,
}

impl Issued {
    /// Whether the nonce was issued at most `timeout` seconds ago; without a timeout always. `now` is in
    /// milliseconds since 1970.
    pub(super) fn is_fresh(self, timeout: Option<NonZeroU64>, now: u64) -> bool {
        timeout.is_none_or(|timeout| now.saturating_sub(self.at) <= timeout.get().saturating_mul(1000))
    }
}

/// What a nonce is bound to.
#[derive(Clone, Copy)]
pub(super) struct Purpose<'a> {
    pub(super) secret: &'a str,
    pub(super) user_agent: Option<&'a str>,
    pub(super) timeout: Option<NonZeroU64>,
}

impl Purpose<'_> {
    fn token(self, at: u64, salt: &str) -> String {
        let timeout = self.timeout.map(|timeout| timeout.to_string()).unwrap_or_default();
        let user_agent = self.user_agent.unwrap_or_default();
        token_of(&[self.secret, "digest:", &at.to_string(), ":", salt, ":", &timeout, ":", user_agent])
    }
}

/// A fresh nonce. `now` is in milliseconds since 1970.
pub(super) fn make(purpose: Purpose<'_>, now: u64) -> Result<String, getrandom::Error> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt)?;
    let salt = hex(&salt);
    Ok(format!("{now:x}.{salt}.{}", purpose.token(now, &salt)))
}

/// Recognises a nonce that [`make`] made for the same purpose, at most [`CLOCK_TOLERANCE`] after `now`.
/// `None` for any other. `now` is in milliseconds since 1970.
pub(super) fn recognise(nonce: &str, purpose: Purpose<'_>, now: u64) -> Option<Issued> {
    let (issued, rest) = nonce.split_once('.')?;
    let (salt, token) = rest.split_once('.')?;
    let at = u64::from_str_radix(issued, 16).ok()?;
    // Otherwise, a nonce issued before the clock was set back by a year would be valid for that year.
    let is_early = at > now.saturating_add(CLOCK_TOLERANCE);
    if salt.len() != 2 * SALT || is_early {
        return None;
    }
    let is_ours = bool::from(purpose.token(at, salt).as_bytes().ct_eq(token.as_bytes()));
    // Only one spelling of the time is valid.
    (is_ours && issued == format!("{at:x}")).then_some(Issued { at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000_000;
    const PURPOSE: Purpose<'static> =
        Purpose { secret: "secret", user_agent: None, timeout: NonZeroU64::new(300) };

    fn recognised(nonce: &str, now: u64) -> bool {
        recognise(nonce, PURPOSE, now).is_some_and(|issued| issued.is_fresh(PURPOSE.timeout, now))
    }

    /// As in PoorWSGI, a nonce is bound to the user agent, or to having none.
    #[test]
    fn bound_to_secret_user_agent_and_timeout() {
        for user_agent in [Some("curl"), None] {
            let purpose = Purpose { user_agent, ..PURPOSE };
            let nonce = make(purpose, NOW).unwrap();
            assert_eq!(recognise(&nonce, purpose, NOW), Some(Issued { at: NOW }));
            for other in [
                Purpose { user_agent: Some("other"), ..purpose },
                Purpose { secret: "other", ..purpose },
                Purpose { timeout: NonZeroU64::new(301), ..purpose },
                Purpose { timeout: None, ..purpose },
            ] {
                assert_eq!(recognise(&nonce, other, NOW), None);
            }
        }
    }

    #[test]
    fn good_for_the_timeout() {
        let nonce = make(PURPOSE, NOW).unwrap();
        assert!(recognised(&nonce, NOW + 300_000) && !recognised(&nonce, NOW + 300_001));
        let for_ever = Purpose { timeout: None, ..PURPOSE };
        let nonce = make(for_ever, NOW).unwrap();
        assert!(recognise(&nonce, for_ever, u64::MAX).is_some_and(|issued| issued.is_fresh(None, u64::MAX)));
    }

    #[test]
    fn a_nonce_from_the_future_is_not_good() {
        for purpose in [PURPOSE, Purpose { timeout: None, ..PURPOSE }] {
            let nonce = make(purpose, NOW).unwrap();
            let at = |now| recognise(&nonce, purpose, now);
            assert_eq!(
                at(NOW - CLOCK_TOLERANCE),
                Some(Issued { at: NOW }),
                "a clock that was set back a little"
            );
            assert_eq!(at(NOW - CLOCK_TOLERANCE - 1), None);
        }
    }

    #[test]
    fn nobody_shares_a_nonce() {
        assert_ne!(make(PURPOSE, NOW).unwrap(), make(PURPOSE, NOW).unwrap());
    }

    #[test]
    fn one_nonce_has_one_spelling() {
        let nonce = make(PURPOSE, NOW).unwrap();
        for other in [nonce.to_uppercase(), format!("0{nonce}"), format!("+{nonce}"), format!("{nonce}0")] {
            assert!(!recognised(&other, NOW), "{other}");
        }
    }

    proptest! {
        #[test]
        fn anything_else_is_not_ours(text in "[0-9a-f]{0,16}\\.[0-9a-f]{0,30}\\..{0,70}") {
            prop_assert!(!recognised(&text, NOW));
        }
    }
}

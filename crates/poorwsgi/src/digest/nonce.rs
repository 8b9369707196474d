//! The server's nonces: made without storing them, recognised when they come back.
//!
//! ```text
//! nonce = issued "." salt "." token      milliseconds since 1970 and 12 random bytes, in hexadecimal
//! token = get_token(secret, "digest:" issued ":" salt ":" user agent)
//! ```
//!
//! PoorWSGI's nonce is the token alone, the same for every client with one browser during one timeout. Counting the
//! uses of a nonce needs nonces that nobody shares, so ours are salted; and it needs their age, which is therefore
//! written in them. To clients a nonce is opaque either way.
//!
//! The time is that of the wall clock, because workers, which start at different times, take each other's nonces.

use std::num::NonZeroU64;

use subtle::ConstantTimeEq;

use crate::session::{hex, token_of};

const SALT: usize = 12;

/// How many milliseconds after now a nonce may be issued: clocks of several machines differ, and are set back a little.
pub(super) const CLOCK_TOLERANCE: u64 = 5000;

/// A nonce that is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) at: u64,
}

/// A fresh nonce for a client with this user agent.
pub(super) fn make(secret: &str, user_agent: Option<&str>, now: u64) -> Result<String, getrandom::Error> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt)?;
    let salt = hex(&salt);
    Ok(format!("{now:x}.{salt}.{}", token_for(secret, user_agent, now, &salt)))
}

/// Recognises a nonce that [`make`] gave to the same user agent at most `timeout` seconds ago, and not after now. `None`
/// for any other. `now` is in milliseconds since 1970.
pub(super) fn recognise(
    nonce: &str,
    secret: &str,
    user_agent: Option<&str>,
    timeout: Option<NonZeroU64>,
    now: u64,
) -> Option<Issued> {
    let (issued, rest) = nonce.split_once('.')?;
    let (salt, token) = rest.split_once('.')?;
    let at = u64::from_str_radix(issued, 16).ok()?;
    let is_old = timeout.is_some_and(|timeout| now.saturating_sub(at) > timeout.get().saturating_mul(1000));
    // Else one from before a clock was set back by a year would be good for that year.
    let is_early = at > now.saturating_add(CLOCK_TOLERANCE);
    if salt.len() != 2 * SALT || is_old || is_early {
        return None;
    }
    let ours = token_for(secret, user_agent, at, salt);
    let is_ours = bool::from(ours.as_bytes().ct_eq(token.as_bytes()));
    // One time has one spelling.
    (is_ours && issued == format!("{at:x}")).then_some(Issued { at })
}

fn token_for(secret: &str, user_agent: Option<&str>, at: u64, salt: &str) -> String {
    token_of(&[secret, "digest:", &at.to_string(), ":", salt, ":", user_agent.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000_000;

    fn recognised(nonce: &str, user_agent: Option<&str>, now: u64) -> bool {
        recognise(nonce, "secret", user_agent, NonZeroU64::new(300), now).is_some()
    }

    /// behaviour.md: the nonce is bound to the user agent, also to none.
    #[test]
    fn bound_to_secret_and_user_agent() {
        for agent in [Some("curl"), None] {
            let nonce = make("secret", agent, NOW).unwrap();
            assert!(recognised(&nonce, agent, NOW));
            assert!(!recognised(&nonce, Some("other"), NOW));
            assert_eq!(recognise(&nonce, "other", agent, None, NOW), None);
            assert_eq!(recognise(&nonce, "secret", agent, None, u64::MAX), Some(Issued { at: NOW }));
        }
    }

    #[test]
    fn good_for_the_timeout() {
        let nonce = make("secret", None, NOW).unwrap();
        assert!(recognised(&nonce, None, NOW + 300_000) && !recognised(&nonce, None, NOW + 300_001));
    }

    #[test]
    fn a_nonce_from_the_future_is_not_good() {
        let nonce = make("secret", None, NOW).unwrap();
        assert!(recognised(&nonce, None, NOW - CLOCK_TOLERANCE), "a clock that was set back a little");
        for timeout in [None, NonZeroU64::new(300)] {
            assert_eq!(recognise(&nonce, "secret", None, timeout, NOW - CLOCK_TOLERANCE - 1), None);
        }
    }

    #[test]
    fn nobody_shares_a_nonce() {
        assert_ne!(make("secret", None, NOW).unwrap(), make("secret", None, NOW).unwrap());
    }

    #[test]
    fn one_nonce_has_one_spelling() {
        let nonce = make("secret", None, NOW).unwrap();
        for other in [nonce.to_uppercase(), format!("0{nonce}"), format!("+{nonce}"), format!("{nonce}0")] {
            assert!(!recognised(&other, None, NOW), "{other}");
        }
    }

    proptest! {
        #[test]
        fn anything_else_is_not_ours(text in "[0-9a-f]{0,16}\\.[0-9a-f]{0,30}\\..{0,70}") {
            prop_assert!(!recognised(&text, None, NOW));
        }
    }
}

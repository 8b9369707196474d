//! Tokens bound to a secret and a client: for forms (cross-site request forgery) and links that expire.
//!
//! The format and the alignment of time are PoorWSGI's, so tokens made by either are accepted by both:
//! `sha3_256(secret ‖ expired ‖ client)` in hexadecimal, where *expired* is written in decimal and left out
//! of tokens without a timeout. SHA-3 needs no HMAC around it, because it does not allow length extension.

use std::num::NonZeroU64;

use sha3::{Digest, Sha3_256};
use subtle::ConstantTimeEq;

use crate::clock;

/// Makes a token for a client, which is any text the client can show again: a user name, a session id, an
/// address.
///
/// `timeout` is in seconds. The token is good for at least that long and at most twice as long, because time
/// is counted in whole timeouts. `None` makes a token that never expires. `expired`, in seconds since 1970,
/// replaces the computed end of validity; [`check_token`] accepts only tokens with a computed one. Without a
/// `timeout`, `expired` is ignored.
///
/// Parts are joined without separators, as PoorWSGI does. A client text that somebody else chooses should
/// therefore not begin with a digit.
///
/// ```
/// use std::num::NonZeroU64;
/// use poorwsgi::session::{check_token, get_token};
///
/// let hour = NonZeroU64::new(3600);
/// let token = get_token("secret", "alice", hour, None);
/// assert!(check_token(&token, "secret", "alice", hour));
/// assert!(!check_token(&token, "secret", "bob", hour));
/// ```
#[must_use]
pub fn get_token(secret: &str, client: &str, timeout: Option<NonZeroU64>, expired: Option<u64>) -> String {
    get_token_at(secret, client, timeout, expired, clock::seconds())
}

/// Whether the token was made by [`get_token`] with the same secret, client and timeout, and has not expired.
///
/// Compares in constant time.
///
/// ```
/// use std::num::NonZeroU64;
///
/// use poorwsgi::session::{check_token, get_token};
/// use poorwsgi::{HttpError, Request, Result, state};
///
/// const HOUR: Option<NonZeroU64> = NonZeroU64::new(3600);
///
/// /// The form that asks for this page has `get_token(SECRET, user, HOUR, None)` in a hidden field.
/// async fn delete(req: Request) -> Result<&'static str> {
///     let user = req.user().ok_or_else(|| HttpError::new(state::HTTP_FORBIDDEN))?;
///     let token = req.form().and_then(|form| form.get("token")).unwrap_or_default();
///     if !check_token(token, SECRET, &user, HOUR) {
///         return Err(HttpError::bad_request("the form is too old, please send it again").into());
///     }
///     Ok("deleted")
/// }
/// # const SECRET: &str = "secret";
/// # let mut app = poorwsgi::Application::new("demo");
/// # app.route("/delete", state::METHOD_POST, delete).unwrap();
/// # assert!(check_token(&get_token(SECRET, "ann", HOUR, None), SECRET, "ann", HOUR));
/// ```
#[must_use]
pub fn check_token(token: &str, secret: &str, client: &str, timeout: Option<NonZeroU64>) -> bool {
    check_token_at(token, secret, client, timeout, clock::seconds())
}

/// [`get_token`] at a given time, in seconds since 1970.
#[must_use]
pub fn get_token_at(
    secret: &str,
    client: &str,
    timeout: Option<NonZeroU64>,
    expired: Option<u64>,
    now: u64,
) -> String {
    let expired = timeout.map(|timeout| {
        // PoorWSGI takes an `expired` of 0 for "not given".
        expired.filter(|&end| end != 0).unwrap_or_else(|| nth_end(now, timeout, 2))
    });
    render(secret, client, expired)
}

/// [`check_token`] at a given time, in seconds since 1970.
#[must_use]
pub fn check_token_at(
    token: &str,
    secret: &str,
    client: &str,
    timeout: Option<NonZeroU64>,
    now: u64,
) -> bool {
    let is = |expired| bool::from(token.as_bytes().ct_eq(render(secret, client, expired).as_bytes()));
    match timeout {
        None => is(None),
        Some(timeout) => is(Some(nth_end(now, timeout, 1))) | is(Some(nth_end(now, timeout, 2))),
    }
}

fn nth_end(now: u64, timeout: NonZeroU64, nth: u64) -> u64 {
    (now / timeout * timeout.get()).saturating_add(timeout.get().saturating_mul(nth))
}

fn render(secret: &str, client: &str, expired: Option<u64>) -> String {
    let expired = expired.map(|expired| expired.to_string()).unwrap_or_default();
    token_of(&[secret, &expired, client])
}

/// The SHA3-256 of the parts, joined, in hexadecimal.
pub(crate) fn token_of(parts: &[&str]) -> String {
    let hash = parts.iter().fold(Sha3_256::new(), |hash, part| hash.chain_update(part));
    hex(&hash.finalize())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    // Computed instead of looked up in a table, so that the compiler can vectorize the loop.
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut text = vec![0; 2 * bytes.len()];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by `get_token` of PoorWSGI 2.8.1 with its clock set: (now, timeout, token).
    const VECTORS: &[(u64, u64, &str)] = &[
        (0, 0, "ca2e9796e412b1c4e265922d986ba8031541f328e3a9283d61104abd6684a582"),
        (0, 300, "ba5985204340a25df7b363dc100c153478c05cbeb6301447ad6dbb6dd89be2f2"),
        (299, 1, "ed4bfb7770555a1adfcf0c859a5c4f96c13f062e5c538409b07b13c205cf3c3e"),
        (299, 60, "63e5730c58619b336bf8b0b5e1b0a2ba7c14447364599ebe9ae8a636e82607a4"),
        (299, 300, "ba5985204340a25df7b363dc100c153478c05cbeb6301447ad6dbb6dd89be2f2"),
        (300, 300, "38d7103de3397cf9d4c91a836f15a7d12d35b38f4e577ea8e703adee431aa03f"),
        (1_000_000_000, 60, "346e09c15ce400dee1be9b4dab7d609a2e1244edd2fa3a3c4b6926ab31199492"),
        (1_795_371_363, 300, "742881ce48c1e6c83341b1f5d052f09ad11f6db40dd07b4fbd4a646ba2207e1b"),
    ];

    /// `get_token` and `check_token` are byte-compatible with PoorWSGI's.
    #[test]
    fn tokens_are_those_of_poorwsgi() {
        for &(now, timeout, token) in VECTORS {
            let timeout = NonZeroU64::new(timeout);
            assert_eq!(get_token_at("secret", "Mozilla/5.0", timeout, None, now), token);
            assert!(check_token_at(token, "secret", "Mozilla/5.0", timeout, now));
        }
        assert_eq!(
            get_token("sécret", "é", None, None),
            "1a55a81fce216732f3ebcd51625f97c9483c7bb046ad6cd1c3f91bc3a01edd99"
        );
        let given = "cda51b5e0c29247d049bd02408227fa9f0ae68e33972432cab342b117d6a6853";
        assert_eq!(get_token("secret", "ua", NonZeroU64::new(300), Some(12345)), given);
    }

    /// A token made at 1000 with a timeout of 300 s lives from 900 until just before 1500, in PoorWSGI too.
    #[test]
    fn a_token_lives_between_one_and_two_timeouts() {
        let timeout = NonZeroU64::new(300);
        let token = get_token_at("s", "c", timeout, None, 1000);
        for (now, good) in
            [(899, false), (900, true), (1199, true), (1200, true), (1499, true), (1500, false)]
        {
            assert_eq!(check_token_at(&token, "s", "c", timeout, now), good, "at {now}");
        }
    }

    #[test]
    fn a_clock_at_its_end_does_not_overflow() {
        let timeout = NonZeroU64::new(u64::MAX);
        let token = get_token_at("s", "c", timeout, None, u64::MAX);
        assert!(check_token_at(&token, "s", "c", timeout, u64::MAX));
    }

    #[test]
    fn hexadecimal_digits() {
        assert_eq!(hex(&[0x00, 0x09, 0x0a, 0x9f, 0xf0, 0xff]), "00090a9ff0ff");
        assert_eq!(hex(&[]), "");
    }

    proptest! {
        #[test]
        fn only_the_token_itself_is_accepted(other in ".{0,80}") {
            let token = get_token("secret", "client", None, None);
            prop_assert_eq!(check_token(&other, "secret", "client", None), other == token);
        }
    }
}

//! Sealed cookies: XChaCha20-Poly1305 with a random nonce and keys that can be rotated.
//!
//! # Format, version 2
//!
//! ```text
//! value = "v2." base64url(nonce ‖ ciphertext ‖ tag)      nonce 24 bytes, tag 16, no padding
//! key   = HKDF-SHA256(salt: none, secret, info: "poorwsgi session cookie v2", 32 bytes)
//! associated data = the cookie's name
//! plain text      = when it was sealed ‖ data            seconds since 1970, 8 bytes, big-endian
//! ```
//!
//! Version 1 had no time and is not read, because the age of such a cookie is unknown.
//!
//! A nonce of 192 random bits never repeats in practice, so any number of processes may seal with one secret.
//! The name as associated data keeps the value of one cookie from being served as another's. Base64 is
//! decoded strictly: one value has one spelling. A change of anything above gets a new version prefix.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SessionError;
use super::seal::{Sealer, check_age, check_size, derive_all};

const VERSION: &str = "v2.";
const INFO: &[u8] = b"poorwsgi session cookie v2";
const NONCE: usize = 24;
const TAG: usize = 16;
const TIME: usize = 8;

/// Keys of sealed cookies. The first key seals; all keys open.
///
/// To rotate a secret, put the new one first and keep the old one behind it for as long as its cookies live.
///
/// ```
/// use poorwsgi::session::{SealedKeys, Sealer};
///
/// let old = SealedKeys::new(["old secret"])?;
/// let value = old.seal("SESSID", b"data")?;
///
/// let both = SealedKeys::new(["new secret", "old secret"])?;
/// assert_eq!(both.open("SESSID", &value)?, b"data");
/// assert!(old.open("SESSID", &both.seal("SESSID", b"data")?).is_err());
/// # Ok::<(), poorwsgi::session::SessionError>(())
/// ```
pub struct SealedKeys(Vec<Zeroizing<[u8; 32]>>);

impl SealedKeys {
    /// Keys derived from secrets, the current one first. A secret should have at least 32 random bytes: the
    /// derivation is fast, so a guessable secret can be guessed.
    ///
    /// # Errors
    /// [`SessionError::EmptySecret`] where a secret is empty or there is none.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, SessionError> {
        let derive = |secret: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            // Fails only for outputs over 255 hashes long.
            Hkdf::<Sha256>::new(None, secret)
                .expand(INFO, key.as_mut_slice())
                .map_err(|_| SessionError::EmptySecret)?;
            Ok(key)
        };
        derive_all(secrets, derive).map(SealedKeys)
    }

    fn seal_with_nonce(
        &self,
        name: &str,
        data: &[u8],
        now: u64,
        nonce: [u8; NONCE],
    ) -> Result<String, SessionError> {
        let plain = [&now.to_be_bytes(), data].concat();
        let key = self.0.first().ok_or(SessionError::EmptySecret)?;
        let sealed = XChaCha20Poly1305::new((&**key).into())
            .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: name.as_bytes() })
            .map_err(|_| SessionError::TooLarge { size: data.len() })?;
        let mut value = VERSION.to_owned();
        BASE64_URL_SAFE_NO_PAD.encode_string([&nonce, sealed.as_slice()].concat(), &mut value);
        Ok(value)
    }
}

impl Sealer for SealedKeys {
    fn seal_at(&self, name: &str, data: &[u8], now: u64) -> Result<String, SessionError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        self.seal_with_nonce(name, data, now, nonce)
    }

    fn open_at(
        &self,
        name: &str,
        value: &str,
        lifetime: Option<u64>,
        now: u64,
    ) -> Result<Vec<u8>, SessionError> {
        check_size(value)?;
        let encoded = value.strip_prefix(VERSION).ok_or(SessionError::BadCookie)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| SessionError::BadCookie)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(SessionError::BadCookie)?;
        if sealed.len() < TAG {
            return Err(SessionError::BadCookie);
        }
        let payload = || Payload { msg: sealed, aad: name.as_bytes() };
        let plain = self
            .0
            .iter()
            .find_map(|key| {
                XChaCha20Poly1305::new((&**key).into()).decrypt(&XNonce::from(*nonce), payload()).ok()
            })
            .ok_or(SessionError::BadCookie)?;
        let (sealed_at, data) = plain.split_first_chunk::<TIME>().ok_or(SessionError::BadCookie)?;
        check_age(u64::from_be_bytes(*sealed_at), lifetime, now)?;
        Ok(data.to_vec())
    }
}

impl std::fmt::Debug for SealedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedKeys({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::CLOCK_TOLERANCE;
    use super::*;
    use proptest::prelude::*;

    fn keys() -> SealedKeys {
        SealedKeys::new(["secret"]).unwrap()
    }

    const NOW: u64 = 1_800_000_000;

    const FROZEN: &str =
        "v2.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHHRvDSUowh74hIs64aU7ybPvqXIwn9iIs8qPwtVkaMW4Jj8-s5nnr0A";

    /// The format must not change under its version: cookies outlive an upgrade.
    #[test]
    fn the_format_is_frozen() {
        let value = keys().seal_with_nonce("SESSID", br#"{"user":"alice"}"#, NOW, [7; NONCE]).unwrap();
        assert_eq!(value, FROZEN);
        assert_eq!(keys().open("SESSID", FROZEN).unwrap(), br#"{"user":"alice"}"#);
    }

    #[test]
    fn the_same_data_never_seals_the_same() {
        assert_ne!(keys().seal("SESSID", b"data").unwrap(), keys().seal("SESSID", b"data").unwrap());
    }

    #[test]
    fn another_cookie_name_or_secret_does_not_open() {
        let value = keys().seal("SESSID", b"data").unwrap();
        assert!(matches!(keys().open("OTHER", &value), Err(SessionError::BadCookie)));
        assert!(SealedKeys::new(["other"]).unwrap().open("SESSID", &value).is_err());
    }

    /// PoorWSGI accepts trailing junk after a sealed value; here decoding is strict.
    #[test]
    fn one_value_has_one_spelling() {
        let value = keys().seal("SESSID", b"data!").unwrap();
        for other in [
            format!("{value}="),
            format!("{value}!!"),
            format!("{value} "),
            format!(" {value}"),
            format!("{value}.x"),
            value.replace("v2.", ""),
            value.replace("v2.", "v1."),
            value.chars().take(value.len() - 1).collect(),
        ] {
            assert!(keys().open("SESSID", &other).is_err(), "{other}");
        }
        for short in ["", "v2.", "v2.AAAA", "."] {
            assert!(keys().open("SESSID", short).is_err());
        }
    }

    /// The lifetime is checked here, whatever the browser makes of `Max-Age`.
    #[test]
    fn a_cookie_opens_for_its_lifetime() {
        let value = keys().seal_at("SESSID", b"data", NOW).unwrap();
        let open = |now, lifetime| keys().open_at("SESSID", &value, lifetime, now);
        for now in [NOW, NOW + 3600, NOW - CLOCK_TOLERANCE] {
            assert_eq!(open(now, Some(3600)).unwrap(), b"data", "{now}");
        }
        for now in [NOW + 3601, NOW - CLOCK_TOLERANCE - 1, 0, u64::MAX] {
            assert!(matches!(open(now, Some(3600)), Err(SessionError::Expired)), "{now}");
            assert_eq!(open(now, None).unwrap(), b"data", "{now}");
        }
        assert!(open(NOW, Some(0)).is_ok() && open(NOW + 1, Some(0)).is_err());
        assert!(
            keys()
                .open_at("SESSID", &keys().seal_at("SESSID", b"", u64::MAX).unwrap(), Some(1), NOW)
                .is_err()
        );
    }

    /// A cookie of version 1 does not say when it was made.
    #[test]
    fn a_cookie_of_version_1_is_refused() {
        let old = "v1.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHPYP4thFVSWM8hkwIlNgHRuVIGIfQpz8fK6aj37CMlWE";
        for value in [old.to_owned(), old.replace("v1.", "v2.")] {
            assert!(matches!(keys().open("SESSID", &value), Err(SessionError::BadCookie)));
        }
    }

    #[test]
    fn an_empty_secret_is_refused() {
        assert!(matches!(SealedKeys::new([""]), Err(SessionError::EmptySecret)));
        assert!(matches!(SealedKeys::new(["a", ""]), Err(SessionError::EmptySecret)));
        assert!(matches!(SealedKeys::new::<&str>([]), Err(SessionError::EmptySecret)));
        assert_eq!(format!("{:?}", keys()), "SealedKeys(1 keys)");
    }

    proptest! {
        #[test]
        fn opening_gives_back_what_was_sealed(data in prop::collection::vec(any::<u8>(), 0..500)) {
            prop_assert_eq!(keys().open("SESSID", &keys().seal("SESSID", &data).unwrap()).unwrap(), data);
        }

        #[test]
        fn any_flipped_bit_is_refused(data in prop::collection::vec(any::<u8>(), 0..40), at in any::<prop::sample::Index>(), bit in 0..7) {
            let mut value = keys().seal("SESSID", &data).unwrap().into_bytes();
            let at = at.index(value.len());
            value[at] ^= 1u8 << bit;
            prop_assert!(keys().open("SESSID", std::str::from_utf8(&value).unwrap()).is_err());
        }

        #[test]
        fn anything_is_opened_or_refused(value in "(v[12]\\.)?[A-Za-z0-9_-]{0,200}.{0,20}") {
            prop_assert!(keys().open("SESSID", &value).is_err());
        }
    }
}

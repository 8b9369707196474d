//! Sealed cookies: XChaCha20-Poly1305 with a random nonce and keys that can be rotated.
//!
//! # Format, version 1
//!
//! ```text
//! value = "v1." base64url(nonce ‖ ciphertext ‖ tag)      nonce 24 bytes, tag 16, no padding
//! key   = HKDF-SHA256(salt: none, secret, info: "poorwsgi session cookie v1", 32 bytes)
//! associated data = the cookie's name
//! ```
//!
//! A nonce of 192 random bits never repeats in practice, so any number of processes may seal with one secret. The
//! name as associated data keeps the value of one cookie from being served as another's. Base64 is decoded strictly:
//! one value has one spelling. A change of anything above gets a new version prefix.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SessionError;
use super::seal::{Sealer, check_size, derive_all};

const VERSION: &str = "v1.";
const INFO: &[u8] = b"poorwsgi session cookie v1";
const NONCE: usize = 24;
const TAG: usize = 16;

/// Keys of sealed cookies: the first seals, all of them open.
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

    fn seal_with_nonce(&self, name: &str, data: &[u8], nonce: [u8; NONCE]) -> Result<String, SessionError> {
        let key = self.0.first().ok_or(SessionError::EmptySecret)?;
        let sealed = XChaCha20Poly1305::new((&**key).into())
            .encrypt(&XNonce::from(nonce), Payload { msg: data, aad: name.as_bytes() })
            .map_err(|_| SessionError::TooLarge { size: data.len() })?;
        let mut value = VERSION.to_owned();
        BASE64_URL_SAFE_NO_PAD.encode_string([&nonce, sealed.as_slice()].concat(), &mut value);
        Ok(value)
    }
}

impl Sealer for SealedKeys {
    fn seal(&self, name: &str, data: &[u8]) -> Result<String, SessionError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        self.seal_with_nonce(name, data, nonce)
    }

    fn open(&self, name: &str, value: &str) -> Result<Vec<u8>, SessionError> {
        check_size(value)?;
        let encoded = value.strip_prefix(VERSION).ok_or(SessionError::BadCookie)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| SessionError::BadCookie)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(SessionError::BadCookie)?;
        if sealed.len() < TAG {
            return Err(SessionError::BadCookie);
        }
        let payload = || Payload { msg: sealed, aad: name.as_bytes() };
        self.0
            .iter()
            .find_map(|key| {
                XChaCha20Poly1305::new((&**key).into()).decrypt(&XNonce::from(*nonce), payload()).ok()
            })
            .ok_or(SessionError::BadCookie)
    }
}

impl std::fmt::Debug for SealedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedKeys({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> SealedKeys {
        SealedKeys::new(["secret"]).unwrap()
    }

    const FROZEN: &str = "v1.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHPYP4thFVSWM8hkwIlNgHRuVIGIfQpz8fK6aj37CMlWE";

    /// The format must not change under its version: cookies outlive an upgrade.
    #[test]
    fn the_format_is_frozen() {
        let value = keys().seal_with_nonce("SESSID", br#"{"user":"alice"}"#, [7; NONCE]).unwrap();
        assert_eq!(value, FROZEN);
        assert_eq!(keys().open("SESSID", FROZEN).unwrap(), br#"{"user":"alice"}"#);
    }

    /// behaviour.md: authenticated encryption with a random nonce.
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

    /// behaviour.md: sealed cookies accept trailing junk in PoorWSGI; here decoding is strict.
    #[test]
    fn one_value_has_one_spelling() {
        let value = keys().seal("SESSID", b"data!").unwrap();
        for other in [
            format!("{value}="),
            format!("{value}!!"),
            format!("{value} "),
            format!(" {value}"),
            format!("{value}.x"),
            value.replace("v1.", ""),
            value.replace("v1.", "v2."),
            value.chars().take(value.len() - 1).collect(),
        ] {
            assert!(keys().open("SESSID", &other).is_err(), "{other}");
        }
        for short in ["", "v1.", "v1.AAAA", "."] {
            assert!(keys().open("SESSID", short).is_err());
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
        fn anything_is_opened_or_refused(value in "(v1\\.)?[A-Za-z0-9_-]{0,200}.{0,20}") {
            prop_assert!(keys().open("SESSID", &value).is_err());
        }
    }
}

//! The cookies of PoorWSGI's `AESSession`: AES-256-CTR, then HMAC-SHA256, byte for byte.
//!
//! ```text
//! value   = base64url(nonce ‖ ciphertext) "." base64url(HMAC-SHA256(mac key, nonce ‖ ciphertext))     padded
//! root    = SHA3-256(secret)
//! aes key = SHA3-256(root ‖ "enc")        mac key = SHA3-256(root ‖ "mac")
//! nonce   = 16 random bytes: the first counter block, counted as one 128-bit big-endian number
//! ```
//!
//! The format is for applications that share cookies with PoorWSGI. It does not bind the cookie's name, so a
//! value can be moved between cookies that are sealed with one secret. New applications should use
//! [`SealedKeys`](super::SealedKeys).

use aes::Aes256;
use aes::cipher::{KeyIvInit, StreamCipher};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use ctr::Ctr128BE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sha3::{Digest, Sha3_256};
use zeroize::Zeroizing;

use super::SessionError;
use super::seal::{Sealer, check_size, derive_all};

const NONCE: usize = 16;

/// Keys of cookies in the format of PoorWSGI's `AESSession`. The first key seals; all keys open.
pub struct AesKeys(Vec<KeyPair>);

struct KeyPair {
    aes: Zeroizing<[u8; 32]>,
    /// Padded with zeros to the hash's block, as HMAC does with short keys (RFC 2104, section 2).
    mac: Zeroizing<[u8; 64]>,
}

impl KeyPair {
    fn derive(secret: &[u8]) -> Self {
        let root = Zeroizing::new(<[u8; 32]>::from(Sha3_256::digest(secret)));
        let labelled =
            |label: &str| Sha3_256::new().chain_update(root.as_slice()).chain_update(label).finalize();
        let mut keys = KeyPair { aes: Zeroizing::new(labelled("enc").into()), mac: Zeroizing::new([0; 64]) };
        keys.mac.iter_mut().zip(labelled("mac")).for_each(|(to, from)| *to = from);
        keys
    }

    fn authenticator(&self, payload: &[u8]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new((&*self.mac).into()).chain_update(payload)
    }

    fn apply_keystream(&self, nonce: &[u8; NONCE], data: &mut [u8]) {
        Ctr128BE::<Aes256>::new((&*self.aes).into(), nonce.into()).apply_keystream(data);
    }
}

impl AesKeys {
    /// Keys derived from secrets, the current one first.
    ///
    /// # Errors
    /// [`SessionError::EmptySecret`] where a secret is empty or there is none.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, SessionError> {
        derive_all(secrets, |secret| Ok(KeyPair::derive(secret))).map(AesKeys)
    }

    fn seal_with_nonce(&self, data: &[u8], nonce: [u8; NONCE]) -> Result<String, SessionError> {
        let keys = self.0.first().ok_or(SessionError::EmptySecret)?;
        let mut ciphertext = data.to_vec();
        keys.apply_keystream(&nonce, &mut ciphertext);
        let payload = [&nonce, ciphertext.as_slice()].concat();
        let mac = keys.authenticator(&payload).finalize().into_bytes();
        Ok(format!("{}.{}", BASE64_URL_SAFE.encode(payload), BASE64_URL_SAFE.encode(mac)))
    }
}

impl Sealer for AesKeys {
    /// Ignores `now`, because the format has no room for the time.
    fn seal_at(&self, _name: &str, data: &[u8], _now: u64) -> Result<String, SessionError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        self.seal_with_nonce(data, nonce)
    }

    /// Opens a cookie of any age, because the format has no room for the time.
    fn open_at(
        &self,
        _name: &str,
        value: &str,
        _lifetime: Option<u64>,
        _now: u64,
    ) -> Result<Vec<u8>, SessionError> {
        check_size(value)?;
        let (payload, mac) = value.split_once('.').ok_or(SessionError::BadCookie)?;
        let decode = |part| BASE64_URL_SAFE.decode(part).map_err(|_| SessionError::BadCookie);
        let (payload, mac) = (decode(payload)?, decode(mac)?);
        let keys = self
            .0
            .iter()
            .find(|keys| keys.authenticator(&payload).verify_slice(&mac).is_ok())
            .ok_or(SessionError::BadCookie)?;
        let (nonce, ciphertext) = payload.split_first_chunk::<NONCE>().ok_or(SessionError::BadCookie)?;
        let mut data = ciphertext.to_vec();
        keys.apply_keystream(nonce, &mut data);
        Ok(data)
    }
}

impl std::fmt::Debug for AesKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AesKeys({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> AesKeys {
        AesKeys::new(["secret"]).unwrap()
    }

    /// Made by `AESSession` of PoorWSGI 2.8.1 with these nonces: (secret, nonce, data, value). In the last
    /// one, the counter overflows its 128 bits.
    fn vectors() -> [(Vec<u8>, [u8; NONCE], &'static str, &'static str); 4] {
        let from = |first: u8| std::array::from_fn(|i| first + i as u8);
        [
            (
                b"secret".to_vec(),
                from(0),
                "{}",
                "AAECAwQFBgcICQoLDA0OD9Db.FE_NlopFq7dn2D53aJMVpGjWrVifm1BRBwkVcn-thHM=",
            ),
            (
                b"secret".to_vec(),
                from(1),
                r#"{"user": "alice", "n": 1}"#,
                "AQIDBAUGBwgJCgsMDQ4PEKu0wRIW6MWHKHaz6wCuAUhNF5LTTeMkl7w=.v9GhZ5xxpgIGMXHmh_fQYvcgkLTPkctbyrWqsvSjCqU=",
            ),
            (
                "klíč".into(),
                from(2),
                r#"{"text": "\u017elu\u0165ou\u010dk\u00fd \u0001 \ud83d\ude00", "list": [1, 2.5, null, true]}"#,
                "AgMEBQYHCAkKCwwNDg8QEcAysf3zyhXG0zhP20m4exukEDpVDJT9J41BFg1-dzMABtf3mh4uXJWzfjGcOddIVV3OOzoOKxAHz3abd5mjMUfigOhpIlbkz00kMxF7lczGqGSBwFPFEN2ifFc=.IoT53LOyzNmPxabesezQXm2aSYx5NieK88PhgYrRLko=",
            ),
            (
                [0x00, 0xff].repeat(20),
                [0xff; NONCE],
                r#"{"k": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
                "_____________________7QEYP2EDZ-V-mdgXslFdCmWHxED0nrCvmQA6nv2O2OO9KFZrhnlkaGSpVhwbqqPuOsGlHTs_wsa8QQOyFCcvgIwqQfZSNnG2cxwmBezAh1j6LnKnTs8rCdCWIwa2cyFzFGkt0u_ssKrAu3o9-Q=.TP_onUgmGaoR9mp7hfnQa9X8lZ7NA57Os_nfv8tiAic=",
            ),
        ]
    }

    /// Byte-compatible with PoorWSGI's `AESSession`, in both directions.
    #[test]
    fn cookies_are_those_of_poorwsgi() {
        for (secret, nonce, data, value) in vectors() {
            let keys = AesKeys::new([secret]).unwrap();
            assert_eq!(keys.seal_with_nonce(data.as_bytes(), nonce).unwrap(), value);
            assert_eq!(keys.open("SESSID", value).unwrap(), data.as_bytes());
        }
    }

    /// PoorWSGI accepts trailing junk after a sealed value; here decoding is strict.
    #[test]
    fn one_value_has_one_spelling() {
        let value = keys().seal("SESSID", b"{}").unwrap();
        for other in [
            format!("{value}!!"),
            format!("{value}="),
            format!("{value}.x"),
            value.trim_end_matches('=').to_owned(),
            value.replace('.', ""),
        ] {
            assert!(keys().open("SESSID", &other).is_err(), "{other}");
        }
    }

    /// A payload that is too short, although its MAC is right.
    #[test]
    fn a_payload_without_a_whole_nonce_is_refused() {
        let mac = keys().0[0].authenticator(b"short").finalize().into_bytes();
        let value = format!("{}.{}", BASE64_URL_SAFE.encode("short"), BASE64_URL_SAFE.encode(mac));
        assert!(matches!(keys().open("SESSID", &value), Err(SessionError::BadCookie)));
    }

    #[test]
    fn old_keys_still_open() {
        let value = keys().seal("SESSID", b"{}").unwrap();
        assert!(AesKeys::new(["new", "secret"]).unwrap().open("SESSID", &value).is_ok());
        assert!(AesKeys::new(["new"]).unwrap().open("SESSID", &value).is_err());
        assert!(matches!(AesKeys::new([""]), Err(SessionError::EmptySecret)));
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
        fn anything_is_opened_or_refused(value in "[A-Za-z0-9_=.-]{0,200}.{0,20}") {
            prop_assert!(keys().open("SESSID", &value).is_err());
        }
    }
}

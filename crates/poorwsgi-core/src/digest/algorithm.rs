//! The hash functions of digest authentication.

use std::fmt;
use std::str::FromStr;

use md5::Md5;
use sha2::digest::{Digest, Output};
use sha2::{Sha256, Sha512_256};

use crate::session::hex;

/// A hash algorithm of digest authentication. Algorithms are ordered from the weakest to the strongest.
///
/// The `-sess` variants bind the stored digest to the nonces of a session (RFC 7616, section 3.4.2); they use
/// the same stored digest as the plain ones.
///
/// ```
/// use poorwsgi::Application;
/// use poorwsgi::digest::Algorithm;
///
/// let mut app = Application::new("demo");
/// app.settings_mut().auth_digest = true;
/// app.settings_mut().auth_algorithms = vec![Algorithm::Sha512_256, Algorithm::Sha256];
/// assert!(Algorithm::Sha512_256 > Algorithm::Sha256);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// `MD5`: for old clients only.
    Md5,
    /// `MD5-sess`, PoorWSGI's default.
    Md5Sess,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Sess,
    /// `SHA-512-256`: SHA-512/256 of FIPS 180-4.
    Sha512_256,
    /// `SHA-512-256-sess`.
    Sha512_256Sess,
}

impl Algorithm {
    /// Every algorithm, the weakest first.
    pub const ALL: [Algorithm; 6] = [
        Algorithm::Md5,
        Algorithm::Md5Sess,
        Algorithm::Sha256,
        Algorithm::Sha256Sess,
        Algorithm::Sha512_256,
        Algorithm::Sha512_256Sess,
    ];

    /// The name as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    /// Whether this is a `-sess` variant.
    #[must_use]
    pub const fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512_256Sess)
    }

    /// Length of a digest in hexadecimal digits.
    #[must_use]
    pub const fn hex_len(self) -> usize {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => 32,
            _ => 64,
        }
    }

    /// The digest of `parts` joined with `:`, in lower-case hexadecimal (`H(concat(...))` of RFC 7616,
    /// section 3.3).
    #[must_use]
    pub fn hash(self, parts: &[&str]) -> String {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => hex(&joined::<Md5>(parts)),
            Algorithm::Sha256 | Algorithm::Sha256Sess => hex(&joined::<Sha256>(parts)),
            Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => hex(&joined::<Sha512_256>(parts)),
        }
    }
}

fn joined<H: Digest>(parts: &[&str]) -> Output<H> {
    let mut hash = H::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize()
}

/// The digest that is stored for a user: `H(user:realm:password)` in hexadecimal.
///
/// ```
/// use poorwsgi::digest::{Algorithm, hexdigest};
///
/// assert_eq!(hexdigest("user", "User Zone", "looser", Algorithm::Md5), "99f490dffe2c74a7f13d0cf9b61098a5");
/// ```
#[must_use]
pub fn hexdigest(username: &str, realm: &str, password: &str, algorithm: Algorithm) -> String {
    algorithm.hash(&[username, realm, password])
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a name that no [`Algorithm`] has.
///
/// ```
/// use poorwsgi::digest::{Algorithm, UnknownAlgorithm};
///
/// /// The algorithms of a configuration file, as in `SHA-512-256, SHA-256`.
/// fn algorithms(line: &str) -> Result<Vec<Algorithm>, UnknownAlgorithm> {
///     line.split(',').map(|name| name.trim().parse()).collect()
/// }
///
/// assert_eq!(algorithms("SHA-512-256, sha-256"), Ok(vec![Algorithm::Sha512_256, Algorithm::Sha256]));
/// let error = algorithms("SHA-1").unwrap_err().to_string();
/// assert!(error.starts_with(r#""SHA-1" is not a known digest algorithm; known: MD5, MD5-sess"#));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm(String);

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Algorithm::ALL.map(Algorithm::as_str).join(", ");
        write!(f, "{:?} is not a known digest algorithm; known: {known}", self.0)
    }
}

impl std::error::Error for UnknownAlgorithm {}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Names are compared without regard to case, as tokens of HTTP authentication are.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616, section 3.9.2, with the value of erratum 4897 (the RFC used a draft of SHA-512/256).
    #[test]
    fn sha_512_256_is_the_one_of_fips_180_4() {
        assert_eq!(
            Algorithm::Sha512_256.hash(&["Jäsøn Doe", "api@example.org"]),
            "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
        );
    }

    #[test]
    fn names_are_read_back_in_any_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().to_uppercase().parse(), Ok(algorithm));
            assert_eq!(algorithm.hash(&[]).len(), algorithm.hex_len());
        }
        let error = "SHA-1".parse::<Algorithm>().unwrap_err().to_string();
        assert!(
            error.starts_with("\"SHA-1\" is not a known digest algorithm; known: MD5, MD5-sess"),
            "{error}"
        );
    }

    #[test]
    fn later_means_stronger() {
        assert!(Algorithm::ALL.is_sorted());
        assert!(Algorithm::Md5Sess < Algorithm::Sha256 && Algorithm::Sha256Sess < Algorithm::Sha512_256);
    }
}

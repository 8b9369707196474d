//! The proof that a client knows the password.

use super::Algorithm;

/// What a digest response is computed from besides the stored digest (RFC 7616, section 3.4.1), as the client
/// sent it.
#[derive(Clone, Copy, Debug)]
pub struct ResponseInput<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The `uri` directive.
    pub uri: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// The client's nonce; empty where it sent none.
    pub cnonce: &'a str,
    /// `(nc, qop)`, or `None` for the form of RFC 2069, which has no quality of protection.
    pub protection: Option<(&'a str, &'a str)>,
}

impl ResponseInput<'_> {
    /// The response for a user whose stored digest is `hash`, in lower-case hexadecimal.
    #[must_use]
    pub fn response(&self, algorithm: Algorithm, hash: &str) -> String {
        let session;
        let hash1 = if algorithm.is_session() {
            session = algorithm.hash(&[hash, self.nonce, self.cnonce]);
            &session
        } else {
            hash
        };
        let hash2 = algorithm.hash(&[self.method, self.uri]);
        match self.protection {
            Some((nc, qop)) => algorithm.hash(&[hash1, self.nonce, nc, self.cnonce, qop, &hash2]),
            None => algorithm.hash(&[hash1, self.nonce, &hash2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hexdigest;

    const MUFASA: ResponseInput<'_> = ResponseInput {
        method: "GET",
        uri: "/dir/index.html",
        nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        protection: Some(("00000001", "auth")),
    };

    fn mufasa(algorithm: Algorithm) -> String {
        let hash = hexdigest("Mufasa", "http-auth@example.org", "Circle of Life", algorithm);
        MUFASA.response(algorithm, &hash)
    }

    /// RFC 7616, section 3.9.1.
    #[test]
    fn examples_of_rfc_7616() {
        assert_eq!(mufasa(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            mufasa(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    /// RFC 7616, section 3.9.2, with the value of erratum 4897.
    #[test]
    fn example_outside_ascii() {
        let hash = hexdigest("Jäsøn Doe", "api@example.org", "Secret, or not?", Algorithm::Sha512_256);
        let input = ResponseInput {
            uri: "/doe.json",
            nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
            cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
            ..MUFASA
        };
        assert_eq!(
            input.response(Algorithm::Sha512_256, &hash),
            "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
        );
    }

    /// RFC 7616, section 3.4.2. The values are those that PoorWSGI 2.8.1 accepts.
    #[test]
    fn session_variants() {
        assert_eq!(mufasa(Algorithm::Md5Sess), "e783283f46242139c486a698fec7211d");
        assert_eq!(
            mufasa(Algorithm::Sha256Sess),
            "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7"
        );
    }

    /// RFC 2617, section 3.2.2.1: without qop the response is that of RFC 2069.
    #[test]
    fn without_qop() {
        let hash = hexdigest("Mufasa", "http-auth@example.org", "Circle of Life", Algorithm::Md5);
        let input = ResponseInput { protection: None, ..MUFASA };
        assert_eq!(input.response(Algorithm::Md5, &hash), "7b2cc3b30e75b4777ea31027084363fd");
    }
}

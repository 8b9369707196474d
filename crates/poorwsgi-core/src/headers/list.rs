//! Fields whose value is a list: several fields of one name are one list (RFC 9110, sections 5.3 and 5.6.1).

use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderName, HeaderValue};

/// The values of the fields of one name as one value, joined as their meaning allows: cookies by `; ` (RFC
/// 9113, section 8.2.3), all others by `, ` (RFC 9110, section 5.3). `None` where there is none.
///
/// ```
/// use http::header::{ACCEPT, HeaderMap, HeaderValue};
/// use poorwsgi_core::headers::list::combined;
///
/// let mut fields = HeaderMap::new();
/// fields.append(ACCEPT, HeaderValue::from_static("text/html"));
/// assert_eq!(combined(&ACCEPT, fields.get_all(ACCEPT)).unwrap(), &b"text/html"[..]);
/// fields.append(ACCEPT, HeaderValue::from_static("*/*;q=0.1"));
/// assert_eq!(combined(&ACCEPT, fields.get_all(ACCEPT)).unwrap(), &b"text/html, */*;q=0.1"[..]);
/// ```
pub fn combined<'v>(
    name: &HeaderName,
    values: impl IntoIterator<Item = &'v HeaderValue>,
) -> Option<Cow<'v, [u8]>> {
    let mut values = values.into_iter().map(HeaderValue::as_bytes);
    let first = values.next()?;
    let separator: &[u8] = if *name == COOKIE { b"; " } else { b", " };
    Some(values.fold(Cow::Borrowed(first), |mut all, value| {
        let joined = all.to_mut();
        joined.extend_from_slice(separator);
        joined.extend_from_slice(value);
        all
    }))
}

/// Whether a list has this token, in any letter case. Quoted strings are not recognised: a comma within one
/// separates items.
///
/// ```
/// use poorwsgi_core::headers::list::has_token;
///
/// assert!(has_token(b"keep-alive, Close", "close"));
/// assert!(!has_token(b"closed", "close"));
/// ```
#[must_use]
pub fn has_token(list: &[u8], token: &str) -> bool {
    list.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::{ACCEPT, HOST};

    use super::*;

    /// RFC 9110, section 5.3, and RFC 9113, section 8.2.3.
    #[test]
    fn fields_of_one_name_are_one_list() {
        let mut fields = HeaderMap::new();
        for (name, value) in [(ACCEPT, "a"), (COOKIE, "x=1"), (ACCEPT, ""), (COOKIE, "y=2"), (ACCEPT, "b,c")]
        {
            fields.append(name, HeaderValue::from_static(value));
        }
        let all = |name| combined(&name, fields.get_all(&name)).map(Cow::into_owned);
        assert_eq!(all(ACCEPT).unwrap(), b"a, , b,c");
        assert_eq!(all(COOKIE).unwrap(), b"x=1; y=2");
        assert_eq!(all(HOST), None);
    }

    #[test]
    fn a_token_is_a_whole_item() {
        for list in ["close", "CLOSE", " close\t", "a,close", "a , close , b", ",close,"] {
            assert!(has_token(list.as_bytes(), "close"), "{list:?}");
        }
        for list in ["", "closed", "clo se", "a close", "close;q=1", "\"close\""] {
            assert!(!has_token(list.as_bytes(), "close"), "{list:?}");
        }
        assert!(has_token(b"\xff, close", "close"));
    }
}

//! The spelling of field names in a response, for servers that keep names in lower case.

/// The names of a response's fields that are not Title-Case, each as the application wrote it, in the order
/// of the fields.
///
/// hyper and tower keep names in lower case. A server that sends names in Title-Case finds the exceptions
/// here, in the extensions of the response.
///
/// ```
/// use poorwsgi_core::headers::Spellings;
///
/// let mut spellings = Spellings::default();
/// ["Content-Type", "ETag", "x-one"].into_iter().for_each(|name| spellings.add(name));
/// assert_eq!(spellings.iter().collect::<Vec<_>>(), ["ETag", "x-one"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spellings(Vec<Box<str>>);

/// How many names are kept; further ones are sent in Title-Case.
const MOST: usize = 64;

impl Spellings {
    /// Adds a name, unless it is in Title-Case, or there are 64 names already.
    pub fn add(&mut self, name: &str) {
        if !is_title_case(name) && self.0.len() < MOST {
            self.0.push(name.into());
        }
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether the first letter and each letter after a hyphen are capitals, and no other letter is.
fn is_title_case(name: &str) -> bool {
    let mut first = true;
    name.bytes().all(|byte| {
        let is_it = if first { !byte.is_ascii_lowercase() } else { !byte.is_ascii_uppercase() };
        first = byte == b'-';
        is_it
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_title_case_gives_back_need_not_be_kept() {
        for name in ["Content-Type", "X-1a", "A", "X--Y", "1x"] {
            assert!(is_title_case(name), "{name}");
        }
        for name in ["content-type", "ETag", "X-a", "DAV", "X-XSS-Protection", "x"] {
            assert!(!is_title_case(name), "{name}");
        }
    }

    #[test]
    fn there_is_an_end_of_them() {
        let mut spellings = Spellings::default();
        (0..100).for_each(|number| spellings.add(&format!("x{number}")));
        assert_eq!(spellings.iter().count(), MOST);
    }
}

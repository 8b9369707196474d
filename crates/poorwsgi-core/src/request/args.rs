//! The arguments of a query string (WHATWG URL, section 5.1).

use std::collections::HashMap;
use std::fmt;

use crate::HttpError;
use crate::values::{OneOrMany, convert};

/// What error messages call a value.
const WHAT: &str = "argument";

/// The most arguments of a query: the default of [`ArgsOptions::max_num_fields`].
pub const MAX_NUM_FIELDS: usize = 1000;

/// How a query is parsed.
///
/// ```
/// use poorwsgi::request::{Args, ArgsOptions};
/// use poorwsgi::{Request, Result};
///
/// /// A link such as `/list?all`, whose argument has no value and would be left out of `req.args()`.
/// fn list(req: Request) -> Result<&'static str> {
///     let options = ArgsOptions { keep_blank_values: true, ..ArgsOptions::default() };
///     let args = Args::parse(&req.query(), &options)?;
///     Ok(if args.contains("all") { "all of them" } else { "the first ten" })
/// }
/// # let mut app = poorwsgi::Application::new("demo");
/// # app.route("/list", poorwsgi::state::METHOD_GET, list).unwrap();
/// # let options = ArgsOptions { keep_blank_values: true, ..ArgsOptions::default() };
/// # assert!(Args::parse("all", &options).unwrap().contains("all"));
/// # assert!(!Args::parse("all", &ArgsOptions::default()).unwrap().contains("all"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgsOptions {
    /// Whether an argument without a value is kept, as an empty text. Off by default.
    pub keep_blank_values: bool,
    /// Whether an argument without `=` is an error. Off by default.
    pub strict_parsing: bool,
    /// The most arguments, blank ones included. [`MAX_NUM_FIELDS`] by default.
    pub max_num_fields: usize,
}

impl Default for ArgsOptions {
    fn default() -> Self {
        ArgsOptions { keep_blank_values: false, strict_parsing: false, max_num_fields: MAX_NUM_FIELDS }
    }
}

/// The arguments of a query: keys in the order of their first occurrence, each with its values.
///
/// ```
/// use poorwsgi::request::{Args, ArgsOptions};
///
/// let args = Args::parse("tag=a&tag=b&age=36", &ArgsOptions::default())?;
/// assert_eq!(args.get("tag"), Some("a"));
/// assert_eq!(args.getfirst("age", str::parse::<u8>)?, Some(36));
/// assert_eq!(args.getlist("tag", str::parse::<String>)?, ["a", "b"]);
/// # Ok::<(), poorwsgi::HttpError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    list: Vec<(String, Vec<String>)>,
}

impl Args {
    /// Reads a query. Arguments are separated by `&` alone; `+` is a space; bytes that are not UTF-8 become
    /// U+FFFD.
    ///
    /// # Errors
    /// 413 for more than `max_num_fields` arguments, 400 for an argument without `=` where `strict_parsing`
    /// is on.
    pub fn parse(query: &str, options: &ArgsOptions) -> Result<Self, HttpError> {
        let query = query.trim();
        if query.is_empty() {
            return Ok(Args::default());
        }
        if query.split('&').nth(options.max_num_fields).is_some() {
            let limit = options.max_num_fields as u64;
            return Err(HttpError::too_large("arguments of the query", limit, "form_limits.fields"));
        }
        let mut pairs = Vec::new();
        for field in query.split('&') {
            if options.strict_parsing && !field.contains('=') {
                let shown: String = field.chars().take(80).collect();
                return Err(HttpError::bad_request(format!("bad query field: {shown:?} has no \"=\"")));
            }
            let pair = form_urlencoded::parse(field.as_bytes()).next();
            pairs.extend(pair.filter(|(_, value)| options.keep_blank_values || !value.is_empty()));
        }
        Ok(pairs.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values(key).first().map(String::as_str)
    }

    /// All values of a key; empty where the query does not have the key.
    #[must_use]
    pub fn values(&self, key: &str) -> &[String] {
        self.list.iter().find(|(other, _)| other == key).map_or(&[], |(_, values)| values)
    }

    /// Whether the query has the key.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        !self.values(key).is_empty()
    }

    /// Every key with its values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[String])> {
        self.list.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no argument.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The values of a key, each converted: one where the key occurs once, a list where it occurs several
    /// times.
    ///
    /// # Errors
    /// 400 with the key where a conversion fails.
    pub fn getvalue<T, E: fmt::Display>(
        &self,
        key: &str,
        func: impl FnMut(&str) -> Result<T, E>,
    ) -> Result<Option<OneOrMany<T>>, HttpError> {
        Ok(OneOrMany::of(self.getlist(key, func)?))
    }

    /// The first value of a key, converted.
    ///
    /// # Errors
    /// 400 with the key where the conversion fails.
    pub fn getfirst<T, E: fmt::Display>(
        &self,
        key: &str,
        func: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, HttpError> {
        self.get(key).map(|value| convert(WHAT, key, value, func)).transpose()
    }

    /// All values of a key, each converted; an empty list where the query does not have the key.
    ///
    /// # Errors
    /// 400 with the key where a conversion fails.
    pub fn getlist<T, E: fmt::Display>(
        &self,
        key: &str,
        mut func: impl FnMut(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, HttpError> {
        self.values(key).iter().map(|value| convert(WHAT, key, value, &mut func)).collect()
    }
}

impl FromIterator<(String, String)> for Args {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut list: Vec<(String, Vec<String>)> = Vec::new();
        // Looking for each key in the list would take quadratic time on a query of many keys.
        let mut places = HashMap::new();
        for (key, value) in pairs {
            let place = *places.entry(key.clone()).or_insert(list.len());
            match list.get_mut(place) {
                Some((_, values)) => values.push(value),
                None => list.push((key, vec![value])),
            }
        }
        Args { list }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(
        query: &str,
        keep_blank_values: bool,
        strict_parsing: bool,
    ) -> Result<Vec<(String, Vec<String>)>, u16> {
        let options = ArgsOptions { keep_blank_values, strict_parsing, ..ArgsOptions::default() };
        Args::parse(query, &options).map(|args| args.list).map_err(|error| error.status())
    }

    fn expect(query: &str, keep_blank_values: bool, expected: &[(&str, &[&str])]) {
        let own = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let expected = expected.iter().map(|(key, values)| ((*key).to_owned(), own(values))).collect();
        assert_eq!(read(query, keep_blank_values, false), Ok(expected), "{query}");
    }

    #[test]
    fn queries_as_poorwsgi_reads_them() {
        expect("a=1&b=2", false, &[("a", &["1"]), ("b", &["2"])]);
        expect("b=1&a=2&b=3", false, &[("b", &["1", "3"]), ("a", &["2"])]);
        expect("a=&b&c=1", false, &[("c", &["1"])]);
        expect("a=&b&c=1&&", true, &[("a", &[""]), ("b", &[""]), ("c", &["1"])]);
        expect("a=%zz%e9+x", false, &[("a", &["%zz\u{fffd} x"])]);
        expect("=x", false, &[("", &["x"])]);
        expect("=", true, &[("", &[""])]);
        expect(" a=1=2 ", false, &[("a", &["1=2"])]);
        expect("?a=x#f", false, &[("?a", &["x#f"])]);
        expect("&", true, &[]);
        expect(" ", true, &[]);
    }

    /// `;` is not a separator: a cache that separates at `&` alone would see other arguments.
    #[test]
    fn semicolons_are_part_of_a_value() {
        expect("a=1;b=2", false, &[("a", &["1;b=2"])]);
    }

    #[test]
    fn strict_parsing_wants_an_equals_sign() {
        for query in ["a&b=1", "&&a=1", "a=1&"] {
            assert_eq!(read(query, false, true), Err(400), "{query}");
        }
        assert_eq!(read("a=", false, true), Ok(vec![]));
        assert_eq!(read("", false, true), Ok(vec![]));
    }

    #[test]
    fn the_number_of_arguments_is_limited() {
        let options = ArgsOptions { max_num_fields: 2, ..ArgsOptions::default() };
        assert_eq!(Args::parse("a=1&b=2", &options).unwrap().len(), 2);
        let error = Args::parse("a=1&&b=2", &options).unwrap_err();
        assert_eq!(error.status(), 413);
        assert!(error.to_string().contains("form_limits.fields"));
    }

    #[test]
    fn values_and_their_conversion() {
        let args = Args::parse("n=1&n=2&x=y", &ArgsOptions::default()).unwrap();
        let number = str::parse::<u8>;
        assert_eq!(args.getvalue("n", number).unwrap(), Some(OneOrMany::Many(vec![1, 2])));
        assert_eq!(args.getvalue("x", str::parse::<char>).unwrap(), Some(OneOrMany::One('y')));
        assert_eq!(args.getvalue("missing", number).unwrap(), None);
        assert_eq!(args.getfirst("n", number).unwrap(), Some(1));
        assert_eq!(args.getfirst("missing", number).unwrap(), None);
        assert_eq!(args.getlist("n", number).unwrap(), [1, 2]);
        assert!(args.getlist("missing", number).unwrap().is_empty());
        assert!(args.contains("x") && !args.contains("y") && !args.is_empty());
        for error in [args.getfirst("x", number).unwrap_err(), args.getlist("x", number).unwrap_err()] {
            assert_eq!(error.to_string(), "400 Bad Request: argument x: invalid digit found in string");
        }
    }

    #[test]
    fn many_keys_take_linear_time() {
        let query: String = (0..100_000).map(|number| format!("{number}=1&")).collect();
        let options = ArgsOptions { max_num_fields: usize::MAX, ..ArgsOptions::default() };
        assert_eq!(Args::parse(&query, &options).unwrap().len(), 100_000);
    }

    proptest! {
        #[test]
        fn any_query_is_read(query in ".*", blank: bool, strict: bool) {
            let _ = read(&query, blank, strict);
        }

        #[test]
        fn what_was_written_is_read_back(pairs in prop::collection::vec((".*", ".*"), 0..9)) {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let options = ArgsOptions { keep_blank_values: true, ..ArgsOptions::default() };
            prop_assert_eq!(Args::parse(&query, &options).unwrap(), pairs.into_iter().collect());
        }
    }
}

//! The target of a request, and the variables that the server set for it.

use super::{Args, ArgsOptions, Head};
use crate::HttpError;
use crate::variables::option_name;

/// A path, with `?` and the query where there is one. As in PoorWSGI, the query is taken without blanks around
/// it, which some WSGI servers leave there.
#[must_use]
pub fn full_path(path: &str, query: &str) -> String {
    match query.trim_matches(|character: char| character.is_ascii_whitespace()) {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

impl dyn Head + '_ {
    /// The path, with `?` and the query where there is one.
    ///
    /// # Errors
    /// 400 as [`Head::path`].
    pub fn full_path(&self) -> Result<String, HttpError> {
        self.path().map(|path| full_path(&path, &self.query()))
    }

    /// The path as the client knows it: where the application is mounted, and its path there.
    ///
    /// # Errors
    /// 400 as [`Head::path`].
    pub fn client_path(&self) -> Result<String, HttpError> {
        let path = self.path()?;
        Ok(match self.mount() {
            Some(mount) => format!("{}{path}", mount.path()),
            None => path.into_owned(),
        })
    }

    /// The prefix below which the application is mounted: by the server, as `SCRIPT_NAME` says, or in another
    /// application. Percent-decoded; empty where the application is not mounted.
    #[must_use]
    pub fn script_name(&self) -> String {
        match self.variable("SCRIPT_NAME").filter(|name| !name.is_empty()) {
            Some(name) => name.into_owned(),
            None => self.mount().map_or_else(String::new, |mount| mount.path().to_owned()),
        }
    }

    /// The arguments of the query.
    ///
    /// # Errors
    /// 400 and 413 as [`Args::parse`].
    pub fn args(&self, options: &ArgsOptions) -> Result<Args, HttpError> {
        Args::parse(&self.query(), options)
    }

    /// The application's own variables (`app_*`), each as its [`option_name`] and its value without
    /// surrounding blanks.
    #[must_use]
    pub fn options(&self) -> Vec<(String, String)> {
        let mut options = Vec::new();
        self.each_variable(&mut |name, value| {
            if let Some(name) = option_name(name) {
                options.push((name, value.trim().to_owned()));
            }
        });
        options
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::with;

    #[test]
    fn the_path_and_its_query() {
        let mut head = with(&[]);
        assert_eq!(head.head().full_path().unwrap(), "/p");
        head.query = "a=1&b=%20";
        assert_eq!(head.head().full_path().unwrap(), "/p?a=1&b=%20");
        assert_eq!(head.head().args(&super::ArgsOptions::default()).unwrap().get("b"), Some(" "));
    }

    #[test]
    fn blanks_around_a_query_are_no_part_of_it() {
        for (query, full) in [("", "/p"), (" \t", "/p"), (" a=b c ", "/p?a=b c"), ("a\u{a0}", "/p?a\u{a0}")] {
            assert_eq!(super::full_path("/p", query), full, "{query:?}");
        }
    }

    /// PoorWSGI's `get_options`.
    #[test]
    fn application_variables() {
        let mut head = with(&[]);
        head.variables = vec![("app_Db_Server", " x "), ("APP_y", "2"), ("poor_Debug", "on"), ("ap", "")];
        let expected = [("db_server", "x"), ("y", "2")];
        assert_eq!(head.head().options(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

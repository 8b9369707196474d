//! Variables of the server, or of its administrator, that override settings of an application.
//!
//! Each function returns the value that replaces the setting, or `None` if the variable does not override
//! it. A door that keeps a setting in a form of its own language calls these functions; others call those of
//! [`settings`](super), such as [`debug_for`](super::debug_for).

use std::borrow::Cow;

use crate::request::Head;

/// `poor_Debug`: whether debug is on.
#[must_use]
pub fn debug(head: &dyn Head) -> Option<bool> {
    switch(head, "poor_Debug")
}

/// `poor_DocumentRoot`: the document root. An empty value means no document root.
#[must_use]
pub fn document_root(head: &dyn Head) -> Option<Cow<'_, str>> {
    head.variable("poor_DocumentRoot")
}

/// `poor_DocumentIndex`: whether directories are listed.
#[must_use]
pub fn document_index(head: &dyn Head) -> Option<bool> {
    switch(head, "poor_DocumentIndex")
}

/// `poor_SecretKey`: the secret key. An empty value means no key.
#[must_use]
pub fn secret_key(head: &dyn Head) -> Option<Cow<'_, str>> {
    head.variable("poor_SecretKey")
}

/// Reads a variable as a switch: `on`, in any letter case, is `true`, and any other value is `false`. `None`
/// for a variable that is unset or empty.
fn switch(head: &dyn Head, variable: &str) -> Option<bool> {
    let value = head.variable(variable).filter(|value| !value.is_empty())?;
    Some(value.eq_ignore_ascii_case("on"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::request::tests::{TestHead, with};
    use crate::settings::{self, SecretKey, Settings};

    fn settings() -> Settings {
        let mut settings = Settings::new("demo");
        (settings.debug, settings.document_index) = (true, true);
        (settings.document_root, settings.secret_key) = (Some("/own".into()), Some("own".into()));
        settings
    }

    fn key(settings: &Settings, head: &TestHead) -> Option<String> {
        let key = settings::secret_key_for(settings, head.head());
        key.as_ref().map(SecretKey::as_bytes).map(|key| String::from_utf8_lossy(key).into_owned())
    }

    #[test]
    fn variables_go_before_settings() {
        let settings = settings();
        let mut head = with(&[]);
        assert_eq!(settings::document_root_for(&settings, head.head()).as_deref(), Some(Path::new("/own")));
        assert_eq!(key(&settings, &head).as_deref(), Some("own"));
        for (value, is_on) in [("on", true), ("On", true), ("off", false), ("1", false)] {
            head.variables = vec![("poor_Debug", value), ("poor_DocumentIndex", value)];
            assert_eq!(settings::debug_for(&settings, head.head()), is_on, "{value}");
            assert_eq!(settings::document_index_for(&settings, head.head()), is_on, "{value}");
        }
        head.variables = vec![("poor_DocumentRoot", "/srv"), ("poor_SecretKey", "key")];
        assert_eq!(settings::document_root_for(&settings, head.head()).as_deref(), Some(Path::new("/srv")));
        assert_eq!(key(&settings, &head).as_deref(), Some("key"));
    }

    /// The values are those of PoorWSGI 2.8.1.
    #[test]
    fn an_empty_variable_takes_back_a_value_and_leaves_a_switch() {
        let settings = settings();
        let mut head = with(&[]);
        head.variables = ["poor_Debug", "poor_DocumentIndex", "poor_DocumentRoot", "poor_SecretKey"]
            .map(|variable| (variable, ""))
            .to_vec();
        assert!(
            settings::debug_for(&settings, head.head())
                && settings::document_index_for(&settings, head.head())
        );
        assert_eq!(settings::document_root_for(&settings, head.head()), None);
        assert_eq!(key(&settings, &head), None);
    }
}

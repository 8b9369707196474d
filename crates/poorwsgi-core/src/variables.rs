//! The environment variables of the process that are meant for applications: `poor_*` and `app_*`.

use std::collections::BTreeMap;

/// The name of the application's own option that a variable sets: what follows `app_` (in any letter case),
/// in lower case. `None` for any other variable.
///
/// ```
/// use poorwsgi_core::variables::option_name;
///
/// assert_eq!(option_name("APP_DB_HOST").as_deref(), Some("db_host"));
/// assert_eq!(option_name("apps"), None);
/// ```
#[must_use]
pub fn option_name(variable: &str) -> Option<String> {
    let (prefix, name) = variable.trim().split_at_checked("app_".len())?;
    prefix.eq_ignore_ascii_case("app_").then(|| name.to_lowercase())
}

/// The environment variables that begin with `poor_` or set an option (see [`option_name`]), read once.
///
/// They override settings (`poor_*`) or are the application's own options (`app_*`, see
/// `options` of [`Head`](crate::request::Head)).
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The variables of this process; `None` where there are none. A variable whose name or value is not
    /// Unicode is left out.
    #[must_use]
    pub fn of_process() -> Option<Self> {
        let ours = |name: &str| name.starts_with("poor_") || option_name(name).is_some();
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let variables: BTreeMap<_, _> = variables.filter(|(name, _)| ours(name)).collect();
        (!variables.is_empty()).then_some(Variables(variables))
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All variables in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

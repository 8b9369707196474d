//! The secrets of an application and of a request, which no page may quote.

use crate::request::Head;
use crate::results::Secrets;
use crate::settings::{self, Settings};

/// The secret key, and the values of all variables, options, header fields and arguments of the query whose
/// names look secret.
#[must_use]
pub fn secrets(settings: &Settings, head: &dyn Head) -> Secrets {
    let mut secrets = Secrets::default();
    if let Some(key) = settings::secret_key_for(settings, head) {
        secrets.add_bytes(key.as_bytes());
    }
    head.each_variable(&mut |name, value| secrets.add(name, value));
    head.options().iter().for_each(|(name, value)| secrets.add(name, value));
    head.each_header(&mut |name, value| secrets.add(name, value));
    form_urlencoded::parse(head.query().as_bytes()).for_each(|(name, value)| secrets.add(&name, &value));
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::with;

    #[test]
    fn secrets_come_from_settings_variables_and_fields() {
        let mut settings = Settings::new("demo");
        settings.secret_key = Some("the key".into());
        let mut head = with(&[("cookie", "SESSID=9f86d081884c7d65"), ("accept", "text/html")]);
        head.variables = vec![("app_db_password", "hunter2"), ("app_title", "The shop")];
        let secrets = secrets(&settings, head.head());
        let text = "the key, 9f86d081884c7d65, text/html, hunter2, The shop";
        assert_eq!(secrets.hide(text), "[hidden], [hidden], text/html, [hidden], The shop");
    }
}

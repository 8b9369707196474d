//! Variables of the process that override settings.

use std::process::Command;

use poorwsgi::state::METHOD_GET;
use poorwsgi::{Application, Request};

use crate::client::get;

/// Variables are read once, when the application is made, so each test runs in a process of its own.
fn passes_with(test: &str, variables: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored"])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn variables_of_the_process_override_settings() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.txt"), "from the root").unwrap();
    let variables = [
        ("poor_Debug", "On"),
        ("poor_DocumentRoot", root.path().to_str().unwrap()),
        ("poor_DocumentIndex", "on"),
        ("poor_SecretKey", "key-of-the-process"),
        ("app_Title", "The shop"),
    ];
    passes_with("variables::in_a_process_with_variables", &variables);
}

#[test]
fn an_empty_key_of_the_process_is_no_key() {
    passes_with("variables::in_a_process_with_an_empty_key", &[("poor_SecretKey", "")]);
}

#[tokio::test]
#[ignore = "runs in a process with variables of its own"]
async fn in_a_process_with_an_empty_key() {
    let mut app = Application::new("variables");
    app.settings_mut().secret_key = Some("key-of-the-code".into());
    app.route("/", METHOD_GET, |req: Request| req.secret_key().is_none().to_string()).unwrap();
    get(&app, "/").await.expect(200, "true");
}

#[tokio::test]
#[ignore = "runs in a process with variables of its own"]
async fn in_a_process_with_variables() {
    let mut app = Application::new("variables");
    app.settings_mut().secret_key = Some("key-of-the-code".into());
    app.route("/", METHOD_GET, |req: Request| {
        let key = req.secret_key().map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        format!("{} {key:?} {:?}", req.debug(), req.options())
    })
    .unwrap();
    get(&app, "/").await.expect(200, r#"true Some("key-of-the-process") [("title", "The shop")]"#);
    get(&app, "/a.txt").await.expect(200, "from the root");
    app.pop_route("/", poorwsgi::state::Method::Get);
    get(&app, "/").await.expect_page(200, "a.txt");
    let page = get(&app, "/debug-info").await;
    page.expect_page(200, "The shop");
    assert!(!page.text().contains("key-of"), "{}", page.text());
}

//! What the compiler says of functions that are no handlers or hooks.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the body of a function with one of the compiled versions of this crate. `Err` has the errors.
fn compile(library: &Path, body: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program.rs");
    let imports = "use poorwsgi::{Application, Body, Json, Request, Response, state};";
    let text = format!(
        "#![allow(unused)]\n{imports}\nfn main() {{\nlet mut app = Application::new(\"x\");\n{body}\n}}\n"
    );
    std::fs::write(&program, text).unwrap();
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "--emit", "metadata", "--color", "never", "--out-dir"])
        .arg(folder.path())
        .arg("--extern")
        .arg(format!("poorwsgi={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", library.parent().unwrap().display()))
        .arg(&program)
        .output()
        .unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The newest library that a program can be compiled with; others may have lost their dependencies.
fn library() -> PathBuf {
    let folder = env::current_exe().unwrap().parent().unwrap().to_owned();
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap());
    let mut libraries: Vec<_> = files
        .filter(|file| {
            let name = file.file_name().into_string().unwrap_or_default();
            name.strip_prefix("libpoorwsgi-").is_some_and(|rest| rest.ends_with(".rlib"))
        })
        .map(|file| (file.metadata().unwrap().modified().unwrap(), file.path()))
        .collect();
    libraries.sort();
    let valid = "app.route(\"/\", state::METHOD_GET, |_: Request| \"x\");";
    let usable = libraries.into_iter().rev().map(|(_, path)| path);
    usable.into_iter().find(|path| compile(path, valid).is_ok()).expect("no library of this crate")
}

#[test]
fn the_compiler_says_what_a_handler_and_a_hook_may_be() {
    let library = library();
    for (body, texts) in [
        (
            "app.route(\"/\", state::METHOD_GET, |_: u8| \"x\");",
            ["is not a handler", "each argument implements `FromRequestParts`"],
        ),
        (
            "app.route(\"/\", state::METHOD_POST, |_: Json<u8>, _: Request| \"x\");",
            ["is not a handler", "the last one may implement `FromRequest`, which reads the body"],
        ),
        (
            "app.route(\"/\", state::METHOD_POST, |_: Json<u8>, _: Body| \"x\");",
            ["is not a handler", "the last one may implement `FromRequest`, which reads the body"],
        ),
        (
            "app.route(\"/\", state::METHOD_GET, || 7_u8);",
            ["is not a handler", "returns what `IntoResponse` takes"],
        ),
        (
            "app.route(\"/\", state::METHOD_GET, |_: &Request| \"x\");",
            ["is not a handler", "the request is taken by value, as `Request`"],
        ),
        (
            "struct Own;\napp.route(\"/\", state::METHOD_POST, |_: Json<Own>| \"x\");",
            ["is not a handler", "need `T: serde::Deserialize`"],
        ),
        (
            "app.route(\"/\", state::METHOD_GET, || Err::<&str, poorwsgi::BoxError>(\"x\".into()));",
            ["is not a handler", "a `StatusCode` or a `BoxError` is neither: use `abort` or `Error::new`"],
        ),
        (
            "app.route(\"/\", state::METHOD_GET, || (404_u16, \"x\"));",
            ["is not a handler", "a status in front of a tuple is an `http::StatusCode`"],
        ),
        (
            "app.route(\"/\", state::METHOD_GET, async || {\nlet lock = std::sync::Mutex::new(0);\n\
             let _guard = lock.lock();\nstd::future::ready(()).await;\n\"x\"\n});",
            ["is not a handler", "which a `MutexGuard` is not"],
        ),
        (
            "fn response() -> impl poorwsgi::IntoResponse { (404_u16, \"x\") }",
            ["`u16` is not the data of a tuple", "a status in front of a tuple is an `http::StatusCode`"],
        ),
        (
            "fn response() -> impl poorwsgi::IntoResponse { 7_u8 }",
            ["a response is text, bytes, `Json<T>`", "a `StatusCode` or a `BoxError` is neither"],
        ),
        (
            "app.before_response(|_: Json<u8>| ());",
            ["is not a before hook", "at most eight arguments that implement `FromRequestParts`"],
        ),
        (
            "app.after_response(|_: Request, _: Response| ());",
            ["is not an after hook", "it returns the response to send"],
        ),
        (
            "app.after_response(async |_: Request, _: Response| ());",
            ["is not an after hook", "it returns the response to send"],
        ),
        (
            "app.http_state(404_u16, state::METHOD_ALL, |_: Request| \"x\");",
            ["is not a state handler", "of a `Request` and an `HttpError`"],
        ),
        (
            "struct Own;\nimpl state::IntoStatus for Own { fn into_status(self) -> u16 { 200 } }",
            ["IntoStatus", "Sealed` is not implemented for `Own`"],
        ),
    ] {
        let errors = compile(&library, body).expect_err(body);
        for text in texts {
            assert!(errors.contains(text), "{body}\n{errors}");
        }
    }
}

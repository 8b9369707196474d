//! The tool `poorwsgi-digest` as a script uses it: passwords on standard input, results as exit codes.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test ends where anything fails")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn run(directory: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_poorwsgi-digest"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The tool may end before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Options, messages and exit codes are those of `python -m poorwsgi.digest` (2.8.1).
#[test]
fn options_and_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str], input: &str| run(directory.path(), arguments, input).0;
    assert_eq!(code(&["users", "Zone", "alice"], "pw\npw\n"), Some(2), "no file, no -c");
    assert_eq!(code(&["-c", "users", "Zone", "alice"], "pw\npw\n"), Some(0));
    assert_eq!(code(&["-s", "users", "Zone", "bob"], "pw\r\npw\r\n"), Some(0));
    assert_eq!(code(&["users", "Zone", "carol"], "pw\nother\n"), Some(1));
    assert_eq!(
        std::fs::read_to_string(directory.path().join("users")).unwrap(),
        "alice:Zone:faf7954a57ec9d01be9141acda935350\n\
         bob:Zone:918978c172a3c5458de233ab896bac9762aef6a66c1e4558bb88b15e101549c1\n"
    );
    assert_eq!(code(&["-v", "users", "Zone", "alice"], "pw\n"), Some(0));
    assert_eq!(code(&["-v", "users", "Zone", "bob"], "pw\n"), Some(2), "MD5 is the default");
    assert_eq!(code(&["-v", "-s", "users", "Zone", "bob"], "pw\n"), Some(0));
    assert_eq!(code(&["-v", "-s", "-m", "users", "Zone", "alice"], "pw\n"), Some(0), "-m wins");
    assert_eq!(code(&["-D", "users", "Zone", "alice"], ""), Some(0));
    assert_eq!(code(&["-v", "users", "Zone", "alice"], "pw\n"), Some(2));
}

#[test]
fn a_line_without_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let (code, out, _) = run(directory.path(), &["-n", "Zone", "user"], "pw\npw\n");
    assert_eq!((code, out.as_str()), (Some(0), "user:Zone:e7cb908e545f4564a0d9375b03f54b4c\n"));
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn errors_say_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, input, reason) in [
        (&["Zone", "user"][..], "pw\npw\n", "a password file is required"),
        (
            &["users", "Zone", "user"],
            "pw\npw\n",
            "users: not found; -c without -v and -D makes a new password file",
        ),
        (&["-c", "users", "Zo:ne", "user"], "pw\npw\n", "realm \"Zo:ne\": must not be empty nor hold `:`"),
        (&["-n", "Zone", "user"], "pw\n", "no password on standard input"),
        (&["Zone"], "", "Usage: poorwsgi-digest"),
    ] {
        let (code, _, errors) = run(directory.path(), arguments, input);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(errors.contains(reason), "{errors}");
    }
}

//! Manages password files for digest login, with the options of `python -m poorwsgi.digest`.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use poorwsgi::digest::Algorithm;
use poorwsgi::digest::command::{Action, Command};

/// Password file manipulation for digest authentication.
///
/// The password is asked for on the terminal. If standard input is not a terminal, it is read from there: two
/// lines for a new password, one to verify.
#[derive(Parser)]
#[command(
    name = "poorwsgi-digest",
    version,
    override_usage = "poorwsgi-digest [OPTIONS] [PASSWORDFILE] <REALM> <USERNAME>"
)]
struct Arguments {
    /// Password file (not needed with -n), realm of the login, and user name
    #[arg(num_args = 2..=3, required = true, value_name = "PASSWORDFILE REALM USERNAME")]
    names: Vec<String>,
    /// Create a new file
    #[arg(short)]
    create: bool,
    /// Don't update the file, display the result on standard output
    #[arg(short = 'n')]
    print: bool,
    /// Use MD5 for the password (default)
    #[arg(short)]
    md5: bool,
    /// Use SHA-256 for the password
    #[arg(short)]
    sha256: bool,
    /// Delete the user
    #[arg(short = 'D')]
    delete: bool,
    /// Verify the password of the user
    #[arg(short)]
    verify: bool,
}

impl Arguments {
    /// If several options are given, they take precedence in PoorWSGI's order: `-n`, `-v`, `-D`; and `-m`
    /// over `-s`.
    fn into_command(self) -> Option<Command> {
        let mut names = self.names.into_iter().rev();
        let (user, realm) = (names.next()?, names.next()?);
        Some(Command {
            file: names.next().map(PathBuf::from),
            realm,
            user,
            algorithm: if self.sha256 && !self.md5 { Algorithm::Sha256 } else { Algorithm::Md5 },
            action: match (self.print, self.verify, self.delete) {
                (true, _, _) => Action::Print,
                (_, true, _) => Action::Verify,
                (_, _, true) => Action::Delete,
                _ => Action::Set { create: self.create },
            },
        })
    }
}

fn ask(prompt: &str) -> io::Result<String> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return rpassword::prompt_password(prompt);
    }
    let mut line = String::new();
    if stdin.lock().read_line(&mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no password on standard input"));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn main() -> ExitCode {
    let Some(command) = Arguments::parse().into_command() else { return ExitCode::from(2) };
    match command.run(ask, &mut io::stdout()) {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(error) => {
            eprintln!("poorwsgi-digest: {error}");
            ExitCode::from(2)
        }
    }
}

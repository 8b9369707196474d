"""The size of a hello world in Rust, and its number of crates: ours with and without features, and axum's.

`--write FILE` puts the table between the marks in FILE.
"""

import argparse
import pathlib
import subprocess
import tempfile

import run

MARKS = "<!-- bench-sizes: written by `make bench-sizes` -->", "<!-- /bench-sizes -->"
ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKIO = 'tokio = { version = "1", default-features = false, features = ["rt", "net", "macros"] }'
OURS = """use poorwsgi::{Application, BoxError, Request, state};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("hello");
    app.route("/", state::METHOD_GET, async |_: Request| "Hello world")?;
    Ok(app.run("127.0.0.1:0").await?)
}
"""
AXUM = """use axum::{Router, routing::get};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/", get(async || "Hello world"));
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:0").await?, app).await
}
"""


def ours(features):
    listed = ", ".join(f'"{feature}"' for feature in features)
    path = ROOT / "crates" / "poorwsgi"
    return f'poorwsgi = {{ path = "{path}", default-features = false, features = [{listed}] }}', OURS


def hellos():
    optional = ["digest", "forms", "pages", "sealed-sessions"]
    yield "poorwsgi, all features", ours([*optional, "server"])
    for left_out in optional:
        yield f"poorwsgi without `{left_out}`", ours([feature for feature in [*optional, "server"] if feature != left_out])
    yield "poorwsgi, only `server`", ours(["server"])
    yield "axum", ('axum = { version = "0.8.9", default-features = false, features = ["http1", "tokio"] }', AXUM)
    yield "axum, its default features", ('axum = "0.8.9"', AXUM)


def measured(name, dependency, source, folder, target):
    """The size of the binary in KiB, and the number of its crates."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "main.rs").write_text(source)
    profile = '[profile.release]\nlto = "fat"\ncodegen-units = 1\nstrip = true'
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "hello"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n[dependencies]\n{dependency}\n{TOKIO}\n\n{profile}\n')
    # The versions with which the project is tested.
    (folder / "Cargo.lock").write_text((ROOT / "bench" / "Cargo.lock").read_text())
    cargo = ["cargo", "--quiet"]
    subprocess.run([*cargo, "build", "--release", "--target-dir", target], cwd=folder, check=True)
    tree = subprocess.run([*cargo, "tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"],
                          cwd=folder, check=True, capture_output=True, text=True).stdout
    crates = {line.removesuffix(" (*)") for line in tree.splitlines() if line} - {""}
    return round((target / "release" / "hello").stat().st_size / 1024), len(crates) - 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=pathlib.Path, help="the file that the table is put into")
    arguments = parser.parse_args()
    lines = ["| hello world | binary, KiB | crates |", "|---|---:|---:|"]
    with tempfile.TemporaryDirectory() as folder:
        for name, (dependency, source) in hellos():
            size, crates = measured(name, dependency, source, pathlib.Path(folder), ROOT / "bench" / "target" / "sizes")
            lines.append(f"| {name} | {size:,} | {crates} |")
            print(lines[-1], flush=True)
    if arguments.write:
        run.write(arguments.write, "\n".join(lines), MARKS)


if __name__ == "__main__":
    main()

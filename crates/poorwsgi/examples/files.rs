//! A directory as a web site: files with ranges and conditional requests, and an index of each directory.
//!
//!     cargo run -p poorwsgi --example files -- /usr/share/doc
//!     curl -r 0-99 http://127.0.0.1:8080/some/file

use poorwsgi::{Application, BoxError};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let mut app = Application::new("files");
    let settings = app.settings_mut();
    settings.document_root = Some(root.into());
    settings.document_index = true;
    Ok(app.run("127.0.0.1:8080").await?)
}

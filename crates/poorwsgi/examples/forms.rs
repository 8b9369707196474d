//! A form with uploads: the files go into a folder while they arrive, under names that cannot leave it.
//!
//!     cargo run -p poorwsgi --example forms -- /tmp/uploads
//!     curl http://127.0.0.1:8080/
//!     curl -F title=Pictures -F files=@Cargo.toml -F files=@README.md http://127.0.0.1:8080/
//!     curl -F title=Pictures -F 'files=@Cargo.toml;filename=../../escape.toml' http://127.0.0.1:8080/
//!     curl -d title=Nothing http://127.0.0.1:8080/

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use poorwsgi::state::{METHOD_GET, METHOD_HEAD, METHOD_POST};
use poorwsgi::{Application, BoxError, HttpError, Request, Response, Result};

const PAGE: &str = r#"<!DOCTYPE html>
<title>Uploads</title>
<form method="post" enctype="multipart/form-data">
  <p><label>Title <input name="title" required></label></p>
  <p><label>Files <input name="files" type="file" multiple></label></p>
  <p><button>Send</button></p>
</form>
"#;

async fn upload(req: Request) -> Result<Response> {
    let form = req.form().ok_or_else(|| HttpError::bad_request("a form is wanted"))?;
    let mut text = format!("{}:\n", form.get("title").unwrap_or("without a title"));
    for file in form.fields("files").filter(|field| field.filename().is_some()) {
        let name = file.safe_filename().unwrap_or_default();
        writeln!(text, "  {name}, {} bytes of {}", file.bytes()?.len(), file.content_type())?;
    }
    Ok(Response::text(text))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "uploads".to_owned()));
    fs::create_dir_all(&folder)?;
    let mut app = Application::new("forms");
    let settings = app.settings_mut();
    settings.form_limits.files = 10;
    // The callback gets the last component of each file's name; the upload is written to the file that it
    // returns, while it arrives.
    settings.file_callback = Some(Arc::new(move |name| {
        let file =
            File::options().read(true).write(true).create(true).truncate(true).open(folder.join(name))?;
        Ok(Box::new(file))
    }));
    app.route("/", METHOD_HEAD | METHOD_GET, || PAGE)?;
    app.route("/", METHOD_POST, upload)?;
    Ok(app.run("127.0.0.1:8080").await?)
}

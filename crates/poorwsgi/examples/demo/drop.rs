//! The files: list, upload and deletion.

use std::any::Any;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use poorwsgi::extract::State;
use poorwsgi::form::{FieldStorage, FormFile, safe_filename};
use poorwsgi::response::DocumentRoot;
use poorwsgi::response::document_root::{Entry, Found};
use poorwsgi::settings::FileCallback;
use poorwsgi::{Form, HttpError, Request, Response, Result, abort, state};
use serde::Deserialize;
use tempfile::NamedTempFile;

use crate::Demo;
use crate::login::Visitor;

/// The files that visitors see, the newest first.
pub(crate) fn list(demo: &Demo) -> Result<Vec<Entry>> {
    let Found::Directory(directory) = DocumentRoot::open(&demo.root)?.lookup("/files")? else {
        return Ok(Vec::new());
    };
    let mut files = directory.list()?.entries;
    files.retain(|entry| !entry.is_dir());
    files.sort_by_key(|entry| std::cmp::Reverse(entry.modified.unwrap_or(SystemTime::UNIX_EPOCH)));
    Ok(files)
}

/// Opens the files that uploads are written to while they arrive: hidden files, which are deleted unless they
/// are kept.
pub(crate) fn writer(files: PathBuf) -> FileCallback {
    Arc::new(move |_name: &str| {
        let file = tempfile::Builder::new().prefix(".upload-").tempfile_in(&files)?;
        Ok(Box::new(file) as Box<dyn FormFile>)
    })
}

/// Keeps the files of the form, each under its own name or a similar one.
pub(crate) async fn upload(State(demo): State<Arc<Demo>>, req: Request) -> Result<Response> {
    let form = req.form().ok_or_else(|| HttpError::bad_request("a form with files is wanted"))?;
    let mut kept = Vec::new();
    for field in form.fields("file").filter(|field| field.filename().is_some()) {
        kept.push(keep(&demo.root.join("files"), field)?);
    }
    if kept.is_empty() {
        return abort(HttpError::bad_request("the form holds no file"));
    }
    if req.accept_html() {
        return Ok(Response::redirect(&format!("/?kept={}", kept.len()), state::HTTP_SEE_OTHER)?);
    }
    let note = form.get("note").unwrap_or_default();
    Ok(Response::json(&serde_json::json!({ "kept": kept, "note": note }))?
        .with_status(state::HTTP_CREATED)?)
}

/// Gives the upload a name that no other file has.
fn keep(files: &Path, field: &FieldStorage) -> Result<String> {
    let name = field.safe_filename().filter(|name| !name.starts_with('.'));
    let name = name.unwrap_or_else(|| "unnamed".to_owned());
    let file = field.file().ok_or_else(|| HttpError::bad_request("a field that is no file"))?;
    let file: &dyn Any = &**file;
    let upload =
        file.downcast_ref::<NamedTempFile>().ok_or_else(|| io::Error::other("not our writer's file"))?;
    let (stem, dot, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, ".", extension),
        None => (name.as_str(), "", ""),
    };
    for number in 1..1000 {
        let name = if number == 1 { name.clone() } else { format!("{stem} ({number}){dot}{extension}") };
        match fs::hard_link(upload.path(), files.join(&name)) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    abort(state::HTTP_CONFLICT)
}

#[derive(Deserialize)]
pub(crate) struct Named {
    name: String,
}

/// Removes a file, if the visitor is signed in.
pub(crate) async fn delete(
    State(demo): State<Arc<Demo>>,
    visitor: Visitor,
    Form(Named { name }): Form<Named>,
) -> Result<Response> {
    if visitor.user.is_none() {
        return abort(HttpError::new(state::HTTP_FORBIDDEN).with_detail("Sign in to delete files."));
    }
    if safe_filename(&name).as_ref() != Some(&name)
        || fs::remove_file(demo.root.join("files").join(name)).is_err()
    {
        return abort(state::HTTP_NOT_FOUND);
    }
    Ok(Response::redirect("/", state::HTTP_SEE_OTHER)?)
}

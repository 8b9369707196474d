"""The files: what is there, what comes in, what goes."""
import os
import tempfile

from poorwsgi import abort, redirect
from poorwsgi.response import HTTPException, JSONResponse
from poorwsgi.state import HTTP_BAD_REQUEST, HTTP_CONFLICT, HTTP_CREATED, HTTP_FORBIDDEN, HTTP_NOT_FOUND, \
    HTTP_SEE_OTHER, METHOD_POST

from . import login
from .application import FILES, app


def listing():
    """The files that visitors see, the newest first."""
    files = [entry for entry in os.scandir(FILES) if entry.is_file() and not entry.name.startswith(".")]
    return sorted(files, key=lambda entry: entry.stat().st_mtime, reverse=True)


def writer(_filename):
    """Where uploads are written while they arrive: hidden files, which vanish unless they are kept."""
    return tempfile.NamedTemporaryFile(prefix=".upload-", dir=FILES)


app.file_callback = writer


@app.route("/upload", METHOD_POST)
def upload(req):
    """Keeps the files of the form, each under its own name or one like it."""
    fields = req.form["file"] if "file" in req.form else []
    if not isinstance(fields, list):  # a field that came once is not in a list
        fields = [fields]
    kept = [keep(field) for field in fields if field.filename]
    if not kept:
        raise HTTPException(HTTP_BAD_REQUEST, error="a form with files is wanted")
    if req.accept_html:
        redirect(f"/?kept={len(kept)}", HTTP_SEE_OTHER)
    return JSONResponse(status_code=HTTP_CREATED, kept=kept, note=req.form.getfirst("note", ""))


def keep(field):
    """Gives the upload a name that no other file has."""
    name = last_component(field.filename)
    stem, extension = os.path.splitext(name)
    field.file.flush()
    for number in range(1, 1000):
        try:
            os.link(field.file.name, FILES / name)
        except FileExistsError:
            name = f"{stem} ({number + 1}){extension}"
        else:
            return name
    abort(HTTP_CONFLICT)


def last_component(filename):
    """What the client calls its file may be a path, on any system: never use more than the last part of it."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    if name.startswith(".") or not name.isprintable():
        return "unnamed"
    return name or "unnamed"


@app.route("/delete", METHOD_POST)
def delete(req):
    """Removes a file, for who is signed in."""
    if not login.user(req):
        raise HTTPException(HTTP_FORBIDDEN, error="Sign in to delete files.")
    name = req.form.getfirst("name", "")
    for file in listing():
        if file.name == name:
            os.remove(file)
            redirect("/", HTTP_SEE_OTHER)
    abort(HTTP_NOT_FOUND)

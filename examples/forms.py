"""A form and an upload, which goes to the disk while it arrives.

    poorwsgi run forms:app --max-body 64M        # in the folder of this file
    python forms.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl -F name=ann -F picture=@cat.jpg http://127.0.0.1:8080/
"""
import sys
import tempfile
from html import escape

from poorwsgi import Application
from poorwsgi.server import run
from poorwsgi.state import METHOD_POST

app = Application("forms")
# The largest form, files included; the server's limit for any body is max_body.
LARGEST = 64 << 20
app.form_limits.body_bytes = LARGEST
# What it returns takes the file's content. Files that nobody keeps are gone after the request.
app.file_callback = lambda _filename: tempfile.NamedTemporaryFile(prefix="upload-")

PAGE = """<!DOCTYPE html>
<title>Form</title>
<form method="post" enctype="multipart/form-data">
<p><label>Name <input name="name" required></label>
<p><label>Age <input name="age" type="number"></label>
<p><label>Picture <input name="picture" type="file"></label>
<p><button>Send</button>
</form>
"""


@app.route("/")
def form(_req):
    return PAGE


@app.route("/", METHOD_POST)
def send(req):
    name = req.form.getfirst("name", "nobody")
    age = req.form.getfirst("age", 0, int)  # a 400 for what is no number, unless a handler catches the ValueError
    text = f"<p>{escape(name)}, {age}"
    if "picture" in req.form and req.form["picture"].filename:
        picture = req.form["picture"]
        size = picture.file.seek(0, 2)  # an open file: seek, read, copy it somewhere
        text += f"<p>{escape(picture.filename)}, {escape(picture.type)}, {size} bytes"
    return text


if __name__ == "__main__":
    run(app, *sys.argv[1:2], max_body=LARGEST)

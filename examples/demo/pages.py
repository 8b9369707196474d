"""The pages for people."""
import time
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from poorwsgi.digest import check_digest
from poorwsgi.headers import time_to_http
from poorwsgi.response import Response, StrGeneratorResponse
from poorwsgi.results import hbytes

from . import drop, login
from .application import REALM, ROOT, app

HERE = Path(__file__).parent
LAYOUT = Template((HERE / "layout.html").read_text("utf-8"))
# The colours and tables of the framework's own pages, and what the demo adds to them.
STYLE = (HERE / "page.css").read_text("utf-8") + (HERE / "demo.css").read_text("utf-8")

#: Seconds between the lines of /stream.
PAUSE = 0.15


def page(req, title, content, status_code=200):
    """A page of the demo. The content is HTML: who calls has escaped what is in it."""
    user = login.user(req)
    if user:
        sign = (
            '<form class="inline" method="post" action="/logout">'
            f'<button class="plain">Sign out {escape(user)}</button></form>'
        )
    else:
        sign = '<a href="/login">Sign in</a>'
    return Response(
        LAYOUT.substitute(title=escape(title), style=STYLE, sign=sign, content=content), status_code=status_code
    )


@app.route("/")
def home(req):
    kept = req.args.getfirst("kept", 0, int)
    note = ""
    if kept:
        files = "file is" if kept == 1 else f"{kept} files are"
        note = f'<p class="note" role="status">Thank you, your {files} here.</p>'
    user = login.user(req)
    rows = "\n".join(row(file, may_delete=bool(user)) for file in drop.listing())
    here = f"""
<table class="index">
<thead><tr><th>Name</th><th class="size">Size</th><th>Since</th><th></th></tr></thead>
<tbody>
{rows}
</tbody>
</table>"""
    return page(req, "Home", f"""
<h1>Leave a file, take a file</h1>
{note}
<form class="stack" method="post" action="/upload" enctype="multipart/form-data">
<label>Files, as many as you like<input type="file" name="file" multiple required></label>
<label>A word about them (optional)<input type="text" name="note" maxlength="200"></label>
<button>Upload</button>
</form>
<h2>Here now</h2>
{here if rows else '<p class="quiet">Nothing yet.</p>'}
{'' if user else '<p class="quiet">Who <a href="/login">signs in</a> may delete files.</p>'}
""")


def row(file, may_delete):
    name, status = escape(file.name), file.stat()
    delete = ""
    if may_delete:
        delete = (
            '<form class="inline" method="post" action="/delete">'
            f'<input type="hidden" name="name" value="{name}"><button class="plain">delete</button></form>'
        )
    return (
        f'<tr><th scope="row"><a href="{href(file.name)}">{name}</a></th><td class="size">{human(status.st_size)}</td>'
        f"<td>{time_to_http(status.st_mtime)}</td><td>{delete}</td></tr>"
    )


@app.route("/admin")
@check_digest(REALM)
def admin(req):
    """Only for those in the password map, by digest login."""
    sizes = [file.stat().st_size for file in drop.listing()]
    return page(req, "Admin", f"""
<h1>Admin</h1>
<p>You came in by digest login, as <strong>{escape(req.user)}</strong>. Your password was never sent.</p>
<dl>
<dt>Files</dt><dd>{len(sizes)}</dd>
<dt>Together</dt><dd>{human(sum(sizes))}</dd>
<dt>Directory</dt><dd><code>{escape(str(ROOT))}</code></dd>
<dt>Inside</dt><dd><a href="/debug-info">/debug-info</a></dd>
</dl>
""")


@app.route("/stream")
def stream(_req):
    """A text that comes line by line."""
    def lines():
        for number in range(1, 21):
            time.sleep(PAUSE)
            yield f"line {number} of 20, while you wait\n"

    return StrGeneratorResponse(lines(), "text/plain; charset=utf-8")


def href(name):
    """The address of a file."""
    return "/files/" + quote(name, safe="")


def human(size):
    value, unit = hbytes(size)
    return f"{value:.1f} {unit}B" if unit else f"{size} B"

"""The JSON API."""
from html import escape
from mimetypes import guess_type

from poorwsgi import abort
from poorwsgi.response import HTTPException
from poorwsgi.state import HTTP_BAD_REQUEST, HTTP_NOT_FOUND, METHOD_POST

from . import drop, pages
from .application import app


@app.route("/api")
def help_(req):
    base = escape(req.construct_url("/").rstrip("/"))
    return pages.page(req, "API", f"""
<h1>JSON API</h1>
<ul class="links">
<li><code>GET <a href="/api/files">/api/files</a></code>: the {PAGE} newest files, as a JSON array</li>
<li><code>GET <a href="/api/files?page=2">/api/files?page=2</a></code>: the next {PAGE}</li>
<li><code>GET /api/files/&lt;name&gt;</code>: one file</li>
<li><code>POST /api/sum</code>: adds the numbers of a JSON array</li>
</ul>
<pre>curl {base}/api/files
curl -d '[1, 2, 3]' -H 'Content-Type: application/json' {base}/api/sum
curl -F file=@README.md {base}/upload
curl -r 0-99 {base}/files/README.md
curl --digest -u admin:drop {base}/admin</pre>
""")


#: How many files a page of the list has.
PAGE = 100


@app.route("/api/files")
def files(req):
    number = req.args.getfirst("page", 1, int)  # a 400 for what is no number
    if not 1 <= number <= 1_000_000:
        raise HTTPException(HTTP_BAD_REQUEST, error="page: expected a number from 1 to 1000000")
    return [describe(file) for file in drop.listing()[(number - 1) * PAGE:number * PAGE]]


@app.route("/api/files/<name>")
def one_file(_req, name):
    for file in drop.listing():
        if file.name == name:
            return describe(file)
    abort(HTTP_NOT_FOUND)


@app.route("/api/sum", METHOD_POST)
def sum_(req):
    numbers = req.json
    if not isinstance(numbers, list) or not all(type(number) in (int, float) for number in numbers):
        raise HTTPException(HTTP_BAD_REQUEST, error="an array of numbers is wanted, as application/json")
    return {"sum": sum(numbers)}


def describe(file):
    status = file.stat()
    return {
        "name": file.name,
        "size": status.st_size,
        "modified": int(status.st_mtime),
        "type": guess_type(file.name)[0],
        "href": pages.href(file.name),
    }

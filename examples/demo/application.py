"""The application object, its settings, and what all the other modules share."""
import atexit
import os
import secrets
import tempfile
from pathlib import Path

from poorwsgi import Application, abort
from poorwsgi.digest import PasswordMap, hexdigest
from poorwsgi.state import HTTP_FORBIDDEN

#: The realm of the digest login.
REALM = "File drop"

if "DEMO_DIRECTORY" in os.environ:
    ROOT = Path(os.environ["DEMO_DIRECTORY"]).resolve()
else:
    _directory = tempfile.TemporaryDirectory(prefix="file-drop-")
    atexit.register(_directory.cleanup)
    ROOT = Path(_directory.name)
#: What visitors see: the files, at /files/.
FILES = ROOT / "files"
FILES.mkdir(parents=True, exist_ok=True)

app = Application("demo")
app.debug = True
# A new key at each start: everybody is signed out by a restart. Several processes need one key, so name it.
app.secret_key = os.environ.get("DEMO_SECRET_KEY") or secrets.token_hex(32)
app.document_root = str(ROOT)
# The largest upload; the server's own limit is the option --max-body.
app.form_limits.body_bytes = 64 << 20
app.document_index = True
app.auth_type = "Digest"
app.auth_algorithm = "SHA-256"
app.auth_map = PasswordMap()
app.auth_map.set(REALM, "admin", hexdigest("admin", REALM, "drop", app.auth_hash))


@app.before_response()
def same_origin(req):
    """Refuses what another site makes a browser send with the visitor's cookies."""
    if req.method == "POST" and req.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        abort(HTTP_FORBIDDEN)


@app.after_response()
def safe_headers(_req, response):
    """What a browser may do with our pages. A visitor's file must not become a page of ours that runs scripts."""
    for name, value in (
        ("X-Content-Type-Options", "nosniff"),
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
            "sandbox allow-forms allow-same-origin allow-top-navigation",
        ),
    ):
        if name not in response.headers:
            response.add_header(name, value)
    return response

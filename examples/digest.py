"""Digest login (RFC 7616): the password is never sent.

    poorwsgi run digest:app        # in the folder of this file
    python digest.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl --digest -u ann:drop http://127.0.0.1:8080/
"""
import secrets
import sys

from poorwsgi import Application
from poorwsgi.digest import PasswordMap, check_digest, hexdigest
from poorwsgi.server import run

REALM = "Members"

app = Application("digest")
app.secret_key = secrets.token_hex(32)
app.auth_type = "Digest"
app.auth_algorithm = "SHA-256"
# Or PasswordMap("members.digest") and its load(), for a file that the command poorwsgi-digest or htdigest writes.
app.auth_map = PasswordMap()
for name in ("ann", "ben"):
    app.auth_map.set(REALM, name, hexdigest(name, REALM, "drop", app.auth_hash))


@app.route("/")
@check_digest(REALM)
def members(req):
    return f"Welcome {req.user}\n", "text/plain; charset=utf-8"


@app.route("/ann")
@check_digest(REALM, "ann")
def only_ann(_req):
    return "Ann's page\n", "text/plain; charset=utf-8"


if __name__ == "__main__":
    run(app, *sys.argv[1:2])

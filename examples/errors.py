"""What becomes of errors: pages for states, handlers for exceptions, and a default handler.

    poorwsgi run errors:app        # in the folder of this file
    python errors.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl -i http://127.0.0.1:8080/nowhere
    curl -i http://127.0.0.1:8080/account/ann
"""
import logging
import sys

from poorwsgi import Application, abort
from poorwsgi.response import HTTPException
from poorwsgi.server import run
from poorwsgi.state import HTTP_CONFLICT, HTTP_INTERNAL_SERVER_ERROR, HTTP_NOT_FOUND, METHOD_ALL, METHOD_PUT

log = logging.getLogger(__name__)
app = Application("errors")


class Unknown(LookupError):
    """There is no such account."""


@app.route("/account/<name>")
def account(_req, name):
    raise Unknown(name)


@app.route("/secret")
def secret(_req):
    abort(HTTP_NOT_FOUND)


@app.route("/taken")
def taken(_req):
    raise HTTPException(HTTP_CONFLICT, owner="ann")  # the handler of the state gets the arguments


@app.route("/broken")
def broken(_req):
    return 1 / 0


@app.error_handler(LookupError)  # and what is derived from it
def unknown(_req, error):
    return f"Nobody here is called {error}.\n", "text/plain", (), 404


@app.http_state(HTTP_NOT_FOUND, METHOD_ALL)
def not_found(req, **_details):
    return f"{req.path} is not here.\n", "text/plain", (), 404


@app.http_state(HTTP_CONFLICT)
def conflict(_req, owner="somebody", **_details):
    return f"It belongs to {owner}.\n", "text/plain", (), 409


@app.http_state(HTTP_INTERNAL_SERVER_ERROR)
def internal(_req, **_details):
    log.exception("here is where you would tell somebody")
    return "That should not have happened.\n", "text/plain", (), 500


@app.default(METHOD_PUT)
def any_put(req):
    return f"Nothing can be put at {req.path}.\n", "text/plain", (), 405


if __name__ == "__main__":
    run(app, *sys.argv[1:2])

"""Hooks: before every response, also those for files and errors, and after it.

    poorwsgi run hooks:app        # in the folder of this file
    python hooks.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl -i http://127.0.0.1:8080/
    curl -i -H 'X-Api-Key: secret' http://127.0.0.1:8080/
"""
import sys
import uuid
from hmac import compare_digest

from poorwsgi import Application, abort
from poorwsgi.server import run
from poorwsgi.state import HTTP_FORBIDDEN

app = Application("hooks")


@app.before_response()
def name_request(req):
    req.number = uuid.uuid4().hex  # a request takes whatever you like to keep with it


@app.before_response()
def check_key(req):
    """A hook lets a request pass by returning, and stops it by raising."""
    if not compare_digest(req.headers.get("X-Api-Key", "").encode(), b"secret"):
        abort(HTTP_FORBIDDEN)


@app.after_response()
def show_number(req, response):
    response.add_header("X-Request-Id", req.number)
    return response


@app.route("/")
def home(req):
    return f"Request {req.number}\n", "text/plain"


if __name__ == "__main__":
    run(app, *sys.argv[1:2])

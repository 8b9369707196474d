"""Errors to try: each kind, and what becomes of it."""
from html import escape
from http.client import responses
from pathlib import Path

from poorwsgi.response import HTTPException
from poorwsgi.state import HTTP_BAD_REQUEST, HTTP_I_AM_A_TEAPOT, HTTP_UNAUTHORIZED, METHOD_ALL, METHOD_POST

from . import pages
from .application import REALM, app

LINKS = (
    ("/errors/400", "the default page of a status, with a reason"),
    ("/errors/401", "a status that asks for digest login"),
    ("/errors/403", "another status"),
    ("/nowhere", "a page that is not there"),
    ("/errors/405", "a path that has another method"),
    ("/errors/418", "a status with a handler of its own"),
    ("/errors/io", "an error of the system: the whole chain is shown, because debug is on"),
    ("/errors/taken", "an error with a handler of its own"),
    ("/errors/number/one", "a path argument that does not convert"),
)


@app.route("/errors")
def list_of_errors(req):
    rows = "\n".join(
        f'<li><a href="{path}"><code>{path}</code></a>: {escape(what)}</li>' for path, what in LINKS
    )
    return pages.page(req, "Errors", f"""
<h1>Errors to try</h1>
<ul class="links">
{rows}
</ul>
""")


@app.route("/errors/<status:int>", METHOD_ALL)
def any_status(_req, status):
    if status not in responses:
        raise HTTPException(HTTP_BAD_REQUEST, error=f"{status} is not a known status; try 404.")
    details = {"realm": REALM} if status == HTTP_UNAUTHORIZED else {}
    raise HTTPException(status, error="This is what you asked for.", **details)


@app.route("/errors/405", METHOD_POST)
def only_post(_req):
    return "only for POST"


class NoSettings(Exception):
    """The settings cannot be read."""


@app.route("/errors/io")
def system(_req):
    try:
        return Path("/no/such/file").read_text("utf-8")
    except OSError as error:
        raise NoSettings("the settings cannot be read") from error


class NameTaken(Exception):
    """Somebody else has that name."""


@app.route("/errors/taken")
def taken(_req):
    raise NameTaken("ann")


@app.error_handler(NameTaken)
def name_taken(_req, error):
    return f"The name {error} is taken.\n", "text/plain", (), 409


@app.route("/errors/number/<number>")
def number(_req, number):
    try:
        return str(int(number))
    except ValueError as error:
        raise HTTPException(HTTP_BAD_REQUEST, error=error) from error


@app.http_state(HTTP_I_AM_A_TEAPOT, METHOD_ALL)
def teapot(_req, error=None, **_details):
    return f"{error}\n", "text/plain", {"X-Pot": "short and stout"}, HTTP_I_AM_A_TEAPOT

"""Signing in with a session in an encrypted cookie: nothing is kept on the server.

PoorSession is the class for new applications: nobody without the key can read or change a cookie, and one that is older than
max_age is refused, whoever kept a copy of it. AESSession is for cookies that PoorWSGI has to read as well.

    poorwsgi run sessions:app        # in the folder of this file
    python sessions.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl -c jar -d 'name=ann&password=drop' http://127.0.0.1:8080/login
    curl -b jar http://127.0.0.1:8080/
"""
import functools
import os
import secrets
import sys

from poorwsgi import Application, redirect
from poorwsgi.response import HTTPException, RedirectResponse
from poorwsgi.server import run
from poorwsgi.session import PoorSession, SessionError
from poorwsgi.state import HTTP_FORBIDDEN, HTTP_SEE_OTHER, METHOD_POST

app = Application("sessions")
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex(32)
# Add secure=True where the site is served by HTTPS, as it should be.
COOKIE = {"max_age": 3600, "same_site": "Lax"}


def signed_in(handler):
    """A handler for those who have signed in; the others are led to the login."""
    @functools.wraps(handler)
    def checked(req, *args, **kwargs):
        session = PoorSession(app.secret_key, **COOKIE)
        try:
            session.load(req.cookies)
        except SessionError:  # too old, forged, or made with another key
            redirect("/login")
        if "user" not in session.data:
            redirect("/login")
        req.user = session.data["user"]
        return handler(req, *args, **kwargs)

    return checked


@app.route("/")
@signed_in
def home(req):
    return f"Welcome {req.user}\n", "text/plain; charset=utf-8"


@app.route("/login")
def form(_req):
    return '<form method="post"><input name="name"><input name="password" type="password"><button>Sign in</button></form>'


@app.route("/login", METHOD_POST)
def login(req):
    if (req.form.getfirst("name"), req.form.getfirst("password")) != ("ann", "drop"):
        raise HTTPException(HTTP_FORBIDDEN, error="That name and password do not go together.")
    session = PoorSession(app.secret_key, **COOKIE)
    session.data["user"] = "ann"
    response = RedirectResponse("/", HTTP_SEE_OTHER)
    session.header(response)
    return response


@app.route("/logout", METHOD_POST)
def logout(_req):
    session = PoorSession(app.secret_key, **COOKIE)
    session.destroy()
    response = RedirectResponse("/login", HTTP_SEE_OTHER)
    session.header(response)
    return response


if __name__ == "__main__":
    run(app, *sys.argv[1:2])

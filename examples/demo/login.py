"""Signing in: the visitor's name in an encrypted session cookie.

PoorSession seals the time of writing into the cookie, so that a copy of the cookie is refused after max_age as well.
"""
import logging
from hmac import compare_digest

from poorwsgi.response import RedirectResponse
from poorwsgi.session import PoorSession, SessionError
from poorwsgi.state import HTTP_FORBIDDEN, HTTP_SEE_OTHER, METHOD_POST

from . import pages
from .application import app

log = logging.getLogger(__name__)


def session(req):
    """The session of a request. A cookie that cannot be opened is as good as none."""
    session = PoorSession(app.secret_key, max_age=3600, same_site="Lax")
    try:
        session.load(req.cookies)
    except SessionError as error:
        log.info("a session cookie was not accepted: %s", error)
    return session


def user(req):
    """Who is signed in."""
    return session(req).data.get("user")


@app.route("/login")
def form(req, failed=False):
    note = '<p class="note bad" role="alert">That name and password do not go together.</p>' if failed else ""
    return pages.page(req, "Sign in", f"""
<h1>Sign in</h1>
{note}
<form class="stack" method="post" action="/login">
<label>Name<input type="text" name="name" autocomplete="username" required autofocus></label>
<label>Password<input type="password" name="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
<p class="quiet">Try <code>ann</code> and <code>drop</code>. The session lives in an encrypted cookie.</p>
""", HTTP_FORBIDDEN if failed else 200)


@app.route("/login", METHOD_POST)
def sign_in(req):
    name, password = req.form.getfirst("name", ""), req.form.getfirst("password", "")
    if name != "ann" or not compare_digest(password.encode(), b"drop"):
        return form(req, failed=True)
    new = session(req)
    new.data["user"] = name
    return home_with(new)


@app.route("/logout", METHOD_POST)
def sign_out(req):
    old = session(req)
    old.destroy()
    return home_with(old)


def home_with(session):
    response = RedirectResponse("/", HTTP_SEE_OTHER)
    session.header(response)
    return response

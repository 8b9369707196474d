"""An application behind digest authentication, and the password file."""
import functools
import os
import pathlib
import tempfile

from poorwsgi.digest import PasswordMap, check_credentials, check_digest, hexdigest
from poorwsgi.response import HTTPException
from poorwsgi.session import check_token
from probes.request import application, environ_of
from worker import attempt

USERS = {"Zone": {"user": "password", "\u017elu\u0165": "he\u010dkov\u00fd", "": "empty"}, "Other Zone": {"user": "other"}}


def by_hand(req):
    """A login that the application checks itself."""
    if "Authorization" not in req.headers:
        raise HTTPException(401, realm="Zone")
    if not check_token(req.authorization.get("nonce"), req.secret_key, req.user_agent, timeout=req.app.auth_timeout):
        raise HTTPException(401, realm="Zone", stale=True)
    if not check_credentials(req, "Zone", None):
        raise HTTPException(401, realm="Zone")
    return "in by hand"


@functools.cache
def site(settings):
    app = application({"secret_key": "secret", "auth_type": "Digest", **dict(settings)})
    app.auth_map = PasswordMap()
    for realm, users in USERS.items():
        for user, password in users.items():
            app.auth_map.set(realm, user, hexdigest(user, realm, password, app.auth_hash))
    app.set_route("/any", check_digest("Zone")(lambda req: f"in {req.user}"), 511)
    app.set_route("/hand", by_hand)
    app.set_route("/other", check_digest("Other Zone")(lambda req: f"in {req.user}"))
    app.set_route("/user", check_digest("Zone", "user")(lambda req: f"in {req.user}"))
    app.set_route("/\u017e", check_digest("Zone")(lambda req: f"in {req.user}"))
    return app


def ask(settings, environ):
    """Sends a request; returns status, challenges and content."""
    started = []
    content = b"".join(site(tuple(settings))(environ_of(environ), lambda *arguments: started.append(arguments)))
    (status, headers), = started
    challenges = [value for name, value in headers if name == "WWW-Authenticate"]
    return status, challenges, content.decode() if status.startswith("200") else None


def fresh_map():
    """The auth_map of a new application."""
    app = application()
    before = app.auth_map == {}
    app.auth_map["R"] = {"user": "digest"}
    return before, app.auth_map["R"]


def hashed(user, realm, password, algorithm):
    app = application({"auth_algorithm": algorithm})
    return hexdigest(user, realm, password, app.auth_hash), hexdigest(user, realm, password)


def setting(name, value):
    app = application({"secret_key": "secret"})
    result = attempt(setattr, app, name, value)
    return result, getattr(app, name), app.auth_hash


def file(content, steps):
    """A password file after some steps, and the results of the steps."""
    handle, path = tempfile.mkstemp()
    os.close(handle)
    path = pathlib.Path(path)
    path.write_text(content, encoding="utf-8")
    passwords = PasswordMap(str(path))
    seen = [attempt(getattr(passwords, name), *arguments) for name, *arguments in steps]
    text = path.read_text(encoding="utf-8")
    path.unlink()
    return seen, {realm: dict(users) for realm, users in passwords.items()}, text


def missing_file():
    return attempt(PasswordMap("/none/such").load), attempt(PasswordMap().load), attempt(PasswordMap().write)

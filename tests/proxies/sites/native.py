"""An application of PoorWSGI, which our server calls without an environ."""
import os

from poorwsgi import Application, redirect, state
from poorwsgi.response import Response
from poorwsgi.session import PoorSession

app = Application("native")
checks = []
app.secret_key = "of the tests, and long enough for them"


@app.route("/")
def seen(req):
    return {"address": req.remote_addr, "scheme": req.scheme, "url": req.construct_url("/x"),
            "fields": sorted(name for name in req.headers.keys() if "forwarded" in name.lower())}


@app.route("/health")
def health(req):
    checks.append(req.remote_addr)
    return "well"


@app.route("/pid", method=state.METHOD_GET_POST)
def pid(req):
    if req.method_number == state.METHOD_POST:
        assert len(req.read()) == 1000
    return str(os.getpid())


@app.route("/checks")
def seen_checks(req):
    return checks


@app.route("/away")
def away(req):
    redirect(req.construct_url("/"))


@app.route("/secured")
def secured(req):
    if req.scheme != "https":
        redirect(f"https://{req.hostname}/secured")
    return "secured"


@app.route("/visits")
def visits(req):
    session = PoorSession(app.secret_key, secure=True)
    session.load(req.cookies)
    session.data["visits"] = session.data.get("visits", 0) + 1
    session.write()
    response = Response(str(session.data["visits"]))
    session.header(response)
    return response

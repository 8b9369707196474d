"""The applications that the servers serve. BENCH_APP names one of apps.py, or one of APPLICATIONS below."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))

import apps  # noqa: E402


def bare():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "11")])
        return [b"Hello world"]

    return application


def flask():
    import flask

    application = flask.Flask("bench")
    application.route("/hello")(lambda: "Hello world")

    @application.route("/json")
    def json():
        return {"items": [{"number": number, "name": f"item {number}"} for number in range(20)]}

    @application.route("/sleep")
    def sleep():
        time.sleep(0.02)
        return "slept"

    @application.route("/events")
    def events():
        def told():
            for number in range(10):
                yield f"id: {number}\ndata: event\n\n"
                time.sleep(0.002)

        return flask.Response(told(), content_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    return application


def django():
    import django_site

    return django_site.application


def admin():
    """The Django site of the tests, which has the admin."""
    import importlib.util

    place = pathlib.Path(__file__).resolve().parents[2] / "tests" / "applications" / "django_site.py"
    spec = importlib.util.spec_from_file_location("admin_site", place)
    site = sys.modules["admin_site"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(site)
    return site.application


def httpbin():
    import httpbin

    return httpbin.app


def wsgidav():
    from wsgidav.wsgidav_app import WsgiDAVApp

    anybody = {"user_mapping": {"*": True}}
    return WsgiDAVApp({"provider_mapping": {"/": os.environ["BENCH_FILES"]}, "simple_dc": anybody, "verbose": 1})


def poorwsgi():
    from poorwsgi.digest import PasswordMap, check_digest, hexdigest
    from poorwsgi.session import PoorSession

    application = apps.poorwsgi()
    application.secret_key = "secret of the bench"
    application.document_root = os.environ.get("BENCH_FILES", "")

    @application.route("/login")
    def login(req):
        from poorwsgi.response import Response

        session = PoorSession(application.secret_key)
        session.data["user"] = "alice"
        response = Response("in")
        session.header(response)
        return response

    @application.route("/session")
    def page(req):
        session = PoorSession(application.secret_key)
        session.load(req.cookies)
        return session.data["user"]

    application.auth_type = "Digest"
    application.auth_algorithm = "MD5"
    application.auth_map = PasswordMap()
    application.auth_map.set("bench", "alice", hexdigest("alice", "bench", "secret"))

    @application.route("/digest")
    @check_digest("bench")
    def protected(req):
        return req.user

    return application


def load():
    """An application with handlers that sleep, compute and store uploads, and with many route patterns."""
    import shutil
    import tempfile

    from poorwsgi import state

    application = apps.poorwsgi()
    application.auto_form = application.auto_data = False

    @application.route("/slow")
    def slow(req):
        time.sleep(1)
        return "slow"

    @application.route("/burn")
    def burn(req):
        return compute(0.05)

    @application.route("/compute/<microseconds:int>")
    def brief(req, microseconds):
        return compute(microseconds / 1_000_000)

    def compute(seconds):
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
        return "computed"

    @application.route("/store", method=state.METHOD_POST)
    def store(req):
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(req.input, file, 256 << 10)
            return str(file.tell())

    for name, count in (("few", 10), ("many", 1000)):
        for number in range(count):
            application.set_route(f"/{name}/{number}/<who:word>", lambda req, who: who)
    return application


APPLICATIONS = {"bare": bare, "flask": flask, "django": django, "admin": admin, "httpbin": httpbin, "wsgidav": wsgidav, "poorwsgi": poorwsgi,
                "load": load, "falcon": apps.falcon}
application = app = APPLICATIONS[os.environ["BENCH_APP"]]()

if __name__ == "__main__":  # for servers without a suitable command line: web.py SERVER PORT
    port = int(sys.argv[2])
    if sys.argv[1] == "fastwsgi":
        import fastwsgi

        fastwsgi.run(wsgi_app=application, host="127.0.0.1", port=port, loglevel=0)
    else:
        import bjoern

        bjoern.run(application, "127.0.0.1", port)

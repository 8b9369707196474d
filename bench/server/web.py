"""What the servers serve: BENCH_APP names it, one of apps.py, or `bare` or `flask`."""
import os
import pathlib
import sys

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
    return application


def poorwsgi():
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

    return application


application = app = {"bare": bare, "flask": flask, "poorwsgi": poorwsgi, "falcon": apps.falcon}[os.environ["BENCH_APP"]]()

if __name__ == "__main__":  # fastwsgi has no command line of use
    import fastwsgi

    fastwsgi.run(wsgi_app=application, host="127.0.0.1", port=int(sys.argv[1]), loglevel=0)

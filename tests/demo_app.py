"""The application to which the tests send requests, under each server in turn."""
import threading
import uuid

from poorwsgi import Application, abort, make_response, state
from poorwsgi.response import HTTPException

ANY = state.METHOD_ALL


class Blocker:
    """Makes requests wait for each other: ``/wait`` is answered after a request for ``/go``."""

    def __init__(self):
        self.go = threading.Event()


def build(name):
    """A new application with all the routes, and its blocker."""
    app = Application(name)
    blocker = Blocker()

    @app.route("/hello/<name:word>")
    def hello(req, name):
        return f"Hello {name}"

    @app.route("/types/<count:int>/<size:float>/<key:uuid>")
    def types(req, count, size, key):
        assert isinstance(key, uuid.UUID)
        return {"count": str(count), "size": size, "key": key.hex, "types": [type(count).__name__, type(size).__name__]}

    @app.route("/request", method=ANY)
    def request(req):
        return {
            "method": req.method, "path": req.path, "query": req.query, "rule": req.uri_rule,
            "args": req.path_args, "data": (req.data or b"").decode("latin-1"),
        }

    @app.route("/args/<one>/<two:int>")
    def args(req, one, two):
        assert [one, two] == list(req.path_args.values())
        return {"path": req.path, "rule": req.uri_rule, "args": req.path_args}

    @app.route("/echo", method=state.METHOD_POST)
    def echo(req):
        return req.data or b"", "application/octet-stream"

    results = {
        "str": "žluťoučký", "bytes": b"\x00\xff", "dict": {"a": [1, None]}, "list": [], "none": None,
        "one": ("text",), "two": ("text", "text/plain"), "three": ("text", "text/plain", {"x-one": "1"}),
        "four": ("text", "text/plain", [("X-One", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], 201),
        "pair": ("text", "text/plain", ("X-One", "žluť")),
        "int": 1, "object": object(), "empty-tuple": (), "long-tuple": ("a", "b", [], 200, 5),
        "bad-status": ("a", "text/plain", [], 99), "bad-header": ("a", "text/plain", {"X-A": "b\r\nX-C: d"}),
        "bad-name": ("a", "text/plain", {"X A": "b"}), "bad-type": ("a", "text/plain\r\nX-A: b"),
        "bad-length": ("a", "text/plain", {"Content-Length": "5"}), "not-json": {"a": object()},
        "surrogate": "\ud800",
    }

    @app.route("/result/<kind>")
    def result(req, kind):
        return results[kind]

    @app.route("/response")
    def response(req):
        return make_response("made", "text/plain", {"X-Made": "yes"}, 202)

    used = make_response("once")

    @app.route("/used")
    def used_response(req):
        return used

    @app.route("/abort/<status:int>")
    def aborted(req, status):
        abort(status)

    @app.route("/raise/<kind:word>")
    def raised(req, kind):
        raise {
            "value": ValueError("secret <detail>"), "http": HTTPException(410), "connection": ConnectionError("gone"),
        }[kind]

    @app.route("/leave/<kind:word>")
    def leave(req, kind):
        raise {"interrupt": KeyboardInterrupt, "exit": SystemExit}[kind]

    @app.route("/wait")
    def wait(req):
        assert blocker.go.wait(30)
        return "waited"

    @app.route("/go")
    def go(req):
        blocker.go.set()
        return "go"

    return app, blocker

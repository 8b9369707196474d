"""Applications that are mounted in others, on both servers."""
import contextlib
import gc
import io
import json
import re
import sys
import weakref
from pathlib import Path

import pytest
from servers import IN_PROCESS, to_server, until

from poorwsgi import Application, abort, redirect, state
from poorwsgi._poorwsgi import _routes
from poorwsgi.digest import PasswordMap, check_digest, hexdigest
from poorwsgi.response import FileResponse, GeneratorResponse
from poorwsgi.testing import Client

DOCUMENTATION = Path(__file__).parent.parent / "docs" / "mounting.md"
ANY = state.METHOD_ALL
SERVERS = ("wsgiref", "ours", "ours, as a callable")


def through_wsgi(app):
    """Middleware around an application."""
    return lambda environ, start_response: app(environ, start_response)


#: The ways in which an application of ours is called.
WAYS = {"natively": lambda app: app, "through WSGI": through_wsgi}


@pytest.fixture(params=SERVERS)
def served(request):
    """Yields a function that serves an application and returns a client."""
    with contextlib.ExitStack() as stack:
        yield lambda app: Client(to_server(stack.enter_context(IN_PROCESS[request.param](app))))


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


@pytest.fixture
def inner(name):
    app = Application(f"{name}, inner")

    @app.route("/", ANY)
    @app.route("/seen", ANY)
    @app.route("/seen/<rest:re:.*>", ANY)
    def seen(req, rest=None):
        environ = req.environ
        return {
            "method": req.method, "path": req.path, "rule": req.uri_rule, "query": req.query, "full": req.full_path,
            "url": req.construct_url("/x"), "root": req.construct_url(""), "script": environ["SCRIPT_NAME"],
            "info": environ["PATH_INFO"], "app": req.app.name, "data": (req.data or b"").decode(), "rest": rest,
        }

    return app


@pytest.fixture
def outer(name):
    return Application(f"{name}, outer")


def told(environ, start_response):
    """A WSGI callable that tells what it is asked."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Mixed-Case", "é")])
    return [json.dumps({**seen, "body": body.decode()}).encode()]


def test_the_documentation_is_true(served, name):
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENTATION.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    names = {"__name__": "site"}
    code = "\n".join(blocks).replace('Application("', f'Application("{name}, ')
    exec(compile(code, DOCUMENTATION, "exec"), names)
    client = served(names["app"])
    assert client.get("/admin").text == client.get("/admin/").text == '<a href="http://localhost/admin/users">users</a>'
    assert client.get("/admin/users").json() == {"path": "/users", "rule": "/users"}
    assert client.get("/admin/home").headers["Location"] == "/admin/"
    assert client.get("/hello/world").text == "/hello /world"
    assert client.get("/administration").status == 404


# --- paths ---


@pytest.mark.parametrize("target, path, info", [
    ("/api", "/", ""), ("/api/", "/", "/"), ("/api?q", "/", ""), ("/api/seen?q=%20", "/seen", "/seen"),
    ("/%61pi/seen", "/seen", "/seen"), ("/ap%69", "/", ""), ("/api%2Fseen", "/seen", "/seen"),
    ("/api/seen/%C5%BE/a%2Fb", "/seen/ž/a/b", "/seen/ž/a/b"),
])
def test_the_rest_of_the_path(served, outer, inner, way, target, path, info):
    outer.mount("/api", way(inner))
    seen = served(outer).get(target).json()
    assert (seen["path"], seen["script"]) == (path, "/api")
    assert seen["info"].encode("latin-1").decode() == info
    assert seen["query"] == target.partition("?")[2]
    assert seen["app"] == inner.name


@pytest.mark.parametrize("target", ["/apix", "/apix/seen", "/ap", "/x/api", "/API/seen"])
def test_paths_that_are_not_below(served, outer, inner, target):
    outer.mount("/api", inner)
    assert served(outer).get(target).status == 404


def test_a_prefix_that_has_to_be_quoted(served, outer, inner, way):
    outer.mount("/a.b/správa (1)", way(inner))
    client = served(outer)
    seen = client.get("/a.b/správa (1)/seen").json()
    assert (seen["path"], seen["url"]) == ("/seen", "http://localhost/a.b/spr%C3%A1va%20%281%29/x")
    assert client.get("/aXb/správa (1)/seen").status == 404


def test_rules_and_urls(served, outer, inner, way):
    outer.mount("/api", way(inner))
    seen = served(outer).get("/api/seen/1?a=b").json()
    assert (seen["rule"], seen["full"], seen["rest"]) == ("/seen/<rest:re:.*>", "/seen/1?a=b", "1")
    assert (seen["url"], seen["root"]) == ("http://localhost/api/x", "http://localhost/api")


def test_mounts_within_mounts(served, name, outer, inner, way):
    middle = Application(f"{name}, middle")
    middle.mount("/b", way(inner))
    middle.mount("/told", told)
    outer.mount("/a", way(middle))
    client = served(outer)
    seen = client.get("/a/b/seen").json()
    assert (seen["path"], seen["script"], seen["info"]) == ("/seen", "/a/b", "/seen")
    assert seen["url"] == "http://localhost/a/b/x"
    seen = client.get("/a/told/x").json()
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/a/told", "/x")


def test_a_callable_gets_its_script_name(served, outer):
    outer.mount("/told", told)
    response = served(outer).get("/told/%C5%BE?a=%20", headers={"X-Field": "1"})
    seen = response.json()
    native = "/ž".encode().decode("latin-1")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/told", native, "a=%20")
    assert seen["HTTP_X_FIELD"] == "1"
    assert response.headers["X-Mixed-Case"] == "é"


def test_what_the_server_has_put_before_the_path_stays(outer, inner):
    outer.mount("/told", told)
    outer.mount("/api", inner)
    client = Client(outer, environ={"SCRIPT_NAME": "/site"})
    assert client.get("/told/x").json()["SCRIPT_NAME"] == "/site/told"
    seen = client.get("/api/seen").json()
    assert (seen["script"], seen["url"]) == ("/site/api", "http://localhost/api/x")


@pytest.mark.parametrize("location, expected", [
    ("/x?y=/z", "/a/b/x?y=/z"), ("/", "/a/b/"), ("x", "x"), ("../x", "../x"), ("?x", "?x"), ("//h/x", "//h/x"), ("http://h/x", "http://h/x"),
])
def test_redirects(served, name, outer, inner, way, location, expected):
    middle = Application(f"{name}, middle")
    middle.mount("/b", way(inner))
    outer.mount("/a", way(middle))

    @inner.route("/leave")
    def leave(req):
        redirect(location)

    @middle.before_response()
    def closed(req):
        if req.path == "/b/closed":
            redirect("/login")

    client = served(outer)
    response = client.get("/a/b/leave")
    assert response.headers["Location"] == expected
    assert client.get("/a/b/closed").headers["Location"] == "/a/login"


def test_a_callable_redirects_with_its_script_name(served, name, outer, way):
    def leave(environ, start_response):
        location = environ["SCRIPT_NAME"] + "/x" if environ["PATH_INFO"] == "/within" else "/elsewhere"
        start_response("302 Found", [("Location", location)])
        return []

    middle = Application(f"{name}, middle")
    middle.mount("/b", leave)
    outer.mount("/b", leave)
    outer.mount("/a", way(middle))
    client = served(outer)
    assert client.get("/b/within").headers["Location"] == "/b/x"
    assert client.get("/b/without").headers["Location"] == "/elsewhere"
    assert client.get("/a/b/within").headers["Location"] == "/a/b/x"
    assert client.get("/a/b/without").headers["Location"] == "http://localhost/elsewhere"


# --- methods and bodies ---


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PROPFIND"])
def test_every_method(served, outer, inner, method):
    outer.mount("/told", told)
    outer.mount("/api", inner)
    client = served(outer)
    assert client.request(method, "/told/x").json()["REQUEST_METHOD"] == method
    assert client.request(method, "/api/seen").status == (501 if method == "PROPFIND" else 200)
    assert client.request("PROPFIND", "/elsewhere").status == 501


def test_head(served, outer, inner, way):
    outer.mount("/told", told)
    outer.mount("/api", way(inner))
    client = served(outer)
    for target in ("/api/seen", "/told"):
        response = client.head(target)
        assert (response.status, response.content) == (200, b"")
    assert int(client.head("/api/seen").headers["Content-Length"]) == len(client.get("/api/seen").content) + 1  # "HEAD", "GET"


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_the_body_is_left_to_the_mounted_one(served, outer, inner, way, media_type):
    inner.auto_form = inner.auto_json = False
    outer.mount("/api", way(inner))
    outer.mount("/told", told)
    client = served(outer)
    for target in ("/api/seen", "/told"):
        seen = client.post(target, data="{not parsed", headers={"Content-Type": media_type}).json()
        assert "{not parsed" in (seen.get("data"), seen.get("body"))


def test_limits_are_those_of_the_mounted_one(served, outer, inner):
    outer.json_size, inner.json_size = 5, 1000
    inner.set_route("/json", lambda req: req.json, state.METHOD_POST)
    outer.mount("/api", inner)
    client = served(outer)
    assert client.post("/api/json", json=["a" * 100]).json() == ["a" * 100]
    assert client.post("/api/json", json=["a" * 1000]).status == 413


def test_a_large_body_is_read_as_it_comes(served, outer, inner, way):
    @inner.route("/length", state.METHOD_PUT)
    def length(req):
        size = 0
        while block := req.read(65536):
            size += len(block)
        return {"bytes": size}

    outer.mount("/api", way(inner))
    assert served(outer).put("/api/length", data=bytes(3_000_000)).json() == {"bytes": 3_000_000}


def test_a_hook_may_read_the_body_as_data(served, outer, inner, way):
    read = []
    outer.add_before_response(lambda req: read.append(req.data))
    outer.mount("/api", way(inner))
    outer.mount("/told", told)
    client = served(outer)
    assert client.post("/api/seen", data="body").json()["data"] == "body"
    assert client.post("/told", data="body").json()["body"] == "body"
    assert read == [b"body", b"body"]


def test_uploads(served, outer, inner, way):
    @inner.route("/upload", state.METHOD_POST)
    def upload(req):
        return {"name": req.form["file"].filename, "size": len(req.form["file"].file.read())}

    outer.mount("/api", way(inner))
    response = served(outer).post("/api/upload", files={"file": ("a.bin", bytes(500_000))})
    assert response.json() == {"name": "a.bin", "size": 500_000}


# --- hooks and errors ---


def test_hooks_run_around_each_other(served, outer, inner, way):
    calls = []

    def hooks(app, name):
        app.add_before_response(lambda req: calls.append(f"before {name} {req.path} {req.uri_rule}"))

        def after(req, response):
            calls.append(f"after {name} {response.status_code}")
            response.add_header(f"X-{name}", "yes")
            return response

        app.add_after_response(after)

    hooks(outer, "outer")
    hooks(inner, "inner")
    outer.mount("/api", way(inner))
    response = served(outer).get("/api/seen")
    assert calls == ["before outer /api/seen /api/*", "before inner /seen /seen", "after inner 200", "after outer 200"]
    assert (response.headers["X-outer"], response.headers["X-inner"]) == ("yes", "yes")
    assert response.json()["path"] == "/seen"


def test_a_hook_may_close_the_way(served, outer, inner):
    outer.add_before_response(lambda req: abort(403))
    outer.mount("/api", inner)
    assert served(outer).get("/api/seen").status == 403


def test_errors_are_answered_where_they_belong(served, outer, inner, way):
    def failing(environ, start_response):
        raise LookupError("nothing there")

    for app, name in ((outer, "outer"), (inner, "inner")):
        app.set_http_state(404, lambda req, name=name, **_: (f"{name} 404 {req.path}", "text/plain", (), 404), ANY)
        app.set_error_handler(LookupError, lambda req, error, name=name: f"{name} {error.args[0]}", ANY)
    inner.set_route("/fails", lambda req: {}["key"])
    outer.mount("/api", way(inner))
    outer.mount("/failing", failing)
    client = served(outer)
    assert client.get("/api/nowhere").text == "inner 404 /nowhere"
    assert client.get("/nowhere").text == "outer 404 /nowhere"
    assert client.get("/api/fails").text == "inner key"
    assert client.get("/failing").text == "outer nothing there"


def test_the_log_has_the_path_that_the_client_asked_for(served, outer, inner, way, caplog):
    inner.set_route("/boom", lambda req: 1 / 0)
    outer.mount("/admin", way(inner))
    client = served(outer)
    assert client.get("/admin/boom").status == 500
    until(lambda: "division by zero" in caplog.text)
    [record] = [record for record in caplog.records if "division by zero" in record.getMessage()]
    assert "/admin/boom" in record.getMessage()


def test_built_in_pages_show_the_whole_path(served, outer, inner, way, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file.txt").write_text("content")
    inner.document_root = str(tmp_path)
    inner.document_index = True
    outer.mount("/api", way(inner))
    client = served(outer)
    assert "/api/nowhere" in client.get("/api/nowhere").text
    index = client.get("/api/sub/").text
    assert 'href="/api/sub/file.txt"' in index
    assert client.get("/api/sub/file.txt").text == "content"


# --- responses ---


def test_files_with_conditions_and_ranges(served, outer, inner, way, tmp_path):
    (tmp_path / "file.txt").write_text("0123456789" * 10_000)
    inner.set_route("/file", lambda req: FileResponse(tmp_path / "file.txt"), state.METHOD_GET | state.METHOD_HEAD)
    outer.mount("/api", way(inner))
    client = served(outer)
    whole = client.get("/api/file")
    assert (whole.status, len(whole.content)) == (200, 100_000)
    part = client.get("/api/file", headers={"Range": "bytes=5-9"})
    assert (part.status, part.content, part.headers["Content-Range"]) == (206, b"56789", "bytes 5-9/100000")
    assert client.get("/api/file", headers={"If-None-Match": whole.headers["ETag"]}).status == 304
    assert client.head("/api/file").headers["Content-Length"] == "100000"


class Content:
    """Blocks that note when they are closed."""

    def __init__(self, *blocks):
        self.blocks = iter(blocks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("hooked", [False, True], ids=["", "with an after hook"])
def test_content_that_is_generated(served, outer, inner, way, hooked):
    contents = [Content(b"", b"a", b"b"), Content(b"c" * 100_000, b"d")]

    def generated(environ, start_response):
        start_response("200 Fine", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return contents[0]

    if hooked:
        outer.add_after_response(lambda req, response: response)
    inner.set_route("/generated", lambda req: GeneratorResponse(contents[1]))
    outer.mount("/api", way(inner))
    outer.mount("/generated", generated)
    client = served(outer)
    response = client.get("/generated")
    assert (response.content, response.headers.get_all("Set-Cookie")) == (b"ab", ("a=1", "b=2"))
    assert client.get("/api/generated").content == b"c" * 100_000 + b"d"
    assert until(lambda: [content.closed for content in contents] == [1, 1])


def test_old_ways_to_answer(served, outer):
    def writes(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"written, ")
        return (b"ret", b"urned")

    def late(environ, start_response):
        yield b""
        try:
            start_response("200 OK", [])
            1 / 0
        except ZeroDivisionError:
            start_response("201 Created", [("Content-Type", "text/plain")], sys.exc_info())
        yield b"late"

    def file(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "7")])
        return environ.get("wsgi.file_wrapper", iter)(io.BytesIO(b"content"))

    def nothing(environ, start_response):
        start_response("204 No Content", [])
        return []

    def strange(environ, start_response):
        start_response("299 Strange", [("Content-Type", "text/plain")])
        return [b"strange"]

    for app in (writes, late, file, nothing, strange):
        outer.mount(f"/{app.__name__}", app)
    client = served(outer)
    assert client.get("/writes").text == "written, returned"
    assert (client.get("/late").status, client.get("/late").text) == (201, "late")
    assert client.get("/file").text == "content"
    assert (client.get("/nothing").status, client.get("/nothing").content) == (204, b"")
    assert (client.get("/strange").status, client.get("/strange").text) == (299, "strange")


@pytest.mark.parametrize("broken", [
    lambda environ, start_response: [], lambda environ, start_response: start_response("200 OK", []) and ["text"],
    lambda environ, start_response: start_response("OK", []) or [], lambda environ, start_response: start_response("200 OK", [("X-A", "b\nc")]),
    lambda environ, start_response: (start_response("200 OK", []), start_response("200 OK", [])) and [],
    lambda environ, start_response: start_response("200 OK", []) and None,
    lambda environ, start_response: start_response("200 OK", [("Content-Length", "9")]) and [b"short"],
], ids=["no start_response", "text", "status", "header", "twice", "nothing", "length"])
def test_what_no_server_could_send_is_500(served, outer, broken):
    outer.mount("/broken", broken)
    assert served(outer).get("/broken").status == 500


# --- login ---


def test_digest_login(served, outer, inner, way):
    inner.secret_key = "the secret key of a test"
    inner.auth_type = "Digest"
    inner.auth_algorithm = "SHA-256"
    inner.auth_map = PasswordMap()
    inner.auth_map.set("Zone", "ann", hexdigest("ann", "Zone", "drop", inner.auth_hash))
    inner.set_route("/zone", check_digest("Zone")(lambda req: f"Hello {req.user}"))
    outer.mount("/api", way(inner))
    client = served(outer)
    assert client.get("/api/zone?a=b", auth=("ann", "drop")).text == "Hello ann"
    assert client.get("/api/zone", auth=("ann", "no")).status == 401


# --- tables ---


@pytest.mark.parametrize("prefix, words", [
    ("", 'begins with "/"'), ("/", 'does not end with it'), ("api", 'begins with "/"'), ("/api/", "does not end with it"),
    ("/user/<name>", "no groups"), ("/taken", "mounted there already"),
])
def test_prefixes_that_cannot_be(outer, prefix, words):
    outer.mount("/taken", told)
    with pytest.raises(ValueError, match=words):
        outer.mount(prefix, told)


def test_what_cannot_be_mounted(name, outer, inner):
    with pytest.raises(TypeError, match="is not callable"):
        outer.mount("/x", "text")
    outer.mount("/inner", inner)
    middle = Application(f"{name}, middle")
    inner.mount("/middle", middle)
    for app in (outer, inner, middle):
        with pytest.raises(ValueError, match="in itself"):
            middle.mount("/x", app)
    inner.mount("/again", Application(f"{name}, again"))


def test_other_routes_come_first(served, outer, inner):
    outer.set_route("/api/static", lambda req: "static")
    outer.set_route("/api/before/<x>", lambda req, x: "before")
    outer.mount("/api", inner)
    outer.set_route("/api/behind/<x>", lambda req, x: "behind")
    inner.set_default(lambda req: f"inner {req.path}")
    client = served(outer)
    assert client.get("/api/static").text == "static"
    assert client.get("/api/before/1").text == "before"
    assert client.get("/api/behind/1").text == "inner /behind/1"


def test_tables_show_what_is_mounted(outer, inner):
    outer.mount("/api", inner)
    outer.mount("/told", told)
    outer.set_route("/own", lambda req: "own")
    rules = [rule for _, rule, _, _ in _routes(outer)]
    assert rules == ["/own", "/api/*", "/api/seen", "/api/", "/api/seen/<rest:re:.*>", "/told/*"]
    handlers = [row for methods in outer.regular_routes.values() for row in methods.values()]
    assert {(handler, rule) for handler, _, rule in handlers} == {(inner, "/api/*"), (told, "/told/*")}


def test_the_times_of_calls_are_those_of_the_inner_route(outer, inner):
    outer.mount("/api", inner)
    with IN_PROCESS["ours"](outer) as port:
        client = Client(to_server(port))
        for _ in range(5):
            client.get("/api/seen")
    timed = [rule for _, rule, _, calls in _routes(outer) if calls]
    assert timed == ["/api/seen"]


def test_applications_that_know_each_other_are_released(name):
    inner, outer = Application(f"{name}, inner"), Application(f"{name}, outer")
    inner.outer = outer
    outer.mount("/inner", inner)
    released = weakref.ref(outer)
    del inner, outer
    gc.collect()
    assert released() is None


def test_a_profiled_application_is_called_through_its_profiler(served, outer, inner, tmp_path):
    profiled = []

    def runctx(command, globals_, locals_, filename):
        profiled.append(filename)
        exec(command, globals_, locals_)

    inner.set_profile(runctx, str(tmp_path / "dump"))
    outer.mount("/api", inner)
    assert served(outer).get("/api/seen").json()["path"] == "/seen"
    assert len(profiled) == 1


def test_a_subclass_with_its_own_call_is_called(served, outer, name):
    class Counted(Application):
        calls = 0

        def __call__(self, environ, start_response):
            self.calls += 1
            return super().__call__(environ, start_response)

    counted = Counted(f"{name}, counted")
    counted.set_route("/x", lambda req: req.construct_url("/y"))
    outer.mount("/api", counted)
    assert served(outer).get("/api/x").text == "http://localhost/api/y"
    assert counted.calls == 1

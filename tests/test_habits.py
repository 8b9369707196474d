"""Habits of applications written for PoorWSGI, which keep working."""
import contextlib
import functools
import gc
import hashlib
import io
import json
import socket
import sys
import threading

import pytest
import requests
from requests.auth import HTTPDigestAuth
from servers import SERVERS, Client
from wsgi_call import ask, environ

from poorwsgi import Application, abort, redirect, state
from poorwsgi.digest import PasswordMap, check_digest, hexdigest
from poorwsgi.request import FieldStorage, Request, SimpleRequest
from poorwsgi.response import HTTPException, JSONResponse, Response

MULTIPART = "multipart/form-data; boundary=xyz"


def form(*parts):
    """A multipart body of `(name, file name or None, content)`."""
    lines = []
    for name, filename, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        lines.append(f"--xyz\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(lines) + b"--xyz--\r\n"


@pytest.fixture
def app(name):
    return Application(name)


@pytest.fixture(params=SERVERS)
def serve(request):
    """Yields a function that serves an application, on each server in turn, and returns a client."""
    with contextlib.ExitStack() as stack:
        yield lambda app: Client(stack.enter_context(SERVERS[request.param](app)))


def test_a_handler_has_several_decorators_and_is_called_by_another(app, serve):
    def sign_in(function):
        @functools.wraps(function)
        def handler(req, *args):
            return function(req, *args)
        return handler

    @app.route("/a")
    @app.route("/b/<number:int>")
    @app.default(state.METHOD_POST)
    @sign_in
    def first(req, number=0):
        return f"{req.path} {number}"

    @app.route("/c")
    def second(req):
        return first(req, 5)

    client = serve(app)
    assert [client(path).text for path in ("/a", "/b/7", "/c")] == ["/a 0", "/b/7 7", "/c 5"]
    assert client("/other", "POST", b"").text == "/other 0"


def test_handlers_of_failures_find_the_exception_in_sys(app, serve):
    seen = []

    @app.http_state(state.HTTP_INTERNAL_SERVER_ERROR)
    def failed(req, **kwargs):
        seen.append(sys.exc_info()[1])
        return "state 500", "text/plain", None, 500

    @app.error_handler(KeyError)
    def no_key(req, error):
        seen.append(sys.exc_info()[1])
        assert sys.exc_info()[1] is error
        return Response("no key", status_code=404)

    @app.route("/value")
    def value(req):
        raise ValueError("value")

    @app.route("/key")
    def key(req):
        return {}["key"]

    client = serve(app)
    assert (client("/value").text, client("/key").text) == ("state 500", "no key")
    assert [repr(error) for error in seen] == ["ValueError('value')", "KeyError('key')"]


class Sink:
    """A file object of an application with only the required methods."""

    def __init__(self):
        self.pieces = []
        self.file = io.BytesIO()

    def write(self, data):
        self.pieces.append(data)
        return self.file.write(data)

    def read(self, size=-1):
        return self.file.read(size)

    def seek(self, offset):
        return self.file.seek(offset)


class Denied(Exception):
    pass


@pytest.mark.parametrize("where", ["callback", "write"])
def test_what_a_callback_raises_reaches_the_error_handlers(app, serve, where):
    class Full(Sink):
        def write(self, data):
            raise Denied("disk full")

    def callback(filename):
        if where == "callback":
            raise Denied(filename)
        return Full()

    app.file_callback = callback

    @app.error_handler(Denied)
    def denied(req, error):
        return Response(f"denied: {error}", status_code=403)

    @app.route("/", method=state.METHOD_POST)
    def upload(req):
        return "not reached"

    answer = serve(app)("/", "POST", form(("file", "a.txt", b"content")), {"Content-Type": MULTIPART})
    assert (answer.status, answer.text) == (403, "denied: a.txt" if where == "callback" else "denied: disk full")


def test_a_body_that_does_not_come_in_time_is_a_timeout_error(app):
    app.read_timeout = 0.05

    @app.error_handler(TimeoutError)
    def slow(req, error):
        return Response("too slow", status_code=408)

    @app.route("/", method=state.METHOD_POST)
    def upload(req):
        return req.form.getfirst("a")

    # under wsgiref, the socket's timeout decides
    with SERVERS["ours"](app) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nConnection: close\r\nContent-Type: " + MULTIPART.encode() + b"\r\n\r\n--xyz\r\n")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert answer.endswith(b"too slow")


def test_the_object_of_a_callback_needs_only_write_read_and_seek(app, serve):
    sinks = {}

    def callback(filename):
        sinks[filename] = Sink()
        return sinks[filename]

    app.file_callback = callback

    @app.route("/", method=state.METHOD_POST)
    def upload(req):
        field = req.form["file"]
        return f"{field.filename} {field.file is sinks['a.txt']} {field.value!r}"

    content = "žluť\n".encode() * 4000
    answer = serve(app)("/", "POST", form(("file", "a.txt", content)), {"Content-Type": MULTIPART})
    assert answer.text == f"a.txt True {content!r}"
    pieces = sinks["a.txt"].pieces
    assert {type(piece) for piece in pieces} == {bytes}
    assert "".join(piece.decode() for piece in pieces) == content.decode(), "each piece ends at a line end"


def test_a_file_is_written_while_its_body_arrives(app):
    body = form(("file", "a.txt", b"0123456789\n" * 100_000))
    arrived = []

    class Input(io.BytesIO):
        def read(self, size=-1):
            data = super().read(size)
            arrived.append(len(data))
            return data

    progress = []

    class Watched(Sink):
        def write(self, data):
            progress.append(sum(arrived))
            return super().write(data)

    app.file_callback = lambda filename: Watched()
    app.set_route("/", lambda req: str(len(req.form["file"].value)), state.METHOD_POST)
    answer = ask(app, "/", "POST", body, CONTENT_TYPE=MULTIPART, **{"wsgi.input": Input(body)})
    assert answer.text == "1100000"
    assert progress[0] < len(body) / 4
    assert progress == sorted(progress)


def test_a_file_is_closed_when_the_form_goes_away(app):
    class Closed(Sink):
        def close(self):
            events.append("closed")

    events = []
    app.file_callback = lambda filename: Closed()

    @app.route("/", method=state.METHOD_POST)
    def upload(req):
        gc.collect()
        events.append("handler")
        return req.form["file"].value

    assert ask(app, "/", "POST", form(("file", "a.txt", b"x")), CONTENT_TYPE=MULTIPART).text == "x"
    gc.collect()
    assert events == ["handler", "closed"]


def test_a_form_read_by_hand_with_the_old_function(app, serve):
    app.auto_form = False
    names = []

    @app.route("/", method=state.METHOD_POST)
    def upload(req):
        def callback(filename):
            names.append(filename)
            return io.BytesIO()
        with pytest.warns(DeprecationWarning):
            made = FieldStorage(req, file_callback=callback)
        return {"file": made["file"].value.decode(), "text": made.getfirst("text"), "bytes": made.bytes_read, "names": names}

    body = form(("file", "a.txt", b"content"), ("text", None, b"some text"))
    answer = serve(app)("/", "POST", body, {"Content-Type": MULTIPART})
    assert answer.json == {"file": "content", "text": "some text", "bytes": len(body), "names": ["a.txt"]}


def test_a_large_body_is_read_by_the_application(app, serve):
    class Body(io.RawIOBase):
        """The request as a file, for other libraries."""

        def __init__(self, req):
            self.req = req

        def readable(self):
            return True

        def readinto(self, buffer):
            data = self.req.read(len(buffer))
            buffer[:len(data)] = data
            return len(data)

    @app.route("/", method=state.METHOD_PUT)
    def put(req):
        return {"ahead": len(req.data) if req.content_length <= app.data_size else None, "read": len(Body(req).readall()), "then": len(req.read())}

    client = serve(app)
    assert client("/", "PUT", b"x" * 200_000).json == {"ahead": None, "read": 200_000, "then": 0}
    assert app.data_size == app.cached_size == 65_365


def test_reading_without_a_length_gives_nothing(app, serve):
    app.set_route("/", lambda req: (repr(req.read(10)), "text/plain"))
    assert serve(app)("/").text == "b''"


def test_the_handler_of_a_bad_request_needs_no_more_than_the_simpler_request(app, serve):
    @app.http_state(state.HTTP_BAD_REQUEST)
    def bad(req, error=None):
        assert isinstance(req, SimpleRequest)
        return f"{req.method} {req.path}: {error}", "text/plain", None, 400

    app.set_route("/", lambda req: "not reached", state.METHOD_POST)
    answer = serve(app)("/", "POST", b"{", {"Content-Type": "application/json"})
    assert answer.status == 400
    with pytest.raises(ValueError) as error:
        json.loads("{")
    assert answer.text == f"POST /: {error.value}"


def test_bad_json_is_a_page_with_the_text_of_python(app, serve):
    app.set_route("/", lambda req: "not reached", state.METHOD_POST)
    answer = serve(app)("/", "POST", b'{"a": <b>}', {"Content-Type": "application/json"})
    assert answer.status == 400
    assert "Expecting value: line 1 column 7 (char 6)" in answer.text
    assert "<b>" not in answer.text


def test_a_repeated_key_is_a_list(app, serve):
    app.set_route("/", lambda req: {key: req.args[key] for key in req.args})
    assert serve(app)("/?a=1&b=2&a=3").json == {"a": ["1", "3"], "b": "2"}


def test_a_blank_value_is_an_empty_text_when_blanks_are_kept(app, serve):
    app.keep_blank_values = 1
    app.set_route("/", lambda req: [req.form.get("blank", ""), req.form.get("none", "")], state.METHOD_POST)
    assert serve(app)("/", "POST", b"blank=", {"Content-Type": "application/x-www-form-urlencoded"}).json == ["", ""]


def test_the_ways_to_read_a_form(app, serve):
    @app.route("/", method=state.METHOD_POST)
    def post(req):
        form = req.form
        return {"in": ["text" in form, "none" in form], "item": form["text"].value, "items": [field.value for field in form["list"]], "get": form.get("text"),
                "get or": form.get("none", "or"), "first": [form.getfirst("list"), form.getfirst("number", func=int), form.getfirst("none", "or")],
                "list": [*form.getlist("list")], "file": [form["file"].filename, form["file"].value.decode()], "read": form.bytes_read}

    body = form(("text", None, b"t"), ("list", None, b"1"), ("list", None, b"2"), ("number", None, b"5"), ("file", "a.txt", b"content"))
    assert serve(app)("/", "POST", body, {"Content-Type": MULTIPART}).json == {
        "in": [True, False], "item": "t", "items": ["1", "2"], "get": "t", "get or": "or", "first": ["1", 5, "or"], "list": ["1", "2"], "file": ["a.txt", "content"],
        "read": len(body)}


@pytest.mark.parametrize(("method", "own"), [("GET", True), ("POST", True), ("PUT", False), ("DELETE", False)])
def test_handlers_of_states_and_errors_are_for_get_head_and_post(app, serve, method, own):
    app.set_http_state(404, lambda req, **kwargs: ("own page", "text/plain", None, 404))
    app.set_error_handler(ValueError, lambda req, error: Response("own error", status_code=500))

    @app.route("/error", method=state.METHOD_ALL)
    def error(req):
        raise ValueError

    client = serve(app)
    assert (client("/none", method).text == "own page") is own
    assert (client("/error", method).text == "own error") is own


def test_before_hooks_run_for_files_and_for_404_and_may_answer(app, serve, tmp_path):
    (tmp_path / "file.txt").write_text("content")
    app.document_root = str(tmp_path)
    seen = []

    @app.before_response()
    def look(req):
        seen.append(req.path)
        if req.path == "/old":
            redirect("/new")
        if req.path == "/closed":
            abort(Response("closed", status_code=503))

    client = serve(app)
    assert [client(path).status for path in ("/file.txt", "/none", "/old", "/closed")] == [200, 404, 302, 503]
    assert client("/old").headers["Location"] == "/new"
    assert seen == ["/file.txt", "/none", "/old", "/closed", "/old"]


def test_x_powered_by_is_there_where_no_headers_were_given(app, serve):
    app.set_route("/none", lambda req: "x")
    app.set_route("/own", lambda req: ("x", "text/plain", {"X-Own": "1"}))
    client = serve(app)
    assert client("/none").headers["X-Powered-By"] == "PoorWSGI"
    assert client("/own").headers["X-Powered-By"] is None


def test_utf8_in_a_header_goes_out_as_its_bytes(app, serve):
    app.set_route("/", lambda req: Response("x", headers={"X-Name": "žluť"}))
    assert serve(app)("/").headers["X-Name"].encode("latin-1").decode() == "žluť"


def test_arguments_of_an_exception_reach_the_state_handler(app, serve):
    @app.http_state(state.HTTP_UNAUTHORIZED)
    def unauthorized(req, realm=None, stale="", error=None):
        return f"{realm} {stale} {error}", "text/plain", {"WWW-Authenticate": f'Basic realm="{realm}"'}, 401

    @app.route("/")
    def handler(req):
        raise HTTPException(state.HTTP_UNAUTHORIZED, realm="Zone", stale=True)

    answer = serve(app)("/")
    assert (answer.status, answer.text) == (401, "Zone True None")


def test_json_of_nothing_is_null(app, serve):
    app.set_route("/", lambda req: JSONResponse())
    assert serve(app)("/").text == "null"


def test_an_application_is_a_class_of_its_own(name, serve):
    class Shop(Application):
        version = 3

        def __init__(self, name, database):
            super().__init__(name)
            self.database = database
            self.set_route("/", self.index)

        def index(self, req):
            return f"{self.database} {self.version} {req.app is self}"

    shop = Shop(name, "shop.db")
    shop.extra = 1
    assert serve(shop)("/").text == "shop.db 3 True"


def test_a_request_has_attributes_of_the_application(app, serve):
    @app.before_response()
    def sign_in(req):
        req.user = "me"
        req.db = {"me": 7}
        req.anything = "else"

    app.set_route("/", lambda req: [req.user, req.db[req.user], req.anything])
    assert serve(app)("/").json == ["me", 7, "else"]


def test_patterns_with_look_around(app, serve):
    app.set_filter("slug", r"(?!admin\b)[a-z][a-z0-9-]*(?<!-)")
    app.set_route("/<page:slug>", lambda req, page: page)
    app.set_regular_route(r"/(?P<word>\w+)/(?P=word)$", lambda req, word: f"twice {word}")
    client = serve(app)
    assert [(client(path).status, client(path).text) for path in ("/news-1", "/a/a")] == [(200, "news-1"), (200, "twice a")]
    assert [client(path).status for path in ("/admin", "/news-", "/a/b")] == [404, 404, 404]


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_is_started_and_stopped_and_started_again_in_a_thread(app, server):
    main = threading.get_ident()
    app.set_route("/", lambda req: f"{threading.get_ident() == main}")
    before = threading.enumerate()
    for _ in range(3):
        with SERVERS[server](app) as port:
            assert Client(port)("/").text == "False"
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
    assert set(threading.enumerate()) <= set(before)


def test_the_environ_of_a_request_is_at_hand(app):
    app.set_route("/", lambda req: f"{req.environ['own.key']} {req.poor_environ['own.key']} {req.get_options()}")
    with pytest.warns(DeprecationWarning):
        assert ask(app, **{"own.key": "v", "app_name": "n"}).text == "v v {'name': 'n'}"


def test_a_request_made_by_hand(app):
    req = Request(environ("/path", QUERY_STRING="a=1"), app)
    assert (req.path, req.args["a"], req.method_number, req.app) == ("/path", "1", state.METHOD_GET, app)


def test_the_data_of_an_empty_body_is_empty(app, serve):
    app.set_route("/", lambda req: [repr(req.data), repr(req.read()), repr(req.input.read())], state.METHOD_ALL)
    client = serve(app)
    # wsgiref waits for a body if no length is announced
    assert client("/", "PUT", b"", {"Content-Length": "0"}).json == ["b''", "b''", "b''"]
    app.auto_data = False
    app.set_route("/data", lambda req: repr(req.data), state.METHOD_ALL)
    assert client("/data", "PUT", b"", {"Content-Length": "0"}).text == "None"
    assert client("/data").text == "None"


def test_an_address_without_a_path_is_put_before_paths(app, serve):
    app.set_route("/", lambda req: [req.construct_url(uri) for uri in ("", "/a", "?a", "#a", "a")])
    client = serve(app)
    host = f"http://127.0.0.1:{client.port}"
    assert client("/").json == [host, f"{host}/a", f"{host}?a", f"{host}#a", f"{host}/a"]


def test_users_are_put_into_the_map_of_a_fresh_application(app, serve):
    app.secret_key = "a long secret"
    app.auth_type = "Digest"
    app.auth_map["Zone"] = {"user": hexdigest("user", "Zone", "password", app.auth_hash)}
    app.set_route("/", check_digest("Zone")(lambda req: f"Hello {req.user}"))
    client = serve(app)
    for password, status in (("password", 200), ("wrong", 401)):
        assert requests.get(f"http://127.0.0.1:{client.port}/", auth=HTTPDigestAuth("user", password), timeout=30).status_code == status


def test_digest_login_with_a_map_that_is_a_dictionary_of_dictionaries(app, serve):
    app.secret_key = "a long secret"
    app.auth_type = "Digest"
    app.auth_map = PasswordMap()
    app.auth_map.set("Zone", "user", hexdigest("user", "Zone", "password", app.auth_hash))
    assert "user" in app.auth_map["Zone"]
    app.auth_map["Zone"]["other"] = hexdigest("other", "Zone", "password", app.auth_hash)
    assert app.auth_map["None"] == {}

    @app.route("/<page:word>")
    @check_digest("Zone")
    def page(req, page):
        return f"{req.user} {page}"

    client = serve(app)
    for user, password, status in (("user", "password", 200), ("other", "password", 200), ("user", "wrong", 401), ("none", "password", 401)):
        answer = requests.get(f"http://127.0.0.1:{client.port}/news", auth=HTTPDigestAuth(user, password), timeout=30)
        assert answer.status_code == status
        assert status != 200 or answer.text == f"{user} news"


def test_a_digest_challenge_is_bound_to_the_user_agent_and_to_the_server(app, serve):
    app.secret_key = "a long secret"
    app.auth_type = "Digest"
    app.auth_map = PasswordMap()
    app.auth_map.set("Zone", "user", hexdigest("user", "Zone", "password", app.auth_hash))
    app.set_route("/", check_digest("Zone")(lambda req: "in"))
    client = serve(app)

    class Spy(HTTPDigestAuth):
        def build_digest_header(self, method, url):
            self.sent = super().build_digest_header(method, url)
            return self.sent

    for agent in ("tester/1", None):
        auth = Spy("user", "password")
        headers = {"User-Agent": agent}
        answer = requests.get(f"http://127.0.0.1:{client.port}/", auth=auth, headers=headers, timeout=30)
        assert answer.text == "in"
        stolen = auth.sent.replace("nc=00000001", "nc=00000002")
        assert requests.get(f"http://127.0.0.1:{client.port}/", headers={"User-Agent": "another", "Authorization": stolen}, timeout=30).status_code == 401
    challenge = ask(app, SERVER_NAME="example.org").header["WWW-Authenticate"]
    assert f'opaque="{hashlib.sha256(b"example.org").hexdigest()}"' in challenge

"""The responses that response objects send."""
import datetime
import http.client
import io
import json
import os
import subprocess
import sys
import threading

import pytest
from servers import SERVERS, Client
from wsgi_call import ask, environ

from poorwsgi import Application, abort, make_response, redirect
from poorwsgi.headers import Headers
from poorwsgi.response import (
    BaseResponse,
    Declined,
    FileObjResponse,
    FileResponse,
    GeneratorResponse,
    HTTPException,
    IBytesIO,
    JSONGeneratorResponse,
    JSONResponse,
    NoContentResponse,
    NotModifiedResponse,
    PartialResponse,
    RedirectResponse,
    Response,
    ResponseError,
    StrGeneratorResponse,
    TextResponse,
)

TEN = b"0123456789"


class Unseekable(io.RawIOBase):
    """A file that can only be read, like a pipe."""

    def __init__(self, data):
        self.left = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.left.readinto(buffer)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ten.txt"
    path.write_bytes(TEN)
    return path


@pytest.fixture(params=SERVERS)
def site(request, name, file):
    app = Application(name)
    made = {
        "response": lambda: Response(TEN), "text": lambda: TextResponse("0123456789"),
        "file": lambda: FileResponse(str(file)), "opened": lambda: FileObjResponse(open(file, "rb")),
        "bytesio": lambda: FileObjResponse(io.BytesIO(TEN)), "unseekable": lambda: FileObjResponse(Unseekable(TEN)),
        "generator": lambda: GeneratorResponse((bytes([digit]) for digit in TEN), content_length=10),
        "endless": lambda: GeneratorResponse(bytes([digit]) for digit in TEN),
        "texts": lambda: StrGeneratorResponse(str(digit) for digit in range(10)), "json": lambda: JSONResponse(a=[1, None]),
        "members": lambda: JSONGeneratorResponse(a=iter([1, 2]), b="x", c=iter([])), "none": NoContentResponse,
        "modified": lambda: NotModifiedResponse(etag='"x"'), "redirect": lambda: RedirectResponse("/there", 303, "Go"),
    }

    @app.route("/<kind:word>")
    def one(req, kind):
        return made[kind]()

    @app.route("/<kind:word>/partial")
    def partial(req, kind):
        response = made[kind]()
        response.make_partial()
        return response

    @app.route("/<kind:word>/<first:int>/<last:int>")
    def chosen(req, kind, first, last):
        response = made[kind]()
        response.make_partial([(first, last)])
        return response

    with SERVERS[request.param](app) as port:
        client = Client(port)
        client.server = request.param
        yield client


@pytest.mark.parametrize(("kind", "media", "body"), [
    ("response", "text/html; charset=utf-8", TEN), ("text", "text/plain; charset=utf-8", TEN), ("file", "text/plain", TEN),
    ("opened", "application/octet-stream", TEN), ("bytesio", "application/octet-stream", TEN),
    ("unseekable", "application/octet-stream", TEN), ("generator", "text/html; charset=utf-8", TEN),
    ("endless", "text/html; charset=utf-8", TEN), ("texts", "text/html; charset=utf-8", TEN),
    ("json", "application/json; charset=utf-8", b'{"a": [1, null]}'),
    ("members", "application/json; charset=utf-8", b'{"a": [1, 2], "b": "x", "c": []}'), ("redirect", "text/plain", b"Go"),
])
def test_every_kind_is_sent_whole_and_head_has_its_fields(site, kind, media, body):
    answer, head = site(f"/{kind}"), site(f"/{kind}", "HEAD")
    assert (answer.headers["Content-Type"], answer.body, head.body) == (media, body, b"")
    if "Content-Length" in answer.headers or site.server == "ours":  # wsgiref sets 0 if there is no length
        assert head.headers.get("Content-Length") == answer.headers.get("Content-Length")


@pytest.mark.parametrize("kind", ["response", "text", "file", "opened", "bytesio", "generator"])
def test_parts_are_sent_to_those_who_ask(site, kind):
    part = site(f"/{kind}/partial", headers={"Range": "bytes=2-4"})
    assert (part.status, part.headers["Content-Range"], part.body) == (206, "bytes 2-4/10", b"234")
    assert site(f"/{kind}/partial").headers["Accept-Ranges"] == "bytes"
    assert site(f"/{kind}/partial", headers={"Range": "bytes=-3"}).body == b"789"
    unsatisfied = site(f"/{kind}/partial", headers={"Range": "bytes=10-"})
    assert (unsatisfied.status, unsatisfied.headers["Content-Range"]) == (416, "bytes */10")
    several = site(f"/{kind}/partial", headers={"Range": "bytes=0-1, 8-9"})
    if kind in ("opened", "bytesio", "generator"):  # these can be read only once, in order
        assert (several.status, several.body) == (200, TEN)
        return
    assert several.status == 206 and several.headers["Content-Type"].startswith("multipart/byteranges")
    assert b"\r\n\r\n01\r\n" in several.body and b"\r\n\r\n89\r\n" in several.body


@pytest.mark.parametrize("kind", ["response", "file", "opened", "bytesio", "generator"])
def test_parts_that_the_application_chose_are_sent(site, kind):
    part = site(f"/{kind}/0/0")
    assert (part.status, part.headers["Content-Range"], part.body) == (206, "bytes 0-0/10", b"0")
    assert site(f"/{kind}/8/20").body == b"89"
    assert site(f"/{kind}/10/20").status == 416


def test_what_has_no_length_is_sent_whole_or_not_at_all(site):
    assert site("/endless/partial", headers={"Range": "bytes=2-4"}).body == TEN
    assert site("/endless/2/4").status == 416


def test_a_file_response_answers_conditions(site):
    whole = site("/file")
    assert whole.headers["Accept-Ranges"] == "bytes" and whole.headers["Last-Modified"].endswith("GMT")
    same = site("/file", headers={"If-None-Match": whole.headers["ETag"]})
    assert (same.status, same.body) == (304, b"")


def test_no_content_keeps_its_headers_and_has_no_body(site):
    assert site("/none").headers["X-Powered-By"] == "PoorWSGI"
    modified = site("/modified")
    assert (modified.status, modified.headers["ETag"], modified.body) == (304, '"x"', b"")


def test_redirects_say_where_to(site):
    answer = site("/redirect")
    assert (answer.status, answer.headers["Location"]) == (303, "/there")


def test_a_file_object_is_sent_from_where_it_stands_and_closed(name, file):
    app = Application(name)
    opened = open(file, "rb")
    opened.seek(7)
    app.set_route("/", lambda req: FileObjResponse(opened))
    call = ask(app)
    assert (call.body, call.header["Content-Length"], opened.closed) == (b"789", "3", True)


def test_the_file_wrapper_of_the_server_gets_a_real_file(name, file):
    app = Application(name)
    app.document_root = str(file.parent)
    wrapped = []

    def wrapper(file, size):
        wrapped.append((file.fileno() > 0, size > 0, file.tell()))
        with file:
            return [file.read(4), file.read()]

    call = environ("/ten.txt", **{"wsgi.file_wrapper": wrapper})
    assert b"".join(app(call, lambda *args: None)) == TEN
    call["HTTP_RANGE"] = "bytes=7-"  # uWSGI's wrapper would start at the beginning of the file
    assert b"".join(app(call, lambda *args: None)) == b"789"
    call["HTTP_RANGE"] = "bytes=0-2"  # a wrapper would go on to the end of the file
    assert b"".join(app(call, lambda *args: None)) == b"012"
    assert wrapped == [(True, True, 0)]


def test_files_are_let_go(name, file):
    app = Application(name)
    app.document_root = str(file.parent)
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
    for _ in range(50):
        result = app(environ("/ten.txt"), lambda *args: None)
        next(iter(result))
        result.close()
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_content_is_closed_when_the_client_goes_away(name):
    closed = threading.Event()

    class Content:
        def __iter__(self):
            while not closed.is_set():
                yield b"x" * 100_000

        def close(self):
            closed.set()

    app = Application(name)
    app.set_route("/", lambda req: GeneratorResponse(Content()))
    with SERVERS["ours"](app) as port:
        import socket
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(1000)
        assert closed.wait(30)


def test_writing_appends():
    response = Response("abc")
    response.write("ž")
    response.write(b"\xff")
    assert (response.data, response.content_length) == ("abcž".encode() + b"\xff", 6)
    with pytest.raises(TypeError):
        response.write(5)


def test_a_response_is_called_as_a_wsgi_application_is():
    started = []
    response = Response(TEN, "text/plain", {"X-A": "1"})
    response.make_partial([(2, 4)])
    content = response(lambda *args: started.append(args))
    assert started == [("206 Partial Content", [
        ("X-A", "1"), ("Content-Range", "bytes 2-4/10"), ("Content-Type", "text/plain"), ("Content-Length", "3"),
    ])]
    assert isinstance(content, IBytesIO) and content.read() == b"234"
    assert response.headers["Content-Length"] == "3"
    with pytest.raises(RuntimeError, match="only once"):
        response(lambda *args: None)


def test_iterating_an_ibytesio_gives_kilobytes():
    assert [len(block) for block in IBytesIO(b"x" * 2500)] == [1024, 1024, 452]


@pytest.mark.parametrize(("make", "error"), [
    (lambda: Response(5), AssertionError), (lambda: Response("x", status_code=99), ValueError),
    (lambda: Response("x", status_code=-1), ValueError), (lambda: TextResponse("x", status_code=2**70), ValueError),
    (lambda: setattr(Response("x"), "status_code", 100_000), ValueError),
    (lambda: Response("x", headers={"X": "a\r\nb"}), ValueError), (lambda: RedirectResponse("/\r\nX: y"), ValueError),
    (lambda: JSONResponse([], a=1), RuntimeError), (lambda: JSONResponse(object()), TypeError),
    (lambda: FileResponse("/no/such/file"), OSError), (lambda: FileResponse("/"), OSError),
    (lambda: FileObjResponse(io.StringIO("x")), AssertionError), (lambda: make_response(5), ResponseError),
    (lambda: make_response("x", status_code=999), ResponseError), (lambda: HTTPException("404"), AssertionError),
    (lambda: HTTPException(), TypeError), (lambda: redirect("/x\0"), ValueError),
])
def test_what_cannot_be_sent_is_refused_where_it_is_made(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("headers", [
    {"X-A": "1"}, [("X-A", "1")], (("X-A", "1"),), ("X-A", "1"), Headers({"X-A": "1"}), {("X-A", "1")},
])
def test_headers_may_come_in_many_forms_and_replace_the_default_ones(headers):
    assert list(Response("x", headers=headers).headers.items()) == [("X-A", "1")]
    assert list(Response("x").headers.items()) == [("X-Powered-By", "PoorWSGI")]


@pytest.mark.parametrize(("date", "shown"), [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), ("today", "today"),
    (datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc), "Thu, 29 Feb 2024 12:00:00 GMT"),
])
def test_not_modified_has_its_fields(date, shown):
    response = NotModifiedResponse(etag='W/"x"', content_location="/x", date=date, vary="Cookie")
    assert [response.headers[name] for name in ("ETag", "Content-Location", "Date", "Vary")] == [
        'W/"x"', "/x", shown, "Cookie",
    ]


def test_ranges_go_with_another_status():
    response = BaseResponse()
    response.make_partial([(50, 100), (60, 20), (150, None), (None, 200)])
    assert response.ranges == ((50, 100), (150, None), (None, 200))
    response.status_code = 404
    assert (response.ranges, response.reason, response.headers.get("Accept-Ranges")) == ((), "Not Found", None)


def test_make_range_says_which_part_it_is():
    response = PartialResponse(b"abc")
    response.make_range([(1, 3)], "blocks", 10)
    assert (response.status_code, response.headers["Content-Range"]) == (206, "blocks 1-3/10")


def test_declined_has_no_headers_and_no_answer():
    response = Declined()
    response.headers = {"X": "y"}
    response.add_header("X", "y")
    assert not list(response.headers.items())
    assert response(None) == ()


def test_streamed_json_is_streamed_without_simplejson():
    code = """if True:
        import itertools, sys
        sys.modules["simplejson"] = None
        from poorwsgi.response import JSONGeneratorResponse
        content = JSONGeneratorResponse(items=itertools.count(), after=iter([]))(lambda *args: None)
        text = b""
        while len(text) < 20:
            text += next(content)
        print(text.decode())
    """
    text = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert text.startswith('{"items": [0, 1, 2,')


def test_streamed_json_is_that_of_json_dumps():
    class Twice:
        def __iter__(self):
            return iter([{"é": 1.5}, [], None])

    members = {"a": [1], "b": {"c": "ž"}, "d": None}
    content = JSONGeneratorResponse(twice=Twice(), **members)(lambda *args: None)
    assert b"".join(content).decode() == json.dumps({"twice": [{"é": 1.5}, [], None], **members})


# --- habits of PoorWSGI's applications ---


@pytest.mark.parametrize("server", SERVERS)
def test_statuses_that_http_client_knows(name, server, monkeypatch):
    app = Application(name)
    statuses = {103: "Early Hints", 421: "Misdirected Request", 425: "Too Early", 591: "Out of Paper"}
    monkeypatch.setitem(http.client.responses, 591, "Out of Paper")

    @app.route("/<status:int>")
    def own(req, status):
        return Response("x", status_code=status)

    @app.route("/raised/<status:int>")
    def raised(req, status):
        abort(status)

    for status, phrase in statuses.items():
        response = Response("x")
        response.status_code = status
        assert (response.status_code, response.reason) == (status, phrase)
    with SERVERS[server](app) as port:
        client = Client(port)
        for status in (421, 425, 591):
            for path in (f"/{status}", f"/raised/{status}"):
                answer = client(path)
                assert (answer.status, answer.reason) == (status, statuses[status])
        assert client("/raised/592").status == 500


def test_nothing_with_a_status(name):
    app = Application(name)
    values = {"/none": (None, 204), "/dict": ({"a": 1}, 201), "/list": ([1], "x"), "/gone": (None, "text/plain", {"X-A": "1"}, 410)}
    for path, value in values.items():
        app.set_route(path, lambda req, value=value: value)
    answers = {path: ask(app, path) for path in values}
    assert [answer.status for answer in answers.values()] == ["204 No Content", "200 OK", "200 OK", "410 Gone"]
    assert (answers["/dict"].text, answers["/list"].text, dict(answers["/gone"].headers)["X-A"]) == ('{"a": 1}', "[1]", "1")
    assert make_response(None, 204).status_code == 204


@pytest.mark.parametrize("values", [({"a": object()},), ("x", 204), ("x", "text/plain", 5), ("x", "text/plain", None, 999), (object(),)])
def test_what_no_response_can_be_made_of(name, values):
    with pytest.raises(ResponseError):
        make_response(*values)
    app = Application(name)
    app.set_route("/", lambda req: values)
    app.set_error_handler(Exception, lambda req, error: "for what a handler raises, not for what it returns")
    app.set_http_state(500, lambda req: (type(sys.exc_info()[1]).__name__, "text/plain", None, 500))
    answer = ask(app)
    assert (answer.status, answer.text) == ("500 Internal Server Error", "ResponseError")


def test_a_response_error_has_its_cause():
    with pytest.raises(ResponseError, match="not JSON serializable") as raised:
        make_response({"a": object()})
    assert isinstance(raised.value.__cause__, TypeError)


@pytest.mark.parametrize(("kind", "sent"), [("", None), (None, "text/html; charset=utf-8"), ("text/csv", "text/csv")])
@pytest.mark.parametrize("data", ["x", b"", b"x", [b"x"]])
def test_an_empty_content_type_is_none_at_all(name, data, kind, sent):
    app = Application(name)
    app.set_route("/", lambda req: (data, kind, {"X-A": "1"}))
    assert dict(ask(app).headers).get("Content-Type") == sent


@pytest.mark.parametrize("ranges", [{(2, 4)}, ((2, 4),), [[2, 4]], iter([(2, 4), (2, 4), (4, 2)])])
def test_ranges_of_any_kind(ranges):
    response = Response(TEN)
    response.make_partial(ranges)
    assert response.ranges == ((2, 4),)


@pytest.mark.parametrize("ranges", [{(2, 4)}, ((2, 4),), [[2, 4]]])
def test_a_part_of_ones_own(ranges):
    response = PartialResponse(TEN)
    response.make_range(ranges, full=20)
    assert response.headers["Content-Range"] == "bytes 2-4/20"


@pytest.mark.parametrize("data", [bytearray(b"more"), memoryview(b"more"), b"more", "more"])
def test_whatever_holds_bytes_can_be_written(data):
    response = Response("text ")
    response.write(data)
    assert (response.data, response.content_length) == (b"text more", 9)


@pytest.mark.parametrize("data", [None, 5, object()])
def test_what_holds_no_bytes_cannot_be_written(data):
    response = Response("text")
    with pytest.raises(TypeError):
        response.write(data)
    assert response.data == b"text"

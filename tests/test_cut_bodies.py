"""Bodies that end early, arrive too slowly or are too large, and handlers that ignore that: an error of the
client is not answered with 500."""
import logging
import socket

import pytest
from servers import on_our_server, on_our_server_as_callable, on_wsgiref

from poorwsgi import Application, state
from poorwsgi.fieldstorage import FieldStorageParser

SIZES = (200, 300_000, 1_500_000)  # read into data; larger than data_size; larger than what is kept in memory
SERVERS = {"wsgiref": on_wsgiref, "ours": on_our_server, "ours, in middleware": on_our_server_as_callable}
FRAMINGS = ("Content-Length: {0}\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n{0:x}\r\n")


@pytest.fixture
def app(name):
    app = Application(name)
    app.auto_form = app.auto_data = app.auto_json = False

    @app.route("/read", method=state.METHOD_POST)
    def read(req):
        return counted(req, iter(lambda: req.read(50_000), b""))

    @app.route("/read/all", method=state.METHOD_POST)
    def read_all(req):
        return counted(req, [req.read(), req.read()])

    @app.route("/input", method=state.METHOD_POST)
    def input_(req):
        return counted(req, iter(lambda: req.input.read(50_000), b""))

    @app.route("/form", method=state.METHOD_POST)
    def form(req):
        return str(FieldStorageParser(req.input, req.headers).parse().keys())

    @app.route("/lines", method=state.METHOD_POST)
    def lines(req):
        return str(sum(map(len, iter(req.input.readline, b""))))

    @app.route("/chunks", method=state.METHOD_POST)
    def chunks(req):
        return str(sum(map(len, iter(req.read_chunk, b""))))

    return app


def counted(req, pieces):
    """The response of an application that compares the lengths."""
    came = sum(map(len, pieces))
    return f"{came} of {req.content_length}", "text/plain", {}, 200 if came == req.content_length else 409


def ask(port, request, ends=True):
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(request)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def post(path, framing, size, data=b""):
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n{framing.format(size)}".encode() + data


def cut_at_half(path, framing, size):
    return post(path, framing, size, b"x\n" * (size // 4))


@pytest.mark.parametrize("path", ["/lines", "/chunks", "/form"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_cut_body_is_400_without_a_traceback(app, caplog, path, framing):
    with on_our_server(app) as port:
        for size in SIZES:
            answer = ask(port, cut_at_half(path, framing, size))
            assert answer.startswith(b"HTTP/1.1 400 "), (size, answer)
            assert answer.count(b"HTTP/1.1 ") == 1
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_a_cut_body_of_no_known_length_is_400_for_whoever_reads_it(app):
    with on_our_server(app) as port:
        for size in SIZES:
            assert ask(port, cut_at_half("/input", FRAMINGS[1], size)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("path", ["/read", "/read/all", "/input"])
def test_who_reads_by_hand_gets_what_has_come_and_compares_the_lengths(app, caplog, server, path):
    with SERVERS[server](app) as port:
        for size in SIZES:
            answer = ask(port, cut_at_half(path, FRAMINGS[0], size))
            assert answer.split()[1] == b"409", answer
            assert answer.endswith(f"{size // 2} of {size}".encode()), (size, answer)
            whole = ask(port, post(path, FRAMINGS[0], size, b"x" * size))
            assert whole.endswith(f"{size} of {size}".encode()), (size, whole)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def read(environ):
    return len(environ["wsgi.input"].read())


def read_lines(environ):
    return sum(map(len, environ["wsgi.input"]))


@pytest.mark.parametrize("reads", [read, read_lines])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_so_it_is_for_any_wsgi_callable(caplog, reads, framing):
    def application(environ, start_response):
        length = reads(environ)
        start_response("200 OK", [])
        return [str(length).encode()]

    with on_our_server(application) as port:
        for size in SIZES:
            answer = ask(port, cut_at_half("/", framing, size))
            assert answer.startswith(b"HTTP/1.1 400 "), (size, answer)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_so_it_is_for_an_application_in_middleware(app, caplog):
    with on_our_server(lambda environ, start_response: app(environ, start_response)) as port:
        for size in SIZES:
            assert ask(port, cut_at_half("/lines", FRAMINGS[0], size)).startswith(b"HTTP/1.1 400 ")
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_a_body_that_is_too_slow_is_408_and_one_that_is_too_large_413(app):
    with on_our_server(app, body_timeout=0.3, max_body=1000) as port:
        slow = post("/input", FRAMINGS[0], 500, b"abc")
        assert ask(port, slow, ends=False).startswith(b"HTTP/1.1 408 ")
        large = post("/input", FRAMINGS[1], 2000, bytes(2000) + b"\r\n0\r\n\r\n")
        answer = ask(port, large)
        assert answer.startswith(b"HTTP/1.1 413 ") and b"max_body" in answer
    app.read_timeout = 0.3
    with on_our_server(app) as port:
        assert ask(port, post("/input", FRAMINGS[0], 500, b"abc"), ends=False).startswith(b"HTTP/1.1 408 ")


def test_an_error_handler_sees_the_exception_as_it_is(app):
    seen = []

    @app.error_handler(ConnectionError)
    def gone(req, error):
        seen.append(error)
        return "gone", "text/plain", {}, 409

    with on_our_server(app) as port:
        assert ask(port, post("/input", FRAMINGS[1], 300_000, b"abc")).startswith(b"HTTP/1.1 409 ")
    assert type(seen[0]) is ConnectionResetError


def test_an_error_handler_sees_that_lines_and_forms_do_not_come_whole(app):
    seen = []

    @app.error_handler(TimeoutError)
    def gone(req, error):
        seen.append(str(error))
        return "gone", "text/plain", {}, 409

    for serve in SERVERS.values():
        with serve(app) as port:
            assert ask(port, post("/lines", FRAMINGS[0], 300_000, b"abc")).split()[1] == b"409"
            assert ask(port, post("/form", FRAMINGS[0], 300_000, b"abc")).split()[1] == b"409"
    assert seen == ["the request body ended early: 299997 bytes are missing"] * 6


def test_an_exception_of_the_same_kind_that_is_no_fault_of_the_client_is_500(app):
    @app.route("/database")
    def database(req):
        raise ConnectionResetError("the database is gone")

    with on_our_server(app) as port:
        assert ask(port, b"GET /database HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 500 ")

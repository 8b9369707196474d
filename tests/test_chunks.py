"""Request bodies in small chunks."""
import contextlib
import socket
import threading
import time

import pytest
from servers import on_our_server

from poorwsgi import Application, state


@pytest.fixture
def app(name):
    app = Application(name)
    app.auto_form = app.auto_data = False

    @app.route("/", method=state.METHOD_POST)
    def length(req):
        return str(len(req.input.read()))

    @app.route("/form", method=state.METHOD_POST)
    def of_form(req):
        return str(len(req.form["a"].value))

    @app.route("/json", method=state.METHOD_POST)
    def of_json(req):
        return str(len(req.json))

    return app


@pytest.mark.parametrize(("target", "of_type", "begin", "end"), [
    ("/", "text/plain", b"", b""),
    ("/form", "application/x-www-form-urlencoded", b"a=", b""),
    ("/json", "application/json", b'"', b'"'),
])
def test_chunks_of_one_byte_take_no_memory_each(app, target, of_type, begin, end):
    """A chunk for each byte of a megabyte: keeping them separately would cost some 40 MB and four seconds."""
    size = 1_000_000
    app.auto_form = app.auto_json = True
    message = f"POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nContent-Type: {of_type}\r\n\r\n"
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in begin + b"x" * size + end)
    with on_our_server(app) as port, socket.create_connection(("127.0.0.1", port), 60) as client:
        sender = threading.Thread(target=client.sendall, args=(message.encode() + body + b"0\r\n\r\n",))
        begun = time.process_time()
        sender.start()
        answer = client.makefile("rb").read()
        sender.join()
        assert answer.endswith(str(size).encode()), answer[:500]
        assert time.process_time() - begun < 2


def test_small_chunks_cost_little_more_than_large_ones(app):
    """Measured with a development build. `make bench-load` measures the cost in a release build."""
    def cost(size):
        data = bytes(size)
        chunk = b"%x\r\n%b\r\n" % (size, data)
        message = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        message += chunk * ((4 << 20) // size) + b"0\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            sender = threading.Thread(target=client.sendall, args=(message,))
            begun = time.process_time()
            sender.start()
            assert client.recv(1000).endswith(str(4 << 20).encode())
            sender.join()
            return time.process_time() - begun

    with on_our_server(app) as port:
        large = min(cost(1 << 16) for _ in range(5))
        assert min(cost(16) for _ in range(3)) < 20 * large + 0.05


def test_the_framing_of_chunks_counts_against_the_limit_of_bodies(app):
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with on_our_server(app, max_body=100_000) as port:
        # Each byte of the body takes five bytes with its chunk framing; max_body + 64 KiB are allowed with
        # framing.
        for size, status in ((33_000, 200), (33_200, 413)):
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                with contextlib.suppress(OSError):
                    client.sendall(head + b"1\r\na\r\n" * size + b"0\r\n\r\n")
                answer = client.recv(10_000)
                assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
                assert status == 200 or b"max_body" in answer

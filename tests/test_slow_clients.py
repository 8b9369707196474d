"""Clients that are slow with what they send, or with what they are sent, hold up nobody else."""
import concurrent.futures
import contextlib
import resource
import selectors
import socket
import threading
import time

import pytest
from servers import Client, on_our_server, until

from poorwsgi import Application, state
from poorwsgi.response import GeneratorResponse

HEAD = "POST {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n\r\n"


@pytest.fixture
def app(name):
    app = Application(name)
    app.auto_form = app.auto_data = app.auto_json = False

    @app.route("/")
    def home(req):
        return "home"

    @app.route("/upload", method=state.METHOD_POST)
    def upload(req):
        return str(len(req.input.read()))

    @app.route("/download")
    def download(req):
        return GeneratorResponse(bytes(64 << 10) for _ in range(24))

    return app


def as_callable(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/upload":
        return [str(len(environ["wsgi.input"].read())).encode()]
    if environ["PATH_INFO"] == "/download":
        return (bytes(64 << 10) for _ in range(24))
    return [b"home"]


@pytest.fixture(params=["natively", "as a callable"])
def served(request, app):
    return app if request.param == "natively" else as_callable


class Slow:
    """Many connections, each of which sends a little now and then, or reads a little."""

    def __init__(self, port, uploads=0, readers=0, framing="Content-Length: 1000000"):
        self.port, self.framing = port, framing
        self.sockets = [self._connect(HEAD.format("/upload", framing)) for _ in range(uploads)]
        self.readers = [self._connect("GET /download HTTP/1.1\r\nHost: a\r\n\r\n", 4096) for _ in range(readers)]
        self.thread = threading.Thread(target=self._trickle)
        self.ends = threading.Event()
        self.thread.start()

    def _connect(self, head, buffer=None):
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(head.encode())
        return connection

    def _trickle(self):
        piece = b"1\r\na\r\n" if "chunked" in self.framing else b"a" * 300
        while not self.ends.wait(1):
            for each in self.sockets:
                with contextlib.suppress(OSError):
                    each.sendall(piece)
            for each in self.readers:
                with contextlib.suppress(OSError):
                    each.recv(300, socket.MSG_DONTWAIT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()
        for each in [*self.sockets, *self.readers]:
            each.close()


def longest(port, targets=("/", "/nowhere"), requests=20):
    """How long the slowest of some requests took."""
    client = Client(port)
    times = []
    for number in range(requests):
        begun = time.monotonic()
        client(targets[number % len(targets)])
        times.append(time.monotonic() - begun)
    return max(times)


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Content-Length: 90000", "Transfer-Encoding: chunked"])
def test_slow_uploads_hold_up_nobody(served, framing):
    """More of them than there are threads, on a server that knows nothing of its routes yet."""
    with on_our_server(served, threads=8) as port, Slow(port, uploads=100, framing=framing):
        time.sleep(3)
        assert longest(port) < 2


def test_slow_readers_hold_up_nobody(served):
    with on_our_server(served, threads=8) as port, Slow(port, readers=100):
        time.sleep(3)
        assert longest(port) < 2

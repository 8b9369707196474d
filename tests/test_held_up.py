"""Handlers that wait for something that only another connection brings about, and threads that outlive their
server."""
import concurrent.futures
import http.client
import json
import logging
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from servers import IN_PROCESS, SERVERS, Client, until

from poorwsgi import Application, state
from poorwsgi.response import GeneratorResponse, JSONGeneratorResponse
from poorwsgi.server import Server, make_server


@pytest.fixture
def app(name):
    return Application(name)


def answer(connection):
    connection.settimeout(30)
    return connection.recv(1 << 16)


def test_an_inline_call_may_wait_for_a_handler_that_waits_for_its_client(app):
    """The inline call waits, on the thread of the event loop, for a lock that is held until one of the loop's
    connections goes on."""
    lock, held, begun = threading.Lock(), threading.Event(), threading.Semaphore(0)

    @app.route("/upload", method=state.METHOD_POST)
    def upload(req):
        with lock:
            held.set()
            return str(len(req.input.read(1 << 21)))

    @app.route("/brief")
    def brief(req):
        begun.release()
        with lock:
            return "brief"

    app.auto_form = False
    with SERVERS["ours"](app) as port:
        client = Client(port)
        for _ in range(200):
            client("/brief")
            begun.acquire()
        with socket.create_connection(("127.0.0.1", port)) as slow:
            # too large to wait for the whole body before the handler is called
            slow.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\nabc")
            assert held.wait(30)
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                waiting = [pool.submit(Client(port), "/brief") for _ in range(4)]
                for _ in waiting:
                    assert begun.acquire(timeout=30)
                assert not any(each.done() for each in waiting)
                # other requests are answered meanwhile
                assert Client(port)("/nowhere").status == 404
                slow.sendall(bytes(2000000 - 3))
                assert answer(slow).endswith(b"2000000")
                assert [each.result(30).text for each in waiting] == ["brief"] * 4


@pytest.mark.parametrize("inline", ["auto", "always"])
def test_an_inline_call_may_ask_its_own_server(app, inline):
    @app.route("/other")
    def other(req):
        return "other"

    @app.route("/ask")
    def ask(req):
        if "port" not in req.args:
            return "nobody"
        with urllib.request.urlopen(f"http://127.0.0.1:{req.args['port']}/other", timeout=30) as got:
            return got.read()

    with SERVERS["ours"](app, inline=inline) as port:
        client = Client(port)
        for _ in range(200):
            client("/other")
            client("/ask")
        for _ in range(3):
            assert client(f"/ask?port={port}").text == "other"


def test_a_thread_of_the_handler_may_read_the_body(app):
    app.auto_form = False
    begun = threading.Semaphore(0)

    @app.route("/", method=state.METHOD_POST)
    def read(req):
        begun.release()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return str(sum(map(len, iter(lambda: pool.submit(req.input.read, 1000).result(), b""))))

    for server in ("ours", "ours, as a callable"):
        with IN_PROCESS[server](app) as port, socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\nabc")
            assert begun.acquire(timeout=30)
            slow.sendall(bytes(2000000 - 3))
            assert answer(slow).endswith(b"\r\n\r\n2000000")


DAEMON = """
import sys, threading, time, urllib.request
from poorwsgi import Application
from poorwsgi.server import make_server
app = Application("daemon")
begun = threading.Event()
@app.route("/wait")
def wait(req):
    begun.set()
    %s
    return "waited"
@app.route("/")
def here(req):
    return "here"
httpd = make_server("127.0.0.1", 0, app)
threading.Thread(target=httpd.serve_forever, daemon=True).start()
print(httpd.server_port, flush=True)
begun.wait()
%s
"""


@pytest.mark.parametrize(("waits", "ends", "status"), [
    ("time.sleep(60)", "pass", 0),
    ("begun.wait()\n    while True: pass", "pass", 0),
    ("time.sleep(60)", "raise ValueError('on purpose')", 1),
    # The handler has returned, and the server is idle.
    ("pass", "urllib.request.urlopen(f'http://127.0.0.1:{httpd.server_port}/', timeout=30).close()", 0),
])
def test_a_script_that_ends_while_its_server_serves(waits, ends, status):
    """It serves in a daemon thread, for which Python does not wait."""
    process = subprocess.Popen(
        [sys.executable, "-c", DAEMON % (waits, ends)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            errors = process.stderr.read()
            assert process.wait(30) == status, errors
            assert "fatal" not in errors.lower()


def test_what_a_generator_does_behind_its_last_block_is_done(app, caplog):
    """Even after it has yielded all bytes of its Content-Length."""
    done, closed = [], []

    class Blocks:
        def __init__(self, *blocks):
            self.blocks = self.made(blocks)

        def made(self, blocks):
            yield from blocks
            done.append(blocks)

        def __iter__(self):
            return self.blocks

        def close(self):
            closed.append(True)

    app.set_route("/one", lambda req: GeneratorResponse(Blocks(b"one"), content_length=3))
    app.set_route("/two", lambda req: GeneratorResponse(Blocks(b"one", b"two"), content_length=6))
    app.set_route("/long", lambda req: GeneratorResponse(Blocks(b"one", b"two"), content_length=3))

    def callable_of(environ, start_response):
        blocks = {"/one": (3, [b"one"]), "/two": (6, [b"one", b"two"]), "/long": (3, [b"one", b"two"])}
        length, blocks = blocks[environ["PATH_INFO"]]
        start_response("200 OK", [("Content-Length", str(length))])
        return Blocks(*blocks)

    for served, server in [(app, "ours"), (app, "ours, as a callable"), (app, "wsgiref"), (callable_of, "ours")]:
        with IN_PROCESS[server](served) as port:
            for path, text in (("/one", b"one"), ("/two", b"onetwo")):
                done.clear()
                closed.clear()
                assert Client(port)(path).body == text
                until(lambda: closed)  # noqa: B023
                assert len(done) == 1
            if server == "ours":
                caplog.clear()
                # only the announced length is sent
                assert Client(port)("/long").body == b"one"
                until(lambda: "longer than" in caplog.text)


def test_one_shutdown_more_cuts_nothing_off(app):
    begun, go = threading.Event(), threading.Event()

    @app.route("/wait")
    def wait(req):
        begun.set()
        go.wait(30)
        return "waited"

    told = threading.Semaphore(0)

    class Stopped(threading.Event):
        def wait(self, timeout=None):
            told.release()
            return super().wait(timeout)

    with make_server("127.0.0.1", 0, app) as httpd, concurrent.futures.ThreadPoolExecutor(4) as pool:
        httpd._stopped = Stopped()  # shutdown waits for this after it has stopped the server
        serving = pool.submit(httpd.serve_forever)
        waiting = pool.submit(Client(httpd.server_port), "/wait")
        assert begun.wait(30)
        stops = [pool.submit(httpd.shutdown) for _ in range(2)]
        for _ in stops:
            assert told.acquire(timeout=30)
        time.sleep(0.2)  # enough time for the second stop to cut the request off, if it did
        go.set()
        assert waiting.result(30).text == "waited"
        for each in [serving, *stops]:
            each.result(30)


def test_shutdown_after_handle_request_waits_for_nobody(app):
    app.set_route("/", lambda req: "here")
    with make_server("127.0.0.1", 0, app) as httpd, concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(Client(httpd.server_port), "/")
        httpd.handle_request()
        assert asked.result(30).text == "here"
        pool.submit(httpd.shutdown).result(30)


def test_a_timeout_of_zero_answers_who_is_there(app):
    app.set_route("/", lambda req: "here")
    with make_server("127.0.0.1", 0, app) as httpd, concurrent.futures.ThreadPoolExecutor(1) as pool:
        httpd.timeout = 0
        asked = pool.submit(Client(httpd.server_port), "/")
        deadline = time.monotonic() + 30
        while not asked.done():
            assert time.monotonic() < deadline
            httpd.handle_request()
        assert asked.result().text == "here"


def test_one_request_is_over_when_its_content_is_closed(app):
    closed = []

    class Slow:
        def __iter__(self):
            return iter([b"one", b"two"])

        def close(self):
            time.sleep(0.3)  # a client that did not wait for it would be earlier
            closed.append(True)

    def serves(environ, start_response):
        start_response("200 OK", [])
        return Slow()

    with make_server("127.0.0.1", 0, serves) as httpd, concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(Client(httpd.server_port), "/")
        httpd.handle_request()
        assert closed
        assert asked.result(30).text == "onetwo"


def test_a_handler_that_ends_the_process_is_in_the_log_with_its_frame(app, caplog):
    @app.route("/")
    def leaves(req):
        sys.exit(3)

    with SERVERS["ours"](app) as port, caplog.at_level(logging.ERROR):
        assert Client(port)("/").status == 500
        until(lambda: "in leaves" in caplog.text)


@pytest.mark.parametrize("settings", [
    {"stop_timeout": 1e19}, {"idle_timeout": 1e19}, {"body_timeout": 1e19}, {"head_timeout": 1e19},
    {"first_byte_timeout": 1e19}, {"write_timeout": 1e19}, {"request_timeout": 1e19}, {"max_fields": 1 << 40},
    {"threads": 1 << 63}, {"max_body": 1 << 70},
])
def test_settings_of_any_size(app, settings):
    app.read_timeout = 1e19
    app.set_route("/", lambda req: "here", state.METHOD_GET_POST)
    with SERVERS["ours"](app, **settings) as port:
        assert Client(port)("/", "POST", b"x" * 200000).text == "here"


def test_what_is_written_and_not_taken_is_bounded():
    """write() on the thread of the event loop buffers a limited number of bytes; then it waits, and another
    thread drives the connections."""
    written = []

    def writes(environ, start_response):
        write = start_response("200 OK", [])
        if environ["PATH_INFO"] == "/brief":
            return [b"brief"]
        for _ in range(64):
            write(bytes(1 << 20))
            written.append(1 << 20)
        return []

    with SERVERS["ours"](writes, inline="always") as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        until(lambda: sum(written) >= 16 << 20)
        assert Client(port)("/brief").text == "brief"
        assert sum(written) < 40 << 20
        with http.client.HTTPResponse(client) as response:
            response.begin()
            assert len(response.read()) == 64 << 20


def test_a_server_that_its_application_knows_is_collected(app):
    import gc
    import weakref

    class Ours(Application):
        pass

    app = Ours("collected")
    app.server = Server(app, "127.0.0.1:0")
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("hidden", [False, True])
def test_bytes_in_streamed_json_are_text(hidden, monkeypatch):
    if hidden:
        monkeypatch.setitem(sys.modules, "simplejson", None)
    else:
        pytest.importorskip("simplejson")
    sent = b"".join(JSONGeneratorResponse(x=b"abc", items=iter([b"d"]))(lambda *args: None))
    assert json.loads(sent) == {"x": "abc", "items": ["d"]}


def test_what_a_handler_keeps_for_its_thread_is_there_at_the_next_request(app):
    """For example, a database connection that is not opened anew for each request."""
    kept, lock, opened = threading.local(), threading.Lock(), []

    @app.route("/kept")
    def connected(req):
        if not hasattr(kept, "connection"):
            kept.connection = object()
            with lock:
                opened.append(kept.connection)
        return "kept"

    with SERVERS["ours"](app, inline="never") as port:
        client = Client(port)
        for _ in range(50):
            assert client("/kept").text == "kept"
    assert len(opened) <= 3  # a thread may still be busy when the next request arrives


FORKS = """
import os, sys
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/brief":
        start_response("200 OK", [("Content-Length", "5")])
        return [b"brief"]
    if path == "/stream":
        start_response("200 OK", [])
        return stream()
    pid = os.fork()
    if pid == 0:
        if path == "/exit":
            sys.exit(7)
        if path == "/raise":
            raise ValueError("of the child")
        start_response("200 OK", [])
        return [b"child"]
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    start_response("200 OK", [])
    return [str(status).encode()]

def stream():
    yield b"first "
    pid = os.fork()
    if pid == 0:
        yield b""
        return
    yield str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode()
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python warns of a fork beside threads, which may hang")
@pytest.mark.parametrize("inline", ["always", "never"])
def test_a_child_that_a_handler_forks_answers_nobody(tmp_path, inline):
    """The child returns from the call, and has all connections of the server."""
    (tmp_path / "forks.py").write_text(FORKS)
    command = [sys.executable, "-m", "poorwsgi", "run", "forks:app", "--port", "0", "--workers", "0", "--inline", inline]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            port = int(process.stdout.readline().split(";")[0].rpartition(":")[2])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(3):
                for path, text in (
                    ("/exit", "7"), ("/brief", "brief"), ("/raise", "1"), ("/brief", "brief"), ("/return", "0"),
                    ("/stream", "first 0"), ("/brief", "brief"),
                ):
                    connection.request("GET", path)
                    response = connection.getresponse()
                    assert (response.status, response.read().decode()) == (200, text), path
            connection.close()
        finally:
            process.terminate()
        assert "ValueError: of the child" in process.stderr.read()

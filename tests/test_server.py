"""The built-in server: start, address, stop."""
import errno
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from wsgiref.validate import validator

import pytest
from servers import IN_PROCESS, Client, on_our_server, on_wsgiref

from poorwsgi import Application, state
from poorwsgi.response import HTTPException, Response
from poorwsgi.server import Listener, Server, run

FIVE_LINES = """
from poorwsgi import Application, state
from poorwsgi.response import HTTPException
app = Application("five lines")
@app.route("/hello/<name:word>")
def hello(req, name):
    return f"Hello {name}"
"""
RUN = """
import sys
from poorwsgi.server import run
run(app, "127.0.0.1:0")
print("stopped", flush=True)
"""


@pytest.fixture
def start():
    """Yields a function that starts a Python process that serves. A process that runs longer than 30 seconds
    is killed, so that no read waits for ever."""
    processes = []

    def start(source):
        process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
        killer = threading.Timer(30, process.kill)
        processes.append((process, killer))
        killer.start()
        line = process.stdout.readline()
        address = re.fullmatch(r"Serving an application( \(a WSGI callable\))? on http://127\.0\.0\.1:(\d+); Ctrl-C stops\n", line)
        assert address, line
        process.kind = address[1]
        return process, Client(int(address[2]))

    yield start
    for process, killer in processes:
        killer.cancel()
        process.kill()
        process.wait(30)
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_five_lines_are_served_until_a_signal(start, number):
    process, client = start(FIVE_LINES + RUN)
    assert process.kind is None
    assert client("/hello/world").text == "Hello world"
    process.send_signal(number)
    assert process.stdout.read() == "stopped\n"
    assert process.wait(30) == 0


def test_any_other_callable_is_served_as_one(start):
    source = "from wsgiref.simple_server import demo_app as app" + RUN
    process, client = start(source)
    assert process.kind
    assert client("/").text.startswith("Hello world!")


def test_five_lines_under_wsgiref():
    names = {}
    exec(FIVE_LINES, names)
    with on_wsgiref(names["app"]) as port:
        assert Client(port)("/hello/world").text == "Hello world"


def test_two_runs_in_one_process_and_signals_as_before(start):
    source = FIVE_LINES + """
import signal
before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
""" + RUN + RUN + """
assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
"""
    process, client = start(source)
    assert client("/hello/one").status == 200
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopped\n"
    client.port = int(re.search(r":(\d+);", process.stdout.readline())[1])
    assert client("/hello/two").text == "Hello two"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == "stopped\n"
    assert process.wait(30) == 0


@pytest.mark.parametrize("inline", ["never", "always"])
def test_a_second_signal_waits_for_nobody(start, inline):
    source = FIVE_LINES + """
import threading
@app.route("/wait")
def wait(req):
    print("waiting", flush=True)
    threading.Event().wait()
""" + RUN.replace(":0", f":0\", inline=\"{inline}")
    process, client = start(source)
    with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        assert process.stdout.readline() == "waiting\n"
        # Two different signals, because two equal ones may be merged.
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert connection.recv(1) == b""
    # The handler still waits in Python, so the process ends without it.
    assert process.stdout.read() == ""
    assert process.wait(30) == 128 + signal.SIGINT


def test_start_and_stop_twice_in_one_process(name):
    app = Application(name)
    app.set_route("/", lambda req: "here")
    for _ in range(2):
        with on_our_server(app) as port:
            assert Client(port)("/").text == "here"
        with pytest.raises(ConnectionRefusedError):
            Client(port)("/")


def test_a_server_serves_once(name):
    server = Server(Application(name), "127.0.0.1:0")
    server.stop()
    server.serve()
    with pytest.raises(RuntimeError, match="served already; create a new one"):
        server.serve()


def test_an_address_in_use_is_an_error(name):
    app = Application(name)
    with on_our_server(app) as port, pytest.raises(OSError, match=f"127.0.0.1:{port}"):
        Server(app, f"127.0.0.1:{port}")
    with pytest.raises(ValueError, match="expected HOST:PORT or unix:PATH"):
        Server(app, "nonsense")


def test_what_is_in_use_has_its_number(name):
    listener = Listener("127.0.0.1:0")
    with pytest.raises(OSError) as caught:
        Listener(listener.address.removeprefix("http://"))
    assert caught.value.errno == errno.EADDRINUSE


def test_several_servers_on_one_listener(name):
    app = Application(name)
    app.set_route("/", lambda req: "here")
    listener = Listener("127.0.0.1:0")
    client = Client(int(listener.address.rpartition(":")[2]))
    for served in (app, validator(app)):
        server = Server(served, listener)
        assert server.address == listener.address
        thread = threading.Thread(target=server.serve)
        thread.start()
        assert client("/").text == "here"
        server.stop()
        thread.join()
    # The socket goes on listening: a client that connects now is answered by the next server.
    with socket.create_connection(("127.0.0.1", client.port), 30) as waiting:
        waiting.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert Server(app, listener).serve_one() is True
        assert waiting.makefile("rb").read().endswith(b"here")
    server = Server(app, listener)
    server.stop()
    assert server.serve_one() is False
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        client("/")
    for use in (listener.fileno, lambda: Server(app, listener)):
        with pytest.raises(ValueError, match="closed"):
            use()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_socket_may_be_opened_before_a_fork(start):
    source = FIVE_LINES + """
import os, sys
from poorwsgi.server import Listener, Server
listener = Listener("127.0.0.1:0")
server = Server(app, listener)
if os.fork():
    os.wait()
    sys.exit()
print(f"Serving an application on {listener.address}; Ctrl-C stops", flush=True)
server.serve_one()
os._exit(0)
"""
    process, client = start(source)
    assert client("/hello/child").text == "Hello child"
    assert process.wait(30) == 0


def test_a_unix_socket(name, tmp_path):
    app = Application(name)
    app.set_route("/", lambda req: "here")
    server = Server(app, f"unix:{tmp_path}/s")
    thread = threading.Thread(target=server.serve)
    thread.start()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{tmp_path}/s")
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.makefile("rb").read().endswith(b"\r\n\r\nhere")
    server.stop()
    thread.join()


def test_run_needs_the_main_thread(name):
    errors = []

    def target():
        try:
            run(Application(name), "127.0.0.1:0")
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])


ABOUT_CONNECTION = [("Keep-Alive", "timeout=5"), ("Upgrade", "h2c"), ("Trailer", "X-A"), ("TE", "trailers"), ("Proxy-Connection", "x"),
                    ("Proxy-Authenticate", "Basic"), ("Proxy-Authorization", "x"), ("Trailers", "x")]


def test_fields_about_the_connection_are_the_servers(name):
    app = Application(name)
    app.set_route("/", lambda req: ("kept", "text/plain", [("Connection", "keep-alive"), ("X-Own", "1"), *ABOUT_CONNECTION]))
    app.set_route("/login", lambda req: ("", "text/plain", {"Proxy-Authenticate": "Basic"}, 407))
    app.set_route("/upgrade", lambda req: ("closed", "text/plain", {"Connection": "Close", "Upgrade": "h2c"}, 426))
    with on_our_server(app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(2):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.read() == b"kept"
            kept = {name.lower() for name in answer.headers}
            assert "x-own" in kept and not kept & {"connection", *(name.lower() for name, _ in ABOUT_CONNECTION)}
        answer = Client(port)("/", headers={"Connection": "close"})
        assert answer.headers["Connection"] == "close"
        assert Client(port)("/login").headers["Proxy-Authenticate"] == "Basic"
        connection.request("GET", "/upgrade")
        answer = connection.getresponse()
        assert (answer.headers["Connection"], answer.headers["Upgrade"], answer.read()) == ("close, upgrade", "h2c", b"closed")
        assert connection.sock is None


def test_a_length_may_be_said_twice_but_not_two_lengths(name):
    app = Application(name)
    for path, lengths in {"/same": ["3", " 3 "], "/two": ["3", "4"], "/sign": ["+3"]}.items():
        headers = [("Content-Length", length) for length in lengths]
        app.set_route(path, lambda req, headers=headers: ("abc", "text/plain", headers))
    with on_our_server(app) as port:
        answers = {path: Client(port)(path) for path in ("/same", "/two", "/sign")}
    assert {path: answer.status for path, answer in answers.items()} == {"/same": 200, "/two": 500, "/sign": 500}
    assert (answers["/same"].headers["Content-Length"], answers["/same"].text) == ("3", "abc")


def test_one_phrase_for_each_status(name):
    """Whether the server itself or the application answers."""
    app = Application(name)
    app.set_route("/", lambda req: Response("", status_code=413))
    with on_our_server(app, max_body=10) as port:
        reasons = []
        for body in (b"x" * 11, None):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/", body)
            answer = connection.getresponse()
            reasons.append((answer.status, answer.reason))
            if body:
                assert b"<title>413 Content Too Large</title>" in answer.read()
            connection.close()
    assert reasons == [(413, "Content Too Large")] * 2


@pytest.mark.parametrize("server", IN_PROCESS)
def test_names_of_request_fields_are_spelled_as_in_poorwsgi(name, server):
    """On every server, and with any spelling by the client."""
    app = Application(name)
    app.set_route("/", lambda req: [name for name, _ in req.headers.items()])
    with IN_PROCESS[server](app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/", headers={"x-foo-BAR": "1", "TE": "trailers", "user-agent": "x"})
        names = json.loads(connection.getresponse().read())
        connection.close()
    assert {"Host", "X-Foo-Bar", "Te", "User-Agent"} <= set(names), names


@pytest.mark.parametrize("kind", ["interrupt", "exit"])
def test_what_leaves_the_application_is_500_and_closes(name, kind, caplog):
    app = Application(name)

    @app.route("/leave")
    def leave(req):
        raise {"interrupt": KeyboardInterrupt, "exit": SystemExit}[kind]

    app.set_route("/", lambda req: "here")
    with on_our_server(app) as port:
        answer = Client(port)("/leave")
        assert (answer.status, answer.headers["Connection"]) == (500, "close")
        assert Client(port)("/").text == "here"
    assert [record.name for record in caplog.records] == ["poorwsgi.server"]


@pytest.mark.parametrize("kind", ["application", "callable"])
def test_a_request_that_is_kept_does_not_hold_up_the_next(name, kind):
    kept = []
    app = Application(name)

    @app.route("/", method=state.METHOD_GET_POST)
    def keep(req):
        kept.append(req)
        return "kept"

    def keep_environ(environ, start_response):
        kept.append(environ)
        start_response("200 OK", [])
        return [b"kept"]

    body = b"x" * 2_000_000  # too large to be read before the call
    request = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with on_our_server(app if kind == "application" else keep_environ) as port:
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(request + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answers = connection.makefile("rb").read()
        # The second request is answered, or the connection is closed at once; in either case the client does
        # not wait.
        assert answers.count(b"HTTP/1.1 200 OK") in (1, 2)
        assert Client(port)("/").text == "kept"
    read = kept[0].read if kind == "application" else kept[0]["wsgi.input"].read
    with pytest.raises((OSError, HTTPException)):
        while read(1 << 16):
            pass

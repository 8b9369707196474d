"""poorwsgi.server.make_server as a replacement for wsgiref.simple_server.make_server."""
import gc
import inspect
import os
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import wsgiref.simple_server

import pytest
from servers import SERVERS, Client, until

from poorwsgi import Application
from poorwsgi.server import WSGIServer, make_server


@pytest.fixture
def app(name):
    app = Application(name)
    app.set_route("/", lambda req: "here")
    return app


class Serving:
    """A server that serves in another thread."""

    def __init__(self, httpd):
        self.httpd = httpd
        self.client = Client(httpd.server_port)

    def __enter__(self):
        self.thread = threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self.client

    def __exit__(self, *exc_info):
        self.httpd.shutdown()
        self.thread.join()


def test_the_signature_is_wsgirefs():
    ours, theirs = (inspect.signature(made).parameters for made in (make_server, wsgiref.simple_server.make_server))
    assert list(ours)[:-1] == list(theirs)  # the last parameter of ours is the settings
    assert [ours[name].default is p.empty for name, p in theirs.items()] == [p.default is p.empty for p in theirs.values()]
    for method in ("serve_forever", "handle_request", "shutdown", "server_close", "set_app", "get_app", "fileno"):
        ours, theirs = (inspect.signature(getattr(kind, method)) for kind in (WSGIServer, wsgiref.simple_server.WSGIServer))
        assert list(ours.parameters) == list(theirs.parameters)
        assert [p.default for p in ours.parameters.values()] == [p.default for p in theirs.parameters.values()]


def test_it_says_where_it_listens(app):
    with make_server("127.0.0.1", 0, app) as httpd:
        assert httpd.server_port > 0
        assert httpd.server_address == ("127.0.0.1", httpd.server_port)
        assert httpd.server_name == "127.0.0.1"
        with socket.socket(fileno=httpd.fileno()) as same:
            assert same.getsockname() == httpd.server_address
            same.detach()


def test_an_empty_host_means_all_addresses(app):
    with make_server("", 0, app) as httpd, Serving(httpd) as client:
        assert httpd.server_address[0] == "0.0.0.0"
        assert client("/").text == "here"


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_ipv6(app):
    with make_server("::1", 0, app) as httpd, Serving(httpd):
        assert httpd.server_address[0] == "::1"
        with socket.create_connection(("::1", httpd.server_port), 30) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert connection.makefile("rb").read().endswith(b"here")


def test_it_serves_stops_and_serves_again(app):
    with make_server("127.0.0.1", 0, app) as httpd:
        for _ in range(3):
            with Serving(httpd) as client:
                assert client("/").text == "here"
        # Between two calls of serve_forever, connections wait in the queue.
        with socket.create_connection(("127.0.0.1", httpd.server_port), 30) as waiting:
            waiting.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with Serving(httpd):
                assert waiting.makefile("rb").read().endswith(b"here")
    with pytest.raises(ConnectionRefusedError):
        client("/")


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="threads and descriptors are counted in /proc")
def test_200_starts_and_stops_leave_nothing(app):
    def left():
        gc.collect()
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    def once():
        with make_server("127.0.0.1", 0, app) as httpd, Serving(httpd) as client:
            assert client("/").text == "here"

    once()
    before = left()
    for _ in range(200):
        once()
    # a thread is still listed for a moment after it has reported its end
    until(lambda: all(now <= then for now, then in zip(left(), before, strict=True)))


def test_two_servers_at_a_time(name):
    apps = [Application(f"{name} {number}") for number in range(2)]
    for number, app in enumerate(apps):
        app.set_route("/", lambda req, number=number: str(number))
    with make_server("127.0.0.1", 0, apps[0]) as one, make_server("127.0.0.1", 0, apps[1]) as two:
        with Serving(one) as first, Serving(two) as second:
            assert (first("/").text, second("/").text) == ("0", "1")


def test_shutdown_before_it_serves_ends_it_at_once(app):
    with make_server("127.0.0.1", 0, app) as httpd:
        thread = threading.Thread(target=httpd.shutdown)
        thread.start()
        until(lambda: httpd._stop)
        httpd.serve_forever()
        thread.join()


def test_shutdown_waits_for_what_runs(name):
    app = Application(name)
    begun, go = threading.Event(), threading.Event()

    @app.route("/")
    def slow(req):
        begun.set()
        assert go.wait(30)
        return "finished"

    def go_on():
        until(lambda: httpd._stop)
        time.sleep(0.05)  # enough time for a shutdown that does not wait to cut the request off
        go.set()

    answers = []
    with make_server("127.0.0.1", 0, app) as httpd:
        with Serving(httpd) as client:
            request = threading.Thread(target=lambda: answers.append(client("/").text))
            request.start()
            assert begun.wait(30)
            goes_on = threading.Thread(target=go_on)
            goes_on.start()
        goes_on.join()
        request.join()
    assert answers == ["finished"]


def test_handle_request_answers_one(app):
    with make_server("127.0.0.1", 0, app) as httpd:
        for _ in range(2):
            answers = []
            client = threading.Thread(target=lambda: answers.append(Client(httpd.server_port)("/")))
            client.start()
            httpd.handle_request()
            client.join()
            assert (answers[0].text, answers[0].headers["Connection"]) == ("here", "close")


def test_handle_request_gives_up_after_its_timeout(app):
    class Impatient(WSGIServer):
        timeout = 0.01
        gave_up = 0

        def handle_timeout(self):
            self.gave_up += 1

    with make_server("127.0.0.1", 0, app, Impatient) as httpd:
        httpd.handle_request()
        assert httpd.gave_up == 1


def test_it_can_be_waited_for(app):
    with make_server("127.0.0.1", 0, app) as httpd:
        assert select.select([httpd], [], [], 0)[0] == []
        with socket.create_connection(("127.0.0.1", httpd.server_port), 30) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert select.select([httpd], [], [], 30)[0] == [httpd]
            httpd.handle_request()
            assert connection.makefile("rb").read().endswith(b"here")


def test_the_application_can_be_set_later(app):
    httpd = WSGIServer(("127.0.0.1", 0))
    assert httpd.get_app() is None
    with pytest.raises(TypeError, match="not callable"):
        httpd.serve_forever()
    httpd.set_app(wsgiref.simple_server.demo_app)
    with Serving(httpd) as client:
        assert client("/").text.startswith("Hello world!")
    httpd.set_app(app)
    assert httpd.get_app() is app
    with Serving(httpd) as client:
        assert client("/").text == "here"
    httpd.server_close()
    with pytest.raises(ValueError, match="closed"):
        httpd.serve_forever()


def test_it_may_be_bound_later(app):
    httpd = WSGIServer(("127.0.0.1", 0), None, bind_and_activate=False)
    with pytest.raises(ValueError, match="not bound"):
        httpd.fileno()
    httpd.server_bind()
    httpd.server_activate()
    httpd.set_app(app)
    with Serving(httpd):
        assert Client(httpd.server_port)("/").text == "here"
    httpd.server_close()


class Threading(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    pass


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        raise AssertionError("it is not used")


def test_classes_of_wsgiref_are_accepted_and_not_used(app, capfd):
    with make_server("127.0.0.1", 0, app, server_class=Threading, handler_class=Quiet) as httpd:
        assert type(httpd) is WSGIServer
        with Serving(httpd) as client:
            assert client("/").text == "here"
    assert capfd.readouterr() == ("", "")


def test_a_port_in_use_is_an_error(app):
    with make_server("127.0.0.1", 0, app) as httpd, pytest.raises(OSError, match=str(httpd.server_port)):
        make_server("127.0.0.1", httpd.server_port, app)


SERVE = """
import signal, sys, threading
from poorwsgi import Application
from poorwsgi.server import make_server

app = Application("signals")

def throw(error):
    raise error

@app.route("/")
def here(req):
    return "here"

@app.route("/wait")
def wait(req):
    print("waiting", flush=True)
    threading.Event().wait()

with make_server("127.0.0.1", 0, app) as httpd:
    print(httpd.server_port, flush=True)
    {before}
    try:
        httpd.serve_forever()
    except BaseException as error:
        print(type(error).__name__, flush=True)
        {after}
print("the end", flush=True)
"""


@pytest.fixture
def start():
    processes = []

    def start(before="pass", after="pass"):
        source = SERVE.format(before=before, after=after)
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", source], stdout=pipe, stderr=pipe, text=True)
        killer = threading.Timer(30, process.kill)
        killer.start()
        processes.append((process, killer))
        return process, Client(int(process.stdout.readline()))

    yield start
    for process, killer in processes:
        killer.cancel()
        process.kill()
        process.communicate()


def test_ctrl_c_is_a_keyboard_interrupt(start):
    process, client = start()
    assert client("/").text == "here"
    process.send_signal(signal.SIGINT)
    assert process.communicate() == ("KeyboardInterrupt\nthe end\n", "")
    assert process.returncode == 0


def test_ctrl_c_waits_for_no_request(start):
    process, client = start()
    with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        assert connection.recv(1) == b""
    # The handler waits for ever; the process ends all the same.
    assert process.communicate() == ("KeyboardInterrupt\nthe end\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize(("error", "status"), [("KeyboardInterrupt", 130), ("ValueError", 1), ("SystemExit", 0)])
def test_an_exception_that_ends_the_process_while_a_handler_runs(start, error, status):
    process, client = start(f"signal.signal(signal.SIGUSR1, lambda *_: throw({error}))", "raise error")
    with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGUSR1)
        assert connection.recv(1) == b""
    assert process.communicate()[0] == error + "\n"
    assert process.returncode == status


def test_signal_handlers_of_the_application_run_at_once(start):
    before = """
    def usr1(*_): print("usr1", flush=True)
    def term(*_): sys.exit(0)
    signal.signal(signal.SIGUSR1, usr1); signal.signal(signal.SIGTERM, term)
    print("ready", flush=True)
    """
    process, client = start(before.strip())
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "usr1\n"
    assert client("/").text == "here"
    process.send_signal(signal.SIGTERM)
    assert process.communicate() == ("SystemExit\nthe end\n", "")


def test_shutdown_from_a_handlers_thread(start):
    process, client = start("""
    app.set_route("/stop", lambda req: threading.Thread(target=httpd.shutdown).start() or "stopping")
    """.strip())
    assert client("/stop").text == "stopping"
    assert process.communicate() == ("the end\n", "")


@pytest.mark.filterwarnings("ignore:route .* is replaced by:UserWarning")
def test_python_switches_threads_more_often_while_a_server_runs(app):
    seen, before = [], sys.getswitchinterval()

    @app.route("/")
    def handler(req):
        seen.append(sys.getswitchinterval())
        return "x"

    with SERVERS["ours"](app) as first, SERVERS["ours"](app) as second:
        Client(first)("/")
        Client(second)("/")
    assert seen == [pytest.approx(0.001)] * 2
    assert sys.getswitchinterval() == pytest.approx(before)

"""The servers on which the tests run, and a client for them."""
import contextlib
import http.client
import json
import logging
import re
import socketserver
import threading
import time
import wsgiref.simple_server

import cheroot.wsgi
import waitress.server

from poorwsgi.server import Server

#: The number of threads of servers with a fixed number of threads.
THREADS = 64


class ThreadingWSGIServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


def port_of(line):
    """The port in the line with which the built-in server says where it listens."""
    return int(re.search(r":(\d+)\b", line)[1])


def until(condition):
    """Waits until the condition, which another thread brings about, is true; returns its result."""
    deadline = time.monotonic() + 30
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return result


@contextlib.contextmanager
def running(serve, stop):
    """Runs a server in another thread."""
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


@contextlib.contextmanager
def on_wsgiref(app):
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, app, ThreadingWSGIServer, QuietHandler)
    with server, running(lambda: server.serve_forever(0.01), server.shutdown):
        yield server.server_port


@contextlib.contextmanager
def on_our_server(app, **settings):
    server = Server(app, "127.0.0.1:0", **settings)
    with running(server.serve, server.stop):
        yield int(server.address.rpartition(":")[2])


def on_our_server_as_callable(app):
    """Our server with an application that it calls through WSGI, like one of another framework or in
    middleware."""
    return on_our_server(lambda environ, start_response: app(environ, start_response))


@contextlib.contextmanager
def on_waitress(app):
    sockets = {}
    server = waitress.server.create_server(app, sockets, host="127.0.0.1", port=0, threads=THREADS, clear_untrusted_proxy_headers=True)

    def stop():
        # The loop ends when all its sockets are closed, which may happen before it is woken.
        with contextlib.suppress(OSError):
            server.trigger.pull_trigger(lambda: [each.close() for each in list(sockets.values())])

    with running(server.run, stop):
        yield server.effective_port
    server.task_dispatcher.shutdown()


@contextlib.contextmanager
def on_cheroot(app):
    server = cheroot.wsgi.Server(("127.0.0.1", 0), app, numthreads=THREADS)
    server.expiration_interval = 0.01  # how often it checks whether it is to stop
    server.prepare()
    with running(server.serve, server.stop):
        yield server.bind_addr[1]


#: The servers on which most tests run.
SERVERS = {"wsgiref": on_wsgiref, "ours": on_our_server}
#: The servers that run in the process of the tests.
IN_PROCESS = {**SERVERS, "ours, as a callable": on_our_server_as_callable, "waitress": on_waitress, "cheroot": on_cheroot}

# waitress warns of a queue that is longer than its number of threads.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.reason = response.reason
        self.headers = response.msg
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """A client that sends each request on a new connection."""

    def __init__(self, port):
        self.port = port

    def __call__(self, target, method="GET", body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, target, body, dict(headers))
            return Answer(connection.getresponse())


def to_server(port):
    """A WSGI callable that sends each request to a server, for poorwsgi.testing.Client, which has cookies, redirects and
    login."""
    def app(environ, start_response):
        names = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}
        names |= {key: key[5:].replace("_", "-").title() for key in environ if key.startswith("HTTP_")}
        headers = {name: environ[key] for key, name in names.items() if key in environ}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with contextlib.closing(connection):
            connection.request(environ["REQUEST_METHOD"], environ["REQUEST_URI"], environ["wsgi.input"].read() or None, headers)
            response = connection.getresponse()
            start_response(f"{response.status} {response.reason}", response.getheaders())
            return [response.read()]
    return app


class Site(Client):
    """A client of an application on a server. app and blocker are set if the server runs in this process."""

    def __init__(self, server, port, app=None, blocker=None):
        super().__init__(port)
        self.server = server
        self.app = app
        self.blocker = blocker

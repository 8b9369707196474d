"""The servers that the tests run on, and a client to ask them with."""
import contextlib
import http.client
import json
import socketserver
import threading
import wsgiref.simple_server

from poorwsgi.server import Server

class ThreadingWSGIServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def on_wsgiref(app):
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, app, ThreadingWSGIServer, QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def on_our_server(app):
    server = Server(app, "127.0.0.1:0")
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield int(server.address.rpartition(":")[2])
    finally:
        server.stop()
        thread.join()


SERVERS = {"wsgiref": on_wsgiref, "ours": on_our_server}


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
    """One request on a connection of its own."""

    def __init__(self, port):
        self.port = port

    def __call__(self, target, method="GET", body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, target, body, dict(headers))
            return Answer(connection.getresponse())

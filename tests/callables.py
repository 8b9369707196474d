"""WSGI callables on the built-in server, and functions that send requests to them."""
import contextlib
import socket

import pytest
from servers import Client, on_our_server

OK = "200 OK"
TEXT = [("Content-Type", "text/plain")]


@pytest.fixture
def serve():
    """Yields a function that serves a callable with the given settings and returns a client."""
    with contextlib.ExitStack() as stack:
        yield lambda app, **settings: Client(stack.enter_context(on_our_server(app, **settings)))


def raw(client, request):
    """Sends bytes, and returns everything that the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            return file.read()


def get(path="/", method="GET", fields=""):
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n".encode()


def answer(body, status=OK, headers=TEXT):
    """A callable that answers every request in the same way."""

    def app(environ, start_response):
        start_response(status, headers)
        return body

    return app

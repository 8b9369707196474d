"""Reading an incomplete body on the built-in server fails in every way and each time, except where the reader
can compare it with the announced length."""
import socket

import pytest
from servers import on_our_server, until

from poorwsgi import Application, state

WAYS = {
    "chunks": ["read_chunk"] * 3, "parts": ["read", "read", "read"], "chunk, then part": ["read_chunk", "read_chunk", "read", "read"],
    "part, then chunk": ["read", "read_chunk", "read_chunk"], "form": ["form", "form", "read", "read_chunk"],
    "data": ["data", "read", "read_chunk"], "input": ["input", "input", "read", "read_chunk"],
}


@pytest.fixture
def seen(name):
    """The results of a handler that reads a body in these ways."""

    def see(ways, head):
        app, results = Application(name), []

        def once(req, way):
            try:
                value = req.input.read() if way == "input" else getattr(req, way)
                return value(3) if way == "read" else value() if way == "read_chunk" else value
            except Exception as error:  # noqa: BLE001 - the result
                return error

        def handler(req, error=None):
            results.extend(once(req, way) for way in ways)
            results.append("end")
            return "read"

        app.set_route("/", handler, state.METHOD_POST)
        app.set_http_state(400, handler, state.METHOD_POST)
        with on_our_server(app) as port, socket.create_connection(("127.0.0.1", port), 30) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\n" + head)
            client.shutdown(socket.SHUT_WR)
            until(lambda: "end" in results)
        return results[:-1]

    return see


LENGTH = b"Content-Length: 200000\r\n\r\nab"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"
ERROR = "error"
BY_HAND = {
    "chunks": [b"ab", ERROR, ERROR], "parts": [b"ab", b"", b""], "chunk, then part": [b"ab", ERROR, ERROR, ERROR], "part, then chunk": [b"ab", ERROR, ERROR],
    "form": [{}, {}, b"ab", ERROR], "data": [None, b"ab", ERROR], "input": [b"ab", b"", b"", ERROR],
}


@pytest.mark.parametrize("way", WAYS)
def test_who_reads_a_body_of_a_known_length_gets_what_has_come(seen, way):
    """As in PoorWSGI. read_chunk is the exception, since a chunked body has no length."""
    results = seen(WAYS[way], b"Content-Type: application/octet-stream\r\n" + LENGTH)
    assert [ERROR if isinstance(result, Exception) else result for result in results] == BY_HAND[way]


@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("media_type", "framing"), [
    ("application/x-www-form-urlencoded", LENGTH), ("application/json", LENGTH),
    ("application/octet-stream", CHUNKED), ("application/x-www-form-urlencoded", CHUNKED), ("application/json", CHUNKED),
])
def test_what_is_broken_stays_broken(seen, ways, media_type, framing):
    results = seen(ways, b"Content-Type: " + media_type.encode() + b"\r\n" + framing)
    failed = [isinstance(result, Exception) for result in results]
    # A chunked body has no length, so read() reads nothing of it.
    counted = [fails for fails, way in zip(failed, ways, strict=True) if not (way in ("read", "form", "data") and b"chunked" in framing)]
    assert counted == sorted(counted)
    if counted:
        assert counted[-1], results
    assert b"" not in [result for result, way in zip(results, ways, strict=True) if b"chunked" not in framing and way != "data"], results


def test_the_rest_of_a_body_is_read_in_either_way(name):
    app, results = Application(name), []

    def handler(req):
        results.append(req.read(2))
        while piece := req.read_chunk():
            results.append(piece)
        return "read"

    app.set_route("/", handler, state.METHOD_POST)
    app.auto_data = False
    with on_our_server(app) as port, socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nabcdef")
        assert client.recv(100)
    assert (results[0], b"".join(results)) == (b"ab", b"abcdef")

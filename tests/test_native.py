"""What is special about the built-in server: native calls."""
import gc
import socket
import threading

import pytest
from servers import SERVERS, Client

from poorwsgi import Application, state


def environs():
    return [each for each in gc.get_objects() if type(each) is dict and "wsgi.version" in each]


@pytest.fixture
def app(name):
    return Application(name)


def test_no_environ_is_made_unless_it_is_asked_for(app):
    seen = []

    @app.route("/<word>", method=state.METHOD_ALL)
    def handler(req, word):
        seen.append((req.path, req.query, req.headers["Host"], req.args, req.data, req.remote_addr, req.construct_url("/")))
        before = len(environs())
        environ = req.environ if word == "asked" else None
        seen.append((before, len(environs())))
        return "x" if environ is None else environ["PATH_INFO"]

    app.add_before_response(lambda req: req.user_agent)
    app.add_after_response(lambda req, response: response)
    with SERVERS["ours"](app) as port:
        client = Client(port)
        assert client("/word?a=1", "POST", b"data").text == "x"
        assert client("/asked").text == "/asked"
    assert (seen[1], seen[3]) == ((0, 0), (0, 1))


def test_a_body_that_does_not_come_is_a_timeout_error(app):
    app.read_timeout = 0.2
    errors = []

    @app.route("/", method=state.METHOD_POST)
    def handler(req):
        return req.data

    @app.error_handler(TimeoutError)
    def late(req, error):
        errors.append(error)
        return "late", "text/plain", {}, state.HTTP_REQUEST_TIME_OUT

    with SERVERS["ours"](app) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        assert client.recv(1000).startswith(b"HTTP/1.1 408 ")
    assert "read_timeout" in str(errors[0])


def test_requests_run_side_by_side(app):
    barrier = threading.Barrier(4, timeout=30)

    @app.route("/")
    def handler(req):
        return str(barrier.wait() >= 0)

    with SERVERS["ours"](app) as port:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(Client(port)("/").text)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == ["True"] * 4

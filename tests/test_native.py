"""Native calls, which only the built-in server makes."""
import concurrent.futures
import contextlib
import gc
import html
import http.client
import json
import re
import socket
import sqlite3
import sys
import threading
import time

import pytest
from callables import get, raw
from servers import IN_PROCESS, SERVERS, Client, until

from poorwsgi import Application, state
from poorwsgi._poorwsgi import _routes
from poorwsgi.response import GeneratorResponse, Response


def environs():
    gc.collect()
    dicts = [each for each in gc.get_objects() if type(each) is dict]
    # the dicts from which they are copied belong to no request, and have no fields of one
    return [each for each in dicts if each.get("wsgi.version") == (1, 0) and "HTTP_HOST" in each]


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


@pytest.mark.parametrize("server", [*SERVERS, "ours, as a callable"])
def test_bytes_of_fields_are_the_characters_of_their_text(app, server):
    """PEP 3333, also where the bytes are no UTF-8, and without an environ."""

    @app.route("/")
    def handler(req):
        return [req.headers["X-One"], req.headers["X-Two"], req.user_agent]

    with IN_PROCESS[server](app) as port:
        fields = "X-One: \xe9\r\nX-Two: \xc3\xa9\r\nUser-Agent: \xe9 \xc3\xa9\r\n"
        answer = raw(Client(port), get(fields=fields).decode().encode("latin-1"))
    assert answer.endswith(json.dumps(["\xe9", "\xc3\xa9", "\xe9 \xc3\xa9"]).encode()), answer


@pytest.mark.parametrize("server", ["ours", "ours, as a callable"])
def test_the_server_itself_has_no_path(app, server):
    """RFC 9112, sections 3.2.4 and 3.3."""

    @app.default(state.METHOD_OPTIONS)
    def handler(req):
        return [req.path, req.full_path, req.environ["PATH_INFO"], req.environ["REQUEST_URI"]]

    with IN_PROCESS[server](app) as port:
        answer = raw(Client(port), get("*", "OPTIONS"))
    assert answer.endswith(b'["", "", "", "*"]'), answer


def test_fields_of_one_name_are_one(app):
    """RFC 9110, section 5.3: by a comma and a blank."""

    @app.route("/")
    def handler(req):
        return [req.headers["X"], req.environ["HTTP_X"], req.environ["HTTP_COOKIE"], list(req.cookies)]

    with SERVERS["ours"](app) as port:
        answer = raw(Client(port), get(fields="X: a\r\nX: b\r\nCookie: a=1\r\nCookie: b=2\r\n"))
    assert answer.endswith(b'["a, b", "a, b", "a=1; b=2", ["a", "b"]]'), answer


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


def test_what_is_kept_for_a_thread_is_kept_while_a_response_is_made(app):
    local = threading.local()

    @app.route("/")
    def handler(req):
        local.word = "kept"
        return GeneratorResponse(local.word.encode() for _ in range(3))

    with SERVERS["ours"](app) as port:
        assert Client(port)("/").text == "keptkeptkept"


class Rows:
    """Rows of an SQLite database, which only the thread that opened it may use."""

    def __init__(self):
        self.connection = sqlite3.connect(":memory:")
        self.closed = threading.Event()

    def __iter__(self):
        for number in range(3):
            [(text,)] = self.connection.execute("SELECT ? || ' '", (number,))
            yield text.encode()

    def close(self):
        self.connection.close()
        self.closed.set()


def test_what_is_made_while_it_is_sent_is_made_on_the_thread_of_its_handler(app):
    barrier = threading.Barrier(8, timeout=30)
    made = []

    @app.route("/")
    def handler(req):
        rows = Rows()
        made.append(rows)
        barrier.wait()  # as many threads as requests
        return GeneratorResponse(rows)

    with SERVERS["ours"](app) as port:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: Client(port)("/").body, range(8)))
        assert answers == [b"0 1 2 "] * 8
        assert all(rows.closed.wait(30) for rows in made)


def test_an_error_before_the_first_block_is_500(app, caplog):
    def blocks():
        raise ValueError("the reason")
        yield b""

    app.set_route("/", lambda req: GeneratorResponse(blocks()))
    with SERVERS["ours"](app) as port:
        assert Client(port)("/").status == 500
    [record] = caplog.records
    assert "the reason" in record.getMessage() and "in blocks" in record.exc_text


def test_an_error_after_it_cuts_the_connection(app, caplog):
    def blocks():
        yield b"one"
        yield b"two"
        raise ValueError("the reason")

    app.set_route("/", lambda req: GeneratorResponse(blocks()))
    with SERVERS["ours"](app) as port, pytest.raises((http.client.IncompleteRead, http.client.RemoteDisconnected)):
        Client(port)("/")
    [record] = caplog.records
    assert "the reason" in record.getMessage()


def test_a_slow_reader_does_not_make_us_read_ahead(app):
    given = []

    def blocks():
        for _ in range(64):
            given.append(None)
            yield bytes(1 << 20)

    app.set_route("/", lambda req: GeneratorResponse(blocks()))
    app.set_route("/go", lambda req: "go")
    with SERVERS["ours"](app) as port, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with connection.makefile("rb") as file:
            assert file.readline() == b"HTTP/1.0 200 OK\r\n"
            assert Client(port)("/go").text == "go"
            assert len(given) < 16
            assert len(file.read()) > 64 << 20


def test_a_profiled_application_is_profiled(app):
    profiled = []

    def runctx(statement, names, local, filename):
        profiled.append(statement)
        exec(statement, names, local)

    app.set_route("/", lambda req: "here")
    with SERVERS["ours"](app) as port:
        app.set_profile(runctx, "/dev/null")
        assert Client(port)("/").text == "here"
        assert len(profiled) == 1
        app.del_profile()
        assert Client(port)("/").text == "here"
        assert len(profiled) == 1


def calls_of(client, rule):
    """What the debug page shows about the calls of a route."""
    page = client("/debug-info").text
    row = page[page.index(f">{html.escape(rule)}<"):]
    return re.search(r"(inline|pool), p50 \d+ µs, p99 \d+ µs", row[:row.index("</tr>")]).group(1)


@pytest.fixture
def paced(app):
    """An application whose handlers return the name of their thread; one of them is slow on request."""
    app.debug = True

    @app.route("/brief")
    def brief(req):
        return threading.current_thread().name

    @app.route("/slow/<seconds:float>", method=state.METHOD_GET_POST)
    def slow(req, seconds):
        time.sleep(seconds)
        return threading.current_thread().name

    @app.route("/stream")
    def stream(req):
        return GeneratorResponse(iter([threading.current_thread().name.encode()]))

    return app


def until_inline(client, rule, *request):
    """Sends requests until the route is called inline. On a busy machine, short calls sometimes take
    longer."""
    deadline = time.monotonic() + 30
    while True:
        answers = [client(*request) for _ in range(100)]
        if calls_of(client, rule) == "inline":
            return answers
        assert time.monotonic() < deadline


def test_a_route_is_called_inline_when_its_calls_have_proved_short(paced):
    with SERVERS["ours"](paced) as port:
        client = Client(port)
        names = {client("/brief").text for _ in range(63)}
        assert calls_of(client, "/brief") == "pool"
        assert until_inline(client, "/brief", "/brief")[-1].text not in names


def test_a_default_handler_has_times_of_its_own(paced):
    def times():
        [row] = [row for row in _routes(paced) if "/*" in row]
        return [column for column in row if "p50" in column]

    paced.set_default(lambda req: "rest")
    with SERVERS["ours"](paced) as port:
        assert Client(port)("/brief").status == 200 and times() == []
        assert Client(port)("/nowhere").text == "rest" and len(times()) == 1


def test_files_have_no_part_in_the_times_of_a_default_handler(paced, tmp_path):
    (tmp_path / "file.txt").write_text("a file")
    paced.document_root = str(tmp_path)
    paced.set_default(lambda req: "rest", state.METHOD_GET_POST)

    def timed():
        [row] = [row for row in _routes(paced) if "/*" in row]
        return any("p50" in column for column in row)

    with SERVERS["ours"](paced) as port:
        assert Client(port)("/file.txt").text == "a file" and not timed()
        assert Client(port)("/nowhere").text == "rest" and timed()


def test_a_slow_default_handler_is_called_beside_files_that_are_quick(paced, tmp_path):
    """Whether a file or the default handler answers is known only after the call."""
    (tmp_path / "file.txt").write_text("a file")
    paced.document_root = str(tmp_path)

    @paced.default(state.METHOD_GET)
    def default(req):
        time.sleep(0.05)
        return threading.current_thread().name

    def column():
        [row] = [row for row in _routes(paced) if "/*" in row]
        return "".join(column for column in row if "p50" in column)

    with SERVERS["ours"](paced) as port:
        client = Client(port)
        names = [client("/nowhere").text]
        assert column().startswith("pool")
        deadline = time.monotonic() + 30
        while column().startswith("pool"):
            assert time.monotonic() < deadline
            assert {client("/file.txt").text for _ in range(100)} == {"a file"}
            names.append(client("/nowhere").text)
        names.append(client("/nowhere").text)
    assert names[-2] not in (names[0], names[-1])


def test_a_request_is_answered_by_the_table_that_it_was_routed_with(app):
    """Routes are changed while a request waits in the queue."""
    begun, goes_on = threading.Event(), threading.Event()

    @app.route("/wait")
    def wait(req):
        begun.set()
        return str(goes_on.wait(30))

    for name in "abc":
        app.set_route(f"/{name}/<word>", lambda req, word, name=name: name + word)
    with SERVERS["ours"](app, threads=1, inline="never", loops=1) as port, contextlib.ExitStack() as stack:
        def asking(path):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            connection.sendall(get(path))
            return stack.enter_context(connection.makefile("rb"))

        waiting = asking("/wait")
        assert begun.wait(30)
        behind = [asking(path) for path in ("/b/1", "/c/2")]
        # The event loop refuses a malformed request itself. It has read the requests that were sent before that one.
        assert raw(Client(port), b"malformed\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        app.pop_route("/a/<word>", state.METHOD_GET)
        app.pop_route("/a/<word>", state.METHOD_HEAD)
        goes_on.set()
        assert waiting.read().endswith(b"\r\n\r\nTrue")
        assert [answer.read().rpartition(b"\r\n\r\n")[2] for answer in behind] == [b"b1", b"c2"]
        assert Client(port)("/a/1").status == 404


def test_a_request_is_answered_by_the_mounted_table_that_it_was_routed_with(app, name):
    """The route in a mounted application is looked up once, together with that of the outer application."""
    begun, goes_on = threading.Event(), threading.Event()
    middle, inner = Application(f"{name}, middle"), Application(f"{name}, inner")

    @app.route("/wait")
    def wait(req):
        begun.set()
        return str(goes_on.wait(30))

    inner.set_route("/é/<word>", lambda req, word: f"{req.path} {word}")
    inner.set_route("/", lambda req: "the prefix itself")
    middle.mount("/inner", inner)
    app.mount("/middle", middle)
    with SERVERS["ours"](app, threads=1, inline="never", loops=1) as port, contextlib.ExitStack() as stack:
        def asking(path):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            connection.sendall(get(path))
            return stack.enter_context(connection.makefile("rb"))

        waiting = asking("/wait")
        assert begun.wait(30)
        behind = [asking(path) for path in ("/middle/inner/%C3%A9/x", "/middle/inner", "/middle/inner/")]
        # The event loop refuses a malformed request itself. It has read the requests that were sent before that one.
        assert raw(Client(port), b"malformed\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        for rule in ("/é/<word>", "/"):
            inner.pop_route(rule, state.METHOD_GET)
            inner.pop_route(rule, state.METHOD_HEAD)
        goes_on.set()
        assert waiting.read().endswith(b"\r\n\r\nTrue")
        texts = [answer.read().rpartition(b"\r\n\r\n")[2].decode() for answer in behind]
        assert texts == ["/é/x x", "the prefix itself", "the prefix itself"]
        assert Client(port)("/middle/inner/").status == 404


def test_a_body_that_is_there_makes_no_difference(paced):
    with SERVERS["ours"](paced) as port:
        until_inline(Client(port), "/slow/<seconds:float>", "/slow/0", "POST", b"x" * 1000)


def test_one_long_call_sends_a_route_back(paced):
    rule = "/slow/<seconds:float>"
    with SERVERS["ours"](paced) as port:
        client = Client(port)
        until_inline(client, rule, "/slow/0")
        client("/slow/0.1")
        client("/slow/0")
        assert calls_of(client, rule) == "pool"


@pytest.mark.measures
@pytest.mark.parametrize("settings, stays", [
    ({"inline_long": 30}, True), ({"inline_limit": 30, "inline_long": 0.001}, True), ({"inline_long": 0.001}, False),
])
def test_what_is_long_can_be_set_and_is_never_what_is_short(paced, settings, stays):
    rule = "/slow/<seconds:float>"
    with SERVERS["ours"](paced, **settings) as port:
        client = Client(port)

        def stays_inline():
            until_inline(client, rule, "/slow/0")
            client("/slow/0.002")
            client("/slow/0")
            return calls_of(client, rule) == "inline"

        # several tries, since on a busy machine the call may take so long that another thread takes over
        assert any(stays_inline() for _ in range(3)) == stays


def test_what_is_made_while_it_is_sent_is_not_called_inline(paced):
    with SERVERS["ours"](paced) as port:
        client = Client(port)
        for _ in range(200):
            client("/stream")
        assert calls_of(client, "/stream") == "pool"


@pytest.mark.parametrize("inline", ["always", "never"])
def test_inline_always_or_never(paced, inline):
    with SERVERS["ours"](paced, inline=inline) as port:
        client = Client(port)
        client("/slow/0.03")
        client("/brief")
        for rule in ("/brief", "/slow/<seconds:float>"):
            assert calls_of(client, rule) == ("inline" if inline == "always" else "pool")


def test_a_slow_handler_holds_nobody_up(paced):
    calls, go = threading.Semaphore(0), threading.Event()

    @paced.route("/wait")
    def wait(req):
        calls.release()
        assert go.wait(30)
        return "waited"

    with SERVERS["ours"](paced) as port:
        client = Client(port)
        for _ in range(100):
            client("/brief")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            waiting = [pool.submit(Client(port), "/wait") for _ in range(20)]
            for _ in waiting:
                assert calls.acquire(timeout=30)
            begun = time.perf_counter()
            for _ in range(50):
                client("/brief")
            assert time.perf_counter() - begun < 1
            assert not any(each.done() for each in waiting)
            go.set()
            assert all(each.result().status == 200 for each in waiting)


def test_bodies_that_come_slowly_take_no_more_memory_than_is_set_aside(paced):
    """Whether they are gathered or not, they are answered once they have arrived."""
    size = (1 << 20) + (64 << 10)
    count = (32 << 20) // size + 8
    head = f"POST /slow/0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n".encode()
    with SERVERS["ours"](paced) as port, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]
        for each in slow:
            each.sendall(head + bytes(size - 1))
        for each in slow:
            each.sendall(b"x")
        for each in slow:
            assert each.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("inline", ["always", "never"])
def test_a_small_body_that_comes_in_pieces_is_whole(app, native, inline):
    @app.route("/echo", method=state.METHOD_POST)
    def echo(req):
        return Response(req.data)

    content = bytes(range(256)) * 100
    head = f"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    served = app if native else lambda environ, start_response: app(environ, start_response)
    with SERVERS["ours"](served, inline=inline) as port, socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(head)
        for begin in range(0, len(content), 5000):
            client.sendall(content[begin:begin + 5000])
            time.sleep(0.02)  # so that each piece arrives separately
        with client.makefile("rb") as file:
            assert file.read().partition(b"\r\n\r\n")[2] == content


def test_a_small_body_that_comes_slowly_keeps_no_thread(paced):
    """With more of them than threads, another request is answered."""
    with SERVERS["ours"](paced, threads=2) as port, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(8)]
        for each in slow:
            each.sendall(b"POST /slow/0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nab")
        # These connections are accepted after those, so the server has read those bodies before it answers
        # the last of these.
        for _ in range(10):
            assert Client(port)("/brief").status == 200
        for each in slow:
            each.sendall(b"cde")
        for each in slow:
            assert each.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_content_that_is_closed_while_a_block_is_made_holds_nobody_up():
    begun, go = threading.Event(), threading.Event()

    def blocks():
        begun.set()
        assert go.wait(30)
        yield b"block"

    content = GeneratorResponse(blocks())(lambda *args: None)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        block = pool.submit(next, content)
        assert begun.wait(30)
        with pytest.raises(ValueError, match="being read by another thread already"):
            next(content)
        content.close()
        go.set()
        assert block.result() == b"block"
    with pytest.raises(StopIteration):
        next(content)


@pytest.mark.parametrize("kind", ["bytes", "text", "response", "callable"])
def test_large_content_is_sent_without_a_copy(app, kind):
    content = "x" * (32 << 20) if kind == "text" else bytes(32 << 20)
    gives = {"response": lambda req: Response(content)}.get(kind, lambda req: content)
    app.set_route("/large", gives)
    app.set_route("/", lambda req: "small")

    def callable_(environ, start_response):
        start_response("200 OK", [])
        return [content] if environ["PATH_INFO"] == "/large" else [b"small"]

    unsent = sys.getrefcount(content)
    with SERVERS["ours"](callable_ if kind == "callable" else app) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            with client.makefile("rb") as answer:
                assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
                # the connection sends from the object's own memory
                until(lambda: sys.getrefcount(content) == unsent + 1)
                assert len(answer.read().partition(b"\r\n\r\n")[2]) == 32 << 20
        assert Client(port)("/").text == "small"
        until(lambda: sys.getrefcount(content) == unsent)


def test_no_protocol_is_switched(app, caplog):
    """After a 101, a client would wait for a protocol that the server does not speak."""
    app.set_route("/", lambda req: Response(status_code=101, headers={"Upgrade": "websocket"}))
    with SERVERS["ours"](app) as port:
        assert Client(port)("/").status == 500
    assert "101" in caplog.text

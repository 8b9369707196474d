"""Any WSGI callable on the built-in server: its response (PEP 3333), and what counts as a callable."""
import gc
import socket
import sqlite3
import subprocess
import sys
import threading
from wsgiref.validate import validator

import pytest
from callables import OK, TEXT, answer, get, raw, serve  # noqa: F401
from servers import until

from poorwsgi import Application
from poorwsgi.server import Server


class Closing:
    """An iterable that records when it was closed."""

    def __init__(self, blocks):
        self.blocks = iter(blocks)
        self.closed = threading.Event()
        self.given = 0

    def __iter__(self):
        return self

    def __next__(self):
        block = next(self.blocks)
        self.given += 1
        return block

    def close(self):
        assert not self.closed.is_set()
        self.closed.set()


class TestStartResponse:
    @pytest.mark.parametrize(("status", "line"), [
        ("200 OK", b"200 OK"), ("404 Not Found", b"404 Not Found"), ("200 Fine \xe9", b"200 Fine \xe9"),
        ("299 What is this", b"299 What is this"), ("200", b"200 OK"),
    ])
    def test_the_status_is_sent_as_it_is(self, serve, status, line):
        assert raw(serve(answer([], status)), get()).startswith(b"HTTP/1.1 " + line + b"\r\n")

    @pytest.mark.parametrize("status", [200, None, b"200 OK", "OK", "20", "2000 OK", "200\nOK", "200 a\rb", "099 x", "100 Continue", "200 ž"])
    def test_a_bad_status_is_500(self, serve, caplog, status):
        assert serve(answer([b"x"], status))("/").status == 500
        [record] = caplog.records
        assert "the status" in record.getMessage()

    def test_headers_are_sent_as_they_are(self, serve):
        headers = [("X-A", "1"), ("X-A", "2"), ("Set-Cookie", "a=1"), ("X-B", "\xe9"), ("Server", "mine")]
        result = serve(answer([b"x"], headers=headers))("/")
        assert result.headers.get_all("X-A") == ["1", "2"]
        assert result.headers["X-B"].encode("latin-1") == b"\xe9"
        assert result.headers.get_all("Server") == ["mine"]
        assert result.headers["Date"] and result.headers["Content-Length"] == "1"

    @pytest.mark.parametrize(("headers", "text"), [
        ([("X", "a\r\nY: b")], "control character"), ([("X", "a\0")], "control character"),
        ([("X Y", "a")], "is not a header name"), ([("", "a")], "is not a header name"), ([("X", "ž")], "U+00FF"),
        ([("X", 1)], "is of type int; expected str"), ([(b"X", "a")], "is of type bytes; expected str"), (["X: a"], "start_response expects pairs (name, value)"), (5, "int"),
        ([("X", "a", "b")], "start_response expects pairs (name, value)"), ([["X"]], "start_response expects pairs (name, value)"), (["ab"], "start_response expects pairs (name, value)"),
        ([("Content-Length", "x")], "is not a number"), ([("Content-Length", "+1")], "is not a number"),
        ([("Content-Length", "")], "is not a number"), ([("Content-Length", " ")], "is not a number"),
        ([("Content-Length", "1"), ("content-length", "2")], "two different"),
    ])
    def test_bad_headers_are_500(self, serve, caplog, headers, text):
        answered = serve(answer([b"x"], headers=headers))("/")
        assert answered.status == 500 and "Y" not in answered.headers
        [record] = caplog.records
        assert text in record.getMessage()

    @pytest.mark.parametrize("fields", [
        [("Connection", "keep-alive")], [("Connection", "close")], [("Connection", "Upgrade"), ("Upgrade", "websocket")],
        [("Transfer-Encoding", "chunked")], [("transfer-encoding", "gzip, chunked")], [("Keep-Alive", "timeout=5")],
        [("Proxy-Authenticate", "Basic")], [("Proxy-Connection", "close")], [("TE", "trailers")], [("Trailer", "X")],
    ])
    def test_fields_about_the_connection_are_left_out(self, serve, fields):
        result = raw(serve(answer([b"one"], headers=[*TEXT, *fields])), get().replace(b"Connection: close\r\n", b"") + get())
        assert result.count(b"HTTP/1.1 200 OK\r\n") == 2  # the first answer has not ended the connection
        head = result.partition(b"\r\n\r\n")[0].lower()
        assert b"content-length: 3" in head and b"content-type" in head
        assert not [name for name, _ in fields if b"\n%s:" % name.lower().encode() in head]

    def test_that_is_said_once(self):
        """In a separate process, because the message is logged once in a process."""
        script = """if True:
            import logging, sys
            sys.path.insert(0, "tests")
            logging.basicConfig(format="%(message)s")
            from callables import OK
            from servers import Client, on_our_server

            def app(environ, start_response):
                start_response(OK, [("Connection", "keep-alive"), ("connection", "x"), ("Keep-Alive", "5")])
                return []

            with on_our_server(app) as port:
                assert [Client(port)("/").status for _ in range(3)] == [200] * 3
        """
        said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60).stderr
        assert [line.partition(" is left out")[0] for line in said.splitlines()] == [
            "the application's header Connection", "the application's header Keep-Alive",
        ]

    def test_that_is_said_of_an_application_of_ours_as_well(self):
        script = """if True:
            import logging, sys
            sys.path.insert(0, "tests")
            logging.basicConfig(format="%(message)s")
            from servers import Client, on_our_server
            from poorwsgi import Application
            from poorwsgi.response import Response

            app = Application("a")
            app.set_route("/", lambda req: Response("x", headers={"Keep-Alive": "5", "Connection": req.args["say"]}))
            with on_our_server(app) as port:
                assert Client(port)("/?say=close").headers["Connection"] == "close"
                answer = Client(port)("/?say=keep-alive")
                assert answer.status == 200 and not {"Keep-Alive", "Connection"} & set(answer.headers)
        """
        said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60).stderr
        assert [line.partition(" is left out")[0] for line in said.splitlines()] == [
            "the application's header keep-alive", "the application's header connection",
        ]

    def test_407_says_what_it_asks_for(self, serve):
        """RFC 9110, section 15.5.8."""
        result = serve(answer([], "407 Proxy Authentication Required", [("Proxy-Authenticate", "Basic")]))("/")
        assert (result.status, result.headers["Proxy-Authenticate"]) == (407, "Basic")

    def test_426_says_to_what(self, serve):
        """RFC 9110, section 15.5.22."""
        result = serve(answer([], "426 Upgrade Required", [("Upgrade", "HTTP/2.0")]))("/")
        assert (result.status, result.headers["Upgrade"]) == (426, "HTTP/2.0")
        assert "upgrade" in result.headers["Connection"]

    def test_a_header_may_be_a_list(self, serve):
        assert serve(answer([b"x"], headers=[["X-A", "1"], ["X-B", "2"]]))("/").headers["X-B"] == "2"

    @pytest.mark.parametrize("values", [["3", "3"], [" 3 "], ["\t3", "3"], ["003"]])
    def test_a_length_may_be_said_in_several_ways(self, serve, values):
        result = serve(answer([b"one"], headers=[("Content-Length", value) for value in values]))("/")
        assert (result.body, result.headers.get_all("Content-Length")) == (b"one", ["3"])

    def test_arguments_by_keyword(self, serve):
        def app(environ, start_response):
            start_response(status="200 OK", headers=TEXT, exc_info=None)(data=b"one")
            return []

        assert serve(app)("/").body == b"one"

    @pytest.mark.parametrize("exc_info", [None, (), False, (None, None, None)])
    def test_exc_info_of_no_exception(self, serve, exc_info):
        def app(environ, start_response):
            start_response(OK, TEXT, exc_info)
            return [b"one"]

        assert serve(app)("/").body == b"one"

    def test_names_keep_their_spelling(self, serve):
        names = ["ETag", "x-lower", "X-UPPER", "DAV", "Content-Type", "WWW-Authenticate", "X-mIXed", "www-authenticate"]
        client = serve(answer([b"x"], headers=[(name, "1") for name in names]))
        for _ in range(2):
            head = raw(client, get()).partition(b"\r\n\r\n")[0].decode()
            spelled = [line.partition(":")[0] for line in head.splitlines()[1:]]
            assert sorted(spelled) == sorted([*names, "Content-Length", "Server", "Date", "Connection"])

    def test_a_second_call_needs_exc_info(self, serve, caplog):
        def app(environ, start_response):
            start_response(OK, TEXT)
            with pytest.raises(AssertionError, match="exc_info"):
                start_response("500 Oops", [])
            start_response("500 Oops", [("X-A", "1")], (ValueError, ValueError("x"), None))
            return [b"page"]

        result = serve(app)("/")
        assert (result.status, result.reason, result.headers["X-A"], result.body) == (500, "Oops", "1", b"page")
        assert result.headers["Content-Type"] is None

    def test_after_the_head_is_sent_exc_info_is_raised(self, serve, caplog):
        def app(environ, start_response):
            start_response(OK, TEXT)
            yield b"begun"
            try:
                raise KeyError("the reason")
            except KeyError as error:
                start_response("500 Oops", [], (KeyError, error, error.__traceback__))

        assert not raw(serve(app), get()).endswith(b"0\r\n\r\n")
        [record] = caplog.records
        assert "the reason" in record.getMessage()

    @pytest.mark.parametrize("result", [[b"x"], [], iter([b"x"]), iter([])])
    def test_a_callable_that_does_not_call_it_is_500(self, serve, caplog, result):
        assert serve(lambda environ, start_response: result)("/").status == 500
        [record] = caplog.records
        assert "start_response was not called" in record.getMessage()

    def test_a_generator_may_call_it_late(self, serve):
        def app(environ, start_response):
            yield b""
            start_response("201 Created", TEXT)
            yield b""
            yield b"late"

        result = serve(app)("/")
        assert (result.status, result.body) == (201, b"late")

    def test_write(self, serve):
        def app(environ, start_response):
            write = start_response(OK, TEXT)
            write(b"")
            write(b"one ")
            write(b"two ")
            with pytest.raises(TypeError, match="of type str instead of bytes"):
                write("three")
            return [b"three"]

        assert serve(app)("/").body == b"one two three"

    def test_write_after_the_end(self, serve):
        writes = []

        def app(environ, start_response):
            writes.append(start_response(OK, TEXT))
            return [b"x"]

        client = serve(app)
        assert client("/").body == b"x"
        assert client("/").body == b"x"
        with pytest.raises(AssertionError, match="the response has ended already"):
            writes[0](b"more")


class TestBody:
    @pytest.mark.parametrize(("body", "length"), [
        ([b"one"], "3"), ([b"one", b"two"], "6"), ((b"one", b"", b"two"), "6"), ([], "0"), ([b""], "0"), ({b"one"}, "3"),
    ])
    def test_what_is_at_hand_has_a_length(self, serve, body, length):
        result = serve(answer(body))("/")
        assert (result.body, result.headers["Content-Length"]) == (b"".join(body), length)

    def test_an_iterator_is_sent_in_chunks(self, serve):
        result = serve(lambda environ, start_response: start_response(OK, TEXT) and (b"%d " % n for n in range(5)))("/")
        assert (result.body, result.headers["Transfer-Encoding"]) == (b"0 1 2 3 4 ", "chunked")

    def test_an_iterator_with_a_length_is_not(self, serve):
        app = answer(None, headers=[("Content-Length", "4")])
        result = serve(lambda environ, start_response: app(environ, start_response) or iter([b"ab", b"cd"]))("/")
        assert (result.body, result.headers["Content-Length"]) == (b"abcd", "4")

    def test_to_http_1_0_it_ends_with_the_connection(self, serve):
        app = lambda environ, start_response: start_response(OK, TEXT) and iter([b"ab", b"cd"])  # noqa: E731
        result = raw(serve(app), b"GET / HTTP/1.0\r\n\r\n")
        assert result.endswith(b"\r\n\r\nabcd") and b"chunked" not in result

    def test_each_block_is_sent_at_once(self, serve):
        go = [threading.Event() for _ in range(3)]

        def app(environ, start_response):
            start_response(OK, TEXT)
            for number, event in enumerate(go):
                yield b"block %d" % number
                assert event.wait(30)

        client = serve(app)
        with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
            connection.sendall(get())
            seen = b""
            for number, event in enumerate(go):
                while b"block %d" % number not in seen:
                    seen += connection.recv(1000)
                event.set()

    def test_all_runs_on_one_thread(self, serve):
        local = threading.local()

        def app(environ, start_response):
            local.connection = sqlite3.connect(":memory:")  # refuses other threads
            start_response(OK, TEXT)
            return Rows(local)

        class Rows:
            def __init__(self, local):
                self.rows = local.connection.execute("SELECT 'a' UNION SELECT 'b'")

            def __iter__(self):
                return (row[0].encode() for row in self.rows)

            def close(self):
                local.connection.close()
                closed.set()

        closed = threading.Event()
        assert serve(app)("/").body == b"ab"
        assert closed.wait(30)

    def test_a_slow_reader_does_not_make_us_read_ahead(self, serve):
        go = threading.Event()
        blocks = Closing(bytes(1 << 20) for _ in range(64))

        def app(environ, start_response):
            if environ["PATH_INFO"] == "/go":
                go.set()
                start_response(OK, TEXT)
                return [b""]
            start_response(OK, TEXT)
            return blocks

        client = serve(app)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", client.port))
            connection.sendall(get())
            with connection.makefile("rb") as file:
                assert file.readline() == b"HTTP/1.1 200 OK\r\n"
                client("/go")
                # The buffers of the two sockets, of the server and of the pipe hold a few MiB at most.
                assert blocks.given < 16
                length = sum(map(len, iter(lambda: file.read(1 << 16), b"")))
        assert length > 64 << 20 and blocks.given == 64
        assert blocks.closed.wait(30)

    @pytest.mark.parametrize("body", [b"bytes", "text", None, 5, ["text"], [1], [b"x", None], iter(["text"])])
    def test_what_is_no_iterable_of_bytes_is_500(self, serve, caplog, body):
        assert serve(answer(body))("/").status == 500
        assert len(caplog.records) == 1

    @pytest.mark.parametrize("make", [lambda: [], lambda: iter([b"x"])])
    def test_exceptions_before_the_response_are_500(self, serve, caplog, make):
        def app(environ, start_response):
            start_response(OK, TEXT)
            raise ValueError("the reason")

        client = serve(app)
        result = client("/")
        assert (result.status, b"reason" in result.body) == (500, False)
        [record] = caplog.records
        assert record.name == "poorwsgi.server" and "the reason" in record.getMessage()
        assert "test_wsgi_callable.py" in record.exc_text

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, BrokenPipeError, GeneratorExit])
    def test_no_exception_ends_the_server(self, serve, caplog, error):
        def app(environ, start_response):
            if environ["PATH_INFO"] == "/raise":
                raise error("the reason")
            start_response(OK, TEXT)
            return [b"here"]

        client = serve(app)
        assert client("/raise").status == 500
        assert client("/").body == b"here"
        assert len(caplog.records) == 1

    @pytest.mark.parametrize("headers", [TEXT, [("Content-Length", str(6 << 20))]])
    def test_all_that_came_before_an_exception_is_sent(self, serve, headers):
        def app(environ, start_response):
            start_response(OK, headers)
            yield from [bytes(1 << 20)] * 5
            raise ValueError

        assert raw(serve(app), get()).partition(b"\r\n\r\n")[2].count(b"\0") == 5 << 20

    @pytest.mark.parametrize("headers", [TEXT, [("Content-Length", "100")]])
    def test_exceptions_in_the_middle_cut_the_connection(self, serve, caplog, headers):
        seen = threading.Event()

        def blocks():
            yield b"begun"
            assert seen.wait(30)
            raise ValueError("the reason")

        blocks = Closing(blocks())
        client = serve(answer(blocks, headers=headers))
        with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
            connection.sendall(get())
            result = b""
            while b"begun" not in result:
                result += connection.recv(1000)
            seen.set()
            # A complete chunked body would end with a chunk of size 0.
            assert connection.makefile("rb").read() in (b"", b"\r\n")
        assert blocks.closed.wait(30)
        [record] = until(lambda: caplog.records)
        assert "the reason" in record.getMessage()

    @pytest.mark.parametrize("body", [[b"12345"], (b"123", b"45"), [], [b"1"]])
    def test_a_wrong_length_of_what_is_at_hand_is_500(self, serve, caplog, body):
        assert serve(answer(body, headers=[("Content-Length", "4")]))("/").status == 500
        assert len(caplog.records) == 1

    @pytest.mark.parametrize(("blocks", "sent"), [([b"12", b"345"], b"12"), ([b"12"], b"12"), ([b"12", b"3"], b"123")])
    def test_a_wrong_length_in_the_middle_cuts_the_connection(self, serve, caplog, blocks, sent):
        """After the part of the content that was sent."""
        blocks = Closing(blocks)
        head, _, content = raw(serve(answer(blocks, headers=[("Content-Length", "4")])), get()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and content == sent
        assert blocks.closed.wait(30)
        assert len(until(lambda: caplog.records)) == 1

    def test_nothing_is_sent_beyond_the_length(self, serve, caplog):
        """The surplus is logged as an error, and no further block is taken."""
        blocks = Closing([b"1234", b"", b"5", b"6"])
        client = serve(answer(blocks, headers=[("Content-Length", "4")]))
        assert client("/").body == b"1234"
        assert blocks.closed.wait(30) and blocks.given == 3
        until(lambda: "longer than its Content-Length" in caplog.text)

    def test_write_beyond_the_length_is_an_error(self, serve):
        def app(environ, start_response):
            write = start_response(OK, [("Content-Length", "4")])
            write(b"12")
            with pytest.raises(ValueError, match="longer than its Content-Length"):
                write(b"345")
            write(b"34")
            return []

        assert serve(app)("/").body == b"1234"

    @pytest.mark.parametrize(("method", "status"), [("HEAD", OK), ("GET", "204 No Content"), ("GET", "304 Not Modified")])
    @pytest.mark.parametrize("kind", ["list", "iterator", "write", "file"])
    def test_some_responses_have_no_content(self, serve, caplog, tmp_path, method, status, kind):
        (tmp_path / "file").write_bytes(b"content")
        blocks = Closing([b"con", b"tent"])
        file = open(tmp_path / "file", "rb")  # noqa: SIM115

        def app(environ, start_response):
            write = start_response(status, TEXT)
            if kind == "write":
                write(b"content")
            return {"list": [b"content"], "iterator": blocks, "write": blocks,
                    "file": environ["wsgi.file_wrapper"](file)}[kind]

        result = raw(serve(app), get(method=method) + get())
        head, _, rest = result.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status.encode()) and rest == b""
        assert b"content-length: 0" not in head.lower()
        if kind in ("list", "file") and method == "HEAD":
            assert b"content-length: 7" in head.lower()
        if kind in ("iterator", "write"):
            assert blocks.closed.wait(30)
        file.close()
        assert not caplog.records

    def test_head_keeps_the_length_that_was_said(self, serve):
        result = serve(answer([], headers=[("Content-Length", "7")]))("/", "HEAD")
        assert (result.headers["Content-Length"], result.body) == ("7", b"")


class TestClose:
    @pytest.mark.parametrize("blocks", [[], [b"one"], [b"one", b"two"]])
    def test_after_the_last_block(self, serve, blocks):
        body = Closing(blocks)
        assert serve(answer(body))("/").body == b"".join(blocks)
        assert body.closed.wait(30)

    def test_when_the_client_goes_away(self, serve, caplog):
        body = Closing(b"x" * 10_000 for _ in iter(int, 1))
        client = serve(answer(body))
        with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
            connection.sendall(get())
            connection.recv(1)
        assert body.closed.wait(30)
        assert not caplog.records

    def test_writing_to_a_client_that_is_gone(self, serve, caplog):
        raised = threading.Event()

        def app(environ, start_response):
            write = start_response(OK, TEXT)
            try:
                while True:
                    write(b"x" * 10_000)
            except BrokenPipeError:
                raised.set()
                raise

        client = serve(app)
        with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
            connection.sendall(get())
            connection.recv(1)
        assert raised.wait(30)
        assert client.port and not caplog.records

    def test_even_where_start_response_was_not_called(self, serve):
        body = Closing([b"x"])
        assert serve(lambda environ, start_response: body)("/").status == 500
        assert body.closed.wait(30)

    def test_a_slow_one_does_not_hold_up_the_response(self, serve):
        go = threading.Event()
        done = threading.Event()

        class Slow(Closing):
            def close(self):
                assert go.wait(30)
                done.set()

        for body in (Slow([b"one", b"two"]), Slow([b"one"]), Slow([])):
            go.clear()
            done.clear()
            assert serve(answer(body))("/").body in (b"onetwo", b"one", b"")
            go.set()
            assert done.wait(30)

    def test_its_exception_is_logged_and_nothing_else(self, serve, caplog):
        logged = threading.Event()
        caplog.handler.addFilter(lambda record: logged.set() or True)

        class Failing(Closing):
            def close(self):
                raise ValueError("the reason")

        client = serve(answer(Failing([b"one", b"two"])))
        assert client("/").body == b"onetwo"
        assert logged.wait(30)
        assert client("/").status == 200
        assert "the reason" in caplog.records[0].getMessage()


def test_205_has_no_content(serve):
    """RFC 9110, section 15.3.6."""
    def application(environ, start_response):
        start_response("205 Reset Content", TEXT)
        return [b"text"]

    result = serve(application)("/")
    assert (result.status, result.body, result.headers["Content-Length"]) == (205, b"", "0")


class TestValidator:
    @pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
    @pytest.mark.parametrize("chunked", [False, True])
    def test_it_finds_nothing(self, serve, caplog, method, chunked):
        def app(environ, start_response):
            file = environ["wsgi.input"]
            body = file.read(1) + file.readline() + b"".join(file.readlines()) + b"".join(file)
            write = start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body) + 2))])
            write(b"<")
            return [body, b">"]

        body = {"GET": None, "HEAD": None, "POST": b"one\ntwo\nthree"}[method]
        if chunked and body:
            body = iter([body[:5], body[5:]])
        result = serve(validator(app))("/path?query", method, body)
        assert result.status == 200
        if method == "POST":
            assert result.body == b"<one\ntwo\nthree>"
        assert not caplog.records

    def test_of_our_own_application(self, serve, demo, caplog):
        client = serve(validator(demo))
        assert client("/hello/world").body == b"Hello world"
        assert client("/echo", "POST", b"data").body == b"data"
        assert client("/result/none").status == 204
        assert not caplog.records


class TestWhatIsServed:
    def test_an_application_natively(self, name):
        assert Server(Application(name), "127.0.0.1:0").is_native

    def test_a_subclass_natively(self, name):
        class Sub(Application):
            def handler_from_table(self, req):
                return super().handler_from_table(req)

        assert Server(Sub(name), "127.0.0.1:0").is_native

    def test_not_one_with_a_call_of_its_own(self, name, serve):
        class Sub(Application):
            def __call__(self, env, start_response):
                env["HTTP_X"] = "added"
                return super().__call__(env, start_response)

        app = Sub(name)
        app.set_route("/", lambda req: req.headers["X"])
        assert not Server(app, "127.0.0.1:0").is_native
        assert serve(app)("/").body == b"added"

    def test_not_one_in_middleware(self, name, serve):
        app = Application(name)
        app.set_route("/", lambda req: "inner")

        def middleware(environ, start_response):
            return [b"<", *app(environ, start_response), b">"]

        assert not Server(middleware, "127.0.0.1:0").is_native
        # The length is that of the inner response, as under any server.
        assert serve(lambda environ, start_response: app(environ, start_response))("/").body == b"inner"

    def test_methods_classes_and_objects(self, serve):
        class Object:
            def method(self, environ, start_response):
                start_response(OK, TEXT)
                return [b"method"]

        class Class:
            def __init__(self, environ, start_response):
                start_response(OK, TEXT)

            def __iter__(self):
                return iter([b"class"])

        assert serve(Object().method)("/").body == b"method"
        assert serve(Class)("/").body == b"class"

    @pytest.mark.parametrize("app", [None, 5, "module:app"])
    def test_what_cannot_be_called_is_refused(self, app):
        with pytest.raises(TypeError, match=f"{type(app).__name__} is not callable"):
            Server(app, "127.0.0.1:0")

    def test_nothing_of_a_request_is_kept(self, serve):
        import weakref

        class Thing:
            pass

        seen = []

        def app(environ, start_response):
            thing = Thing()
            environ["thing"] = thing
            seen.append(weakref.ref(thing))
            start_response(OK, TEXT)
            return iter([b"x", thing.__class__.__name__.encode()])

        client = serve(app)
        for _ in range(3):
            client("/")
        gc.collect()
        assert sum(thing() is not None for thing in seen) <= 1

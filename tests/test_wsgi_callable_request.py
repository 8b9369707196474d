"""Any WSGI callable on the built-in server: its environ and input (PEP 3333)."""
import contextlib
import logging
import os
import socket
import threading
import wsgiref.util

import pytest
from callables import OK, TEXT, answer, get, raw, serve  # noqa: F401
from servers import until


class Environ:
    """A callable that stores the environ and the body."""

    def __call__(self, environ, start_response):
        self.environ = environ
        self.body = environ["wsgi.input"].read()
        start_response(OK, TEXT)
        return [b"kept"]


class TestEnviron:
    def test_what_pep_3333_asks_for(self, serve):
        app = Environ()
        client = serve(app)
        client("/a%20b/%C5%BE?x=%20&y", headers={"X-One": "1"})
        environ = app.environ
        assert type(environ) is dict
        expected = {
            "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/a b/" + "ž".encode().decode("latin-1"),
            "QUERY_STRING": "x=%20&y", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(client.port),
            "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "SERVER_SOFTWARE": "PoorWSGI",
            "HTTP_HOST": f"127.0.0.1:{client.port}", "HTTP_X_ONE": "1", "REQUEST_URI": "/a%20b/%C5%BE?x=%20&y",
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.multithread": True, "wsgi.multiprocess": False,
            "wsgi.run_once": False, "wsgi.input_terminated": True,
        }
        assert {key: environ[key] for key in expected} == expected
        assert "CONTENT_LENGTH" not in environ and "CONTENT_TYPE" not in environ
        assert wsgiref.util.request_uri(environ) == f"http://127.0.0.1:{client.port}/a%20b/%C5%BE?x=%20&y"

    def test_a_body_has_type_and_length(self, serve):
        app = Environ()
        serve(app)("/", "PUT", b"12345", {"Content-Type": "text/x"})
        assert (app.environ["CONTENT_LENGTH"], app.environ["CONTENT_TYPE"], app.body) == ("5", "text/x", b"12345")
        assert "HTTP_CONTENT_LENGTH" not in app.environ and "HTTP_CONTENT_TYPE" not in app.environ

    @pytest.mark.parametrize("target", ["/", "*"])
    def test_an_empty_host_is_accepted(self, serve, target):
        """RFC 9112, section 3.2."""
        app = Environ()
        request = get(target, "OPTIONS").replace(b"Host: a\r\n", b"Host:\r\n")
        assert raw(serve(app), request).endswith(b"kept")
        assert (app.environ["HTTP_HOST"], app.environ["SERVER_NAME"]) == ("", "127.0.0.1")

    def test_values_are_latin_1_and_those_of_one_name_joined(self, serve):
        app = Environ()
        raw(serve(app), get(fields="X: a\r\nx: \u017e\r\nCookie: a=1\r\nCookie: b=2\r\n"))
        assert app.environ["HTTP_X"] == "a, " + "ž".encode().decode("latin-1")
        assert app.environ["HTTP_COOKIE"] == "a=1; b=2"

    def test_nothing_is_left_for_the_next_one(self, serve):
        app = Environ()
        client = serve(app)

        def environ():
            client("/")
            different = {"REMOTE_PORT", "wsgi.input", "wsgi.errors"}
            return {key: value for key, value in app.environ.items() if key not in different}

        before = environ()
        raw(client, b"POST http://other/p%61th?query HTTP/1.0\r\nHost: other\r\nX-One: 1\r\nContent-Length: 1\r\n\r\n1")
        assert (app.environ["REQUEST_METHOD"], app.environ["SERVER_PROTOCOL"]) == ("POST", "HTTP/1.0")
        assert (app.environ["PATH_INFO"], app.environ["QUERY_STRING"]) == ("/path", "query")
        app.environ.clear()
        assert environ() == before

    def test_names_with_an_underscore_do_not_reach_it(self, serve):
        app = Environ()
        raw(serve(app), get(fields="X_Y: evil\r\nX-Y: good\r\n"))
        assert app.environ["HTTP_X_Y"] == "good"

    @pytest.mark.parametrize("fields, trusted, untrusted", [
        ("X-Forwarded-Proto: https\r\n", "https", "http"),
        ("X-Forwarded-Proto: HTTPS\r\n", "https", "http"),
        ("X-Forwarded-Proto: http\r\n", "http", "http"),
        ("X-Forwarded-Proto: https, http\r\n", "http", "http"),
        ("X-Forwarded-Proto: http, https\r\n", "https", "http"),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", "http", "http"),
        ("X-Forwarded-Proto: javascript\r\n", "http", "http"),
        ("", "http", "http"),
    ])
    def test_the_scheme_is_that_of_a_trusted_proxys_client(self, serve, fields, trusted, untrusted):
        app = Environ()
        for networks, scheme in ((["127.0.0.1"], trusted), (["192.0.2.1"], untrusted)):
            raw(serve(app, trusted_proxies=networks), get(fields=fields))
            assert app.environ["wsgi.url_scheme"] == scheme

    def test_the_server_itself_has_no_path(self, serve):
        app = Environ()
        raw(serve(app), get("*", "OPTIONS"))
        assert (app.environ["PATH_INFO"], app.environ["REQUEST_URI"]) == ("", "*")

    def test_errors_are_the_standard_error_of_the_moment(self, serve, capsys):
        def app(environ, start_response):
            environ["wsgi.errors"].write("something\n")
            environ["wsgi.errors"].flush()
            start_response(OK, TEXT)
            return []

        serve(app)("/")
        assert capsys.readouterr().err == "something\n"

    def test_variables_of_the_process_are_in_it(self, serve, monkeypatch):
        monkeypatch.setenv("poor_Debug", "On")
        monkeypatch.setenv("not_ours", "1")
        app = Environ()
        serve(app)("/")
        assert app.environ["poor_Debug"] == "On" and "not_ours" not in app.environ

    def test_each_request_has_its_own(self, serve):
        seen = []

        def app(environ, start_response):
            seen.append(dict(environ))
            environ["mine"] = environ["wsgi.version"] = 1
            start_response(OK, TEXT)
            return []

        client = serve(app)
        client("/")
        client("/")
        assert "mine" not in seen[1] and seen[1]["wsgi.version"] == (1, 0)


class TestInput:
    def read(self, serve, call, body=b"one\ntwo\n\nlast", **headers):
        """The results of a method of wsgi.input for this body."""
        results = []

        def app(environ, start_response):
            results.append(call(environ["wsgi.input"]))
            start_response(OK, TEXT)
            return []

        serve(app)("/", "POST", body, headers)
        return results[0]

    @pytest.mark.parametrize(("call", "result"), [
        (lambda file: file.read(), b"one\ntwo\n\nlast"), (lambda file: file.read(-1), b"one\ntwo\n\nlast"),
        (lambda file: file.read(None), b"one\ntwo\n\nlast"),
        (lambda file: [file.read(5), file.read(0), file.read(100), file.read(1), file.read()], [
            b"one\nt", b"", b"wo\n\nlast", b"", b"",
        ]),
        (lambda file: [file.readline(), file.readline(2), file.readline(-1), file.readline(0), file.readline()], [
            b"one\n", b"tw", b"o\n", b"", b"\n",
        ]),
        (list, [b"one\n", b"two\n", b"\n", b"last"]),
        (lambda file: file.readlines(), [b"one\n", b"two\n", b"\n", b"last"]),
        (lambda file: [file.readlines(5), file.readlines(0)], [[b"one\n", b"two\n"], [b"\n", b"last"]]),
        (lambda file: [file.readline(), next(file), file.read()], [b"one\n", b"two\n", b"\nlast"]),
    ])
    def test_it_is_read_like_a_file(self, serve, call, result):
        assert self.read(serve, call) == result

    @pytest.mark.parametrize("argument", ["5", 1.5, b""])
    def test_a_size_is_a_number(self, serve, argument):
        def call(file):
            with pytest.raises(TypeError):
                file.read(argument)
            return "refused"

        assert self.read(serve, call) == "refused"

    def test_a_large_body_comes_whole(self, serve):
        body = os.urandom(1 << 20) * 8
        assert self.read(serve, lambda file: b"".join(iter(lambda: file.read(100_000), b"")), body) == body

    def test_a_large_line_in_pieces_of_the_network(self, serve):
        body = b"x" * (4 << 20) + b"\n" + b"y"
        assert self.read(serve, lambda file: [len(line) for line in file], body) == [(4 << 20) + 1, 1]

    def test_chunks_as_they_come(self, serve):
        def app(environ, start_response):
            assert environ["wsgi.input_terminated"] and "CONTENT_LENGTH" not in environ
            assert environ["HTTP_TRANSFER_ENCODING"] == "chunked"
            start_response(OK, TEXT)
            return [environ["wsgi.input"].readline(), b"|", environ["wsgi.input"].read()]

        request = get(method="POST", fields="Transfer-Encoding: chunked\r\n") + b"3\r\none\r\n6\r\n\ntwo\nx\r\n0\r\n\r\n"
        assert raw(serve(app, chunked_bodies="stream"), request).endswith(b"\r\n\r\none\n|two\nx")

    @pytest.mark.parametrize("chunks", [[], [b"one\n", b"two"], [bytes(100_000)] * 30, [b"x" * 10] * 5000])
    @pytest.mark.parametrize("inline", ["never", "always"])
    def test_a_body_in_chunks_looks_like_one_with_a_length(self, serve, chunks, inline):
        """RFC 9112, section 7.1.3. Most applications read CONTENT_LENGTH bytes, and nothing without it."""
        app = Environ()
        request = get(method="POST", fields="Transfer-Encoding: chunked\r\nTrailer: X\r\n")
        request += b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nX: y\r\n\r\n"
        assert raw(serve(app, inline=inline), request).endswith(b"\r\n\r\nkept")
        assert (app.environ["CONTENT_LENGTH"], app.body) == (str(len(app.body)), b"".join(chunks))
        assert app.environ["wsgi.input_terminated"] is True
        assert not {"HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_LENGTH", "HTTP_TRAILER", "HTTP_X"} & app.environ.keys()

    @pytest.mark.parametrize(("chunks", "status", "setting"), [
        (b"5\r\n12345\r\n", b"400", ""), (b"5\r\n12345\r\nx\r\n", b"400", ""), (b"5\r\n123", b"400", ""),
        (b"1001\r\n" + bytes(4097) + b"\r\n0\r\n\r\n", b"413", "max_body"),
    ])
    def test_chunks_that_break_off_call_nobody(self, serve, caplog, chunks, status, setting):
        caplog.set_level(logging.INFO)
        called = []
        client = serve(lambda environ, start_response: called.append(environ), max_body=4096)
        request = get("/path?secret", method="POST", fields="Transfer-Encoding: chunked\r\n") + chunks
        assert raw(client, request).startswith(b"HTTP/1.1 " + status)
        assert not called
        [record] = until(lambda: caplog.records)
        assert record.levelname == "INFO" and setting in record.getMessage()
        assert "method: POST, path: \"/path\"" in record.getMessage() and "secret" not in record.getMessage()

    def test_who_waits_for_its_chunks_costs_no_thread(self, serve):
        client = serve(answer([b"here"]), threads=1, inline="never")
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", client.port), 30))
                connection.sendall(get(method="POST", fields="Transfer-Encoding: chunked\r\n") + b"5\r\n123")
            assert client("/").body == b"here"

    def test_continue_is_sent_for_chunks(self, serve):
        app = Environ()
        client = serve(app)
        with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
            connection.sendall(get(method="POST", fields="Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"))
            with connection.makefile("rb") as file:
                assert file.readline() == b"HTTP/1.1 100 Continue\r\n"
                connection.sendall(b"3\r\none\r\n0\r\n\r\n")
                assert file.read().endswith(b"kept")
        assert app.body == b"one"

    @pytest.mark.parametrize("request_", [
        get(method="POST", fields="Content-Length: 10\r\n") + b"12345",
        get(method="POST", fields="Transfer-Encoding: chunked\r\n") + b"5\r\n12345\r\n",
        get(method="POST", fields="Transfer-Encoding: chunked\r\n") + b"5\r\n12345\r\nx\r\n",
    ])
    def test_a_body_that_ends_early_is_no_end_of_file(self, serve, request_):
        errors = []

        def app(environ, start_response):
            assert environ["wsgi.input"].read(5) == b"12345"
            for _ in range(2):
                with pytest.raises(ConnectionResetError) as caught:
                    environ["wsgi.input"].read()
                errors.append(caught.value)
            start_response(OK, TEXT)
            return [b"seen"]

        assert raw(serve(app, chunked_bodies="stream"), request_).endswith(b"\r\n\r\nseen")
        assert len(errors) == 2

    def test_who_does_not_see_to_it_answers_400(self, serve, caplog):
        def app(environ, start_response):
            environ["wsgi.input"].read()

        client = serve(app)
        result = raw(client, get(method="POST", fields="Content-Length: 10\r\n") + b"12345")
        assert result.startswith(b"HTTP/1.1 400 ") and b"ended early" in result
        assert not caplog.records

    def test_a_body_over_the_limit_is_413(self, serve):
        errors = []

        def app(environ, start_response):
            try:
                environ["wsgi.input"].read()
            except OSError as error:
                errors.append(error)
                raise

        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        client = serve(app, chunked_bodies="stream")
        with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
            connection.sendall(get(method="POST", fields="Transfer-Encoding: chunked\r\n"))
            for _ in range(17):
                connection.sendall(chunk)
            assert connection.makefile("rb").readline() == b"HTTP/1.1 413 Content Too Large\r\n"
        assert "max_body" in str(errors[0])

    def test_a_body_that_nobody_reads_does_not_matter(self, serve):
        client = serve(answer([b"unread"]))
        assert client("/", "POST", b"x" * 1000).body == b"unread"

    def test_continue_is_sent_when_somebody_reads(self, serve):
        go = threading.Event()

        def app(environ, start_response):
            assert go.wait(30)
            start_response(OK, TEXT)
            return [environ["wsgi.input"].read()]

        client = serve(app)
        with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
            fields = "Expect: 100-continue\r\nContent-Length: 2\r\n"
            connection.sendall(get(method="POST", fields=fields))
            go.set()
            file = connection.makefile("rb")
            assert file.readline() == b"HTTP/1.1 100 Continue\r\n"
            connection.sendall(b"ab")
            assert file.read().endswith(b"ab")

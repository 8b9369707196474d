"""The application as a WSGI callable (PEP 3333)."""
import gc
import logging
import weakref
from wsgiref.validate import validator

import pytest
from wsgi_call import Call, environ

from poorwsgi import Application, state


@pytest.mark.parametrize(("path", "method", "body"), [
    ("/hello/world", "GET", b""), ("/hello/world", "HEAD", b""), ("/echo", "POST", b"data"), ("/nowhere", "GET", b""),
    ("/result/none", "GET", b""), ("/result/four", "GET", b""), ("/result/int", "GET", b""), ("/abort/304", "GET", b""),
    ("/\xff", "GET", b""), ("/file.txt", "GET", b""),
])
def test_the_validator_finds_nothing(demo, tmp_path, path, method, body):
    (tmp_path / "file.txt").write_text("content")
    call = environ(path, method, body, poor_DocumentRoot=str(tmp_path))
    started = []
    result = validator(demo)(call, lambda *args: started.append(args) or (lambda data: None))
    for block in result:
        assert isinstance(block, bytes)
    result.close()
    assert len(started) == 1


def test_names_are_in_title_case_and_as_spelled(demo):
    assert [name for name, _ in Call(demo, environ("/hello/world")).headers] == [
        "X-Powered-By", "Content-Type", "Content-Length",
    ]
    assert ("x-one", "1") in Call(demo, environ("/result/three")).headers


def test_native_strings_are_latin_1(demo):
    call = Call(demo, environ("/args/ž/1".encode().decode("latin-1")))
    assert call.body == b'{"path": "/args/\\u017e/1", "rule": "/args/<one>/<two:int>", "args": {"one": "\\u017e", "two": 1}}'
    assert dict(Call(demo, environ("/result/pair")).headers)["X-One"] == "žluť".encode().decode("latin-1")


def test_text_beyond_latin_1_is_no_path(demo):
    assert Call(demo, environ("/hello/ž")).status == "400 Bad Request"
    assert Call(demo, environ("/hello/\ud800")).status == "400 Bad Request"


@pytest.mark.parametrize("key", [
    "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "HTTP_HOST",
    "wsgi.input", "wsgi.url_scheme", "wsgi.errors",
])
def test_a_key_may_be_missing(demo, key):
    call = environ("/request", "POST", b"data")
    del call[key]
    status = {"REQUEST_METHOD": "501 Not Implemented", "PATH_INFO": "400 Bad Request"}.get(key, "200 OK")
    assert Call(demo, call).status == status


def test_an_empty_environ_is_answered(demo):
    assert Call(demo, {}).status == "501 Not Implemented"


@pytest.mark.parametrize("value", [None, 1, b"/hello/world", object()])
def test_values_of_other_types_are_answered(demo, value):
    assert Call(demo, environ(value)).status == "400 Bad Request"
    assert Call(demo, environ("/hello/world", QUERY_STRING=value, HTTP_RANGE=value, poor_Debug=value)).status == "200 OK"


@pytest.mark.parametrize("length", ["five", "-1", "+1", "1_0", "٤"])
def test_a_length_that_is_no_number_is_400(demo, length):
    assert Call(demo, environ("/echo", "POST", CONTENT_LENGTH=length)).status == "400 Bad Request"


def test_a_body_that_ends_early_is_400(demo):
    call = Call(demo, environ("/echo", "POST", b"data", CONTENT_LENGTH="5"))
    assert call.status == "400 Bad Request" and "the request body ended early: 1 bytes are missing" in call.text


@pytest.mark.parametrize("length", ["", " ", "\t "])
def test_a_blank_length_is_none(name, length):
    app = Application(name)

    @app.route("/", method=state.METHOD_POST)
    def lengths(req):
        return f"{req.content_length} {req.is_body_request}"

    assert Call(app, environ("/", "POST", CONTENT_LENGTH=length)).text == Call(app, environ("/", "POST")).text


def test_a_path_that_is_not_utf8_is_400(demo):
    call = Call(demo, environ("/\xff"))
    assert call.status == "400 Bad Request" and "the path is not UTF-8" in call.text


@pytest.mark.parametrize(("query", "full"), [("", "/"), (" ", "/"), (" a=b\t", "/?a=b"), ("a\xc3\xa0", "/?a\xc3\xa0")])
def test_blanks_around_a_query_are_no_part_of_the_full_path(name, query, full):
    app = Application(name)

    @app.route("/")
    def full_path(req):
        return req.full_path.encode("latin-1")

    assert Call(app, environ(QUERY_STRING=query)).body == full.encode("latin-1")


def test_input_is_read_no_further_than_its_length(demo):
    call = environ("/echo", "POST", b"data, and the next request", CONTENT_LENGTH="4")
    assert Call(demo, call).body == b"data"
    assert call["wsgi.input"].read() == b", and the next request"


class Input:
    def __init__(self, result):
        self.result = result

    def read(self, size):
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.mark.parametrize(("result", "shown"), [
    (TimeoutError("slow client"), "slow client"), ("text", "wsgi.input.read() returned a str instead of bytes"),
])
def test_an_exception_of_the_input_is_the_applications(demo, result, shown):
    demo.debug = True
    call = Call(demo, environ("/echo", "POST", b"data", **{"wsgi.input": Input(result)}))
    assert call.status == "500 Internal Server Error"
    assert shown in call.body.decode()


def test_input_that_gives_too_much_is_400(demo):
    call = environ("/echo", "POST", b"data", **{"wsgi.input": Input(b"x" * 100)})
    assert Call(demo, call).status == "400 Bad Request"


@pytest.mark.parametrize(("kind", "exception"), [("interrupt", KeyboardInterrupt), ("exit", SystemExit)])
def test_what_is_no_exception_leaves_the_application(demo, kind, exception):
    started = []
    with pytest.raises(exception):
        demo(environ(f"/leave/{kind}"), lambda *args: started.append(args))
    assert started == []


def test_what_start_response_raises_reaches_the_server(demo):
    def start_response(status, headers):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        demo(environ("/hello/world"), start_response)


def test_the_environ_sets_debug(demo):
    call = Call(demo, environ("/raise/value", poor_Debug="On"))
    assert b"Traceback" in call.body
    # A client cannot set it: the names of its fields begin with HTTP_.
    assert b"Traceback" not in Call(demo, environ("/raise/value", HTTP_POOR_DEBUG="On")).body


def test_a_file_can_be_let_go_before_its_end(name, tmp_path):
    (tmp_path / "file").write_bytes(bytes(1 << 20))
    app = Application(name)
    result = app(environ("/file", poor_DocumentRoot=str(tmp_path)), lambda *args: None)
    assert len(next(result)) < 1 << 20
    result.close()
    assert list(result) == []


def test_an_error_is_logged_with_its_traceback(demo, caplog):
    Call(demo, environ("/raise/value"))
    [record] = caplog.records
    assert (record.name, record.levelname) == ("poorwsgi", "ERROR")
    text = logging.Formatter().format(record)
    assert "secret <detail>" in text and "demo_app.py" in text


def test_a_path_cannot_begin_a_line_of_the_log(demo, caplog):
    Call(demo, environ("/result/x\nERROR forged"))
    assert "\nERROR forged" not in caplog.records[0].getMessage()


def test_nothing_of_a_request_is_kept(name, monkeypatch):
    app = Application(name)
    # pytest keeps log records, which keep the exception.
    monkeypatch.setattr(logging.getLogger("poorwsgi"), "propagate", False)
    seen = []

    class Thing:
        pass

    @app.route("/")
    def handler(req):
        thing = Thing()
        seen.append(weakref.ref(thing))
        raise ValueError(thing)

    Call(app, environ("/"))
    gc.collect()
    assert seen[0]() is None

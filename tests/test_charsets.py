"""The charset that a client declares for its body."""
import encodings
import json
import logging
import time

import pytest
from bodies import MULTIPART, URLENCODED, multipart, parse, part
from servers import IN_PROCESS, Client
from wsgi_call import ask

from poorwsgi import Application, results, state
from poorwsgi.request import parse_json_request
from poorwsgi.response import HTTPException

#: Codecs of Python that take quadratic time, or that are no text encodings.
ABUSED = ["idna", "punycode", "hex", "base64", "zlib", "bz2", "rot13", "quopri", "uu", "unicode_escape", "raw_unicode_escape", "utf-7"]
TEXT = '{"a": "ř€"}'


@pytest.fixture(params=IN_PROCESS)
def client(request, name):
    app = Application(name)
    app.set_route("/", lambda req: {"json": dict(req.json), "charset": req.charset}, state.METHOD_ALL)
    with IN_PROCESS[request.param](app) as port:
        yield Client(port)


def send(client, charset, body, method="POST"):
    return client("/", method, body, {"Content-Type": f"application/json; charset={charset}"})


def busy(call):
    """The processor time of a call."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("charset", ["idna", "punycode"])
def test_a_slow_codec_is_not_the_clients_choice(client, charset, method):
    body = b"xn--" + b"a" * 200_000
    answers = []
    taken = busy(lambda: answers.append(send(client, charset, body, method)))
    assert answers[0].status in ((400,) if method == "POST" else (200, 400))
    assert taken < 0.5


@pytest.mark.parametrize("charset", [*ABUSED, "nope", "utf-8" + "-" * 100, "\xe9"])
def test_other_codecs_are_refused(client, charset):
    answer = send(client, charset, b"{}")
    assert answer.status == 400
    assert "is not supported" in answer.text


@pytest.mark.parametrize("charset", ["UTF-8", "utf8", "utf_16", "UTF-16LE", "utf-16be", "utf-32", "UTF-32LE", "utf-32be", "iso-8859-15",
                                     "windows-1250"])
def test_those_in_use_are_understood(client, charset):
    text = TEXT.replace("ř", "") if charset == "iso-8859-15" else TEXT
    answer = send(client, charset, text.encode(charset))
    assert answer.json == {"json": json.loads(text), "charset": charset}


@pytest.mark.parametrize("charset", ["us-ascii", "iso-8859-1", "latin-1", "iso-8859-2", "windows-1252"])
def test_each_is_that_of_python(charset):
    for byte in (b"a", b"\x80", b"\x81", b"\xa4", b"\xe8", b"\xff"):
        try:
            expected = byte.decode(charset)
        except UnicodeDecodeError:
            with pytest.raises(HTTPException):
                parse_json_request(b'"' + byte + b'"', charset)
        else:
            assert parse_json_request(b'"' + byte + b'"', charset) == expected


@pytest.mark.parametrize("charset", ["utf-16", "utf-32", "utf-8", "windows-1250"])
def test_a_long_text_takes_linear_time(charset):
    def best(size):
        raw = json.dumps("xn--ř" * size, ensure_ascii=False).encode(charset)
        return min(busy(lambda: parse_json_request(raw, charset)) for _ in range(5))

    assert best(160_000) < 40 * best(20_000) + 0.05


def test_names_leave_nothing_behind(name, caplog):
    app = Application(name)
    app.set_route("/", lambda req: "", state.METHOD_POST)
    known = len(encodings._cache)
    for number in range(20):
        content_type = f"application/json; charset={number}{'x' * 50_000}"
        assert ask(app, "/", "POST", b"{}", CONTENT_TYPE=content_type).status[:3] == "400"
    assert len(encodings._cache) == known
    assert max(len(line.encode()) for line in caplog.text.splitlines()) <= 2048


def test_a_page_does_not_repeat_a_long_name(name):
    app = Application(name)
    app.set_route("/", lambda req: "", state.METHOD_POST)
    answer = ask(app, "/", "POST", b"{}", CONTENT_TYPE="application/json; charset=" + "x" * 50_000)
    assert len(answer.body) < 10_000


def test_the_charset_of_a_request_is_bounded(name):
    app = Application(name)
    app.set_route("/", lambda req: req.charset, state.METHOD_POST)
    assert ask(app, "/", "POST", b"x", CONTENT_TYPE="text/plain; charset=Shift_JIS").text == "Shift_JIS"
    assert ask(app, "/", "POST", b"x", CONTENT_TYPE="text/plain; charset=" + "x" * 50_000).text == "x" * 64 + "…"


class TestTheEncodingOfAParser:
    """The application chooses the encoding, and may pass on one from a client."""

    @pytest.mark.parametrize(("content_type", "body"), [
        (URLENCODED, b"a=1"), (MULTIPART, multipart(part("1"))), ("text/plain", b"a"),
    ])
    @pytest.mark.parametrize("encoding", ["idna", "IDNA", "punycode", "hex", "zlib", "nope", "x" * 50_000])
    def test_slow_and_unknown_ones_are_refused(self, encoding, content_type, body):
        known = sum(map(len, encodings._cache))
        with pytest.raises(LookupError) as caught:
            parse(body, content_type, encoding=encoding, length=content_type != "text/plain")
        assert len(str(caught.value)) < 500
        assert sum(map(len, encodings._cache)) < known + 100

    @pytest.mark.parametrize("encoding", ["shift_jis", "koi8-r", "cp1250", "latin1", "utf-8", "mac-roman"])
    def test_any_other_one_is_taken(self, encoding):
        assert parse(multipart(part("ab")), encoding=encoding).get("a") == "ab"
        assert parse(b"a=b", URLENCODED, encoding=encoding).get("a") == "b"


@pytest.mark.parametrize("level", ["warning", "error"])
def test_no_line_of_the_log_is_longer_than_2_kib(name, caplog, level):
    caplog.set_level(logging.DEBUG)
    app = Application(name)
    error = {"warning": HTTPException(400, error="x\n" + "ž" * 50_000), "error": ValueError("ž" * 50_000)}[level]

    def fail(req):
        raise error

    app.set_route("/", fail)
    app.set_http_state(400, results.bad_request)
    ask(app)
    assert caplog.records
    lines = "\n".join(record.getMessage() for record in caplog.records).splitlines()
    assert max(len(line.encode()) for line in lines) <= 2048


@pytest.mark.parametrize("charset", ["idna", "punycode", "zlib", "nowhere"])
def test_a_form_and_its_parts_are_utf_8_whatever_they_say(name, charset):
    """As in PoorWSGI: the declared charset of a form is not looked up, and bodies of other types stay
    bytes."""
    app = Application(name)
    app.set_route("/", lambda req: {"form": req.form.getvalue("a") if req.form else None, "data": len(req.data or b"")}, state.METHOD_POST)
    value = "xn--" + "a" * 60_000
    part = f'--B\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset={charset}\r\n\r\n{value}\r\n--B--\r\n'
    known = len(encodings._cache)
    for content_type, body in (
        (f"application/x-www-form-urlencoded; charset={charset}", f"a={value}".encode()),
        (f"multipart/form-data; boundary=B; charset={charset}", part.encode()),
    ):
        answer = []
        assert busy(lambda body=body, of=content_type, to=answer: to.append(ask(app, "/", "POST", body, CONTENT_TYPE=of))) < 0.5
        assert json.loads(answer[0].text)["form"] == value
    answer = ask(app, "/", "POST", value.encode(), CONTENT_TYPE=f"text/plain; charset={charset}")
    assert json.loads(answer.text) == {"form": None, "data": len(value)}
    assert len(encodings._cache) == known

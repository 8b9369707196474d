"""Handlers that fail: a 500 for that one request, one useful record in the log, and an application that goes
on."""
import http.client
import logging
import re
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest
from servers import SERVERS, Client

from poorwsgi import Application, abort
from poorwsgi.response import GeneratorResponse, HTTPException, Response
from poorwsgi.results import bad_request, internal_server_error


class Nonsense:
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Raising(Response):
    def __start_response__(self, start_response):
        raise LookupError("in __start_response__")


class Broken(Response):
    def __call__(self, start_response):
        return start_response("99 Odd", [])


def raising(error):
    raise error


def noted(text):
    error = ValueError("noted")
    error.add_note(text)
    raise error


def chained(text):
    try:
        raise LookupError(text)
    except LookupError:
        raise RuntimeError("chained")


def broken_off(text):
    yield b"piece"
    raise ValueError(text)


#: Ways in which text from a client gets into the log.
SAYING = {
    "value": lambda text: raising(ValueError(text)), "key": lambda text: {}[text], "note": noted, "chain": chained,
    "group": lambda text: raising(ExceptionGroup(text, [ValueError(text)])),
    "bad-request": lambda text: bad_request(request(), text), "json": lambda text: raising(SyntaxError(text, ("f", 1, 1, text))),
    "content": lambda text: GeneratorResponse(broken_off(text)), "status": lambda text: raising(HTTPException(999, error=text)),
}
#: Text that would forge another record, move the cursor of a terminal, or end a line for some reader.
FORGED = "text\n2026-11-29 14:00:00,000 CRITICAL poorwsgi: forged\r\x1b[31m\x9b\x85\x7f\u2028\u2029\u202e\tend"


def request():
    return SimpleNamespace(method="GET", uri="/", debug=False, environ={})


BAD = {
    "int": lambda: 5, "object": object, "nonsense": Nonsense, "float": lambda: 1.5, "type": lambda: int,
    "function": lambda: raising, "long": lambda: ("a", "b", None, 200, 5), "empty": lambda: (),
    "bad-type": lambda: ("a", 5), "bad-headers": lambda: ("a", "text/plain", 5),
    "bad-pairs": lambda: ("a", "text/plain", [("a",)]), "bad-status": lambda: ("a", "text/plain", {}, 99),
    "status-text": lambda: ("a", "text/plain", {}, "200"), "crlf": lambda: ("a", "text/plain", {"X": "a\r\nY: b"}),
    "nul": lambda: ("a", "text/plain", {"X": "a\0"}), "name": lambda: ("a", "text/plain", {"X Y": "a"}),
    "surrogate": lambda: "\ud800", "json": lambda: {"a": object()}, "deep": lambda: deep(), "length": lambda: Response(
        "abc", headers={"Content-Length": "5"}),
    "response-status": lambda: Response("a", status_code=99), "raising": Raising, "broken": Broken,
    "nonsense-error": lambda: raising(type("Odd", (Exception,), {"__str__": lambda self: 1 / 0})()),
    "value": lambda: raising(ValueError("é\ud800\r\n<b>")), "recursion": lambda: recurse(),
    "abort-text": lambda: abort("404"), "abort-99": lambda: abort(99), "abort-299": lambda: abort(299),
    "abort-999": lambda: abort(999),
}


def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


def recurse():
    return recurse()


class Broke:
    """Content that fails after one piece."""

    def __init__(self, error):
        self.error = error
        self.closed = threading.Event()

    def __iter__(self):
        yield b"piece"
        raise self.error

    def close(self):
        self.closed.set()


@pytest.fixture(params=SERVERS)
def site(request, name):
    app = Application(name)
    used = Response("once")

    @app.route("/bad/<kind>")
    def bad(req, kind):
        return BAD[kind]()

    @app.route("/saying/<kind>")
    def saying(req, kind):
        return SAYING[kind](FORGED)

    @app.route("/good")
    def good(req):
        return "good"

    @app.route("/used")
    def once(req):
        return used

    @app.route("/broke/<kind:word>")
    def broke(req, kind):
        client.content = Broke({"error": ValueError, "exit": SystemExit, "interrupt": KeyboardInterrupt}[kind]("off"))
        return GeneratorResponse(client.content)

    @app.route("/items/<kind:word>")
    def items(req, kind):
        return {
            "str": lambda: GeneratorResponse(iter(["text"])), "int": lambda: GeneratorResponse(iter([1])),
            "long": lambda: GeneratorResponse(iter([b"abcdef"]), content_length=3),
            "short": lambda: GeneratorResponse(iter([b"a"]), content_length=3),
        }[kind]()

    with SERVERS[request.param](app) as port:
        client = Client(port)
        yield client


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_handler_is_a_500_with_one_line_in_the_log(site, kind, caplog):
    answer = site(f"/bad/{kind}")
    assert answer.status == 500
    assert "Internal Server Error" in answer.text
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    assert site("/good").text == "good"


def shown(record):
    """A record as a log handler formats it, with its traceback."""
    return logging.Formatter().format(record)


@pytest.mark.parametrize("kind", SAYING)
def test_what_a_client_says_begins_no_line_of_the_log(site, kind, caplog):
    with suppress(http.client.IncompleteRead, ConnectionError):
        site(f"/saying/{kind}")
    site("/good")
    records = [shown(record) for record in caplog.records if record.name.startswith("poorwsgi")]
    assert kind == "content" or any("forged" in record for record in records)
    for record in records:
        first, *others = record.split("\n")
        assert first and all(re.match("  |$", line) for line in others), record
        assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", record), record


def test_a_text_that_is_not_unicode_takes_no_traceback_from_the_log(site, caplog):
    assert site("/bad/value").status == 500
    (record,) = [shown(record) for record in caplog.records if record.levelname == "ERROR"]
    assert "\n  Traceback (most recent call last):\n" in record
    assert "in raising" in record


def test_a_response_is_sent_once(site, caplog):
    assert site("/used").text == "once"
    assert site("/used").status == 500
    assert "only once" in caplog.text


def cut(site, path):
    """Whether the client can see that the response is incomplete."""
    try:
        answer = site(path)
    except (http.client.IncompleteRead, ConnectionError, http.client.RemoteDisconnected):
        return True
    # A server that has sent nothing yet may answer 500. With HTTP/1.0 and no length, the client sees only
    # that the connection is closed.
    return answer.status == 500 or answer.headers.get("Content-Length") is None and answer.headers.get("Transfer-Encoding") is None


@pytest.mark.parametrize("kind", ["error", "exit", "interrupt"])
def test_content_that_breaks_off_is_cut_and_closed(site, kind):
    assert cut(site, f"/broke/{kind}")
    assert site.content.closed.wait(10)
    assert site("/good").text == "good"


@pytest.mark.parametrize("kind", ["str", "int", "long", "short"])
def test_content_of_the_wrong_kind_is_cut(site, kind):
    assert cut(site, f"/items/{kind}")
    assert site("/good").text == "good"


def test_a_record_of_the_log_has_the_exception(site, caplog):
    site("/bad/value")
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    kind, error, traceback = record.exc_info
    assert kind is type(error) is ValueError
    assert traceback.tb_next is not None
    assert shown(record).count("Traceback") == 1
    assert "Traceback" not in record.getMessage()


def test_a_page_that_is_called_by_hand_logs_the_exception(caplog):
    try:
        raise LookupError("mine")
    except LookupError as error:
        internal_server_error(request())
        mine = error
    (record,) = caplog.records
    assert record.exc_info[1] is mine
    assert "mine" in shown(record) and record.levelname == "ERROR"


def test_something_in_the_place_of_the_logger_gets_the_exception(monkeypatch):
    calls = []
    monkeypatch.setattr("poorwsgi.results.log", SimpleNamespace(error=lambda *args, **keywords: calls.append((args, keywords))))
    try:
        raise LookupError("mine")
    except LookupError as error:
        internal_server_error(request())
        assert calls[0][1]["exc_info"][1] is error

"""Mistakes that are made with the Python door, the command line and the settings, each with the message that says what is
wrong, where, and what would be right."""
import contextlib
import functools
import logging
import os
import re
import socket
import subprocess
import sys
import warnings

import pytest
from wsgi_call import ask

from poorwsgi import Application, abort, state
from poorwsgi.digest import PasswordMap, check_digest
from poorwsgi.headers import Headers, render_negotiation, time_to_http
from poorwsgi.response import (
    FileObjResponse, FileResponse, GeneratorResponse, HTTPException, JSONResponse, Response, make_response,
)
from poorwsgi.server import Listener, Server
from poorwsgi.session import PoorSession

METHODS = "expected the METHOD_ constants of poorwsgi.state, joined by |"
STATUS = "expected one of the HTTP_ constants of poorwsgi.state"
VALUES = ("expected str, bytes, dict, list, an iterable of bytes, None, a response, or a tuple (data, content_type, headers, status_code) "
          "or its beginning")
FILTERS = "known: :float, :hex, :int, :re:, :uuid, :word"
ALGORITHMS = "known: MD5, MD5-sess, SHA-256, SHA-256-sess, SHA-512-256, SHA-512-256-sess"
ADDRESS = "expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080"
NAME = "use ASCII letters, digits and any of !#$%&'*+-.^_`|~"


def handler(req):
    return "handled"


def other(req):
    return "handled otherwise"


async def asynchronous(req):
    return "never"


class Asynchronous:
    async def __call__(self, req):
        return "never"

    def __repr__(self):
        return "<Asynchronous>"

    async def method(self, req):
        return "never"


def place(function):
    """A function as a message names it."""
    code = getattr(function, "__code__", None) or function.gi_code
    return f'"{function.__qualname__}" ({code.co_filename}:{code.co_firstlineno})'


ASYNC = f"{place(asynchronous)} is defined with async def, which is not supported yet; define it with def"


@pytest.fixture
def app(name):
    return Application(name)


#: What raises at once: the mistake, the exception, its text.
ERRORS = {
    "method is a name": (
        lambda app: app.set_route("/", handler, "GET"), TypeError,
        f"method='GET' is a str; {METHODS}, such as METHOD_GET"),
    "method is a list": (
        lambda app: app.route("/", method=["GET"]), TypeError,
        f"method=['GET'] is a list; {METHODS}, such as METHOD_GET | METHOD_POST"),
    "default without parentheses": (
        lambda app: app.default(5.5), TypeError, f"method=5.5 is a float; {METHODS}, such as METHOD_GET | METHOD_POST"),
    "route without parentheses": (
        lambda app: app.route(handler), TypeError,
        'route: "handler" is given in place of the path; write the path in parentheses: @app.route("/path")'),
    "a path that is bytes": (
        lambda app: app.set_route(b"/", handler), TypeError, "route: the path b'/' is a bytes; expected a str"),
    "a handler that is no function": (
        lambda app: app.set_route("/a", "page"), TypeError, 'route "/a": a str is not callable; expected a function'),
    "a handler that was called": (
        lambda app: app.set_route("/a", handler(None)), TypeError, 'route "/a": a str is not callable; expected a function'),
    "an unknown filter": (
        lambda app: app.set_route("/user/<name:wrod>", handler), RuntimeError,
        f'"/user/<name:wrod>": column 7: there is no filter ":wrod"; {FILTERS}'),
    "the filter before the name": (
        lambda app: app.set_route("/<int:id>", handler), RuntimeError,
        f'"/<int:id>": column 2: there is no filter ":id"; {FILTERS}; write <id:int>, the name first'),
    "a group that is not closed": (
        lambda app: app.set_route("/<name", handler), ValueError,
        'Invalid route definition "/<name": column 2: the group is not closed: `<` has no `>`'),
    "a group without a name": (
        lambda app: app.set_route("/<:int>", handler), ValueError,
        'Invalid route definition "/<:int>": column 2: the group has no name; write `<name>` or `<name:filter>`'),
    "a group name that is no name": (
        lambda app: app.set_route("/<user-id>", handler), ValueError,
        'Invalid route definition "/<user-id>": column 2: "user-id" is not a name; expected a letter or `_`, then letters, digits and `_`'),
    "a group name used twice": (
        lambda app: app.set_route("/<a>/<a>", handler), ValueError,
        'Invalid route definition "/<a>/<a>": column 6: the group name "a" is used twice; give each group its own name'),
    "white space in a group": (
        lambda app: app.set_route("/<a :int>", handler), ValueError,
        'Invalid route definition "/<a :int>": column 2: the group contains white space; write `<name:filter>` without any; '
        "a group must not contain spaces: <id:int>, <name:word>, <value:float>"),
    "an async handler": (lambda app: app.set_route("/a", asynchronous), TypeError, f'route "/a": {ASYNC}'),
    "an async handler by the decorator": (lambda app: app.route("/a")(asynchronous), TypeError, f'route "/a": {ASYNC}'),
    "an async handler of an expression": (lambda app: app.set_regular_route("/a", asynchronous), TypeError, f'regular route "/a": {ASYNC}'),
    "an async default handler": (lambda app: app.set_default(asynchronous), TypeError, f"default handler: {ASYNC}"),
    "an async before hook": (lambda app: app.add_before_response(asynchronous), TypeError, f"hook: {ASYNC}"),
    "an async after hook": (lambda app: app.after_response()(asynchronous), TypeError, f"hook: {ASYNC}"),
    "an async state handler": (lambda app: app.set_http_state(404, asynchronous), TypeError, f"handler of status 404: {ASYNC}"),
    "an async error handler": (
        lambda app: app.set_error_handler(ValueError, asynchronous), TypeError, f"handler of ValueError: {ASYNC}"),
    "an async partial": (
        lambda app: app.set_route("/a", functools.partial(asynchronous)), TypeError,
        f'route "/a": "{functools.partial(asynchronous)!r}" is defined with async def, which is not supported yet; define it with def'),
    "an async method": (
        lambda app: app.set_route("/a", Asynchronous().method), TypeError,
        f'route "/a": {place(Asynchronous.method)} is defined with async def, which is not supported yet; define it with def'),
    "an async object": (
        lambda app: app.set_route("/a", Asynchronous()), TypeError,
        'route "/a": "<Asynchronous>" is defined with async def, which is not supported yet; define it with def'),
    "an async handler below check_digest": (
        lambda app: check_digest("Zone")(asynchronous), TypeError, f"check_digest('Zone'): {ASYNC}"),
    "check_digest without parentheses": (
        lambda app: check_digest(handler), TypeError, 'check_digest is used without a realm; write @check_digest("Realm") above handler'),
    "check_digest with another type": (
        lambda app: check_digest(5), TypeError, 'check_digest: the realm is 5; expected a str, such as @check_digest("Realm")'),
    "a state that is text": (
        lambda app: app.http_state("404"), TypeError,
        "http_state: '404' is a str; expected a status code, such as 404 or state.HTTP_NOT_FOUND"),
    "a state that is too large": (
        lambda app: app.set_http_state(70_000, handler), ValueError,
        "http_state: 70000 is not a status code; expected a status code, such as 404 or state.HTTP_NOT_FOUND"),
    "error_handler without parentheses": (
        lambda app: app.error_handler(handler), TypeError,
        'error_handler: "handler" is given in place of the type; write the type in parentheses: @app.error_handler(ValueError)'),
    "a class that is mounted": (
        lambda app: app.mount("/cls", Application), TypeError,
        'mount "/cls": Application is a class; mount an application: Application("name")'),
    "no header fields": (
        lambda app: Listener("127.0.0.1:0", max_fields=0), ValueError,
        "max_fields: must be a whole number, 1 or more, not 0: no request would be answered"),
    "no time for the head": (
        lambda app: Listener("127.0.0.1:0", head_timeout=0.0), ValueError,
        "head_timeout: must be a number of seconds, more than 0, not 0.0: no request would be answered"),
    "no time to write": (
        lambda app: Listener("127.0.0.1:0", write_timeout=0), ValueError,
        "write_timeout: must be a number of seconds, more than 0, not 0: no request would be answered"),
    "an error that is text": (
        lambda app: app.set_error_handler("ValueError", handler), TypeError,
        "'ValueError' is a str, not a type of exceptions; write ValueError without quotation marks"),
    "an error that is an exception": (
        lambda app: app.set_error_handler(5, handler), TypeError,
        "5 is an int, not a type of exceptions; expected a type, a tuple of types, or a union"),
    "a hook added twice": (
        lambda app: [app.add_after_response(handler), app.add_after_response(handler)], ValueError,
        f"hook {place(handler)} was added already; add each hook once"),
    "a hook that was not added": (
        lambda app: app.pop_before_response(handler), ValueError, f"hook {place(handler)} was not added, so it cannot be removed"),
    "two applications of one name": (
        lambda app: Application(app.name), RuntimeError, None),
    "abort with text": (
        lambda app: abort("404"), AssertionError,
        "HTTPException('404'): a str is not a status code or a response; expected, for example, HTTPException(404)"),
    "an unknown algorithm": (
        lambda app: setattr(app, "auth_algorithm", "SHA-1"), ValueError,
        f'auth_algorithm "SHA-1" is not a known digest algorithm; {ALGORITHMS}'),
    "no algorithm": (
        lambda app: setattr(app, "auth_algorithm", []), ValueError,
        'auth_algorithm is empty; expected at least one algorithm, such as ["SHA-256"]'),
    "algorithms of another type": (
        lambda app: setattr(app, "auth_algorithm", 256), TypeError, "auth_algorithm is 256; expected a name or a list of names"),
    "another kind of authentication": (
        lambda app: setattr(app, "auth_type", "Basic"), ValueError, 'auth_type "Basic" is not supported; expected "Digest" or None'),
    "authentication without a key": (
        lambda app: setattr(app, "auth_type", "Digest"), ValueError,
        'auth_type = "Digest" needs a secret key, with which nonces are made; set app.secret_key first'),
    "another quality of protection": (
        lambda app: setattr(app, "auth_qop", "auth-int"), ValueError, 'auth_qop "auth-int" is not supported; expected "auth" or None'),
    "a timeout that is text": (
        lambda app: setattr(app, "auth_timeout", "soon"), ValueError,
        "auth_timeout is 'soon'; expected a number of seconds, 0 or more, or None"),
    "a negative timeout": (
        lambda app: setattr(app, "read_timeout", -1), ValueError, "read_timeout is -1; expected a number of seconds, 0 or more, or None"),
    "a size that is text": (
        lambda app: setattr(app, "data_size", "16M"), ValueError, "data_size is '16M'; expected a whole number"),
    "a negative size": (lambda app: setattr(app, "json_size", -1), ValueError, "json_size is -1; expected a number, 0 or more"),
    "a switch of another type": (
        lambda app: setattr(app, "strict_parsing", []), TypeError, "strict_parsing is []; expected a whole number"),
    "a secret key of another type": (
        lambda app: setattr(app, "secret_key", 5), TypeError, "secret_key is an int; expected str, bytes or None"),
    "a response of another type": (
        lambda app: make_response(5), None, f"a response cannot be made of an int; {VALUES}"),
    "a response with an unknown status": (
        lambda app: Response("x", status_code=999), ValueError, f"Bad response status 999; {STATUS}"),
    "a response that is a number": (lambda app: Response(5), AssertionError, "data is an int; expected str or bytes"),
    "JSON twice": (
        lambda app: JSONResponse({"a": 1}, b=2), RuntimeError, "JSONResponse got data_ and keyword arguments; give one or the other"),
    "a text file": (
        lambda app: _closed(open(__file__, encoding="utf-8"), FileObjResponse), AssertionError,
        'file_obj is a text stream; open it in binary mode: open(path, "rb")'),
    "a file that is missing": (
        lambda app: FileResponse("/nowhere"), FileNotFoundError, "[Errno 2] Could not stat file: No such file or directory: '/nowhere'"),
    "headers of another type": (
        lambda app: Response("x", headers=5), TypeError,
        "the headers are an int; expected a dict, a list, tuple or set of (name, value) pairs, or Headers"),
    "a header that is no pair": (
        lambda app: Headers([("X-A",)]), ValueError, "('X-A',) is not a header; expected a pair (name, value)"),
    "a header value that is a number": (
        lambda app: Headers({"X-A": 5}), TypeError, "5 is an int; a header's name and value are str"),
    "a header value that is None": (
        lambda app: Headers().__setitem__("X-A", None), ValueError, "the value of a header is None; expected a str"),
    "a header name with a space": (
        lambda app: Headers({"X A": "1"}), ValueError, f'header name "X A": not a token; {NAME}'),
    "a header value with a line end": (
        lambda app: Headers({"X-A": "1\r\nX-B: 2"}), ValueError,
        "header X-A: control character at byte 1 of the value; a value is one line without CR, LF and NUL"),
    "a header set twice": (
        lambda app: Headers([("X-A", "1")]).add("X-A", "2"), KeyError,
        "'header X-A is set already; headers[...] = ... replaces it, add_header() adds another'"),
    "a choice that is no pair": (
        lambda app: render_negotiation([("a", 1, 2)]), ValueError, "('a', 1, 2) is not a choice; expected (name, quality) or (name,)"),
    "a time that has no date": (
        lambda app: time_to_http(1 << 60), ValueError,
        f"{1 << 60} seconds since 1970 have no HTTP date; expected a time in the years 1 to 9999"),
    "a session without a key": (
        lambda app: PoorSession(None), None, None),
    "a session with a key of another type": (
        lambda app: PoorSession(5), TypeError, "the secret key is an int; expected str, bytes, or a list of them"),
    "a password map without a file": (
        lambda app: PasswordMap().load(), RuntimeError,
        'No pathname: the PasswordMap was created without a file; write PasswordMap("users.digest")'),
    "a range of three": (
        lambda app: Response("x").make_partial([(1, 2, 3)]), ValueError, "a range has 3 values; expected (first, last)"),
    "a server of no application": (
        lambda app: Server("app", "127.0.0.1:0"), TypeError, "str is not callable; expected an Application or another WSGI callable"),
    "settings beside a listener": (
        lambda app: _closed(Listener("127.0.0.1:0"), lambda listener: Server(app, listener, max_body=1)), TypeError,
        "settings cannot be given beside a Listener; give them to Listener(…)"),
    "an address without a port": (
        lambda app: Listener("127.0.0.1"), ValueError, f'"127.0.0.1" is not an address; {ADDRESS}'),
    "an address without a path": (
        lambda app: Listener("unix:"), ValueError, '"unix:" has no path; expected unix:PATH, such as unix:/run/app.sock'),
    "a port that is too large": (
        lambda app: Listener("127.0.0.1:65536"), ValueError, f'"127.0.0.1:65536" has no port from 0 to 65535; {ADDRESS}'),
    "too many loops": (
        lambda app: Listener("127.0.0.1:0", loops=100_000), ValueError, "loops: must be a whole number from 1 to 1024, not 100000"),
    "no threads": (
        lambda app: Listener("127.0.0.1:0", threads=0), ValueError, "threads: must be a whole number, 1 or more, not 0"),
    "a network that is none": (
        lambda app: Listener("127.0.0.1:0", trusted_proxies=["x"]), ValueError,
        'trusted_proxies: "x" is not a network; expected an address with or without a prefix length, such as "10.0.0.0/8", or unix'),
    "a network that is a number": (
        lambda app: Listener("127.0.0.1:0", trusted_proxies=[5]), ValueError,
        "trusted_proxies: an int is not a network; expected a str"),
    "a word that is none": (
        lambda app: Listener("127.0.0.1:0", inline="sometimes"), ValueError,
        """inline: must be "auto" or "always" or "never", not 'sometimes'"""),
}


def _closed(file, call):
    with contextlib.closing(file):
        call(file)


@pytest.mark.parametrize("mistake", ERRORS)
def test_an_error_says_what_would_be_right(app, mistake):
    make, kind, text = ERRORS[mistake]
    with pytest.raises(kind or Exception) as caught:
        make(app)
    special = {
        "two applications of one name": f'there is an application named "{app.name}" in this process already; give each Application its own name',
        "a session without a key": "the secret key is not set; set it to a long random text",
    }
    assert str(caught.value) == (special.get(mistake) if text is None else text)


#: What warns, because PoorWSGI accepts it in silence: the mistake and the text.
WARNINGS = {
    "no method": (
        lambda app: app.set_route("/", handler, 0), f'route "/": method=0 contains no method, so "handler" is never called; {METHODS}'),
    "a bit that is no method": (
        lambda app: app.set_default(handler, 1024), f'default handler: method=1024 contains no method, so "handler" is never called; {METHODS}'),
    "no leading slash": (
        lambda app: app.set_route("user/<name>", handler),
        'route "user/<name>": paths begin with a slash, so no request reaches it; write "/user/<name>"'),
    "braces": (
        lambda app: app.set_route("/u/{id}", handler), 'route "/u/{id}": {id} is taken as text; a group is written <id> or <id:word>'),
    "braces with a type": (
        lambda app: app.route("/<a>/{id:int}")(handler),
        'route "/<a>/{id:int}": {id} is taken as text; a group is written <id> or <id:word>'),
    "a route twice": (
        lambda app: [app.set_route("/", handler), app.set_route("/", other)],
        f'route "/": HEAD and GET of {place(handler)} is replaced by {place(other)}; give one of the two another path or method, or '
        "remove the first by pop_route"),
    "one method of a route twice": (
        lambda app: [app.set_route("/<a>", handler, state.METHOD_GET_POST), app.set_route("/<a>", other, state.METHOD_POST)],
        f'route "/<a>": POST of {place(handler)} is replaced by {place(other)}; give one of the two another path or method, or '
        "remove the first by pop_route"),
    "a regular route twice": (
        lambda app: [app.set_regular_route("/a+", handler), app.set_regular_route("/a+", other)],
        f'regular route "/a+": HEAD and GET of {place(handler)} is replaced by {place(other)}; give one of the two another path or method, '
        "or remove the first by pop_route"),
    "another name of a group": (
        lambda app: [app.set_route("/a/<x:int>", handler), app.set_route("/a/<y:int>", other)],
        f'route "/a/<y:int>": HEAD or GET never reaches {place(other)}, because route "/a/<x:int>" of {place(handler)} was set before and '
        "takes the same paths; give one of the two another path or method"),
    "a narrower filter after none": (
        lambda app: [app.set_route("/a/<x>", handler, state.METHOD_GET_POST), app.set_route("/a/<y:word>", other, state.METHOD_POST)],
        f'route "/a/<y:word>": POST never reaches {place(other)}, because route "/a/<x>" of {place(handler)} was set before and '
        "takes the same paths; give one of the two another path or method"),
    "a regular route without a slash": (
        lambda app: app.set_regular_route("a/(?P<x>.*)", handler),
        'regular route "a/(?P<x>.*)": paths begin with a slash, so no request reaches it; write "/a/(?P<x>.*)"'),
    "a state twice": (
        lambda app: [app.set_http_state(404, handler), app.set_http_state(404, other, state.METHOD_POST)],
        f"handler of status 404: POST of {place(handler)} is replaced by {place(other)}; give one of the two another method, or remove "
        "the first by pop_http_state"),
    "an unknown status": (
        lambda app: app.http_state(999)(handler),
        "http_state(999): 999 is not a known HTTP status, so only abort(999) leads to the handler; the HTTP_ constants of poorwsgi.state "
        "are known"),
    "a misspelt setting": (
        lambda app: setattr(app, "secretkey", "x"),
        "app.secretkey is not a setting of Application, and has no effect; did you mean app.secret_key?"),
    "a setting in another case": (
        lambda app: setattr(app, "documentRoot", "/"),
        "app.documentRoot is not a setting of Application, and has no effect; did you mean app.document_root?"),
    "a setting with a letter too many": (
        lambda app: setattr(app, "debugg", True), "app.debugg is not a setting of Application, and has no effect; did you mean app.debug?"),
    "a setting with swapped letters": (
        lambda app: setattr(app, "auth_tpye", "Digest"),
        "app.auth_tpye is not a setting of Application, and has no effect; did you mean app.auth_type?"),
    "a short secret": (
        lambda app: setattr(app, "secret_key", "abc"),
        'secret_key has 3 bytes, which can be guessed; set a long random text, such as one that python -c "import secrets; '
        'print(secrets.token_hex(32))" prints'),
    "a document root that is missing": (
        lambda app: setattr(app, "document_root", "/nowhere"),
        'document_root "/nowhere" does not exist; its files are a 404 until it is a directory'),
    "a document root that is a file": (
        lambda app: setattr(app, "document_root", __file__),
        f'document_root "{__file__}" is not a directory; its files are a 404 until it is a directory'),
}


@pytest.mark.parametrize("mistake", WARNINGS)
def test_a_warning_points_at_the_mistake(app, mistake):
    make, text = WARNINGS[mistake]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make(app)
    [warning] = caught
    assert (str(warning.message), warning.category) == (text, UserWarning)
    assert warning.filename == __file__
    assert warning.lineno in {line for *_, line in make.__code__.co_lines()}


def test_what_is_no_mistake_is_silent(app):
    app.set_route("", handler)
    app.set_route("*", handler)
    app.set_route("/", handler)
    app.set_route("/", handler)
    app.set_route("/", other, state.METHOD_POST)
    app.set_route("/<code:re:[a-z]{2}>/{2}", handler)
    app.set_route("/all", handler, ~state.METHOD_GET)
    app.http_state(404)(handler)
    app.http_state(404)(handler)
    app.http_state(404, state.METHOD_PUT)(other)
    app.set_route("/b/<x:word>", handler)
    app.set_route("/b/<y>", other)
    app.set_route("/b/<z:int>", other, state.METHOD_POST)
    for expression in (".*", "(a|/b)", "[/a]", "a?/b", "a*/c", "a{0,1}/d", "a|/e", "/f", "^/g", r"\\/h"):
        app.set_regular_route(expression, handler)
    app.config, app.db, app.data_dir, app._debug, app.users, app.cache = {}, None, "/", 1, [], {}
    app.document_root = ""
    app.secret_key = ""
    app.secret_key = "12345678"

    class Own(Application):
        debugg = False

    own = Own(f"{app.name} of its own")
    own.debugg = True
    del app.config
    assert own.debugg and not hasattr(app, "config")


def texts():
    yield "a"


def late():
    yield b"a"
    yield 5


HANDLERS = {
    "a status as the second item": (lambda req: ("x", 404), "(a str, 404); the second item is content_type, the status is the fourth: return data, None, None, 404"),
    "a status as the third item": (
        lambda req: ("x", "text/plain", 404),
        "(data, content_type, 404); the third item is headers, the status is the fourth: return data, content_type, None, 404"),
    "headers as the second item": (
        lambda req: ("x", {"X-A": "1"}), "(a str, a dict); the second item is content_type, a str or None, the third is headers"),
    "a status that is text": (lambda req: ("x", None, None, "404"), f"the status code '404', a str; {STATUS}"),
    "a status that is unknown": (
        lambda req: ("x", None, None, 999), f"a value that cannot be sent: ValueError: Bad response status 999; {STATUS}"),
    "five items": (
        lambda req: ("x", None, None, 200, 1), "a tuple of 5 items; expected (data, content_type, headers, status_code) or its beginning"),
    "no items": (lambda req: (), "a tuple of 0 items; expected (data, content_type, headers, status_code) or its beginning"),
    "a number": (lambda req: 5, f"an int; {VALUES}"),
    "a function": (lambda req: handler, f"a function, which was not called; {VALUES}"),
    "a set": (lambda req: {"a"}, "a set of str; expected bytes as its items, or a list, which is sent as JSON: return list(data)"),
    "a frozenset": (
        lambda req: frozenset([1]), "a frozenset of int; expected bytes as its items, or a list, which is sent as JSON: return list(data)"),
    "a bytearray": (lambda req: bytearray(b"a"), "a bytearray; expected bytes: return bytes(data)"),
    "a memoryview": (lambda req: memoryview(b"a"), "a memoryview; expected bytes: return bytes(data)"),
    "an exception": (
        lambda req: HTTPException(404), "an HTTPException; expected it to be raised: raise HTTPException(…), or abort(…)"),
    "what JSON cannot say": (
        lambda req: {"a": object()}, "a value that cannot be sent: TypeError: Object of type object is not JSON serializable"),
    "a bad header": (
        lambda req: ("x", None, {"X A": "1"}), f'a value that cannot be sent: ValueError: header name "X A": not a token; {NAME}'),
}


def errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("mistake", HANDLERS)
def test_a_bad_value_names_its_handler_and_route(app, caplog, mistake):
    function, text = HANDLERS[mistake]
    app.set_route("/page/<number:int>", lambda req, number: function(req))
    wrapper = app.regular_routes.popitem()[1][state.METHOD_GET][0]
    assert ask(app, "/page/1").status.startswith("500 ")
    assert errors(caplog) == [
        f'a request failed, method: "GET", path: "/page/1", error: ResponseError: handler {place(wrapper)} of route "/page/<number:int>" returned {text}'
    ]


@pytest.mark.parametrize(("function", "text"), [
    (texts, "yielded a str; expected bytes; encode the items, or return StrGeneratorResponse(…), which does"),
    (late, "yielded an int; expected bytes"),
])
@pytest.mark.parametrize("wrap", [lambda items: items, GeneratorResponse])
def test_a_generator_of_something_else_names_itself_handler_and_route(app, function, text, wrap):
    def page(req):
        return wrap(function())

    app.set_route("/page", page)
    with pytest.raises(TypeError) as caught:
        ask(app, "/page")
    assert str(caught.value) == f'handler {place(page)} of route "/page": the response\'s generator {place(function)} {text}'


def test_an_iterator_of_something_else_names_its_type(app):
    app.set_route("/page", handler_of_iterator)
    with pytest.raises(TypeError) as caught:
        ask(app, "/page")
    assert str(caught.value) == (
        f'handler {place(handler_of_iterator)} of route "/page": the response\'s iterable, a list_iterator, yielded an int; expected bytes')


def handler_of_iterator(req):
    return iter([1])


def test_a_status_that_is_ignored_is_logged_once(app, caplog):
    app.set_route("/", nothing)
    assert [ask(app).status for _ in range(2)] == ["204 No Content"] * 2
    assert errors(caplog) == [
        f'handler {place(nothing)} of route "/" returned (None, 404), whose second item is content_type and is ignored (this is said '
        "once); the status is the fourth: return data, None, None, 404"
    ]


def nothing(req):
    return None, 404


def test_a_before_hook_that_returns_something_is_logged_once(app, caplog):
    app.set_route("/", handler)
    app.add_before_response(other)
    assert [ask(app).text for _ in range(2)] == ["handled"] * 2
    assert errors(caplog) == [
        f"before hook {place(other)} returned a str, which is ignored (this is said once); to stop the request, raise HTTPException or "
        "call abort(…)"
    ]


def forgetful(req, response):
    response.headers["X-A"] = "1"


def test_an_after_hook_that_returns_none_is_a_500_that_names_it(app, caplog):
    app.set_route("/", handler)
    app.add_after_response(forgetful)
    assert ask(app).status.startswith("500 ")
    assert errors(caplog) == [
        f'a request failed, method: "GET", path: "/", error: ResponseError: after hook {place(forgetful)} returned None; expected the '
        "response that is to be sent: end the hook with return response"
    ]


def number(req, *args, **kwargs):
    return 5


@pytest.mark.parametrize(("register", "begin"), [
    (lambda app: app.add_after_response(number), "after hook"),
    (lambda app: app.set_http_state(404, number), "handler"), (lambda app: app.set_error_handler(ValueError, number), "error handler"),
])
def test_a_bad_value_of_a_hook_or_a_handler_names_it(app, caplog, register, begin):
    app.set_route("/", handler)
    app.set_route("/error", lambda req: int("x"))
    register(app)
    assert ask(app, {"handler": "/none", "error handler": "/error"}.get(begin, "/")).status.startswith("500 ")
    of = " of status 404" if begin == "handler" else ""
    assert f"ResponseError: {begin} {place(number)}{of} returned an int; {VALUES}" in errors(caplog)[-1]


def test_an_unknown_status_is_logged_with_what_would_be_right(app, caplog):
    app.set_route("/", lambda req: abort(999))
    assert ask(app).status.startswith("500 ")
    assert errors(caplog) == [
        'a request failed, method: "GET", path: "/", error: HTTPException: 999 is not a known HTTP status, so the response is a 500; use '
        "one of the HTTP_ constants of poorwsgi.state, or set a handler by @app.http_state(999); raised as (999, {})"
    ]


def test_check_digest_without_auth_type_is_logged_once(app, caplog):
    app.set_route("/admin", check_digest("Zone")(handler))
    assert [ask(app, "/admin").status for _ in range(2)] == ["401 Unauthorized"] * 2
    assert errors(caplog) == [
        f'route "/admin": check_digest("Zone") cannot ask for a login, because auth_type of the application "{app.name}" is not set; set '
        'app.secret_key and app.auth_type = "Digest"'
    ]


def test_digest_without_users_says_what_to_set(app, caplog):
    app.secret_key, app.auth_type, app.auth_map = "a long secret", "Digest", None
    app.set_route("/admin", check_digest("Zone")(handler))
    challenge = ask(app, "/admin").header["WWW-Authenticate"]
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
    answer = ", ".join([f'{name}="{fields[name]}"' for name in ("realm", "nonce", "opaque", "algorithm")] +
                       ['username="a"', 'uri="/admin"', 'qop="auth"', "nc=00000001", 'cnonce="x"', f'response="{"0" * 32}"'])
    assert ask(app, "/admin", HTTP_AUTHORIZATION=f"Digest {answer}").status.startswith("500 ")
    assert "app.auth_map is None; set it to the users of digest login: a PasswordMap, or a dict {realm: {user: digest}}" in errors(caplog)[0]


# --- the command line ---

#: Options that are refused before anything is loaded, with what is said of them.
OPTIONS = {
    "an address without a port": (["--bind", "127.0.0.1"], f'argument -b/--bind: "127.0.0.1" is not an address; {ADDRESS}'),
    "a Unix socket without a path": (["--bind", "unix:"], 'argument -b/--bind: "unix:" has no path; expected unix:PATH, such as unix:/run/app.sock'),
    "a port that is too large": (["--bind", "localhost:70000"], f'argument -b/--bind: "localhost:70000" has no port from 0 to 65535; {ADDRESS}'),
    "a port that is a name": (["--port", "http"], "argument --port: 'http' is not a port; expected a number from 0 to 65535"),
    "too many loops": (["--loops", "100000"], "argument --loops: must be a whole number from 1 to 1024, not 100000"),
    "too many workers": (["--workers", "100000"], "argument -w/--workers: must be a whole number from 0 to 1024, not 100000"),
    "no header fields": (
        ["--max-fields", "0"], "argument --max-fields: must be a whole number, 1 or more, not 0: no request would be answered"),
    "no time for the head": (
        ["--head-timeout", "0"],
        "argument --head-timeout: must be a number of seconds, more than 0, not 0.0: no request would be answered"),
    "a size with another unit": (
        ["--max-body", "1T"], "argument --max-body: '1T' is not a size; expected bytes such as 500000, or 64K, 16M, 1G"),
    "a number that is none": (
        ["--workers", "two"], "argument -w/--workers: 'two' is not a number; expected a whole number such as 0, 1, 100"),
    "a time that is none": (
        ["--idle-timeout", "soon"], "argument --idle-timeout: 'soon' is not a time; expected seconds such as 10 or 0.5"),
    "permissions that are none": (
        ["--bind", "unix:x", "--socket-mode", "rw"],
        "argument --socket-mode: 'rw' are not permissions; expected octal digits such as 600, 660, 666"),
    "a network that is none": (
        ["--trusted-proxy", "proxy"],
        'argument --trusted-proxy: "proxy" is not a network; expected an address with or without a prefix length, such as "10.0.0.0/8", or unix'),
    "two addresses": (
        ["--bind", "127.0.0.1:0", "--port", "1"], "--bind replaces --host and --port: give one or the other"),
    "permissions of TCP": (
        ["--socket-mode", "660"], "--socket-mode is for a Unix socket (--bind unix:PATH), not for 127.0.0.1:8080"),
}


def run(directory, *arguments, command="run"):
    line = [sys.executable, "-m", "poorwsgi", command, *arguments]
    return subprocess.run(line, cwd=directory, capture_output=True, text=True, timeout=30, env={**os.environ, "COLUMNS": "1000"})


@pytest.mark.parametrize("mistake", OPTIONS)
def test_an_option_is_refused_with_what_would_be_right(tmp_path, mistake):
    arguments, text = OPTIONS[mistake]
    (tmp_path / "page.py").write_text("print('loaded')")
    done = run(tmp_path, "page:app", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"python -m poorwsgi run: error: {text}"


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_port_in_use_names_another_one(tmp_path, workers):
    (tmp_path / "page.py").write_text("def app(environ, start_response):\n    pass\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "page:app", "--port", str(port), "--workers", workers)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"python -m poorwsgi run: 127.0.0.1:{port}: Address already in use; another process listens there: stop it, or try --port "
        f"{port % 65535 + 1}\n")


#: Modules that cannot be imported, and the first lines of what is said.
MODULES = {
    "a module that is missing": ("import missing_module\n", "ModuleNotFoundError: No module named 'missing_module'"),
    "an error": ("1 / 0\n", "ZeroDivisionError: division by zero"),
    "a chain of errors": ("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('x') from error\n", "ValueError: x"),
    "a syntax error": ("def app(:\n", "SyntaxError: invalid syntax"),
    "a factory that fails": ("def app():\n    import missing_module\n", "ModuleNotFoundError: No module named 'missing_module'"),
}


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("mistake", MODULES)
def test_a_module_that_cannot_be_imported_is_shown_first_and_takes_no_port(tmp_path, mistake, workers):
    source, last = MODULES[mistake]
    file = tmp_path / "page.py"
    file.write_text(source)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        target = "page:app()" if "factory" in mistake else "page:app"
        done = run(tmp_path, target, "--port", str(taken.getsockname()[1]), "--workers", workers)
    assert (done.returncode, done.stdout) == (1, "")
    files = re.findall('^ *File "(.*?)"', done.stderr, re.MULTILINE)
    assert set(files) == {str(file)}, done.stderr
    assert done.stderr.splitlines()[-1] == last


def test_the_routes_of_a_module_that_cannot_be_imported(tmp_path):
    (tmp_path / "page.py").write_text("1 / 0\n")
    done = run(tmp_path, "page:app", command="routes")
    assert done.returncode == 1
    assert set(re.findall('File "(.*?)"', done.stderr)) == {str(tmp_path / "page.py")}


def test_there_are_enough_mistakes():
    assert len(ERRORS) + len(WARNINGS) + len(HANDLERS) + len(OPTIONS) + len(MODULES) >= 60

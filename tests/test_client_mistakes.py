"""Mistakes of the client: handlers get the exception that PoorWSGI raises, and where they do not catch it, the answer is the
status of the mistake, without a traceback in the log."""
import copy
import http.client
import json
import logging
import pickle
import socket
import warnings
from decimal import Decimal
from types import SimpleNamespace

import pytest
from servers import IN_PROCESS, Client, on_our_server, on_our_server_as_callable
from wsgi_call import ask

from poorwsgi import Application, abort, results, state
from poorwsgi.aes_session import AESSession
from poorwsgi.request import Args, EmptyForm, JsonDict
from poorwsgi.response import FileResponse, HTTPException
from poorwsgi.session import PoorSession, SessionError

URLENCODED = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
MULTIPART = {"CONTENT_TYPE": "multipart/form-data; boundary=B"}
PART = b'--B\r\nContent-Disposition: form-data; name="page"\r\n\r\nx\r\n--B--\r\n'
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def app(request):
    app = Application(request.node.nodeid)
    app.secret_key = KEY
    return app


def answer(app, function, method="GET", body=b"", **environ):
    with warnings.catch_warnings(action="ignore"):  # a test may replace its route
        app.set_route("/", function, state.METHOD_ALL)
    return ask(app, "/", method, body, **environ)


def catching(app, kind, function, *args, **environ):
    """What a handler sees that catches the exception."""
    caught = []

    def handler(req):
        with pytest.raises(kind) as raised:
            function(req)
        caught.append(raised.value)
        return "caught"

    assert answer(app, handler, *args, **environ).text == "caught"
    return caught[0]


BAD_VALUES = {
    "args.getfirst": (lambda req: req.args.getfirst("page", 1, int), ValueError, {"QUERY_STRING": "page=x"}),
    "args.getvalue": (lambda req: req.args.getvalue("page", 1, int), ValueError, {"QUERY_STRING": "page=x"}),
    "args.getlist": (lambda req: req.args.getlist("page", None, int), ValueError, {"QUERY_STRING": "page=1&page=x"}),
    "args.fce": (lambda req: req.args.getfirst("page", fce=int), ValueError, {"QUERY_STRING": "page=x"}),
    "twice": (lambda req: req.args.getvalue("page", 1, int), TypeError, {"QUERY_STRING": "page=1&page=2"}),
    "decimal": (lambda req: req.args.getfirst("page", func=Decimal), ArithmeticError, {"QUERY_STRING": "page=x"}),
    "lookup": (lambda req: req.args.getfirst("page", func={"a": 1}.__getitem__), KeyError, {"QUERY_STRING": "page=x"}),
    "args[]": (lambda req: req.args["page"], KeyError, {}),
    "form.getfirst": (lambda req: req.form.getfirst("page", 1, int), ValueError, {"body": b"page=x", **URLENCODED}),
    "form.getvalue": (lambda req: req.form.getvalue("page", 1, int), ValueError, {"body": b"page=x", **URLENCODED}),
    "form.getvalues": (lambda req: req.form.getvalue("page", 1, int), ValueError, {"body": b"page=1&page=x", **URLENCODED}),
    "form.getlist": (lambda req: req.form.getlist("page", None, int), ValueError, {"body": b"page=1&page=x", **URLENCODED}),
    "form[]": (lambda req: req.form["page"], KeyError, {"body": b"a=x", **URLENCODED}),
    "multipart": (lambda req: req.form.getfirst("page", 1, int), ValueError, {"body": PART, **MULTIPART}),
    "form of fields": (lambda req: [field.name for field in req.form.list] + [req.form.getfirst("page", 1, int)], ValueError, {"body": PART, **MULTIPART}),
    "empty form[]": (lambda req: req.form["page"], KeyError, {}),
    "json[]": (lambda req: req.json["page"], KeyError, {"body": b"{}", "CONTENT_TYPE": "application/json"}),
    "json.getfirst": (lambda req: req.json.getfirst("page", 1, int), ValueError, {"body": b'{"page": "x"}', "CONTENT_TYPE": "application/json"}),
    "list.getfirst": (lambda req: req.json.getfirst("page", 1, int), ValueError, {"body": b'["x"]', "CONTENT_TYPE": "application/json"}),
    "list.getlist": (lambda req: req.json.getlist("page", 1, int), ValueError, {"body": b'["1", "x"]', "CONTENT_TYPE": "application/json"}),
}


@pytest.mark.parametrize("name", BAD_VALUES)
@pytest.mark.filterwarnings("ignore:.*fce is deprecated:DeprecationWarning")
class TestValue:
    def test_is_400_and_names_the_key_and_is_no_error_of_the_log(self, app, name, caplog):
        caplog.set_level(logging.DEBUG)
        function, _, environ = BAD_VALUES[name]
        method = "POST" if "body" in environ else "GET"
        call = answer(app, function, method, **environ)
        assert call.status == "400 Bad Request"
        assert "page: " in call.text
        assert all(record.levelno <= logging.INFO and not record.exc_info for record in caplog.records), caplog.text

    def test_raises_to_the_handler_what_it_raised(self, app, name):
        function, kind, environ = BAD_VALUES[name]
        error = catching(app, kind, function, "POST" if "body" in environ else "GET", **environ)
        assert kind in type(error).__mro__
        assert type(error).__module__ in ("builtins", "decimal")
        assert str(pickle.loads(pickle.dumps(error))) == str(copy.copy(error)) == str(error)

    def test_goes_to_an_error_handler_first(self, app, name):
        function, kind, environ = BAD_VALUES[name]
        app.set_error_handler(kind, lambda req, error: f"handled {type(error).__name__}", state.METHOD_ALL)
        assert answer(app, function, "POST" if "body" in environ else "GET", **environ).text.startswith("handled ")

    def test_gives_its_text_to_the_handler_of_400(self, app, name):
        function, _, environ = BAD_VALUES[name]
        app.set_http_state(400, lambda req, error: ("bad " + error, "text/plain", (), 400), state.METHOD_ALL)
        assert "bad page: " in answer(app, function, "POST" if "body" in environ else "GET", **environ).text


def own_value_error(req):
    return int("x")


def own_key_error(req):
    return {}[req.path]


def raised_from_it(req):
    try:
        return req.args["x"]
    except KeyError as error:
        raise RuntimeError("wrapped") from error


def in_the_function(req):
    def broken(value):
        return value.no_such_attribute

    return req.args.getfirst("x", func=broken)


@pytest.mark.parametrize("handler", [own_value_error, own_key_error, raised_from_it, in_the_function])
def test_the_applications_own_errors_stay_500(app, handler, caplog):
    assert answer(app, handler, QUERY_STRING="x=1" if handler is in_the_function else "").status == "500 Internal Server Error"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("made", [Args(SimpleNamespace(query="a=1")), JsonDict(a="1"), EmptyForm()], ids=lambda made: type(made).__name__)
def test_dictionaries_of_values_are_as_before(made):
    with pytest.raises(KeyError) as raised:
        made["x"]
    assert raised.value.args == ("x",)
    assert (made.get("x"), made.get("x", 5), made.getvalue("x", 6), "x" in made, made.pop("x", 7)) == (None, 5, 6, False, 7)
    assert "x" not in made
    assert dict(made) == made


class TestMissingFile:
    @pytest.mark.parametrize(("path", "kind"), [("no/such/file", FileNotFoundError), ("", IsADirectoryError), ("file/below", OSError)])
    def test_is_404(self, app, tmp_path, path, kind, caplog):
        caplog.set_level(logging.DEBUG)
        (tmp_path / "file").write_text("text")
        call = answer(app, lambda req: FileResponse(str(tmp_path / path)))
        assert call.status == "404 Not Found"
        assert str(tmp_path) not in call.text
        assert [record.levelname for record in caplog.records] == ["INFO"]
        assert str(tmp_path) in caplog.text
        assert isinstance(catching(app, kind, lambda req: FileResponse(str(tmp_path / path))), OSError)

    def test_that_may_not_be_read_is_500(self, app):
        def handler(req):
            raise PermissionError("not yours")

        assert answer(app, handler).status == "500 Internal Server Error"

    def test_of_the_applications_own_code_is_500(self, app):
        assert answer(app, lambda req: open("/no/such/file")).status == "500 Internal Server Error"  # noqa: SIM115


@pytest.mark.parametrize("kind", [PoorSession, AESSession])
class TestForgedCookie:
    def load(self, kind):
        def handler(req):
            session = kind(KEY, path="/shop")
            session.load(req.cookies)
            return str(session.data)

        return handler

    def test_is_400_and_is_removed(self, app, kind, caplog):
        caplog.set_level(logging.DEBUG)
        call = answer(app, self.load(kind), HTTP_COOKIE="SESSID=forged")
        assert call.status == "400 Bad Request"
        assert "session cookie" in call.text
        cookie = call.header["Set-Cookie"]
        assert cookie.startswith("SESSID=;") or cookie.startswith('SESSID="";')
        assert "1970" in cookie
        assert "Path=/shop" in cookie
        assert {record.levelname for record in caplog.records} == {"INFO"}
        assert answer(app, self.load(kind)).text == "{}"

    def test_raises_session_error(self, app, kind):
        error = catching(app, SessionError, self.load(kind), HTTP_COOKIE="SESSID=forged")
        assert type(error) is SessionError

    def test_goes_with_the_answer_of_the_application(self, app, kind):
        app.set_http_state(400, lambda req, **kwargs: "new session")
        assert "Set-Cookie" in answer(app, self.load(kind), HTTP_COOKIE="SESSID=forged").header
        with pytest.warns(UserWarning, match="is replaced by"):
            app.set_http_state(400, lambda req, **kwargs: ("", "text/html", {"Set-Cookie": "SESSID=new"}, 200))
        assert answer(app, self.load(kind), HTTP_COOKIE="SESSID=forged").headers.count(("Set-Cookie", "SESSID=new")) == 1
        assert sum(name == "Set-Cookie" for name, _ in answer(app, self.load(kind), HTTP_COOKIE="SESSID=forged").headers) == 1

    def test_without_a_key_is_the_applications_mistake(self, app, kind):
        def handler(req):
            kind(None).load(req.cookies)

        assert answer(app, handler, HTTP_COOKIE="SESSID=forged").status == "500 Internal Server Error"


class TestStateHandler:
    def test_of_405_gets_allow_in_its_answer(self, app):
        app.set_route("/", lambda req: "")
        app.set_http_state(405, lambda req: ("no", "text/plain", (), 405), state.METHOD_ALL)
        call = ask(app, "/", "PUT")
        assert (call.text, call.header["Allow"]) == ("no", "HEAD, GET")

    def test_keeps_the_field_that_it_has_set(self, app):
        app.set_route("/", lambda req: "")
        app.set_http_state(405, lambda req: ("no", "text/plain", {"Allow": "GET"}, 405), state.METHOD_ALL)
        assert [value for name, value in ask(app, "/", "PUT").headers if name == "Allow"] == ["GET"]
        with pytest.warns(UserWarning, match="is replaced by"):
            app.set_http_state(405, lambda req: "instead", state.METHOD_ALL)
        assert "Allow" not in ask(app, "/", "PUT").header

    @pytest.mark.parametrize(("handler", "text"), [
        (lambda req: "nothing", "nothing"),
        (lambda req, **kwargs: str(sorted(kwargs)), "[]"),
        (lambda req, allow: allow, "HEAD, GET"),
        (lambda req, *, allow=None: allow, "HEAD, GET"),
        (lambda req, allow=None, **kwargs: f"{allow} {sorted(kwargs)}", "HEAD, GET []"),
        (lambda allow, **kwargs: f"{allow.method} {sorted(kwargs)}", "PUT []"),
        (lambda req, error=None: str(error), "None"),
    ])
    def test_of_405_gets_the_methods_where_it_names_them(self, app, handler, text):
        app.set_route("/", lambda req: "")
        app.set_http_state(405, handler, state.METHOD_ALL)
        assert ask(app, "/", "PUT").text == text

    def test_of_405_may_pass_its_arguments_on(self, app):
        app.set_route("/", lambda req: "")
        app.set_http_state(405, lambda req, **kwargs: results.method_not_allowed(req, **kwargs), state.METHOD_ALL)
        assert ask(app, "/", "PUT").header["Allow"] == "HEAD, GET"

    @pytest.fixture
    def login(self, app):
        app.auth_type = "Digest"

        @app.route("/")
        def page(req):
            raise HTTPException(401, realm="Zone", stale=True)

        @app.route("/plain")
        def plain(req):
            abort(401)

        return app

    def test_of_401_gets_the_challenge_in_its_answer(self, login):
        login.set_http_state(401, lambda req, realm=None, stale=None: (f"{realm} {stale}", "text/plain", (), 401))
        call = ask(login, "/")
        assert call.text == "Zone True"
        assert call.header["WWW-Authenticate"].startswith('Digest realm="Zone"')
        assert "stale=true" in call.header["WWW-Authenticate"].lower()
        assert f'realm="{login.name}"' in ask(login, "/plain").header["WWW-Authenticate"]

    def test_of_401_may_send_the_challenge_itself(self, login):
        @login.http_state(401)
        def state_401(req, www_authenticate=None, **kwargs):
            return www_authenticate, "text/plain", {"WWW-Authenticate": www_authenticate}, 401

        call = ask(login, "/")
        assert call.text.startswith('Digest realm="Zone"')
        assert [value for name, value in call.headers if name == "WWW-Authenticate"] == [call.text]

    def test_of_401_without_digest_is_as_before(self, app):
        app.set_http_state(401, lambda req, **kwargs: (str(sorted(kwargs)), "text/plain", (), 401))
        app.set_route("/", lambda req: abort(401))
        call = ask(app, "/")
        assert (call.text, "WWW-Authenticate" in call.header) == ("[]", False)

    def test_of_a_subclass_that_replaces_the_step(self, request):
        class Own(Application):
            def state_from_table(self, req, status_code, **kwargs):
                return super().state_from_table(req, status_code, **kwargs)

        app = Own(request.node.nodeid)
        app.set_route("/", lambda req: "")
        app.set_http_state(405, lambda req: ("no", "text/plain", (), 405), state.METHOD_ALL)
        assert ask(app, "/", "PUT").header["Allow"] == "HEAD, GET"


def test_options_of_any_path_goes_to_its_default_handler(app):
    app.set_route("/static", lambda req: "")
    app.set_route("/pattern/<number:int>", lambda req, number: "")
    assert ask(app, "/static", "OPTIONS").header["Allow"] == "HEAD, GET"
    app.set_default(lambda req: req.uri_rule, state.METHOD_OPTIONS)
    for path in ("/static", "/pattern/1", "/nowhere"):
        assert ask(app, path, "OPTIONS").text == "/*"
    assert ask(app, "/static", "PUT").status == "405 Method Not Allowed"
    app.set_route("/static", lambda req: "own", state.METHOD_OPTIONS)
    assert ask(app, "/static", "OPTIONS").text == "own"


JSON_FIRST = "application/json, text/html;q=0.9"
HTML = "text/html; charset=utf-8"


class TestProblem:
    """RFC 9457, and RFC 9110, section 12.5.1."""

    @pytest.mark.parametrize(("accept", "content_type"), [
        (None, HTML), ("*/*", HTML), ("text/html", HTML), ("text/html, application/json", HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML), ("application/json;q=0", HTML),
        ("application/json", "application/problem+json"), ("application/problem+json", "application/problem+json"),
        (JSON_FIRST, "application/problem+json"), ("application/json, text/plain, */*", "application/problem+json"),
    ])
    def test_is_for_clients_that_prefer_it(self, app, accept, content_type):
        call = ask(app, "/nowhere", **({} if accept is None else {"HTTP_ACCEPT": accept}))
        assert (call.status, call.header["Content-Type"], call.header["Vary"]) == ("404 Not Found", content_type, "Accept")

    def test_has_the_facts_of_the_page(self, app):
        app.set_route("/", lambda req: "")
        call = ask(app, "/", "PUT", HTTP_ACCEPT=JSON_FIRST)
        assert json.loads(call.body) == {
            "type": "about:blank", "title": "Method Not Allowed", "status": 405, "method": "PUT", "path": "/", "allow": ["HEAD", "GET"],
            "detail": "There is something at this address, but it does not take requests with this method.",
        }
        call = answer(app, lambda req: req.args["<x>"], HTTP_ACCEPT=JSON_FIRST)
        assert json.loads(call.body)["detail"] == "<x>: a value is missing"

    def test_of_a_500_tells_more_with_debug(self, app):
        def handler(req):
            raise ValueError("inside")

        problem = json.loads(answer(app, handler, HTTP_ACCEPT=JSON_FIRST).body)
        assert (problem["status"], "inside" in str(problem)) == (500, False)
        app.debug = True
        problem = json.loads(ask(app, "/", HTTP_ACCEPT=JSON_FIRST).body)
        assert problem["report"]["causes"] == ["ValueError: inside"]
        assert problem["report"]["traceback"][-1] == "ValueError: inside"

    @pytest.mark.parametrize("page", [
        results.bad_request, results.unauthorized, results.forbidden, results.not_found, results.method_not_allowed, results.not_implemented,
        results.internal_server_error,
    ], ids=lambda page: page.__name__)
    def test_is_made_by_each_function(self, app, page):
        app.set_http_state(404, lambda req: page(req))
        call = ask(app, "/nowhere", HTTP_ACCEPT=JSON_FIRST)
        assert call.header["Content-Type"] == "application/problem+json"
        assert json.loads(call.body)["status"] == int(call.status[:3])
        request = SimpleNamespace(method="GET", uri="/", debug=False, environ={"HTTP_ACCEPT": JSON_FIRST}, app=None)
        assert page(request).content_type == "application/problem+json"

    @pytest.mark.parametrize("serve", IN_PROCESS.values(), ids=IN_PROCESS)
    def test_reaches_clients(self, app, serve):
        app.set_route("/fail", lambda req: int("x"))
        with serve(app) as port:
            client = Client(port)
            for path, status in (("/nowhere", 404), ("/fail", 500)):
                response = client(path, headers={"Accept": "application/json"})
                assert (response.status, response.json["status"]) == (status, status)
                assert response.headers["Content-Type"] == "application/problem+json"
                head = client(path, "HEAD", headers={"Accept": "application/json"})
                assert head.headers["Content-Length"] == response.headers["Content-Length"]


@pytest.mark.parametrize("serve", [on_our_server, on_our_server_as_callable])
def test_the_servers_own_refusals_come_in_either_form(app, serve):
    app.set_route("/", lambda req: req.read(100), state.METHOD_POST)
    with serve(app) as port:
        client = Client(port)
        for method, headers, status, reason in (
            ("POST", {"Content-Length": str(17 << 20)}, 413, "max_body"), ("GET", {"Expect": "luck"}, 417, "Expect"), ("GET", {"X": "a" * 70_000}, 431, "max_head"),
        ):
            answer = client("/", method, headers={"Accept": "application/json", **headers})
            assert (answer.status, answer.headers["Content-Type"], answer.json["status"]) == (status, "application/problem+json", status)
            assert reason in answer.json["detail"]
            answer = client("/", method, headers={"Accept": "*/*", **headers})
            assert (answer.status, answer.headers["Content-Type"]) == (status, HTML)
            assert reason in answer.text
            assert answer.text.endswith("</html>")
            assert answer.headers["X-Powered-By"] is None


@pytest.mark.parametrize(("head", "status", "reason"), [
    ("GET / HTTP/1.1\r\nHost: a\r\nBad Header", 400, "no name has"),
    ("GET / HTTP/1.1\r\nHost: a\r\nBadHeader", 400, "no colon"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b", 400, "control character"),
    ("G@T / HTTP/1.1\r\nHost: a", 400, "the method has"),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b", 400, "two Host fields"),
    ("GET /" + "a" * 20_000 + " HTTP/1.1\r\nHost: a", 414, "max_request_line"),
])
def test_a_refused_head_comes_in_either_form(app, head, status, reason):
    with on_our_server(app) as port:
        for accept in ("application/json", "*/*"):
            # Accept comes first: a head that is refused is not read any further.
            line, *fields = head.split("\r\n")
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall("\r\n".join([line, f"Accept: {accept}", *fields, "", ""]).encode())
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                body = answer.read().decode()
            assert answer.status == status
            if accept == "*/*":
                assert answer.headers["Content-Type"] == HTML and reason in body and body.endswith("</html>")
            else:
                assert answer.headers["Content-Type"] == "application/problem+json" and reason in json.loads(body)["detail"]

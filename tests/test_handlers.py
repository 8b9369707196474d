"""Routes, hooks, handlers of states and errors, and the tables that show them."""
import functools
import logging
import re
import sys

import pytest
from wsgi_call import ask

from poorwsgi import Application, abort, redirect, results, state
from poorwsgi.response import HTTPException, Response, ResponseError


@pytest.fixture
def app(name):
    return Application(name)


def test_tables_are_copies_that_show_what_is_set(app):
    def handler(req, *args, **kwargs):
        return "x"

    app.set_route("/static", handler, state.METHOD_GET_POST)
    app.set_route("/user/<name:word>/<age:int>", handler)
    app.set_regular_route(r"/re/(?P<a>\d+)", handler, converters=(("a", int),), rule="/re")
    app.set_default(handler, state.METHOD_PUT)
    app.set_http_state(404, handler)
    app.set_error_handler(ValueError, handler)
    app.add_before_response(handler)
    app.add_after_response(handler)
    assert app.routes == {"/static": {1: handler, 2: handler, 4: handler}}
    row = (handler, (("name", str), ("age", int)), "/user/<name:word>/<age:int>")
    rows = list(app.regular_routes.items())
    assert [(type(key), value) for key, value in rows] == [
        (re.Pattern, {1: row, 2: row}), (re.Pattern, {1: (handler, (("a", int),), "/re"), 2: (handler, (("a", int),), "/re")}),
    ]
    assert rows[0][0].match("/user/anna/42").groupdict() == {"name": "anna", "age": "42"}
    assert app.defaults == {8: handler}
    assert app.states == {404: {1: handler, 2: handler, 4: handler}}
    assert app.errors == {ValueError: {1: handler, 2: handler, 4: handler}}
    assert (app.before, app.after) == ((handler,), (handler,))
    app.routes.clear()
    app.routes["/static"][1] = None
    assert app.is_route("/static") and app.routes["/static"][1] is handler
    assert app.is_regular_route(r"/re/(?P<a>\d+)") and not app.is_route("/none")


def test_what_is_set_can_be_popped_once(app):
    def handler(req, *args):
        return "x"

    app.set_route("/static", handler)
    app.set_route("/<name>", handler)
    app.set_regular_route("/re", handler)
    app.set_default(handler)
    app.set_http_state(404, handler)
    app.set_error_handler(ValueError, handler)
    assert app.pop_route("/static", state.METHOD_GET) is handler
    assert app.pop_route("/<name>", state.METHOD_GET) == (handler, (("name", str),), "/<name>")
    assert app.pop_regular_route("/re", state.METHOD_GET) == (handler, (), None)
    assert app.pop_default(state.METHOD_GET) is handler
    assert app.pop_http_state(404, state.METHOD_GET) is handler
    assert app.pop_error_handler(ValueError, state.METHOD_GET) is handler
    for pop in (
        functools.partial(app.pop_route, "/static"), functools.partial(app.pop_regular_route, "/re"), app.pop_default,
        functools.partial(app.pop_http_state, 404), functools.partial(app.pop_error_handler, ValueError),
    ):
        with pytest.raises(KeyError):
            pop(state.METHOD_GET)
        with pytest.raises(KeyError):
            pop(state.METHOD_GET_POST)
    assert app.routes == {"/static": {1: handler}}


def test_hooks_are_there_once_and_can_be_popped(app):
    for add, pop, shown in (
        (app.add_before_response, app.pop_before_response, lambda: app.before),
        (app.add_after_response, app.pop_after_response, lambda: app.after),
    ):
        add(print)
        with pytest.raises(ValueError, match="was added already"):
            add(print)
        pop(print)
        with pytest.raises(ValueError, match="was not added, so it cannot be removed"):
            pop(print)
        assert shown() == ()


def test_hooks_of_the_old_names_warn(app):
    for name in ("before_request", "after_request"):
        with pytest.warns(DeprecationWarning, match=name.replace("request", "response")):
            getattr(app, name)()(print)
    for name in ("pop_before_request", "pop_after_request", "add_before_request", "add_after_request"):
        with pytest.warns(DeprecationWarning):
            getattr(app, name)(print)


def test_before_hooks_see_the_route_and_may_end_the_request(app):
    seen = []

    @app.route("/user/<name:word>")
    def handler(req, name):
        return name

    @app.before_response()
    def before(req):
        seen.append((req.uri_rule, req.uri_handler, dict(req.path_args), req.error_handler))
        if req.path == "/stop":
            redirect("/elsewhere", state.HTTP_SEE_OTHER)
        return "ignored"

    assert ask(app, "/user/anna").text == "anna"
    stopped = ask(app, "/stop")
    assert (stopped.status, stopped.header["Location"]) == ("303 See Other", "/elsewhere")
    assert seen == [("/user/<name:word>", handler, {"name": "anna"}, None), ("/*", None, {}, None)]


def test_after_hooks_see_every_response_and_may_replace_it(app, tmp_path):
    (tmp_path / "file.txt").write_text("file")
    app.document_root = str(tmp_path)
    app.set_route("/text", lambda req: "text")
    app.set_route("/none", lambda req: None)
    app.set_route("/error", lambda req: 1 / 0)
    kinds = []

    @app.after_response()
    def kind(req, response):
        kinds.append(type(response).__name__)
        response.headers["X-Seen"] = str(response.status_code)
        return response

    @app.after_response()
    def replace(req, response):
        return (response.data.decode() * 2, "text/plain") if req.path == "/text" else response

    assert ask(app, "/text").text == "texttext"
    assert ask(app, "/none").header["X-Seen"] == "204"
    assert ask(app, "/nowhere").header["X-Seen"] == "404"
    assert ask(app, "/error").header["X-Seen"] == "500"
    sent = ask(app, "/file.txt")
    assert (sent.header["X-Seen"], sent.header["Content-Type"], sent.text) == ("200", "text/plain", "file")
    assert kinds == ["Response", "NoContentResponse", "Response", "Response", "FileResponse"]


def test_an_after_hook_that_fails_goes_the_way_of_errors(app, caplog):
    app.set_route("/", lambda req: "x")
    app.add_after_response(lambda req, response: 1 / 0)
    assert ask(app).status == "500 Internal Server Error"
    app.set_error_handler(ZeroDivisionError, lambda req, error: f"handled {error}")
    assert ask(app).text == "handled division by zero"


def test_state_handlers_get_what_was_raised(app):
    seen = []

    @app.http_state(state.HTTP_UNAUTHORIZED)
    @app.http_state(state.HTTP_NOT_FOUND)
    @app.http_state(state.HTTP_INTERNAL_SERVER_ERROR)
    @app.http_state(state.HTTP_BAD_REQUEST)
    def handler(req, **kwargs):
        seen.append((kwargs, sys.exc_info()[0], req.error_handler is handler))
        return f"{sys.exc_info()[1]!r}"

    @app.route("/<status:int>")
    def raise_(req, status):
        raise HTTPException(status, realm="Zone", stale=True) if status < 500 else ValueError("five")

    ask(app, "/401")
    ask(app, "/404")
    ask(app, "/a")
    assert ask(app, "/500").text == "ValueError('five')"
    ask(app, "/\xff")
    assert [(kwargs, error) for kwargs, error, _ in seen[:4]] == [
        ({"realm": "Zone", "stale": True}, HTTPException), ({"realm": "Zone", "stale": True}, HTTPException),
        ({}, HTTPException), ({}, ValueError),
    ]
    assert seen[4][0]["error"] == "Invalid PATH_INFO encoding: the path is not UTF-8"
    assert all(known for *_, known in seen)


def test_a_status_that_does_not_exist_is_a_500(app, caplog):
    app.set_route("/", lambda req: abort(999))
    app.set_route("/own", lambda req: abort(599))
    app.set_http_state(599, lambda req: "of 599")
    assert ask(app).status == "500 Internal Server Error"
    app.set_http_state(500, lambda req: ("of 500", "text/plain", (), 500))
    assert ask(app).text == "of 500"
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert ask(app, "/own").text == "of 599"
    assert len(caplog.records) == 2


def test_handlers_of_states_and_errors_are_for_get_head_and_post(app):
    app.set_http_state(404, lambda req, **kwargs: "mine")
    for method, mine in (("GET", True), ("POST", True), ("PUT", False), ("DELETE", False)):
        assert (ask(app, "/x", method).text == "mine") is mine


def test_the_first_error_handler_that_fits_is_called(app):
    @app.route("/<kind:word>")
    def fail(req, kind):
        raise {"key": KeyError, "index": IndexError, "value": ValueError}[kind](kind)

    app.set_error_handler(LookupError, lambda req, error: f"lookup {error.args[0]}")
    app.set_error_handler(KeyError, lambda req, error: "never")
    app.set_error_handler(Exception, lambda req, error: (f"any {error}", "text/plain", {}, 400))
    assert ask(app, "/key").text == "lookup key"
    assert ask(app, "/index").text == "lookup index"
    assert ask(app, "/value").status == "400 Bad Request"


def test_errors_in_handlers_of_errors_chain(app, caplog):
    app.set_route("/", lambda req: 1 / 0)

    @app.error_handler(ZeroDivisionError)
    def fail(req, error):
        raise LookupError("while handling")

    assert ask(app).status == "500 Internal Server Error"
    assert "division by zero" in caplog.text and "while handling" in caplog.text
    assert "_handling" not in caplog.text


def test_the_traceback_shows_the_applications_own_frames(app, caplog):
    app.set_route("/", lambda req: 1 / 0)
    ask(app)
    frames = re.findall(r'File "([^"]+)"', caplog.text)
    assert frames == [__file__]


@pytest.mark.parametrize("status", [200, 201, 204, 304])
def test_abort_with_a_status_that_is_no_error_is_an_empty_response(app, status):
    app.set_route("/", lambda req: abort(status))
    call = ask(app)
    assert (call.status[:3], call.body) == (str(status), b"")


def test_a_declined_request_has_no_answer(app):
    app.set_route("/", lambda req: abort(state.DECLINED))
    started = []
    assert not list(app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *args: started.append(args)))
    assert started == []


def test_handlers_may_be_functions_methods_callables_and_classes(app):
    class Handler:
        def __init__(self, req=None):
            self.req = req

        def method(self, req):
            return "method"

        def __call__(self, req):
            return "callable"

        def __iter__(self):
            yield b"class "
            yield self.req.path.encode()

    app.set_route("/method", Handler().method)
    app.set_route("/callable", Handler())
    app.set_route("/class", Handler)
    app.set_route("/partial", functools.partial(lambda text, req: text, "partial"))
    for path, text in (("/method", "method"), ("/callable", "callable"), ("/class", "class /class"), ("/partial", "partial")):
        assert ask(app, path).text == text


def test_a_generator_streams(app):
    made = []

    @app.route("/")
    def numbers(req):
        for number in range(3):
            made.append(number)
            yield str(number).encode()

    result = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *args: None)
    assert (next(result), made) == (b"0", [0])
    assert list(result) == [b"1", b"2"]


def test_filters_of_the_application_convert(app):
    app.set_filter("even", r"\d+", lambda text: int(text) // 2 * 2)
    app.set_filter("day", r"\d{4}-\d\d-\d\d", __import__("datetime").date.fromisoformat)
    app.set_route("/even/<n:even>", lambda req, n: {"n": n})
    app.set_route("/day/<day:day>", lambda req, day: day.isoformat())
    assert ask(app, "/even/7").text == '{"n": 6}'
    assert ask(app, "/day/2024-02-29").text == "2024-02-29"
    assert ask(app, "/day/2023-02-29").status == "404 Not Found"
    assert app.filters[":even"][0] == r"\d+" and app.filters[":int"] == (r"-?\d+", int)
    assert app.filters[":re:"] == (None, str) and app.filters["none"] == ("[^/]+", str)


def test_look_around_and_back_references_work_in_routes(app):
    app.set_route(r"/<word:re:(?!admin)\w+>", lambda req, word: word)
    app.set_regular_route(r"/twice/(?P<a>\w)(?P=a)$", lambda req, a: a)
    assert ask(app, "/user").text == "user"
    assert ask(app, "/admin").status == "404 Not Found"
    assert ask(app, "/twice/xx").text == "x"
    assert ask(app, "/twice/xy").status == "404 Not Found"


def test_405_says_which_methods_are_allowed(app):
    app.set_route("/", lambda req: "x")
    call = ask(app, "/", "POST")
    assert (call.status, call.header["Allow"]) == ("405 Method Not Allowed", "HEAD, GET")


@pytest.mark.filterwarnings("ignore:route .* is replaced by:UserWarning")
def test_changes_while_a_request_runs_are_for_the_next(app):
    @app.route("/")
    def handler(req):
        app.set_route("/", lambda req: "later")
        app.add_after_response(lambda req, response: "after")
        return "now"

    assert ask(app).text == "now"
    assert ask(app).text == "after"


def test_nothing_of_ours_is_logged_for_a_request_that_goes_well(app, caplog):
    caplog.set_level(logging.DEBUG)
    app.set_route("/", lambda req: "x")
    ask(app)
    ask(app, "/nowhere")
    assert caplog.records == []


def test_an_error_costs_no_text_when_nobody_reads_it(app, monkeypatch, caplog):
    class Unread(Exception):
        def __str__(self):
            raise AssertionError("nobody asked")

    def fail(req):
        raise Unread

    app.set_route("/", fail)
    monkeypatch.setattr(logging.getLogger("poorwsgi"), "disabled", True)
    assert ask(app).status == "500 Internal Server Error"
    assert caplog.records == []


def test_a_response_error_names_what_was_returned(app, caplog):
    with pytest.raises(ResponseError, match="cannot be made of an int; expected str"):
        from poorwsgi.wsgi import to_response
        to_response(5)
    response = Response("x")
    assert to_response(response) is response
    assert to_response(("x", "text/plain", {}, 201)).status_code == 201


@pytest.mark.parametrize("kinds", [(ValueError, KeyError), (OSError, (ValueError, KeyError)), ValueError | KeyError])
def test_one_handler_of_several_types_of_errors(app, kinds):
    def handler(req, error):
        return f"{type(error).__name__}", "text/plain"

    app.set_route("/<kind>", lambda req, kind: {}[kind] if kind == "key" else int("x") if kind == "value" else None + 1)
    app.error_handler(kinds)(handler)
    assert [ask(app, f"/{kind}").text for kind in ("key", "value")] == ["KeyError", "ValueError"]
    assert ask(app, "/type").status == "500 Internal Server Error"
    assert app.errors == {kinds: {1: handler, 2: handler, 4: handler}}
    app.set_error_handler(kinds, handler, state.METHOD_PUT)
    equal = tuple(list(kinds)) if isinstance(kinds, tuple) else KeyError | ValueError
    assert app.pop_error_handler(equal, state.METHOD_GET) is handler
    assert list(app.errors[kinds]) == [1, 4, 8]


@pytest.mark.parametrize("kind", [5, "ValueError", (ValueError, 5), [ValueError], None])
def test_what_is_no_type_of_errors(app, kind):
    with pytest.raises(TypeError, match="not a type of exceptions"):
        app.set_error_handler(kind, lambda req, error: "x")
    assert app.errors == {}


@pytest.mark.parametrize("set_", [
    lambda app, handler, methods: app.set_route("/", handler, methods), lambda app, handler, methods: app.set_route("/<x:re:.*>", handler, methods),
    lambda app, handler, methods: app.set_regular_route("/", handler, methods), lambda app, handler, methods: app.set_default(handler, methods),
])
def test_all_methods_but_one(app, set_):
    set_(app, lambda req, *args: ("x", "text/plain"), ~state.METHOD_GET)
    assert ask(app, "/", "PUT").text == ask(app, "/", "POST").text == "x"
    assert ask(app, "/").status in ("404 Not Found", "405 Method Not Allowed")


@pytest.mark.parametrize("expression", ["(?i)x", r"\p{L}", "(?<n>x)"])
def test_an_expression_that_python_does_not_know_is_told_when_it_is_set(app, expression):
    with pytest.raises(re.error):
        app.set_route(f"/<a:re:{expression}>", lambda req, a: a)
    with pytest.raises(re.error):
        app.set_regular_route(f"/(a){expression}", lambda req, a: a)
    assert app.regular_routes == {}


def test_built_in_pages_stand_for_handlers(app, tmp_path):
    app.debug, app.document_root, app.document_index = True, str(tmp_path), True
    seen = []
    app.add_before_response(lambda req: seen.append(req.uri_handler))

    def after(req, response):
        seen.append(req.error_handler)
        return response

    app.add_after_response(after)
    app.set_route("/fails", lambda req: None + 1)
    for path in ("/debug-info", "/", "/none", "/fails"):
        ask(app, path)
    fails = app.routes["/fails"][2]
    assert seen == [results.debug_info, None, results.directory_index, None, None, results.not_found, fails, results.internal_server_error]
    for path in ("/debug-info", "/", "/none", "/fails"):
        assert dict(ask(app, path).headers)["X-Powered-By"] == "PoorWSGI"


def test_the_table_of_built_in_pages_is_to_be_read():
    assert results.default_states[404] == dict.fromkeys(state.methods.values(), results.not_found)
    assert sorted(results.default_states) == [304, 400, 401, 403, 404, 405, 500, 501]
    with pytest.raises(TypeError):
        results.default_states[404] = {}
    with pytest.raises(TypeError):
        results.default_states[404][2] = None

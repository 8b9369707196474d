"""Applications, routes and the package."""
import re
import subprocess
import sys

import pytest

import poorwsgi
from poorwsgi import Application, abort, make_response, state
from poorwsgi.response import HTTPException, ResponseError


def test_a_name_is_unique_in_the_process(name):
    assert Application(name).name == name
    with pytest.raises(RuntimeError, match="already"):
        Application(name)


def test_debug_is_off_and_can_be_set(name):
    app = Application(name)
    assert app.debug is False
    app.debug = True
    assert app.debug is True


def test_the_decorator_returns_the_function_and_can_be_stacked(name):
    app = Application(name)

    def handler(req):
        return "x"

    assert app.route("/a")(app.route("/b", method=state.METHOD_POST)(handler)) is handler


@pytest.mark.parametrize(("rule", "exception", "text"), [
    ("/<name:wrod>", RuntimeError, 'there is no filter ":wrod"; known: :float'), ("/<name", ValueError, "<name"),
    ("/<name:re:*>", re.error, "/<name:re:*>"),
])
def test_a_bad_route_says_what_is_wrong(name, rule, exception, text):
    with pytest.raises(exception, match=re.escape(text)):
        Application(name).set_route(rule, print)


def test_what_cannot_be_called_is_no_handler(name):
    app = Application(name)
    with pytest.raises(TypeError, match="None is not callable"):
        app.set_route("/", None)
    with pytest.raises(TypeError):
        app.route("/")()


def test_any_callable_is_a_handler(name):
    import functools

    class Handler:
        def __call__(self, req, text="callable"):
            return text

    app = Application(name)
    app.debug = True
    app.set_route("/object", Handler())
    app.set_route("/partial", functools.partial(Handler(), text="partial"))
    for path, body in (("/object", b"callable"), ("/partial", b"partial")):
        assert b"".join(app({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda *args: None)) == body
    page = b"".join(app({"REQUEST_METHOD": "GET", "PATH_INFO": "/debug-info"}, lambda *args: None))
    assert b"functools.partial" in page


@pytest.mark.filterwarnings("ignore:route .* is replaced by:UserWarning")
def test_a_replaced_handler_may_do_what_it_likes_when_it_goes(name):
    app = Application(name)

    class Handler:
        def __call__(self, req):
            return "x"

        def __del__(self):
            app.set_route("/other", print)

    app.set_route("/", Handler())
    app.set_route("/", print)


def test_abort_raises(name):
    with pytest.raises(HTTPException) as caught:
        abort(404)
    assert caught.value.args == (404, {})
    with pytest.raises(AssertionError, match="not a status code or a response"):
        abort("404")


@pytest.mark.parametrize(("args", "exception"), [
    ((1,), ResponseError), (("a", "text/plain", {"X": "a\nb"}), ResponseError), (("a", "text/plain", None, 99), ResponseError),
    (("a", "text/plain", 5), ResponseError),
])
def test_make_response_refuses_at_once(args, exception):
    with pytest.raises(exception):
        make_response(*args)


def test_names_and_modules():
    for path in ("wsgi.Application", "request.Request", "response.HTTPException", "response.Response", "server.Server"):
        module, name = path.split(".")
        thing = getattr(__import__(f"poorwsgi.{module}", fromlist=[name]), name)
        assert (thing.__module__, thing.__name__) == (f"poorwsgi.{module}", name)
        assert thing.__doc__
    assert state.METHOD_HEAD | state.METHOD_GET | state.METHOD_POST == state.METHOD_GET_POST == 7
    assert poorwsgi.__doc__


@pytest.mark.parametrize("module", ["fieldstorage", "headers", "request", "response", "results", "session", "state", "wsgi"])
def test_modules_are_there_without_an_import_of_their_own(module):
    code = f"import poorwsgi; print(poorwsgi.{module}.__name__)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == f"poorwsgi.{module}\n"


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        poorwsgi.nonsense  # noqa: B018

"""Every class can be subclassed, and what a subclass overrides is honoured."""
import pytest
from servers import SERVERS, Client
from wsgi_call import ask

from poorwsgi import Application
from poorwsgi.headers import Headers
from poorwsgi.request import Request
from poorwsgi.response import (
    BaseResponse,
    Declined,
    FileResponse,
    GeneratorResponse,
    HTTPException,
    JSONResponse,
    NoContentResponse,
    RedirectResponse,
    Response,
)


class Site(Application):
    def __init__(self, name, greeting):
        super().__init__(name)
        self.greeting = greeting
        self.steps = []


class Greeting(Response):
    """A response with its own arguments."""

    def __init__(self, whom, *, loud=False):
        super().__init__(f"Hello {whom}", "text/plain")
        if loud:
            self.write("!")


class Counted(Response):
    """A response that adds headers in __start_response__."""

    def __start_response__(self, start_response):
        self.headers["X-Length"] = str(self.content_length)
        super().__start_response__(start_response)


class Upper(Response):
    """A response that changes the content in __end_of_response__."""

    def __end_of_response__(self):
        return [super().__end_of_response__().read().upper()]


class Longer(Response):
    """A response whose __end_of_response__ returns longer content."""

    def __end_of_response__(self):
        return [super().__end_of_response__().read() * 2]


class Own(BaseResponse):
    """A response that overrides everything."""

    def __init__(self):
        super().__init__("text/plain", {"X-Own": "1"}, 201)
        self._content_length = 4

    def __end_of_response__(self):
        return iter([b"ow", b"n\n"])


class Called(BaseResponse):
    def __call__(self, start_response):
        start_response("202 Accepted", [("X-Called", "yes"), ("Content-Type", "text/plain")])
        return [b"called"]


class Teapot(Response):
    @property
    def reason(self):
        return "Short And Stout"


class Missing(HTTPException):
    def __init__(self, what):
        super().__init__(404, error=what)


def routes(app):
    app.set_route("/greeting", lambda req: Greeting("world", loud=True))
    app.set_route("/counted", lambda req: Counted("four"))
    app.set_route("/upper", lambda req: Upper("shout"))
    app.set_route("/longer", lambda req: Longer("twice"))
    app.set_route("/own", lambda req: Own())
    app.set_route("/called", lambda req: Called())
    app.set_route("/teapot", lambda req: Teapot("tea", status_code=418))


@pytest.fixture(params=SERVERS)
def site(request, name):
    app = Site(name, "hi")
    routes(app)
    with SERVERS[request.param](app) as port:
        yield Client(port)


@pytest.mark.parametrize(("path", "status", "header", "body"), [
    ("/greeting", 200, ("Content-Type", "text/plain"), b"Hello world!"), ("/counted", 200, ("X-Length", "4"), b"four"),
    ("/upper", 200, ("Content-Length", "5"), b"SHOUT"), ("/own", 201, ("Content-Length", "4"), b"own\n"),
    ("/longer", 200, ("Content-Type", "text/html; charset=utf-8"), b"twicetwice"),
    ("/called", 202, ("X-Called", "yes"), b"called"), ("/teapot", 418, ("Content-Length", "3"), b"tea"),
])
def test_responses_may_send_in_their_own_way(site, path, status, header, body):
    answer = site(path)
    assert (answer.status, answer.headers[header[0]], answer.body) == (status, header[1], body)
    assert site(path, "HEAD").body == b""


def test_an_exception_may_make_its_response(name):
    class Sorry(HTTPException):
        def make_response(self):
            return Response(f"sorry, {self.status_code}", status_code=self.status_code)

    class Broken(HTTPException):
        def make_response(self):
            raise LookupError("broken")

    def fail(req, kind):
        raise {"sorry": Sorry, "broken": Broken}[kind](403)

    app = Application(name)
    app.set_route("/<kind>", fail)
    assert (ask(app, "/sorry").status, ask(app, "/sorry").text) == ("403 Forbidden", "sorry, 403")
    assert ask(app, "/broken").status == "500 Internal Server Error"


def test_an_application_has_attributes_and_arguments_of_its_own(name):
    app = Site(name, greeting="ahoj")
    app.set_route("/", lambda req: req.app.greeting)
    app.extra = 1
    assert (app.name, app.greeting, app.extra) == (name, "ahoj", 1)
    assert ask(app).text == "ahoj"


def test_a_response_has_attributes_of_its_own(name):
    app = Application(name)

    @app.route("/")
    def handler(req):
        response = Response("x")
        response.colour = "red"
        req.note = "written"
        return response

    @app.after_response()
    def after(req, response):
        return f"{response.colour} {req.note}"

    assert ask(app).text == "red written"


def test_decorators_go_through_the_methods_that_a_subclass_overrides(name):
    class Prefixed(Application):
        def set_route(self, uri, fun, method=3):
            super().set_route("/api" + uri, fun, method)

    app = Prefixed(name)
    app.route("/x")(lambda req: "x")
    assert list(app.routes) == ["/api/x"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_request_method_of_its_own_guards_the_application(name, server):
    class Guarded(Application):
        def __request__(self, environ, start_response):
            if environ["PATH_INFO"] == "/secret":
                start_response("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"no"]
            return super().__request__(environ, start_response)

    app = Guarded(name)
    app.route("/secret")(lambda req: "secret")
    app.route("/open")(lambda req: "open")
    with SERVERS[server](app) as port:
        assert Client(port)("/secret").status == 403
        assert Client(port)("/open").text == "open"


def test_what_a_range_generator_of_its_own_yields_is_sent(name):
    class Shouting(GeneratorResponse):
        def __range_generator__(self):
            return (block.upper() for block in super().__range_generator__())

    app = Application(name)
    app.route("/")(lambda req: Shouting(iter([b"loud", b"er"])))
    assert ask(app).text == "LOUDER"


class Stepping(Site):
    def handler_from_table(self, req):
        self.steps.append("table")
        return super().handler_from_table(req)

    def handler_from_before(self, req):
        self.steps.append("before")
        super().handler_from_before(req)

    def state_from_table(self, req, status_code, **kwargs):
        self.steps.append((status_code, kwargs))
        return super().state_from_table(req, status_code, **kwargs)

    def error_from_table(self, req, error):
        self.steps.append(type(error))
        return super().error_from_table(req, error)


@pytest.fixture
def stepping(name):
    app = Stepping(name, "hi")

    @app.route("/ok")
    def ok(req):
        return "ok"

    @app.route("/error")
    def error(req):
        raise ValueError("x")

    @app.route("/missing")
    def missing(req):
        raise Missing("nothing")

    return app


@pytest.mark.parametrize(("path", "status", "steps"), [
    ("/ok", "200 OK", ["table", "before"]), ("/nowhere", "404 Not Found", ["table", "before", (404, {})]),
    ("/missing", "404 Not Found", ["table", "before", (404, {"error": "nothing"})]),
    ("/error", "500 Internal Server Error", ["table", "before", ValueError, (500, {})]),
])
def test_steps_of_the_pipeline_may_be_overridden(stepping, path, status, steps):
    assert ask(stepping, path).status == status
    assert stepping.steps == steps


def test_steps_may_answer_by_themselves(name):
    class Mild(Application):
        def state_from_table(self, req, status_code, **kwargs):
            return f"sorry, {status_code}", "text/plain", {}, status_code

        def error_from_table(self, req, error):
            return f"sorry, {error}" if isinstance(error, ValueError) else None

    app = Mild(name)

    @app.route("/<kind:word>")
    def fail(req, kind):
        raise {"value": ValueError, "key": KeyError}[kind]("x")

    assert ask(app, "/value").text == "sorry, x"
    assert (ask(app, "/key").status, ask(app, "/key").text) == ("500 Internal Server Error", "sorry, 500")
    assert ask(app, "/a/b").text == "sorry, 404"


def test_a_step_that_fails_ends_at_the_built_in_page(name, caplog):
    class Failing(Application):
        def state_from_table(self, req, status_code, **kwargs):
            raise LookupError("in the step")

    call = ask(Failing(name), "/nowhere")
    assert call.status == "500 Internal Server Error"
    assert "in the step" in caplog.text


def test_the_classes_stand_below_each_other_as_in_poorwsgi():
    assert issubclass(JSONResponse, Response) and issubclass(Response, BaseResponse)
    assert issubclass(FileResponse, BaseResponse) and issubclass(GeneratorResponse, BaseResponse)
    assert issubclass(Declined, NoContentResponse) and issubclass(RedirectResponse, Response)
    assert issubclass(HTTPException, Exception)


def test_a_request_of_a_subclass_may_be_made_by_hand(name):
    class Mine(Request):
        @property
        def path(self):
            return super().path.upper()

    req = Mine({"PATH_INFO": "/path", "REQUEST_METHOD": "GET"}, Application(name))
    assert (req.path, req.uri, req.full_path) == ("/PATH", "/PATH", "/PATH")


def test_headers_of_a_subclass_are_asked(name):
    class Loud(Headers):
        def items(self):
            return [(name, value.upper()) for name, value in super().items()]

    app = Application(name)
    app.set_route("/", lambda req: ("x", "text/plain", Loud({"X-A": "quiet"})))
    assert ask(app).header["X-A"] == "QUIET"

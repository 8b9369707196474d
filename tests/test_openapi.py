"""Wrappers of requests and responses for openapi-core."""
import io

import pytest
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.protocols import Request as RequestProtocol
from openapi_core.protocols import Response as ResponseProtocol
from openapi_core.templating.paths.exceptions import OperationNotFound, PathNotFound
from poorwsgi import Application, state
from poorwsgi.openapi_wrapper import OpenAPIRequest, OpenAPIResponse
from poorwsgi.request import Request, SimpleRequest
from poorwsgi.response import (
    GeneratorResponse,
    JSONResponse,
    NoContentResponse,
    NotModifiedResponse,
    Response,
    TextResponse,
    abort,
)
from wsgi_call import ask

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/",
    "SERVER_NAME": "server",
    "SERVER_PORT": "80",
    "wsgi.url_scheme": "http",
}


@pytest.fixture
def wrapped(name):
    """Returns a function that wraps a request with the given variables."""
    app = Application(name)

    def wrapped(content=b"", **environ):
        length = {"CONTENT_LENGTH": str(len(content))} if content else {}
        environ = {**ENVIRON, **length, "wsgi.input": io.BytesIO(content), **environ}
        return OpenAPIRequest(Request(environ, app))

    return wrapped


class TestRequest:
    def test_is_one_of_openapi(self, wrapped):
        assert isinstance(wrapped(), RequestProtocol)

    @pytest.mark.parametrize(
        ("environ", "url"),
        [
            ({}, "http://server"),
            ({"HTTP_HOST": "localhost:8080"}, "http://localhost:8080"),
            ({"HTTP_HOST": "localhost:443", "wsgi.url_scheme": "https"}, "https://localhost"),
            ({"HTTP_X_FORWARDED_HOST": "example.org", "HTTP_X_FORWARDED_PROTO": "https"}, "https://example.org"),
        ],
    )
    def test_has_the_address_that_the_client_sees(self, wrapped, environ, url):
        assert wrapped(**environ).host_url == url

    def test_has_path_and_method(self, wrapped):
        request = wrapped(PATH_INFO="/some/place", REQUEST_METHOD="PATCH")
        assert (request.path, request.method) == ("/some/place", "patch")

    @pytest.mark.parametrize(
        ("rule", "pattern"),
        [
            ("/static", "/static"),
            ("/<name>", "/{name}"),
            # PoorWSGI returns /user/{int}
            ("/user/<id:int>/<what:word>", "/user/{id}/{what}"),
        ],
    )
    def test_has_the_rule_as_openapi_writes_it(self, wrapped, rule, pattern):
        request = wrapped()
        request.request.uri_rule = rule
        assert request.full_url_pattern == f"http://server{pattern}"

    def test_has_its_path_where_there_is_no_rule(self, wrapped):
        """PoorWSGI raises TypeError."""
        assert wrapped(PATH_INFO="/place").full_url_pattern == "http://server/place"

    def test_has_parameters_as_text(self, wrapped):
        request = wrapped(QUERY_STRING="a=1&a=2&b=3", HTTP_X_KEY="key", HTTP_COOKIE="one=1; two=2")
        request.request.path_args = {"id": 5}
        parameters = request.parameters
        assert parameters.query.getlist("a") == ["1", "2"]
        assert parameters.query["b"] == "3"
        assert parameters.header["X-Key"] == "key"
        # In PoorWSGI the values are Morsels, which no schema accepts as a string
        assert parameters.cookie == {"one": "1", "two": "2"}
        assert parameters.path == {"id": "5"}

    def test_keeps_what_openapi_adds_to_them(self, wrapped):
        """PoorWSGI creates them anew at each access."""
        request = wrapped()
        request.parameters.path = {"id": "5"}
        assert request.parameters.path == {"id": "5"}

    def test_has_the_content_and_its_type(self, wrapped):
        request = wrapped(b"{}", REQUEST_METHOD="POST", CONTENT_TYPE="application/json; charset=utf-8")
        assert request.body == b"{}"
        assert request.mimetype == "application/json"
        assert request.content_type == "application/json; charset=utf-8"

    @pytest.mark.parametrize(
        ("content_type", "readable"),
        [
            ("application/json; foo", "application/json"),
            ("application/json; a=1=2; charset=utf-8", "application/json; charset=utf-8"),
            ('application/json; a="x;y"', "application/json"),
            (";", ""),
        ],
    )
    def test_leaves_out_parameters_that_openapi_core_cannot_read(self, wrapped, content_type, readable):
        """openapi-core raises ValueError for these, which would be answered with 500."""
        request = wrapped(b"{}", REQUEST_METHOD="POST", CONTENT_TYPE=content_type)
        assert request.content_type == readable

    def test_without_content(self, wrapped):
        request = wrapped()
        assert not request.body
        assert (request.mimetype, request.content_type) == ("", "")

    def test_may_have_only_a_path(self, name):
        """A SimpleRequest is used if creating the Request has failed."""
        request = OpenAPIRequest(SimpleRequest(ENVIRON, Application(name)))
        assert isinstance(request, RequestProtocol)
        assert (request.path, request.body, request.parameters.path) == ("/", None, {})


class TestResponse:
    def test_is_one_of_openapi(self):
        assert isinstance(OpenAPIResponse(Response()), ResponseProtocol)

    @pytest.mark.parametrize(
        ("response", "status", "content_type", "data"),
        [
            (Response("x", status_code=201), 201, "text/html; charset=utf-8", b"x"),
            (JSONResponse(a=1), 200, "application/json; charset=utf-8", b'{"a": 1}'),
            (TextResponse("x"), 200, "text/plain; charset=utf-8", b"x"),
            (Response(b"{}", headers={"Content-Type": "application/json"}), 200, "application/json", b"{}"),
            (NoContentResponse(), 204, "", b""),
            (NotModifiedResponse(), 304, "", b""),
            (GeneratorResponse(iter((b"never seen",))), 200, "text/html; charset=utf-8", b""),
        ],
    )
    def test_has_status_type_and_content(self, response, status, content_type, data):
        wrapped = OpenAPIResponse(response)
        assert (wrapped.status_code, wrapped.content_type, wrapped.data) == (status, content_type, data)
        assert wrapped.mimetype == content_type.split(";")[0]

    def test_has_headers(self):
        assert OpenAPIResponse(Response(headers={"X-A": "b"})).headers["X-A"] == "b"


NUMBER = {"type": "integer", "minimum": 1}
SPEC = {
    "openapi": "3.0.0",
    "info": {"title": "Users", "version": "1"},
    "servers": [{"url": "http://server"}],
    "paths": {
        "/user/{number}": {
            "parameters": [
                {"name": "number", "in": "path", "required": True, "schema": NUMBER},
                {"name": "page", "in": "query", "schema": NUMBER},
                {"name": "theme", "in": "cookie", "schema": {"type": "string", "enum": ["dark", "light"]}},
                {"name": "X-Rank", "in": "header", "schema": NUMBER},
            ],
            "get": {
                "responses": {
                    "200": {
                        "description": "A user",
                        "content": {"application/json": {"schema": {"type": "object", "required": ["number"]}}},
                    },
                },
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "object", "required": ["name"]}}},
                },
                "responses": {"200": {"description": "Done"}},
            },
        },
    },
}


class TestApplication:
    """An application whose hooks validate requests and responses."""

    @pytest.fixture
    def app(self, name):
        openapi = OpenAPI.from_dict(SPEC)
        app = Application(name)

        @app.before_response()
        def check_request(req):
            try:
                openapi.unmarshal_request(OpenAPIRequest(req)).raise_for_errors()
            except (OperationNotFound, PathNotFound):
                return
            except OpenAPIError as error:
                abort(JSONResponse(error=type(error).__name__, status_code=400))

        @app.after_response()
        def check_response(req, response):
            if response.status_code == 200:
                result = openapi.unmarshal_response(OpenAPIRequest(req), OpenAPIResponse(response))
                response.add_header("X-Errors", str(len(result.errors)))
            return response

        @app.route("/user/<number:int>", method=state.METHOD_GET | state.METHOD_POST)
        def user(req, number):
            return {} if req.args.get("wrong") else {"number": number}

        return app

    @pytest.mark.parametrize(
        ("path", "environ", "status"),
        [
            ("/user/5", {}, 200),
            ("/user/0", {}, 400),
            ("/user/5", {"QUERY_STRING": "page=2"}, 200),
            ("/user/5", {"QUERY_STRING": "page=x"}, 400),
            ("/user/5", {"QUERY_STRING": "page=0"}, 400),
            ("/user/5", {"HTTP_COOKIE": "theme=dark"}, 200),
            ("/user/5", {"HTTP_COOKIE": "theme=red"}, 400),
            ("/user/5", {"HTTP_X_RANK": "1"}, 200),
            ("/user/5", {"HTTP_X_RANK": "first"}, 400),
            ("/elsewhere", {}, 404),
        ],
    )
    def test_parameters_are_checked(self, app, path, environ, status):
        assert ask(app, path, HTTP_HOST="server", **environ).status.startswith(f"{status} ")

    @pytest.mark.parametrize(
        ("content", "content_type", "status"),
        [
            (b'{"name": "Ann"}', "application/json", 200),
            (b'{"name": "Ann"}', "application/json; charset=utf-8", 200),
            (b'{"nom": "Ann"}', "application/json", 400),
            (b"name=Ann", "text/plain", 400),
            (b"", "application/json", 400),
        ],
    )
    def test_content_is_checked(self, app, content, content_type, status):
        answer = ask(app, "/user/5", "POST", content, HTTP_HOST="server", CONTENT_TYPE=content_type)
        assert answer.status.startswith(f"{status} ")

    @pytest.mark.parametrize(("query", "errors"), [("", "0"), ("wrong=1", "1")])
    def test_responses_are_checked(self, app, query, errors):
        assert ask(app, "/user/5", HTTP_HOST="server", QUERY_STRING=query).header["X-Errors"] == errors

"""Wrappers of requests and responses for openapi-core.

Only this module needs the package openapi-core (0.23 or later):

    openapi = OpenAPI.from_file_path("openapi.json")

    @app.before_response()
    def check(req):
        openapi.unmarshal_request(OpenAPIRequest(req)).raise_for_errors()

Written in Python, because it implements protocols of openapi-core.
"""
import re
from collections import OrderedDict

from openapi_core.datatypes import RequestParameters
from openapi_core.protocols import Request, Response

from poorwsgi._poorwsgi import _charset
from poorwsgi.headers import parse_header
from poorwsgi.response import HTTPException
from poorwsgi.state import HTTP_BAD_REQUEST


class OpenAPIRequest(Request):
    """A request for openapi-core.

    The names of path arguments must be those of the specification: the rule /user/<id:int> is /user/{id}.
    body is Request.data, which exists only if the request has a Content-Length; see Application.auto_data and
    data_size.
    """

    re_pattern = re.compile(r"<(\w*:)?(\w*)>")

    def __init__(self, request):
        self.request = request
        self._parameters = None

    @property
    def host_url(self):
        """Scheme, host and port as the client sees them, such as "https://example.org"."""
        return self.request.construct_url("/")[:-1]

    @property
    def path(self):
        """The path of the request."""
        return self.request.path

    @property
    def method(self):
        """The method in lower case, as OpenAPI writes it."""
        return self.request.method.lower()

    @property
    def full_url_pattern(self):
        """host_url, followed by the rule of the route in the form of OpenAPI, /user/{name}; or by the path if
        there is no route."""
        rule = self.request.uri_rule or self.request.path
        return self.host_url + self.re_pattern.sub(_path_parameter, rule)

    @property
    def parameters(self):
        """Query, header fields, cookies and path arguments. openapi-core changes them, so they are created
        only once."""
        if self._parameters is None:
            # A SimpleRequest has only a path.
            has = {
                location: values
                for location, name in (("query", "args"), ("header", "headers"))
                if (values := getattr(self.request, name, None)) is not None
            }
            cookies = getattr(self.request, "cookies", None) or {}
            path = getattr(self.request, "path_args", None) or {}
            self._parameters = RequestParameters(
                **has,
                cookie={name: getattr(cookie, "value", cookie) for name, cookie in cookies.items()},
                # As text, because the schema decides their types, not the filter of the rule.
                path=OrderedDict((name, str(value)) for name, value in path.items()),
            )
        return self._parameters

    @property
    def body(self):
        """The content of the request as bytes."""
        return getattr(self.request, "data", None)

    @property
    def mimetype(self):
        """The media type of the content without parameters; "" if the request has none."""
        return getattr(self.request, "mime_type", "")

    @property
    def content_type(self):
        """The media type of the content with its parameters; "" if the request has none.

        A parameter whose value contains ";" or "=" is left out, because openapi-core cannot parse it. Raises
        HTTPException(400) for a charset that is not supported, because openapi-core would decode the content
        with it.
        """
        headers = getattr(self.request, "headers", {})
        media_type, parameters = parse_header(headers.get("Content-Type", ""))
        if "charset" in parameters:
            name = _charset(parameters["charset"])
            if name is None:
                raise HTTPException(HTTP_BAD_REQUEST, error="the charset of the request's Content-Type is not known")
            parameters["charset"] = name
        return _written(media_type, parameters)


def _readable(content_type):
    return _written(*parse_header(content_type))


def _written(media_type, parameters):
    # openapi-core splits at each ";" and "=", even in quotes, and raises ValueError if a parameter does not
    # have exactly one "=". A client must not be able to cause that.
    plain = (f"{name}={value}" for name, value in parameters.items() if name and not set(name + value) & set(";="))
    return "; ".join((media_type, *plain))


def _path_parameter(match):
    name, last = match.groups()
    return "{" + (name or last).removesuffix(":") + "}"


class OpenAPIResponse(Response):
    """A response for openapi-core. Content that is generated while it is sent, or comes from a file, is not
    included."""

    def __init__(self, response):
        self.response = response

    @property
    def data(self):
        """The content as bytes."""
        return getattr(self.response, "data", b"")

    @property
    def status_code(self):
        """The status code."""
        return self.response.status_code

    @property
    def mimetype(self):
        """The media type of the content without parameters."""
        return self.content_type.partition(";")[0].strip()

    @property
    def content_type(self):
        """The media type of the content with its parameters."""
        return _readable(self.response.headers.get("Content-Type") or self.response.content_type or "")

    @property
    def headers(self):
        """The header fields."""
        return self.response.headers

"""Requests and responses as openapi-core takes them.

This module, and no other, needs the package openapi-core (0.23 or later):

    openapi = OpenAPI.from_file_path("openapi.json")

    @app.before_response()
    def check(req):
        openapi.unmarshal_request(OpenAPIRequest(req)).raise_for_errors()

Python, because the protocols of openapi-core are.
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

    The names of path arguments are those of the specification: /user/<id:int> is for /user/{id}. body is Request.data,
    which is there where the request has a Content-Length; see Application.auto_data and data_size.
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
        """host_url and the rule of the route as OpenAPI writes it, /user/{name}; where there is no route, the path."""
        rule = self.request.uri_rule or self.request.path
        return self.host_url + self.re_pattern.sub(_path_parameter, rule)

    @property
    def parameters(self):
        """Query, header fields, cookies and path arguments. openapi-core changes them, so they are made once."""
        if self._parameters is None:
            # Requests that could not be built have no more than a path.
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
                # As text: the schema says what they are, not the filter of the rule.
                path=OrderedDict((name, str(value)) for name, value in path.items()),
            )
        return self._parameters

    @property
    def body(self):
        """The content of the request as bytes."""
        return getattr(self.request, "data", None)

    @property
    def mimetype(self):
        """The media type of the content without parameters, "" where the request has none."""
        return getattr(self.request, "mime_type", "")

    @property
    def content_type(self):
        """The media type of the content with its parameters, "" where the request has none.

        A parameter whose value has a ";" or "=" is left out: openapi-core cannot read it. Raises HTTPException(400) for a
        charset that clients may not name: openapi-core would decode the content by it.
        """
        headers = getattr(self.request, "headers", {})
        media_type, parameters = parse_header(headers.get("Content-Type", ""))
        if "charset" in parameters:
            name = _charset(parameters["charset"])
            if name is None:
                raise HTTPException(HTTP_BAD_REQUEST, error="the charset of the content is not known")
            parameters["charset"] = name
        return _written(media_type, parameters)


def _readable(content_type):
    return _written(*parse_header(content_type))


def _written(media_type, parameters):
    # openapi-core splits at each ";" and "=", quoted or not, and raises ValueError where a parameter has not exactly one "=".
    # No client may cause that.
    plain = (f"{name}={value}" for name, value in parameters.items() if name and not set(name + value) & set(";="))
    return "; ".join((media_type, *plain))


def _path_parameter(match):
    name, last = match.groups()
    return "{" + (name or last).removesuffix(":") + "}"


class OpenAPIResponse(Response):
    """A response for openapi-core. Content that is made while it is sent, by a generator or from a file, is not seen."""

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

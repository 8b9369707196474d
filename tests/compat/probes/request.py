"""The attributes of a request."""
import io
import itertools
import os

from poorwsgi import Application
from poorwsgi.fieldstorage import FieldStorageParser
from poorwsgi.request import Request, SimpleRequest
from worker import error_of

_numbers = itertools.count()

SIMPLE = (
    "debug", "poor_environ", "uri_rule", "uri_handler", "error_handler", "hostname", "host_port", "method", "method_number", "uri", "path", "query",
    "full_path", "remote_host", "remote_addr", "referer", "user_agent", "server_scheme", "scheme", "server_software", "server_admin",
    "server_hostname", "server_port", "port", "server_protocol", "protocol", "forwarded_for", "forwarded_host", "forwarded_port",
    "forwarded_proto", "secret_key", "document_index", "document_root",
)
FULL = (
    *SIMPLE, "mime_type", "charset", "content_length", "accept", "accept_charset", "accept_encoding", "accept_language", "accept_html",
    "accept_xhtml", "accept_json", "authorization", "is_xhr", "is_body_request", "is_chunked", "is_chunked_request", "path_args", "args", "form",
    "json", "data", "user", "api", "db",
)


def application(settings=()):
    app = Application(f"probe {next(_numbers)}")
    for name, value in dict(settings).items():
        setattr(app, name, value)
    return app


def environ_of(environ, body=b""):
    base = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "REQUEST_STARTTIME": 1.0}
    return {key: value for key, value in {**base, **environ}.items() if value is not None}


def read(request, name):
    try:
        value = getattr(request, name)
    except Exception as error:
        return error_of(error)
    if name in ("args", "form"):
        return type(value).__name__, fields(value)
    if name == "cookies":
        return cookies(value)
    return value


def cookies(value):
    return type(value).__name__, {key: (morsel.value, morsel.coded_value) for key, morsel in value.items()} if isinstance(value, dict) else value


def fields(form):
    return {key: form.getlist(key) if hasattr(form, "getlist") else form[key] for key in form} if form else {}


def simple(environ, settings=()):
    """Every property of a SimpleRequest."""
    request = SimpleRequest(environ_of(environ), application(settings))
    return {name: read(request, name) for name in SIMPLE}


def full(environ, body=b"", settings=()):
    """Every property of a Request."""
    request = Request(environ_of(environ, body), application(settings))
    return {name: read(request, name) for name in FULL} | {
        "headers": list(request.headers.items()), "cookies": read(request, "cookies"), "options": request.get_options()}


def built(environ, body):
    """Whether a request can be created by hand, and its JSON."""
    request = Request(environ_of(environ, body), application())
    return "built", read(request, "json")


def url(environ, target):
    return Request(environ_of(environ), application()).construct_url(target)


def options(variables):
    os.environ.update(variables)
    try:
        return Application.get_options(), application().get_options()
    finally:
        for name in variables:
            del os.environ[name]


def setters():
    seen = {}
    for name in (*FULL, "headers", "cookies", "app", "environ", "start_time", "end_time", "input", "anything", "tmp"):
        for values in ([{"a": 1}], [None], [{"a": 1}, {"b": 2}], [None, {"a": 1}], *([] if name in ("args", "form", "path_args") else [["text"]])):
            request = Request(environ_of({"QUERY_STRING": "a=1"}), application())
            try:
                for value in values:
                    setattr(request, name, value)
                seen[name, repr(values)] = read(request, name)
            except Exception as error:
                seen[name, repr(values)] = error_of(error)
    return seen


def reads(environ, body, settings, steps):
    """`read`, `read_chunk`, `data` and `input` in some order."""
    return in_order(Request(environ_of(environ, body), application(settings)), steps)


def reads_of_socket(environ, body, settings, steps):
    """The same with a wsgi.input that reads from the connection, as in wsgiref."""
    return in_order(request_of_socket(environ, body, settings), steps)


def form_of_socket(environ, body, settings):
    """The form that an application parses itself."""
    request = request_of_socket(environ, body, settings)
    return fields(FieldStorageParser(request.input, request.headers).parse())


def request_of_socket(environ, body, settings):
    return Request(environ_of({**environ, "wsgi.input": io.BufferedReader(io.BytesIO(body))}), application(settings))


def in_order(request, steps):
    seen = []
    for name, *arguments in steps:
        try:
            if name == "data":
                seen.append(request.data)
            elif name.startswith("input."):
                seen.append(getattr(request.input, name[6:])(*arguments))
            else:
                seen.append(getattr(request, name)(*arguments))
        except Exception as error:
            seen.append(error_of(error))
    return seen

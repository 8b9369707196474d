"""Responses as the application and the server see them."""
import contextlib
import http.client
import io
import mimetypes
import pathlib
import tempfile

from poorwsgi import response
from poorwsgi.response import HTTPException, make_response
from probes.request import application
from probes.wsgi import call, seen
from worker import attempt, error_of

_file = pathlib.Path(tempfile.mkdtemp()) / "file.txt"
_file.write_bytes(b"0123456789" * 3)
# Values that cannot be pickled, by name.
VALUES = {
    "a file": lambda: io.BytesIO(b"0123456789"),
    "a file name": lambda: str(_file),
    "no file name": lambda: str(_file) + ".none",
    "a generator": lambda: (part for part in (b"one", b"two", b"three")),
    "a list of bytes": lambda: [b"one", b"two"],
    "a generator of text": lambda: (part for part in ("one", "two", "\u017e")),
    "an empty generator": lambda: iter(()),
    "a generator of numbers": lambda: iter(range(3)),
    "an object": object,
    "a dictionary with an object": lambda: {"a": object()},
    "a memoryview": lambda: memoryview(b"more"),
    "a generator of ranges": lambda: (each for each in [(1, 2), (9, 4), (1, 2)]),
    "a response": lambda: response.Response("x", headers={"X-A": "1"}),
}


def made(value):
    return VALUES[value]() if isinstance(value, str) and value in VALUES else value


def sent(answer):
    """Sends a response as a WSGI server does."""
    started = []
    content = answer(lambda status, headers, exc_info=None: started.append((status, headers)) or (lambda data: None))
    content = b"".join(content)
    (status, headers), = started[-1:]
    if isinstance(answer, response.NoContentResponse):  # see LEFT_OUT
        headers = [(name, value) for name, value in headers if name != "X-Powered-By"]
    return status, seen(headers), content


def known(answer):
    return {name: attempt(getattr, answer, name) for name in ("status_code", "reason", "content_length", "content_type", "ranges")} | {
        "headers": seen(answer.headers.items()) if answer.headers is not None else None, "data": attempt(data_of, answer)}


def data_of(answer):
    data = answer.data
    return data if isinstance(data, (bytes, str)) else type(data).__name__


def build(name, arguments, keywords, steps=()):
    """Creates a response and calls its methods; returns the results, and what is sent."""
    try:
        made_ = [made(argument) for argument in arguments]
        if name == "make_response":
            answer = make_response(*made_, **keywords)
        else:
            answer = getattr(response, name)(*made_, **keywords)
    except Exception as error:
        return error_of(error)
    done = [attempt(step, answer, *each) for each in steps]
    return type(answer).__name__, done, attempt(known, answer), attempt(sent, answer)


def accept_ranges(steps):
    """The values of `Accept-Ranges` in the response for a file after some steps."""
    answer = response.FileResponse(made("a file name"), "text/plain")
    for each in steps:
        step(answer, *each)
    return [value for name, value in sent(answer)[1] if name == "Accept-Ranges"]


def media_type(extension, added=None):
    """The media type for a file name; with `added`, the application has added a type for the extension."""
    path = _file.parent / f"name.{extension}"
    path.touch()
    if added:
        mimetypes.add_type(added, f".{extension}")
    return response.FileResponse(str(path)).content_type


def own_status(code, reason):
    """A status that the application has added to http.client.responses: set, used in a constructor, raised,
    and returned by a handler."""
    http.client.responses[code] = reason
    changed = response.Response("x")
    changed.status_code = code
    app = application()
    app.set_route("/", lambda req: ("x", "text/plain", {"X-A": "1"}, code))
    app.set_http_state(code, lambda req: ("own", "text/plain", None, code))
    app.set_route("/raised", lambda req: response.abort(code))
    return sent(changed), build("Response", ("x",), {"status_code": code}), call(app, {}), call(app, {"PATH_INFO": "/raised"})


def step(answer, name, *arguments):
    arguments = [made(each) for each in arguments]
    if name.startswith("set "):
        return setattr(answer, name[4:], *arguments)
    if name == "header":
        answer.headers[arguments[0]] = arguments[1]
        return None
    if name == "add_header_with":
        return answer.add_header(arguments[0], arguments[1], **arguments[2])
    result = getattr(answer, name)(*arguments)
    return None if isinstance(result, response.BaseResponse) else result


def exception(*arguments, **keywords):
    error = HTTPException(*(made(argument) for argument in arguments), **keywords)
    answer = error.make_response()
    return {name: attempt(getattr, error, name) for name in ("status_code",)}, type(error.response).__name__, sent(answer) if answer is not None else None


def raised(name, *arguments):
    """The exception that `abort` or `redirect` raises, and its response."""
    try:
        return getattr(response, name)(*arguments)
    except HTTPException as error:
        return type(error).__name__, attempt(lambda: sent(error.make_response()))

"""One WSGI call, as a server makes it, and the response that the server gets."""
import contextlib

from probes.request import application, environ_of
from worker import attempt

# The framework's name differs: an entry of differences.py.
NAMES = {"Poor WSGI for Python": "its name", "PoorWSGI": "its name"}
PAGE = b"</html>"
PAGE_HEADERS = {"content-length", "content-security-policy", "vary"}
ALWAYS = {"allow", "last-modified", "etag"}
EMPTY = ("Content-Length", "0")
# What comparisons leave out, with words of the rows of docs/differences.md that say so.
LEFT_OUT = {
    "page": "The built-in pages",
    "allow": "405 without `Allow`",
    "last-modified": "`Last-Modified` is the time the inode changed",
    "etag": "`Range` and conditions are ignored for files",
    "x-powered-by of a 204": "`NoContentResponse` and `NotModifiedResponse` drop",
    "empty": "An empty response has no `Content-Length`",
}


def called(app, environ, body=b""):
    started = []

    def start_response(status, headers, exc_info=None):
        started.append((status, headers))
        return lambda data: None

    result = app(environ_of(environ, body), start_response)
    content = b"".join(result)
    with contextlib.suppress(AttributeError):
        result.close()
    (status, headers), = started[-1:]
    page = PAGE in content
    if environ.get("REQUEST_METHOD") == "HEAD":
        page, content = True, "a server leaves it out"
    elif page:
        content = "a page"
    if status.startswith("204"):
        headers = [(name, value) for name, value in headers if name.title() != "X-Powered-By"]
    return status, seen(headers, page), content


def seen(headers, page=False):
    left_out = ALWAYS | (PAGE_HEADERS if page else set())
    return sorted((name.title(), NAMES.get(value, value)) for name, value in headers if name.lower() not in left_out and (name.title(), value) != EMPTY)


def call(app, environ, body=b""):
    return attempt(called, app, environ, body)


def labelled(label, seen_arguments=True):
    """A handler that returns its label and its arguments."""
    def handler(req, *arguments):
        return f"{label} {arguments!r} {dict(req.path_args)!r}", "text/plain"
    handler.__name__ = label
    return handler


def routing(steps, requests):
    """Creates an application with routes of all kinds; returns which of them handles each request."""
    app = application()
    done = []
    for number, (name, *arguments) in enumerate(steps):
        done.append(attempt(step, app, name, f"handler {number}", arguments))
    tables = {
        "routes": {key: {method: fun.__name__ for method, fun in table.items()} for key, table in app.routes.items()},
        "defaults": {method: fun.__name__ for method, fun in app.defaults.items()},
        "filters": sorted(app.filters),
    }
    return done, tables, {
        (method, path): call(app, {"REQUEST_METHOD": method, "PATH_INFO": path}) for method, path in requests}


def status(steps, method, path):
    """The status, and the methods that `Allow` names."""
    app = application()
    for number, (name, *arguments) in enumerate(steps):
        step(app, name, f"handler {number}", arguments)
    started = []
    app(environ_of({"REQUEST_METHOD": method, "PATH_INFO": path}), lambda *arguments: started.append(arguments))
    (line, headers), = started
    return line, dict(headers).get("Allow")


def step(app, name, label, arguments):
    if name in ("route", "regular_route", "default"):
        return getattr(app, name)(*arguments)(labelled(label)).__name__
    if name in ("set_route", "set_regular_route"):
        return getattr(app, name)(arguments[0], labelled(label), *arguments[1:])
    if name == "set_default":
        return app.set_default(labelled(label), *arguments)
    result = getattr(app, name)(*arguments)
    return getattr(result, "__name__", result)


def rules(pattern_steps, requests):
    """`uri_rule` and `uri_handler` as before hooks and handlers see them."""
    app = application()
    log = {}
    app.add_before_response(lambda req: log.setdefault((req.method, req.path), (req.uri_rule, getattr(req.uri_handler, "__name__", None), dict(req.path_args or {}))))
    for number, (name, *arguments) in enumerate(pattern_steps):
        step(app, name, f"handler {number}", arguments)
    answers = {(method, path): call(app, {"REQUEST_METHOD": method, "PATH_INFO": path})[0] for method, path in requests}
    return log, answers


def raw(method, environ=None, value="text"):
    """The whole response, with nothing left out."""
    app = application()
    app.set_route("/", lambda req: value, 511)
    app.set_route("/204", lambda req: (value, "text/plain", None, 204), 511)
    started = []
    content = b"".join(app(environ_of({"REQUEST_METHOD": method, **(environ or {})}), lambda *arguments: started.append(arguments)))
    (status, headers), = started
    return status, {"Content-Length": "none"} | dict(headers), content

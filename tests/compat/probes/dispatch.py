"""Requests in applications with hooks, state handlers and error handlers."""
import builtins
import logging
import pathlib
import sys
import tempfile

from poorwsgi import abort, redirect, results
from poorwsgi.response import EmptyResponse, FileResponse, HTTPException, JSONResponse, NoContentResponse, RedirectResponse, Response
from poorwsgi.session import PoorSession
from probes.request import application, environ_of
from probes.wsgi import call
from worker import attempt

METHODS = {"default": (), "all": (511,), "get": (2,)}


class Custom(ValueError):
    pass


class Other(Exception):
    pass


def generator():
    yield b"one"
    yield b"two"


def fails(error):
    def result(*arguments):
        raise error
    return result


def gives(value):
    return lambda *arguments: value


# What a handler, a hook or a state handler does.
ACTIONS = {
    "text": gives("text"), "bytes": gives(b"bytes"), "nothing": gives(None), "pair": gives(("text", "text/plain")),
    "four": gives(("text", "text/plain", {"X-A": "1"}, 201)), "three": gives(("text", "text/plain", [("X-A", "1"), ("X-A", "2")])),
    "dictionary": gives({"a": 1}), "list": gives([1, 2]), "generator": lambda *arguments: (generator(),), "generator object": lambda *arguments: generator(),
    "response": lambda *arguments: Response("response", headers={"X-R": "1"}, status_code=202), "json": lambda *arguments: JSONResponse(a=1),
    "empty": lambda *arguments: EmptyResponse(), "no content": lambda *arguments: NoContentResponse(),
    "redirect response": lambda *arguments: RedirectResponse("/x"),
    "number": gives(5), "object": gives(object()), "tuple of one": gives(("text",)), "tuple with a bad status": gives(("x", "text/plain", None, 999)),
    "tuple of five": gives(("x", "text/plain", None, 200, 1)), "empty text": gives(""), "dictionary and more": gives(({"a": 1}, "application/x", None, 201)),
    "nothing and a status": gives((None, 204)), "dictionary and a number": gives(({"a": 1}, 201)), "bytes without a type": gives((b"x", "", {"X-A": "1"})),
    "object in a dictionary": gives({"a": object()}), "text and a number": gives(("x", 204)), "early": gives(("x", "text/plain", None, 425)),
    "true": gives(True), "empty dictionary": gives({}),
    "abort 400": lambda *arguments: abort(400), "abort 403": lambda *arguments: abort(403), "abort 404": lambda *arguments: abort(404),
    "abort 405": lambda *arguments: abort(405), "abort 500": lambda *arguments: abort(500), "abort 501": lambda *arguments: abort(501), "abort 304": lambda *arguments: abort(304),
    "abort with a response": lambda *arguments: abort(Response("aborted", status_code=418)),
    "redirect": lambda *arguments: redirect("/y"), "redirect for good": lambda *arguments: redirect("/y", 301, "gone"),
    "exception with arguments": fails(HTTPException(404, error="why", extra=1)), "exception with a response": lambda *arguments: fails(HTTPException(Response("x", status_code=409)))(),
    "ValueError": fails(ValueError("v")), "Custom": fails(Custom("c")), "Other": fails(Other("o")), "KeyError": fails(KeyError("k")),
    "TypeError": lambda *arguments: None + 1, "OSError": fails(OSError(2, "o")),
}


def noted(log, name, action, result_of=None):
    def function(req, *arguments, **keywords):
        log.append((name, req.method, [type(each).__name__ for each in arguments], {key: type(value).__name__ for key, value in sorted(keywords.items())},
                    sys.exc_info()[0] is not None))
        return ACTIONS[action](req, *arguments)
    function.__name__ = name.replace(" ", "_")
    return function


def run(setup, requests, settings=()):
    """Creates an application by steps; returns its responses with the calls that were made."""
    app = application(settings)
    log = []
    for name, action, *arguments in setup:
        function = noted(log, name, action)
        if name in ("before", "after"):
            getattr(app, f"add_{name}_response")(function)
        elif name == "route":
            app.set_route(*arguments[:1], function, *arguments[1:])
        elif name == "default":
            app.set_default(function, *arguments)
        elif name == "state":
            app.set_http_state(arguments[0], function, *arguments[1:])
        elif name == "error":
            app.set_error_handler(error_type(arguments[0]), function, *arguments[1:])
    answers = []
    for method, path in requests:
        log.clear()
        answers.append((call(app, {"REQUEST_METHOD": method, "PATH_INFO": path}), list(log)))
    return answers


def error_type(name):
    """An exception by its name, or a tuple of them."""
    if isinstance(name, tuple):
        return tuple(map(error_type, name))
    return {"Custom": Custom, "Other": Other}.get(name) or getattr(builtins, name)


def error_types(*names):
    """The table of error handlers, from which one is popped with an equal type."""
    app = application()
    results = [attempt(app.set_error_handler, error_type(name), gives("text")) for name in names]
    keys = list(app.errors)
    popped_ = [attempt(lambda each=each: app.pop_error_handler(tuple(each) if isinstance(each, tuple) else each, 2)()) for each in map(error_type, names)]
    union = attempt(app.set_error_handler, ValueError | KeyError, lambda req, error: Response("union"))
    app.set_route("/", fails(KeyError("k")))
    return results, keys, popped_, union, call(app, {})


def logged(action):
    """The exceptions in the records of the log for a request that fails."""
    records = []

    class Keeps(logging.Handler):
        def emit(self, record):
            if record.exc_info:
                records.append((record.levelname, record.exc_info[0].__name__, type(record.exc_info[1]).__name__, record.exc_info[2] is not None, bool(self.format(record))))

    handler, logger = Keeps(), logging.getLogger("poorwsgi")
    app = application()
    app.set_route("/", lambda req: ACTIONS[action](req))
    app.set_route("/by-hand", lambda req: by_hand(req, action))
    logging.disable(logging.NOTSET)
    logger.addHandler(handler)
    try:
        return call(app, {})[0], call(app, {"PATH_INFO": "/by-hand"})[0], records
    finally:
        logger.removeHandler(handler)
        logging.disable(logging.CRITICAL)


def by_hand(req, action):
    try:
        return ACTIONS[action](req)
    except Exception:
        return results.internal_server_error(req)


def handlers_seen(settings, requests):
    """The handlers that a request names in hooks: before, and after."""
    app = application({"document_root": str(_root), **settings})
    app.set_route("/fails", ACTIONS["KeyError"])
    app.set_route("/forbidden", ACTIONS["abort 403"])
    app.set_route("/own", fails(Other()))
    app.set_error_handler(Other, own)
    seen = []
    name = lambda handler: getattr(handler, "__name__", handler)
    app.add_before_response(lambda req: seen.append(("before", req.uri_rule, name(req.uri_handler), name(req.error_handler))))

    def after(req, response):
        seen.append(("after", req.uri_rule, name(req.uri_handler), name(req.error_handler)))
        return response
    app.add_after_response(after)
    for method, path in requests:
        seen.append((method, path, call(app, {"REQUEST_METHOD": method, "PATH_INFO": path})[0]))
    return seen


def own(req, error):
    return Response("own", headers={"X-A": "1"})


def after_sees():
    """What an after hook can do with a response."""
    app = application()
    app.set_route("/", gives(("text", "text/plain", {"X-A": "1"}, 201)))

    def change(req, response):
        response.headers["X-B"] = f"{response.status_code} {response.reason} {response.content_type} {response.content_length}"
        response.status_code = 202
        response.write(" more")
        return response
    app.add_after_response(change)
    return call(app, {}), call(app, {"PATH_INFO": "/none"})[0]


def aborted(status):
    app = application()
    app.set_route("/", lambda req: abort(status))
    return call(app, {})[0]


def changed_page():
    """Whether an application can put its own page into the table of built-in pages."""
    pages = results.default_states
    before = pages[403]
    changed = attempt(lambda: pages.update({403: {2: lambda req, **keywords: Response("own")}}) if hasattr(pages, "update") else pages.__setitem__(403, {}))
    try:
        return aborted(404), aborted(403) if changed is None else changed[1]
    finally:
        attempt(lambda: pages.update({403: before}))


MISTAKES = {
    "value": lambda req: req.args.getfirst("page", 1, int), "missing": lambda req: req.args["none"], "empty form": lambda req: req.form["none"],
    "file": lambda req: FileResponse("/no/such/file"), "folder": lambda req: FileResponse("/"), "session": lambda req: PoorSession("secret").load(req.cookies),
    "own value": lambda req: int("x"), "own key": lambda req: {}["x"],
}


def mistake(name):
    """The status of a client's mistake that the handler does not catch, and the exception that the handler can catch."""
    app = application()
    caught = []

    def handler(req):
        try:
            return MISTAKES[name](req)
        except Exception as error:
            caught.extend((type(error).__name__, isinstance(error, (OSError, LookupError, ValueError, RuntimeError))))
            raise
    app.set_route("/", handler)
    return call(app, {"QUERY_STRING": "page=x", "HTTP_COOKIE": "SESSID=forged"})[0], caught


def state_fields(status, headers):
    """The fields of a state handler's own 401 or 405."""
    app = application({"secret_key": "secret", "auth_type": "Digest"})
    app.set_route("/401", lambda req: fails(HTTPException(401, realm="Zone"))())
    app.set_route("/405", gives("text"), 4)
    app.set_http_state(status, lambda req, **keywords: (str(sorted(keywords)), "text/plain", headers, status))
    started = []
    content = b"".join(app(environ_of({"PATH_INFO": f"/{status}"}), lambda *arguments: started.append(arguments)))
    (_, fields), = started
    return content, [name for name, _ in fields if name in ("Allow", "WWW-Authenticate")]


def page_for(accept):
    """The media type of a built-in page."""
    started = []
    b"".join(application()(environ_of({"PATH_INFO": "/none", "HTTP_ACCEPT": accept}), lambda *arguments: started.append(arguments)))
    return dict(started[0][1])["Content-Type"]


def part_for(method):
    """The status of a response that a handler has cut with make_partial."""
    def handler(req):
        response = Response("0123456789")
        response.make_partial([(0, 1)])
        return response
    app = application()
    app.set_route("/", handler, 511)
    return call(app, {"REQUEST_METHOD": method})[0]


def popped(kind):
    """Hooks and handlers that are added and popped again."""
    app = application()
    log = []
    functions = [noted(log, f"{kind} {number}", "nothing") for number in range(3)]
    for function in functions:
        getattr(app, f"add_{kind}")(function)
    popped_ = [attempt(getattr(app, f"pop_{kind}"), functions[1]) for _ in range(2)]
    return [function.__name__ for function in getattr(app, kind.split("_")[0])], popped_


_root = pathlib.Path(tempfile.mkdtemp())
for _name in ("a.txt", "b.html", "c.unknown-type", "d.json", "folder/e.txt", "\u017e.txt", ".hidden"):
    (_root / _name).parent.mkdir(exist_ok=True)
    (_root / _name).write_bytes(f"content of {_name}".encode())


def files(settings, requests):
    """An application with a document root."""
    app = application({"document_root": str(_root), **settings})
    app.set_route("/route", gives("route"))
    app.set_http_state(404, lambda req, **keywords: ("own 404", "text/plain", None, 404))
    return {(method, path): call(app, {"REQUEST_METHOD": method, "PATH_INFO": path}) for method, path in requests}


def no_files(root, default, path):
    """An invalid document root."""
    app = application({"document_root": root, "debug": False})
    if default:
        app.set_default(lambda req: "default")
    return call(app, {"PATH_INFO": path})


def linked_files(follow_links, path):
    """A document root with relative and absolute links to files outside of it."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder).resolve()
        site, data = folder / "site", folder / "data"
        site.mkdir()
        data.mkdir()
        (data / "a.txt").write_text("linked")
        (site / "relative").symlink_to("../data")
        (site / "absolute").symlink_to(data)
        (site / "file.txt").symlink_to("../data/a.txt")
        (site / "dangling").symlink_to("../none")
        return call(application({"document_root": str(site), "follow_links": follow_links}), {"PATH_INFO": path})


def file_with(environ):
    """Status and content for a request of a file with further headers."""
    app = application({"document_root": str(_root)})
    started = []
    content = b"".join(app(environ_of({"PATH_INFO": "/a.txt", **environ}), lambda *arguments: started.append(arguments)))
    return started[-1][0], content

"""Mistakes of an application: what raises, what warns, what is logged, and what a client gets."""
import logging
import warnings

from poorwsgi.digest import check_digest
from poorwsgi.response import Response
from probes.request import application
from probes.wsgi import call
from worker import attempt


def text(req, *arguments):
    return "text"


async def asynchronous(req, *arguments, **keywords):
    return "text"


def registered(kind):
    """What comes of the registration."""
    app = application()
    make = {
        "handler": lambda: app.set_route("/", asynchronous), "before": lambda: app.add_before_response(asynchronous),
        "after": lambda: app.add_after_response(asynchronous), "state": lambda: app.set_http_state(404, asynchronous),
        "error": lambda: app.set_error_handler(ValueError, asynchronous), "default": lambda: app.set_default(asynchronous),
        "name of a status": lambda: app.set_http_state("404", text), "large status": lambda: app.set_http_state(70_000, text),
        "name of an error": lambda: app.set_error_handler("ValueError", text),
        "check_digest without parentheses": lambda: check_digest(text) and None,
        "check_digest of a number": lambda: check_digest(5) and None,
    }[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a coroutine that nobody awaits
        return attempt(make)


def warned(kind):
    """The categories of the warnings, and the status of a request."""
    app = application()
    make, path = {
        "no method": (lambda: app.set_route("/x", text, 0), "/x"), "no slash": (lambda: app.set_route("x", text), "/x"),
        "braces": (lambda: app.set_route("/{id}", text), "/{id}"),
        "twice": (lambda: [app.set_route("/x", text), app.set_route("/x", lambda req: ("other", "text/plain", None, 201))], "/x"),
        "unknown status": (lambda: app.set_http_state(999, text), "/"), "misspelt": (lambda: setattr(app, "secretkey", "x"), "/"),
        "short key": (lambda: setattr(app, "secret_key", "x"), "/"), "no root": (lambda: setattr(app, "document_root", "/none/such"), "/"),
    }[kind]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    return [warning.category.__name__ for warning in caught], call(app, {"PATH_INFO": path})[0]


def logged(kind):
    """The levels of the log's records of two requests, and their status."""
    records = []

    class Keeps(logging.Handler):
        def emit(self, record):
            if record.levelno >= logging.WARNING:
                records.append(record.levelname)

    app = application()
    app.set_route("/", lambda req: (None, 404) if kind == "status" else "text")
    app.set_route("/login", check_digest("Zone")(text))
    if kind == "before hook":
        app.add_before_response(lambda req: Response("stop"))
    handler, logger = Keeps(), logging.getLogger("poorwsgi")
    logging.disable(logging.NOTSET)
    logger.addHandler(handler)
    try:
        return [call(app, {"PATH_INFO": "/login" if kind == "login" else "/"})[0] for _ in range(2)], records
    finally:
        logger.removeHandler(handler)
        logging.disable(logging.CRITICAL)


def returned(kind):
    """The status where a handler, or an after hook, returns such a value."""
    values = {"set": {"text"}, "frozenset": frozenset([1]), "bytearray": bytearray(b"x"), "memoryview": memoryview(b"x"), "set of bytes": {b"x"}}
    app = application()
    app.set_route("/", lambda req: values.get(kind, "text"))
    if kind == "after hook":
        app.add_after_response(lambda req, response: None)
    return attempt(lambda: call(app, {})[0])

"""The names of the modules, and the attributes of the classes."""
import contextlib
import copy
import http.client
import importlib
import inspect
import pickle

from poorwsgi import digest, fieldstorage, headers, request, response, results, session
from probes.request import application, environ_of
from worker import attempt

ABOUT = ("__author__", "__date__", "__version__")


def names(module):
    """The public names that PoorWSGI defines: constants by value, classes by bases and attributes."""
    found = {}
    for name, value in vars(importlib.import_module(module)).items():
        if name.startswith("_") and name not in ABOUT:
            continue
        own = (getattr(value, "__module__", None) or "").startswith("poorwsgi")
        if inspect.isclass(value) and own:
            bases = [each.__name__ for each in value.__mro__ if not each.__module__.startswith(("collections", "abc"))]
            members = [each for each in dir(value) if not each.startswith("_") and each != "fce"]
            found[name] = {"bases": bases, "members": sorted(members)}
        elif callable(value) and own:
            found[name] = "function"
        elif name.isupper():
            found[name] = sorted(map(str, value)) if isinstance(value, (set, frozenset, dict)) else value
        elif name in ("log", "methods", "sorted_methods"):
            found[name] = type(value).__name__
        elif name in ABOUT:
            found[name] = value
        elif not callable(value) and not inspect.ismodule(value):
            found[name] = "data"
    return found


def built_in_pages():
    return {status: {method: page.__name__ for method, page in pages.items()} for status, pages in results.default_states.items()}


def statuses():
    """The names of statuses that a response may have, which are those of http.client."""
    return response.responses is http.client.responses, sorted(response.responses), response.responses[418]


def copied():
    """Copies of small objects, as text."""
    ranged = headers.ContentRange(1, 2, 3, "lines")
    ranged.note = "mine"
    seen = {}
    for name, make in (("copy", copy.copy), ("deepcopy", copy.deepcopy), ("pickle", lambda value: pickle.loads(pickle.dumps(value)))):
        seen[name, "range"] = attempt(lambda make=make: (str(make(ranged)), make(ranged).note, type(make(ranged)).__name__))
        seen[name, "headers"] = attempt(lambda make=make: list(make(headers.Headers({"X-A": "1"})).items()))
        seen[name, "json"] = attempt(lambda make=make: (make(request.JsonDict(a=1)), make(request.JsonList([1]))))
        seen[name, "passwords"] = attempt(lambda make=make: make(digest.PasswordMap("x")))
    return seen


def copied_body(kind):
    """Copies of objects that hold open files, or that change."""
    made = {
        "response": lambda: copy.copy(response.Response("x")).data, "field": lambda: copy.copy(fieldstorage.FieldStorage("a", "1")).value,
        "request": lambda: copy.copy(request.Request(environ_of({}), application())).path,
        "application": lambda: copy.copy(application()).debug, "deep application": lambda: copy.deepcopy(application()).debug,
        "session": lambda: copy.copy(session.PoorSession("a secret of the probe")).data,
    }
    return attempt(made[kind])


def signatures(module):
    """The parameters of the functions and methods that PoorWSGI defines, with the defaults that are
    literals."""
    found = {}

    def add(name, function):
        with contextlib.suppress(ValueError):  # a built-in class without a signature
            found[name] = [(each.name, default(each)) for each in inspect.signature(function).parameters.values()]

    def default(parameter):
        literal = isinstance(parameter.default, (int, str, bytes, float))
        return parameter.default if literal else None

    for name, value in vars(importlib.import_module(module)).items():
        if name.startswith("_") or not (getattr(value, "__module__", None) or "").startswith("poorwsgi"):
            continue
        if inspect.isclass(value):
            members = {member: getattr(value, member) for member in dir(value) if not member.startswith("_")}
            for member, method in members.items():
                if inspect.isroutine(method):
                    add(f"{name}.{member}", method)
            add(name, value)
        elif callable(value):
            add(name, value)
    return found

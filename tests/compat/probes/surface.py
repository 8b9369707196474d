"""The names of the modules, and what the classes have."""
import contextlib
import importlib
import inspect


def names(module):
    """The public names of PoorWSGI's own making: constants by value, classes by bases and attributes."""
    found = {}
    for name, value in vars(importlib.import_module(module)).items():
        if name.startswith("_") and not name.startswith("__v") and not name.startswith("__d"):
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
    return found


def signatures(module):
    """The parameters of the functions and methods of PoorWSGI's own making, with the defaults that have a literal."""
    found = {}

    def add(name, function):
        with contextlib.suppress(ValueError):  # a class of Python's without a signature
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

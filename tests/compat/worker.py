"""Runs probes in the current interpreter, which has PoorWSGI or our package, and answers with plain data.

Reads pickled lists of calls `(probe, arguments)` from its input and writes the pickled list of their outcomes. A probe is
named `module.function` after a file of probes/.
"""
import importlib
import logging
import os
import pathlib
import pickle
import sys
import warnings
from collections.abc import Mapping


def plain(value):
    """A value as plain data, as an application sees it; without its class where the class has no meaning."""
    if value != value:
        return ("float", "nan")
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        kind = type(value)
        return value if kind in (type(None), bool, int, float, str, bytes) else (kind.__name__, repr(value))
    if isinstance(value, (bytearray, memoryview)):
        return (type(value).__name__, bytes(value))
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, (set, frozenset)):
        return ("set", sorted(repr(plain(item)) for item in value))
    if isinstance(value, type) or callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return (type(value).__name__, str(value)) if type(value).__module__ in ("datetime", "decimal") else type(value).__name__


# The exceptions for a value of a wrong type. Which of them is raised depends on the code that uses the value.
MISUSE = (AssertionError, AttributeError, TypeError)
MISUSE_ROW = "A value of a wrong type"  # words of docs/differences.md


def error_of(error):
    """An exception as handlers see it: its class and bases; for an `HTTPException`, also the status and
    arguments."""
    if isinstance(error, MISUSE):
        return ("raises", "misuse")
    bases = [base.__name__ for base in type(error).__mro__ if base not in (object, BaseException)]
    detail = ()
    if bases[0] == "HTTPException":
        status = error.args[0]
        detail = (status if isinstance(status, int) else type(status).__name__, sorted(error.args[1]))
    return ("raises", bases, *detail)


def outcome(probe, arguments):
    module, _, name = probe.partition(".")
    try:
        return plain(getattr(importlib.import_module(f"probes.{module}"), name)(*arguments))
    except Exception as error:  # an exception is an answer, too
        return error_of(error)


def attempt(function, *arguments):
    """For probes of several steps: the result of a step, or its exception."""
    try:
        return function(*arguments)
    except Exception as error:
        return error_of(error)


def serve(source, sink):
    while True:
        try:
            calls = pickle.load(source)
        except EOFError:
            return
        pickle.dump([outcome(*call) for call in calls], sink)
        sink.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the output of a probe must not mix with the answers
    serve(sys.stdin.buffer, answers)

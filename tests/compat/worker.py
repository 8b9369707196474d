"""Runs probes in the interpreter it is started with, PoorWSGI's or ours, and answers with plain data.

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
    """What a value looks like to an application, without the class it is made of where that has no meaning."""
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


# what is raised where a value of a wrong type is used: which of them is a matter of the code that uses it
MISUSE = (AssertionError, AttributeError, TypeError)
MISUSE_ROW = "A value of a wrong type"  # words of docs/differences.md


def error_of(error):
    """An exception as handlers tell it: its class and bases, and of `HTTPException` the status and its arguments."""
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
    except Exception as error:  # an answer like any other
        return error_of(error)


def attempt(function, *arguments):
    """For probes of several steps: what a step gives or raises."""
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
    os.dup2(2, 1)  # what a probe prints is no answer
    serve(sys.stdin.buffer, answers)

"""Threads that Rust has begun, as Python's threading knows its own."""
# Python, because it is about Python's tracing and its list of threads, which have no other interface.
import itertools
import sys
import threading
from contextlib import suppress

_numbers = itertools.count(1)


def enter(name):
    """Gives the thread that calls this a name, and has it traced as threading.settrace and threading.setprofile have asked."""
    threading.current_thread().name = f"{name} {next(_numbers)}"
    if trace := threading.gettrace():
        sys.settrace(trace)
    if profile := threading.getprofile():
        sys.setprofile(profile)


def leave():
    """Called when it ends. Python forgets it from 3.13 on; before that, it would be in the list of threads for good."""
    if sys.version_info < (3, 13):
        with suppress(KeyError):
            del threading._active[threading.get_ident()]

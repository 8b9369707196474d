"""Makes threads that Rust has started look like those of Python's threading module."""
# Written in Python, because tracing and the list of threads have no other interface.
import itertools
import sys
import threading
from contextlib import suppress

_numbers = itertools.count(1)


def enter(name):
    """Names the current thread, and installs the trace and profile functions of threading.settrace and
    threading.setprofile."""
    threading.current_thread().name = f"{name} {next(_numbers)}"
    if trace := threading.gettrace():
        sys.settrace(trace)
    if profile := threading.getprofile():
        sys.setprofile(profile)


def leave():
    """Called at the end of a thread. Before Python 3.13, the thread would otherwise stay in threading's list
    of threads."""
    if sys.version_info < (3, 13):
        with suppress(KeyError):
            del threading._active[threading.get_ident()]

"""The threads of the server, as Python's threading module, tracers and profilers see them."""
import contextlib
import itertools
import re
import subprocess
import sys
import threading

import pytest
from callables import OK, TEXT
from servers import Client, on_our_server, until

from poorwsgi import Application

NUMBERS = itertools.count()
PLACES = pytest.mark.parametrize("inline", ["never", "always"])


def by_callable(function):
    def app(environ, start_response):
        start_response(OK, TEXT)
        return [function().encode()]

    return app


def by_application(function):
    app = Application(f"threads {next(NUMBERS)}")
    app.route("/")(lambda req: function())
    return app


KINDS = pytest.mark.parametrize("kind", [by_callable, by_application])


@PLACES
@KINDS
def test_a_thread_has_a_name(kind, inline):
    def name():
        thread = threading.current_thread()
        assert thread.daemon and thread.ident == threading.get_ident() and thread in threading.enumerate()
        return thread.name

    with on_our_server(kind(name), inline=inline) as port:
        names = {Client(port)("/").text for _ in range(3)}
    expected = "poorwsgi call" if inline == "never" else "poorwsgi loop"
    assert all(re.fullmatch(rf"{expected} \d+", name) for name in names)


@PLACES
@KINDS
@pytest.mark.parametrize("hook", ["trace", "profile"])
def test_it_is_traced(kind, inline, hook):
    seen = []

    def handler():
        return "traced"

    def traces(frame, event, argument):
        if frame.f_code is handler.__code__:
            seen.append(event)

    set_hook, get_hook = getattr(threading, f"set{hook}"), getattr(threading, f"get{hook}")
    before = get_hook()
    set_hook(traces)
    try:
        with on_our_server(kind(handler), inline=inline) as port:
            assert Client(port)("/").text == "traced"
    finally:
        set_hook(before)
    assert "call" in seen


@PLACES
def test_one_that_has_ended_is_forgotten(inline):
    before = set(threading.enumerate())
    barrier = threading.Barrier(4)

    def wait():
        if inline == "never":
            barrier.wait(30)
        return "waited"

    with on_our_server(by_callable(wait), inline=inline) as port, contextlib.ExitStack() as stack:
        clients = [threading.Thread(target=Client(port), args=("/",)) for _ in range(4)]
        for client in clients:
            client.start()
            stack.callback(client.join)
    until(lambda: set(threading.enumerate()) == before)


def test_the_log_says_which_thread_it_was():
    script = """if True:
        import logging, sys
        sys.path.insert(0, "tests")
        logging.basicConfig(format="%(threadName)s: %(message)s")
        from callables import OK
        from servers import Client, on_our_server

        def app(environ, start_response):
            logging.warning("here")
            start_response(OK, [])
            return []

        with on_our_server(app, inline="never") as port:
            assert Client(port)("/").status == 200
    """
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60).stderr
    assert re.fullmatch(r"poorwsgi call \d+: here\n", said)

"""No leaks: objects are released with their request, and the process does not grow."""
import gc
import os
import pathlib
import subprocess
import sys
import weakref

import pytest
from wsgi_call import ask

from poorwsgi import Application
from poorwsgi.response import GeneratorResponse, Response

HERE = pathlib.Path(__file__).parent


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="resident memory is read from /proc")
def test_a_million_requests_leave_the_memory_flat():
    grown = subprocess.check_output([sys.executable, HERE / "memory_app.py"], text=True)
    # A free-threaded Python keeps memory that other threads might still read, and releases it later.
    is_free = not getattr(sys, "_is_gil_enabled", lambda: True)()
    assert int(grown) < (65536 if is_free else 2048)  # KiB


class Thing:
    pass


@pytest.fixture
def app(name):
    return Application(name)


def test_requests_and_responses_go_without_the_collector(app):
    seen = []

    @app.route("/")
    def handler(req):
        response = Response("x")
        seen.extend([weakref.ref(req), weakref.ref(response)])
        return response

    app.add_after_response(lambda req, response: response)
    gc.collect()
    gc.disable()
    try:
        ask(app)
        assert [reference() for reference in seen] == [None, None]
    finally:
        gc.enable()


def test_cycles_through_requests_and_responses_are_collected(app):
    things = []

    @app.route("/")
    def handler(req):
        thing = Thing()
        things.append(weakref.ref(thing))
        req.user = thing
        thing.req = req
        response = Response("x")
        response.thing, thing.response = thing, response
        return response

    ask(app)
    gc.collect()
    assert things[0]() is None


def test_an_application_goes_with_its_handlers(name):
    app = Application(name)
    thing = Thing()

    @app.route("/")
    def handler(req):
        return app, thing

    app.thing = thing
    app.add_before_response(handler)
    gone = weakref.ref(thing)
    del app, handler, thing
    gc.collect()
    assert gone() is None


def test_nothing_holds_what_a_handler_used(app):
    thing, environ = Thing(), {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "thing": Thing()}
    content = [b"x"]

    @app.route("/")
    def handler(req):
        req.user = thing
        assert req.environ["thing"] is environ["thing"]
        return GeneratorResponse(content)

    def call():
        list(app(environ, lambda *args: None))

    call()
    counts = [sys.getrefcount(each) for each in (thing, environ, environ["thing"], content, handler, app)]
    for _ in range(100):
        call()
    assert [sys.getrefcount(each) for each in (thing, environ, environ["thing"], content, handler, app)] == counts


COLLECTED = """if True:
    import gc
    import itertools
    from poorwsgi import Application
    from poorwsgi.aes_session import AESSession
    from poorwsgi.fieldstorage import FieldStorage, FieldStorageParser
    from poorwsgi.headers import ContentRange, Headers
    from poorwsgi.request import CachedInput, Request, SimpleRequest
    from poorwsgi.response import HTTPException, JSONResponse, Response
    from poorwsgi.session import PoorSession, Session
    names = itertools.count()
    app = Application("base")
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    make = lambda: %s
    kept = []
    for others in range(30):
        gc.collect()  # empties the free lists, so that each object created next counts
        gc.set_threshold(30, 1000, 1000)
        kept.append([set() for _ in range(others)])
        kept.append(make())
        gc.set_threshold(0)
"""


@pytest.mark.parametrize("make", [
    "Application(str(next(names)))", "Request(environ, app)", "SimpleRequest(environ, app)", "Response('x')",
    "JSONResponse(a=1)", "Headers()", "ContentRange()", "FieldStorage('a', 'b')", "FieldStorageParser()",
    "CachedInput(None, 0)", "Session()", "PoorSession('key')", "AESSession('key')", "HTTPException(404)",
    "app(environ, lambda *args: None)",
])
def test_a_collection_may_come_while_an_object_is_made(make):
    """Python 3.11 may collect at any allocation, also while the __dict__ of a new object is being created.
    Here it collects at the 31st object, which is another allocation in each iteration."""
    process = subprocess.run([sys.executable, "-c", COLLECTED % make], capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (0, "")


def test_an_error_is_not_kept(app):
    things = []

    @app.route("/")
    def handler(req):
        thing = Thing()
        things.append(weakref.ref(thing))
        raise ValueError(thing)

    app.set_error_handler(ValueError, lambda req, error: "handled")
    ask(app)
    gc.collect()
    assert things[0]() is None

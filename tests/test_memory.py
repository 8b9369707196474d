"""Nothing is kept: objects go with their request, and the process does not grow."""
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


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="resident memory is read from /proc")
def test_a_million_requests_leave_the_memory_flat():
    grown = subprocess.check_output([sys.executable, HERE / "memory_app.py"], text=True)
    assert int(grown) < 2048  # KiB


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


def test_a_collection_may_come_at_any_time():
    """Even while an object is being made."""
    code = """if True:
        import gc
        from poorwsgi import Application
        from poorwsgi.fieldstorage import FieldStorage, FieldStorageParser
        from poorwsgi.headers import Headers
        from poorwsgi.request import Request, SimpleRequest
        from poorwsgi.response import HTTPException, JSONResponse, Response
        from poorwsgi.session import PoorSession, Session
        apps = []
        for number in range(60):
            gc.set_threshold(number % 6 + 1, 1, 1)
            apps.append(Application(str(number)))
        kept = []
        for number in range(60):
            gc.set_threshold(number % 6 + 1, 1, 1)
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
            kept.append([
                Request(environ, apps[0]), SimpleRequest(environ, apps[0]), Response("x"), JSONResponse(a=1), Headers(),
                FieldStorage("a", "b"), FieldStorageParser(), Session(), PoorSession("key"), HTTPException(404),
            ])
            list(apps[0](environ, lambda *args: None))
        print(len(kept))
    """
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "60\n"


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

"""Several event loops in one server."""
import collections
import concurrent.futures
import contextlib
import http.client
import itertools
import json
import os
import subprocess
import sys
import threading

import pytest
from servers import SERVERS, until

from poorwsgi import Application, state
from poorwsgi.server import Listener, Server, make_server

LOOPS = 3


@pytest.fixture
def app(name):
    app = Application(name)

    @app.route("/thread")
    def thread(req):
        return str(threading.get_ident())

    return app


@contextlib.contextmanager
def connections(port, count):
    """Yields connections, which stay open."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)))
            for _ in range(count)
        ]


def ask(connection, path="/thread"):
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def test_each_loop_drives_its_share_of_the_connections(app):
    with SERVERS["ours"](app, loops=LOOPS, inline="always") as port, connections(port, 5 * LOOPS) as some:
        where = [ask(each) for each in some]
        shares = collections.Counter(where)
        # The loop that accepts connections has one more task.
        assert len(shares) == LOOPS
        assert min(shares.values()) >= 4
        assert [ask(each) for each in some] == where, "a connection stays where it is"


def test_a_new_connection_goes_where_the_fewest_are(app):
    with SERVERS["ours"](app, loops=2, inline="always") as port, connections(port, 8) as some:
        where = [ask(each) for each in some]
        emptied = where[-1]
        for each, thread in zip(some, where, strict=True):
            if thread == emptied:
                each.close()

        def has_come_there():
            with connections(port, 1) as (new,):
                return ask(new) == emptied

        until(has_come_there)  # the server has to notice the closed connection first


def test_calls_on_all_loops_at_a_time(app):
    """Each inline call waits for the others, on the thread of its event loop."""
    together = threading.Barrier(LOOPS)

    @app.route("/wait")
    def wait(req):
        together.wait(30)
        return str(threading.get_ident())

    with SERVERS["ours"](app, loops=LOOPS, inline="always") as port, connections(port, LOOPS) as some:
        for each in some:
            each.request("GET", "/wait")
        assert len({each.getresponse().read() for each in some}) == LOOPS


def test_a_stop_lets_the_requests_of_every_loop_finish(app):
    begun, go_on = threading.Barrier(2 * LOOPS + 1), threading.Event()

    @app.route("/wait")
    def wait(req):
        begun.wait(30)
        assert go_on.wait(30)
        return "finished"

    server = Server(app, "127.0.0.1:0", loops=LOOPS)
    serving = threading.Thread(target=server.serve)
    serving.start()
    with connections(int(server.address.rpartition(":")[2]), 2 * LOOPS) as some:
        for each in some:
            each.request("GET", "/wait")
        begun.wait(30)
        server.stop()
        serving.join(0.1)  # enough time for a stop that does not wait for requests
        assert serving.is_alive()
        go_on.set()
        assert [each.getresponse().read() for each in some] == [b"finished"] * len(some)
        serving.join(30)
        assert not serving.is_alive()


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="the system's threads are counted in /proc")
def test_nothing_is_left_of_them(app):
    def used():
        return len(os.listdir("/proc/self/task")), len(os.listdir("/dev/fd"))

    before = used()
    for _ in range(20):
        with SERVERS["ours"](app, loops=LOOPS, inline="always") as port, connections(port, LOOPS) as some:
            assert all(ask(each) for each in some)
    until(lambda: all(now <= then for now, then in zip(used(), before, strict=True)))


@pytest.mark.filterwarnings("ignore:route .* is replaced by:UserWarning")
def test_requests_at_a_time_while_routes_change(app):
    """On a free-threaded Python they run in parallel, and must not see data of each other."""
    @app.route("/double/<number:int>", method=state.METHOD_GET_POST)
    def double(req, number):
        req.kept = number
        body = req.form.getfirst("number") if req.method == "POST" else number
        return {"path": 2 * req.kept, "body": body, "agent": req.headers["User-Agent"]}

    is_over, wrong = threading.Event(), []

    def change():
        for number in itertools.count():
            if is_over.is_set():
                return
            app.set_route(f"/changed/{number % 50}", lambda req: "changed")
            if number > 50:
                app.pop_route(f"/changed/{(number + 25) % 50}", state.METHOD_GET)

    def check(connection, number):
        sent = f"number={number}" if number % 2 else None
        fields = {"User-Agent": str(number)} | ({"Content-Type": "application/x-www-form-urlencoded"} if sent else {})
        connection.request("POST" if sent else "GET", f"/double/{number}", sent, fields)
        expected = {"path": 2 * number, "body": str(number) if sent else number, "agent": str(number)}
        if (answer := json.loads(connection.getresponse().read())) != expected:
            wrong.append((answer, expected))

    with SERVERS["ours"](app, loops=LOOPS) as port, connections(port, 8) as some:
        changing = threading.Thread(target=change)
        changing.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(len(some)) as pool:
                each = [pool.submit(lambda of=of: [check(some[of], of + 8 * turn) for turn in range(100)]) for of in range(8)]
                for done in each:
                    done.result(60)
        finally:
            is_over.set()
            changing.join()
    assert wrong == []


def test_handle_request_takes_one(app):
    with make_server("127.0.0.1", 0, app, loops=LOOPS) as server:
        for _ in range(2):
            with connections(server.server_port, 1) as (one,):
                asking = threading.Thread(target=ask, args=(one,))
                asking.start()
                server.handle_request()
                asking.join(30)
                assert not asking.is_alive()


def test_there_is_one_unless_python_is_free_threaded(app):
    is_free = not getattr(sys, "_is_gil_enabled", lambda: True)()
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with SERVERS["ours"](app, inline="always") as port, connections(port, 4 * processors) as some:
        assert len({ask(each) for each in some}) == (processors if is_free else 1)


@pytest.mark.parametrize("loops", [0, -1, "two"])
def test_a_number_that_cannot_be(loops):
    with pytest.raises(ValueError, match="loops"):
        Listener("127.0.0.1:0", loops=loops)


def test_the_command_line_takes_them():
    command = [sys.executable, "-m", "poorwsgi", "run", "wsgiref.simple_server:demo_app", "--port", "0", "--workers", "0", "--loops", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, "loops: " in ended.stderr) == (2, True), ended.stderr

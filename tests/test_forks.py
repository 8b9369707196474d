"""Handlers that fork: the child that returns from the handler sends no response and serves no connection."""
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from servers import Client, until
from workers import Load, start, states  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="processes are looked for in /proc")

#: What the forked process does.
ENDINGS = {
    "exit": "sys.exit(0)",
    "exception": "raise ValueError('of the child')",
    "return": "return 'of the child'",
    "generator": "return (part for part in ['of ', 'the ', 'child'])",
    "signals": "import signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)",
}
APP = """
import os, sys
from poorwsgi import Application
app = Application("forks")
children = []

@app.route("/pid")
def pid(req):
    return str(os.getpid())

@app.route("/children")
def list_children(req):
    return " ".join(map(str, children))

@app.route("/fork")
def fork(req):
    child = "child" in req.args and os.fork()
    if child == 0 and child is not False:
        ENDING
    if child:
        children.append(child)
        os.waitpid(child, 0)
    return "of the parent"
"""
#: A generator that forks between two blocks. Its content is larger than what is kept in memory for a client.
GENERATOR = """
from poorwsgi.response import GeneratorResponse

def blocks(letters):
    for number in range(80):
        if number == 10:
            child = os.fork()
            if child:
                children.append(child)
            else:
                letters = letters.upper()
        yield letters * 65536

@app.route("/blocks")
def generate(req):
    return GeneratorResponse(blocks(b"p"))
"""
#: The same application as a plain WSGI callable.
PLAIN = """
framework = app

def app(environ, start_response):
    return framework(environ, start_response)
"""


@pytest.mark.parametrize("more", ["", PLAIN], ids=["native", "callable"])
@pytest.mark.parametrize("inline", ["always", "never"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_forked_process_that_comes_back_answers_nobody(start, tmp_path, ending, inline, more):
    (tmp_path / "app.py").write_text(APP.replace("ENDING", ENDINGS[ending]) + more)
    workers = start("--workers", "1", "--inline", inline)
    before = workers.pids()
    connection = http.client.HTTPConnection("127.0.0.1", workers.port, timeout=30)
    with contextlib.closing(connection), Load(workers.port) as load:
        for _ in range(5):
            for target, text in (("/fork?child=1", "of the parent"), ("/pid", str(*before))):
                connection.request("GET", target)
                assert connection.getresponse().read().decode() == text
    assert load.failures == []
    assert load.pids == before
    children = workers("/children").text.split()
    assert len(children) == 5
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children))
    assert workers.stop() == 0


@pytest.mark.parametrize("more", ["", PLAIN], ids=["native", "callable"])
@pytest.mark.parametrize("threads", ["1", "8"])
def test_a_process_forked_between_two_blocks_sends_none(start, tmp_path, threads, more):
    """Nor does the child write into its parent's temporary file, from which a slow client gets its
    response."""
    (tmp_path / "app.py").write_text(APP.replace("ENDING", "pass") + GENERATOR + more)
    workers = start("--workers", "1", "--threads", threads)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", workers.port), 30)) for _ in range(4)]
        for client in clients:
            client.sendall(b"GET /blocks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        time.sleep(1)  # the clients do not read; the calls fork, if they can go on without the clients
        for client in clients:
            response = stack.enter_context(http.client.HTTPResponse(client))
            response.begin()
            assert set(response.read()) == set(b"p")
    children = workers("/children").text.split()
    assert len(children) == 4
    until(lambda: not any(is_running(pid) for pid in children))
    assert workers.stop() == 0


#: What the forked process does in a generator before the first block.
BEFORE = {"return": "return", "exit": "sys.exit(0)", "exception": "raise ValueError('of the child')", "block": "letters = b'c'"}
FIRST = """
from poorwsgi.response import GeneratorResponse

def blocks(letters):
    child = os.fork()
    if child:
        children.append(child)
    else:
        BEFORE
    yield letters * 65536

@app.route("/blocks")
def generate(req):
    return GeneratorResponse(blocks(b"p"))
"""


@pytest.mark.parametrize("before", BEFORE)
def test_a_process_forked_before_the_first_block_ends(start, tmp_path, before):
    more = FIRST.replace("BEFORE", BEFORE[before])
    (tmp_path / "app.py").write_text(APP.replace("ENDING", "pass") + more)
    workers = start("--workers", "1", "--threads", "1")
    for _ in range(3):
        assert set(workers("/blocks").body) == set(b"p")
    children = workers("/children").text.split()
    assert len(children) == 3
    begun = time.monotonic()
    until(lambda: not any(is_running(pid) for pid in children))
    # The child has not ended merely because its thread was idle for so long.
    assert time.monotonic() < begun + 8
    assert workers.stop() == 0


#: Forks many processes that end at once, and counts those that do not.
MANY = """
import signal, time
from poorwsgi.response import GeneratorResponse

@app.route("/endless")
def endless(req):
    return GeneratorResponse(bytes(16384) for _ in range(1_000_000))

@app.route("/forks")
def fork_many(req):
    stuck = 0
    for _ in range(300):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        deadline = time.monotonic() + 5
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                stuck += 1
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
        if stuck:
            break
    return str(stuck)
"""


def test_a_process_can_be_forked_while_blocks_are_sent(start, tmp_path):
    """The event loop releases sent blocks under a lock. A process forked at that moment would wait for the
    lock for ever."""
    (tmp_path / "app.py").write_text(APP.replace("ENDING", "pass") + MANY)
    workers = start("--workers", "1", "--threads", "8")
    with contextlib.ExitStack() as stack:
        ended = threading.Event()
        for _ in range(2):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", workers.port), 30))
            client.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            reader = threading.Thread(target=read_until, args=(client, ended))
            stack.callback(reader.join)
            reader.start()
        stack.callback(ended.set)
        assert workers("/forks").text == "0"


#: Forks processes that end at once, while threads begin that Python does not know yet.
BEGINNING = """
import os, signal, threading, time
from poorwsgi._poorwsgi import _call_within
from poorwsgi.server import Server

server = Server(lambda environ, start_response: [], "127.0.0.1:0")
is_over = threading.Event()

def begin_threads():
    while not is_over.is_set():
        _call_within(30, int)

threads = [threading.Thread(target=begin_threads) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(1000):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    deadline = time.monotonic() + 20
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            is_over.set()
            raise SystemExit("a forked process is stuck")
        time.sleep(0.0005)
is_over.set()
"""


def test_a_process_can_be_forked_while_threads_begin():
    """Up to Python 3.11, adding a new thread to the list of threads takes a lock, for which the forked
    process would wait for ever."""
    assert subprocess.run([sys.executable, "-c", BEGINNING], timeout=300, check=False).returncode == 0


def read_until(client, ended):
    while not ended.is_set():
        client.recv(1 << 20)


def is_running(pid):
    with contextlib.suppress(FileNotFoundError):
        return not states(pid) <= {"Z"}
    return False


def test_a_process_forked_before_it_serves_goes_on_when_its_parent_stops(tmp_path):
    """Parent and child share the listening socket."""
    (tmp_path / "prefork.py").write_text(PREFORK)
    with subprocess.Popen([sys.executable, "prefork.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        port, child = map(int, parent.stdout.readline().split())
        try:
            client = Client(port)
            until(lambda: client("/").text == str(child))
            parent.terminate()
            assert parent.wait(30) == 0
            assert [client("/").text for _ in range(3)] == [str(child)] * 3
        finally:
            os.kill(child, signal.SIGKILL)


#: The parent stops at SIGTERM.
PREFORK = """
import os, signal, sys, threading
from poorwsgi.server import Server

def app(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]

server = Server(app, "127.0.0.1:0")
child = os.fork()
if child:
    print(server.address.rpartition(":")[2], child, flush=True)
signal.signal(signal.SIGTERM, lambda *_: server.stop())
thread = threading.Thread(target=server.serve)
thread.start()
while thread.is_alive():
    thread.join(0.1)
"""


def test_the_file_of_a_socket_stays_when_a_forked_process_ends(start, tmp_path):
    (tmp_path / "app.py").write_text(APP.replace("ENDING", "sys.exit()"))
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--bind", f"unix:{path}", "--workers", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            for _ in range(2):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(path))
                    client.sendall(b"GET /fork?child=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    assert client.makefile("rb").read().endswith(b"of the parent")
        finally:
            process.terminate()
    assert not path.exists()

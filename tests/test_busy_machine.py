"""The number of threads and database connections that calls use on a busy machine: as many as on an idle
one."""
import contextlib
import os
import pathlib
import selectors
import socket
import subprocess
import sys
import time

import pytest

CLIENTS = 64
#: The application. Each thread opens something that stands for a database connection.
SITE = """
import threading, time

kept, opened = threading.local(), []

def app(environ, start_response):
    if not hasattr(kept, "connection"):
        kept.connection = open("/dev/null")
        opened.append(kept.connection)
    {work}
    body = f"{{len(opened)}}\\n".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return content(body)

def content(body):
    {content}
"""
#: A complete body, and one that is generated in pieces while it is sent.
WHOLE, PIECES = "return [body]", "yield from (body[at:at + 1] for at in range(len(body)) if sum(range(20_000)))"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def threads(pid):
    """How many threads of a process make calls."""
    def makes_calls(task):
        with contextlib.suppress(OSError):  # a thread that has ended since
            return (task / "comm").read_text().strip() == "poorwsgi call"
        return False

    return sum(map(makes_calls, pathlib.Path(f"/proc/{pid}/task").iterdir()))


def load(port, pid, seconds):
    """Keeps clients sending requests for this time; returns the maximum number of threads, and the last
    response."""
    most, last, answers, end = 0, 0, {}, time.monotonic() + seconds
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            selector.register(client, selectors.EVENT_READ)
            client.sendall(REQUEST)
        while time.monotonic() < end:
            for key, _ in selector.select(0.1):
                answer = answers[key.fileobj] = answers.get(key.fileobj, b"") + key.fileobj.recv(1000)
                assert answer.startswith(b"HTTP/1.1 200 "[:len(answer)]), answer
                if answer.endswith(b"\n") and not answer.endswith(b"\r\n"):
                    last = int(answers.pop(key.fileobj).rpartition(b"\r\n")[2])
                    key.fileobj.sendall(REQUEST)
            most = max(most, threads(pid))
    return most, last


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="threads are counted in /proc")
@pytest.mark.measures
@pytest.mark.parametrize("busy", [0, 2])
@pytest.mark.parametrize(("work", "content", "few"), [
    ("sum(range(60_000))", WHOLE, True), ("time.sleep(0.02)", WHOLE, False), ("pass", PIECES, True),
])
def test_calls_take_the_threads_that_help(tmp_path, busy, work, content, few):
    """Calls that compute need one thread, and get a few more while the server tries other limits; calls that
    wait need many."""
    (tmp_path / "site_of_threads.py").write_text(SITE.format(work=work, content=content))
    with contextlib.ExitStack() as stack:
        for _ in range(busy):
            other = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(other.kill)
        run = [sys.executable, "-m", "poorwsgi", "run", "site_of_threads:app", "--port", "0", "--workers", "0"]
        process = stack.enter_context(subprocess.Popen(run, cwd=tmp_path, stdout=subprocess.PIPE, text=True))
        stack.callback(process.terminate)
        port = int(process.stdout.readline().partition(";")[0].rpartition(":")[2])
        most, connections = load(port, process.pid, 5)
    assert connections <= most
    assert most <= 16 if few else most > 16, most

"""A supervisor with its workers in separate processes, and clients that send them requests."""
import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from servers import Client, until

APP = """
import os, subprocess, threading, time
from poorwsgi import Application
app = Application("workers")
app.debug = True

@app.route("/pid")
def pid(req):
    return str(os.getpid())

@app.route("/sleep/<seconds:float>")
def sleep(req, seconds):
    with open("sleeping", "a") as file:
        file.write("x")
    time.sleep(seconds)
    return str(os.getpid())

@app.route("/abort")
def abort(req):
    os.abort()

@app.route("/forever")
def forever(req):
    while True:
        pass

@app.route("/ignored-by-programs")
def ignored(req):
    return subprocess.check_output(["grep", "SigIgn", "/proc/self/status"])

@app.route("/eat")
def eat(req):
    app.eaten = b"x" * 200_000_000
    return "eaten"
"""


class Workers(Client):
    """A supervisor and its workers."""

    def __init__(self, directory, *arguments, program=("-m", "poorwsgi"), stderr=None):
        self.directory = directory
        self.log = tempfile.NamedTemporaryFile("w+", dir=directory)
        self.process = subprocess.Popen(
            [sys.executable, *program, "run", "app:app", "--port", "0", *arguments],
            cwd=directory, stdout=subprocess.PIPE, stderr=stderr or self.log, text=True,
        )
        line = self.process.stdout.readline()
        address = re.fullmatch(r"Serving app:\w+ .*on http://127\.0\.0\.1:(\d+)[ ;].*\n", line)
        if not address:
            messages = self.messages()
            self.kill()
            raise AssertionError(line + messages)
        super().__init__(int(address[1]))

    def messages(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def pids(self):
        """The process ids of the workers."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def until_sleeping(self, calls):
        """Waits until the sleeping handler was called this many times."""
        sleeping = self.directory / "sleeping"
        until(lambda: sleeping.exists() and sleeping.stat().st_size >= calls)

    def signal(self, number):
        self.process.send_signal(number)

    def signal_all(self, number):
        """Sends a signal to the supervisor and to each worker, unless the supervisor has ended it by then."""
        for pid in (self.process.pid, *self.pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        """Kills the supervisor if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    with contextlib.ExitStack() as stack:
        def start(*arguments, **options):
            workers = Workers(tmp_path, *arguments, **options)
            stack.callback(workers.kill)
            return workers

        yield start


class Load:
    """Clients that send requests without a pause, each on a persistent connection, or on a new one each
    time."""

    def __init__(self, port, target="/pid", clients=4, keep=True):
        self.port, self.target = port, target
        self.headers = {} if keep else {"Connection": "close"}
        self.answers, self.failures, self.pids = 0, [], set()
        self.longest = 0  # the longest time of a request, in seconds
        self.end = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self):
        connection = None
        while not self.end.is_set():
            begun = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", self.target, headers=self.headers)
                response = connection.getresponse()
                self.pids.add(int(response.read()))
                self.answers += 1
                if response.getheader("Connection") == "close":
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection = connection and connection.close()
            self.longest = max(self.longest, time.monotonic() - begun)
        if connection:
            connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()


class Arrivals:
    """Clients that connect again and again without a pause; counts how the connections ended."""

    def __init__(self, port):
        self.port, self.answered, self.broken = port, 0, []
        self.refused = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(8)]

    def run(self):
        while not self.refused.is_set():
            try:
                client = socket.create_connection(("127.0.0.1", self.port), 30)
            except ConnectionRefusedError:
                self.refused.set()
                return
            except OSError as error:  # the socket was closed while the system made the connection
                self.broken.append(repr(error))
                continue
            with client:
                try:
                    client.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    answer = b"".join(iter(lambda client=client: client.recv(4096), b""))
                    assert answer.startswith(b"HTTP/1.1 200 ")
                    self.answered += 1
                except (OSError, AssertionError) as error:
                    self.broken.append(repr(error))


def states(pid):
    """The states of the threads of a process (proc(5))."""
    stats = pathlib.Path(f"/proc/{pid}/task").glob("*/stat")
    return {stat.read_text().rpartition(")")[2].split()[0] for stat in stats}


def cpu(pid):
    """The CPU time of a process in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

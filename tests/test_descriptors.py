"""The limit of file descriptors of a process: connections leave some descriptors for files."""
import contextlib
import os
import re
import resource
import socket
import subprocess
import sys

import pytest
from servers import Client

APP = """
import resource, subprocess, sys
from poorwsgi import Application
app = Application("descriptors")
app.document_root = "."

@app.route("/limit")
def limit(req):
    return str(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@contextlib.contextmanager
def serving(directory, soft, hard, *arguments):
    (directory / "app.py").write_text(APP)
    (directory / "file.txt").write_text("a file")
    with open(directory / "log", "w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", *arguments],
            cwd=directory, stdout=subprocess.PIPE, stderr=log, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        )
        try:
            yield int(re.search(r":(\d+)[; ]", process.stdout.readline())[1]), directory / "log"
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_the_soft_limit_is_raised_as_far_as_it_is_needed(tmp_path, workers):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 2000:
        pytest.skip(f"the system allows a process {hard} descriptors")
    with serving(tmp_path, 256, hard, "--max-connections", "500", "--workers", workers) as (port, log):
        assert Client(port)("/limit").text == str(500 * 2 + 64)
        assert "descriptors" not in log.read_text()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_idle_connections_do_not_take_all_of_them(tmp_path, workers):
    """400 connections with a limit of 256 descriptors."""
    with serving(tmp_path, 256, 256, "--workers", workers) as (port, log), contextlib.ExitStack() as stack:
        clients = []
        for _ in range(400):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            client.sendall(b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            clients.append(client)
        # Connections that were accepted are served, and make room for the others after they have been idle
        # for a while.
        for client in clients:
            assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert "96 are accepted at a time, not 10000" in log.read_text()
        assert "open files" not in log.read_text()
        assert Client(port)("/file.txt").text == "a file"

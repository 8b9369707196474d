"""Situations in which a stop did not end, or kept clients waiting, in earlier versions."""
import contextlib
import ctypes
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from servers import until
from workers import start  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can refuse connections before the end")


def ask(connection, target):
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())


def status(connection):
    with connection.makefile("rb") as answer:
        return answer.readline().split(b" ")[1:2]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 30)


def seconds_to_be_refused(port):
    begun = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    return time.monotonic() - begun


def test_a_worker_with_all_its_connections_ends_with_them(start):
    """The supervisor has shut the listening socket down meanwhile."""
    workers = start("--workers", "1", "--max-connections", "2", "--stop-timeout", "20")
    with connect(workers.port) as first, connect(workers.port) as second:
        for connection in (first, second):
            ask(connection, "/sleep/3")
        workers.until_sleeping(2)
        begun = time.monotonic()
        workers.signal(signal.SIGTERM)
        assert status(first) == status(second) == [b"200"]
        assert workers.process.wait(60) == 0
    assert time.monotonic() < begun + 10


def test_a_forked_process_keeps_no_port_after_a_short_stop(start, tmp_path):
    (tmp_path / "app.py").write_text(
        "import os, time\nfrom poorwsgi import Application\napp = Application('forks')\n\n"
        "@app.route('/fork')\ndef fork(req):\n    pid = os.fork()\n    if pid == 0:\n        time.sleep(30)\n    return str(pid)\n")
    workers = start("--workers", "1")
    child = int(workers("/fork").text)
    try:
        assert workers.stop() == 0
        assert seconds_to_be_refused(workers.port) < 1
        with socket.socket() as another:
            another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            another.bind(("127.0.0.1", workers.port))
            another.listen()
    finally:
        os.kill(child, signal.SIGKILL)


def drop_answers_to_syn(connection):
    """Drops SYN-ACKs, as if they were lost, by a filter on this socket only."""
    flags = 13  # the offset of the flags in the TCP header
    steps = [(0x30, 0, 0, flags), (0x54, 0, 0, 0x12), (0x15, 1, 0, 0x12), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    connection.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", len(steps), ctypes.addressof(code)))  # SO_ATTACH_FILTER


def listening_at(port):
    """The inode number of the socket that listens at a port."""
    lines = map(str.split, pathlib.Path("/proc/net/tcp").read_text().splitlines())
    [number] = [line[9] for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A"]
    return number


def has_socket(pid, number):
    """Whether a process has the socket. The process may open and close other descriptors meanwhile."""
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == f"socket:[{number}]":
                return True
    return False


def test_a_handshake_that_ends_late_keeps_nobody_waiting(start):
    """The handshake ends after the workers have closed the socket, so no process can accept the
    connection."""
    workers = start("--workers", "1")
    socket_ = listening_at(workers.port)
    assert all(has_socket(pid, socket_) for pid in workers.pids())
    with connect(workers.port) as long, socket.socket() as late:
        ask(long, "/sleep/8")
        workers.until_sleeping(1)
        drop_answers_to_syn(late)
        late.setblocking(False)
        late.connect_ex(("127.0.0.1", workers.port))
        # The times are what is tested. The system repeats its SYN-ACK a second after the first one; the workers
        # close the socket soon after the signal, and the supervisor shuts it down a second after the signal. The
        # repeated SYN-ACK has to arrive between these two, so the signal is sent in the middle of its second.
        time.sleep(0.4)
        workers.signal(signal.SIGTERM)
        until(lambda: not any(has_socket(pid, socket_) for pid in workers.pids()))
        late.setsockopt(socket.SOL_SOCKET, 27, 0)  # SO_DETACH_FILTER
        assert select.select([], [late], [], 10)[1]
        # Two tries: a client that connects while the filter drops its SYN repeats it after a second.
        for _ in range(2):
            assert seconds_to_be_refused(workers.port) < 3
        assert status(long) == [b"200"]
    assert workers.process.wait(60) == 0


def test_who_waits_for_a_worker_that_hangs_keeps_nobody_else_waiting(start):
    workers = start("--workers", "1", "--max-connections", "1", "--stop-timeout", "30")
    [pid] = workers.pids()
    with connect(workers.port) as long:
        ask(long, "/sleep/1")
        workers.until_sleeping(1)
        with connect(workers.port):  # waits for the end of the other connection
            os.kill(pid, signal.SIGSTOP)
            try:
                workers.signal(signal.SIGTERM)
                begun = time.monotonic()
                # The supervisor logs this after the system has stopped making connections.
                until(lambda: "stopping" in workers.messages())
                waits = threading.Thread(target=lambda: seconds_to_be_refused(workers.port))
                waits.start()
                waits.join(30)
                assert not waits.is_alive()
                assert time.monotonic() < begun + 10
            finally:
                os.kill(pid, signal.SIGCONT)
        assert status(long) == [b"200"]
    assert workers.process.wait(60) == 0


def test_a_socket_with_a_high_number_can_be_shut(tmp_path):
    """select(2) takes no number above 1023."""
    (tmp_path / "app.py").write_text(
        "import time\nfrom poorwsgi import Application\napp = Application('many')\n\n"
        "@app.route('/sleep')\ndef sleep(req):\n    open('begun', 'w').close()\n    time.sleep(2)\n    return 'slept'\n")
    code = ("import os, resource, sys\nhard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))\n"
            "for number in range(3, 1200):\n    os.dup2(0, number, True)\nos.execv(sys.argv[1], sys.argv[1:])")
    command = [sys.executable, "-c", code, sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--workers", "1"]
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            port = int(process.stdout.readline().partition("127.0.0.1:")[2].replace(";", " ").split()[0])
            with connect(port) as client:
                ask(client, "/sleep")
                until((tmp_path / "begun").exists)
                process.send_signal(signal.SIGTERM)
                assert status(client) == [b"200"]
            assert process.wait(60) == 0
        finally:
            process.kill()

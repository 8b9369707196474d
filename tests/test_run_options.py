"""The options and the output of ``poorwsgi run``: sockets, proxies, processes, the log."""
import http.client
import logging
import os
import re
import signal
import socket
import stat
import subprocess
import sys

import pytest
from callables import answer, get, raw, serve  # noqa: F401 - serve is a fixture
from servers import Client, until
from workers import start  # noqa: F401 - a fixture

from poorwsgi._poorwsgi import _raise_descriptor_limit

APP = """
import json, os, subprocess

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    if environ["PATH_INFO"] == "/leave":
        # This process ends after its parent.
        left = subprocess.check_output(["sh", "-c", "sleep 0.2 >/dev/null & echo $!"])
        assert subprocess.run(["sh", "-c", "exit 7"]).returncode == 7
        return [left]
    environ = {key: value for key, value in environ.items() if isinstance(value, (str, bool))}
    return [json.dumps({"pid": os.getpid(), **environ}).encode()]
"""


@pytest.fixture(autouse=True)
def app(start, tmp_path):  # noqa: F811
    (tmp_path / "app.py").write_text(APP)


class UnixClient(http.client.HTTPConnection):
    """A client of a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("trusts", [False, True])
def test_a_proxy_at_a_unix_socket_is_believed_where_it_is_trusted(tmp_path, trusts, workers):
    path = str(tmp_path / "socket")
    options = ["--socket-mode", "0620"] if trusts else ["--trusted-proxy", "none"]
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--bind", f"unix:{path}", "--workers", workers, *options]
    with subprocess.Popen(run, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert path in process.stdout.readline()
            client = UnixClient(path)
            client.request("GET", "/", headers={"X-Forwarded-Proto": "https"})
            response = client.getresponse()
            assert (response.status, b'"HTTP_X_FORWARDED_PROTO": "https"' in response.read()) == (200, trusts)
            client.close()
            if trusts:
                assert stat.S_IMODE(os.stat(path).st_mode) == 0o620
        finally:
            process.terminate()


@pytest.mark.parametrize("workers", ["0", "1", "2"])
def test_it_listens_at_several_addresses(tmp_path, workers):
    path = str(tmp_path / "socket")
    group = os.getgid()
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "-w", workers, "-b", "127.0.0.1:0", "-b", f"unix:{path}", "--socket-group", str(group)]
    with socket.create_server(("127.0.0.1", 0)) as handed, socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "other"))
        other.listen()
        # Not in the order of their numbers, and with others in between.
        run += ["--bind", f"fd://{other.fileno()}", "--bind", f"fd://{handed.fileno()}"]
        passed = [handed.fileno(), other.fileno()]
        with subprocess.Popen(run, cwd=tmp_path, pass_fds=passed, stdout=subprocess.PIPE, text=True) as process:
            try:
                line = process.stdout.readline()
                own = next(int(port) for port in re.findall(r"http://127.0.0.1:(\d+)", line) if int(port) != handed.getsockname()[1])
                assert f"unix:{path}" in line and f"unix:{tmp_path}/other" in line

                def served():
                    statuses = [Client(port)("/").status for port in (own, handed.getsockname()[1])]
                    for client in (UnixClient(path), UnixClient(str(tmp_path / "other"))):
                        client.request("GET", "/")
                        statuses.append(client.getresponse().status)
                        client.close()
                    return statuses

                assert served() == [200] * 4
                assert os.stat(path).st_gid == group
                if workers != "0":
                    before = {Client(own)("/").json["pid"] for _ in range(10)}
                    process.send_signal(signal.SIGHUP)
                    until(lambda: not before & {Client(own)("/").json["pid"] for _ in range(10)})
                    assert served() == [200] * 4
            finally:
                process.terminate()
            assert process.wait(30) == 0
        assert not os.path.exists(path)
        # The sockets that were passed stay those of whoever has passed them.
        socket.create_connection(handed.getsockname()).close()


@pytest.mark.parametrize(("number", "reason"), [("99", "fd://99: Bad file descriptor"), ("1", "fd://1: Socket operation on non-socket"), (None, "the socket does not listen")])
@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_is_no_listening_socket_is_refused(tmp_path, number, reason, workers):
    with socket.socket() as deaf:
        run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--workers", workers, "--bind", f"fd://{number or deaf.fileno()}"]
        done = subprocess.run(run, cwd=tmp_path, pass_fds=[deaf.fileno()], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and reason in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("mode", ["888", "rw", "7777", "", "-1", "0o660"])
def test_permissions_are_octal_digits(tmp_path, mode):
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--bind", f"unix:{tmp_path}/socket", f"--socket-mode={mode}"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "are not permissions" in done.stderr


@pytest.mark.parametrize("workers", ["0", "1"])
def test_the_socket_of_systemd_is_taken_where_no_address_is_given(tmp_path, workers):
    with socket.create_server(("127.0.0.1", 0)) as place:
        run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--workers", workers]
        command = ["sh", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDS_FIRST_FD={place.fileno()} exec "$@"', "sh", *run]
        with subprocess.Popen(command, cwd=tmp_path, pass_fds=[place.fileno()], stdout=subprocess.PIPE, text=True) as process:
            try:
                port = place.getsockname()[1]
                assert re.search(f":{port}[; ]", process.stdout.readline())
                assert Client(port)("/").status == 200
            finally:
                process.terminate()


@pytest.mark.parametrize("workers", ["0", "1", "2"])
def test_the_unix_socket_of_systemd_is_trusted(tmp_path, workers):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as place:
        place.bind(path)
        place.listen()
        run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--workers", workers]
        command = ["sh", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDS_FIRST_FD={place.fileno()} exec "$@"', "sh", *run]
        with subprocess.Popen(command, cwd=tmp_path, pass_fds=[place.fileno()], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert path in process.stdout.readline()
                client = UnixClient(path)
                client.request("GET", "/", headers={"X-Forwarded-Proto": "https"})
                assert b'"HTTP_X_FORWARDED_PROTO": "https"' in client.getresponse().read()
                client.close()
            finally:
                process.terminate()


@pytest.mark.parametrize("variables", [{"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_PID": "$$"}])
def test_what_is_for_another_process_is_not_taken(tmp_path, variables):
    given = " ".join(f"{name}={value}" for name, value in variables.items())
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--workers", "0"]
    command = ["sh", "-c", f'{given} exec "$@" --port 0', "sh", *run]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert "on http://127.0.0.1:" in process.stdout.readline()
        finally:
            process.terminate()


@pytest.mark.parametrize(("workers", "several"), [("0", False), ("1", False), ("2", True)])
def test_one_worker_is_not_several_processes(start, workers, several):  # noqa: F811
    assert start("--workers", workers)("/").json["wsgi.multiprocess"] is several


#: Stands for process 1 of a container, which becomes the parent of orphaned processes.
_INIT = """
import ctypes, os, poorwsgi.cli
assert ctypes.CDLL(None).prctl(36, 1) == 0  # PR_SET_CHILD_SUBREAPER
own, first = os.getpid, os.getpid()
os.getpid = lambda: 1 if own() == first else own()
poorwsgi.cli.main()
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="processes are looked for in /proc")
class TestFirstProcess:
    def test_it_leaves_no_zombies_without_a_supervisor(self, start):  # noqa: F811
        server = start("--workers", "0", program=("-c", _INIT))
        left = [server("/leave").json for _ in range(5)]
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left))
        assert server.stop() == 0
        assert server.messages().count("stopping: ") == 1

    def test_it_ends_as_its_child_does(self, start):  # noqa: F811
        server = start("--workers", "0", program=("-c", _INIT))
        [child] = server.pids()
        os.kill(child, signal.SIGKILL)
        assert server.process.wait(30) == 128 + signal.SIGKILL

    def test_others_do_not_fork(self, start):  # noqa: F811
        server = start("--workers", "0")
        assert server.pids() == set()
        assert server("/").json["pid"] == server.process.pid


@pytest.mark.parametrize("workers", ["0", "1", "2"])
def test_a_stop_is_said_once(start, workers):  # noqa: F811
    server = start("--workers", workers)
    assert server.stop() == 0
    assert server.messages().count("stopping: requests that run are finished first") == 1


#: Requests that exceed a limit, by the status that refuses them.
OVER = {
    "413": get(method="POST", fields="Content-Length: 100000000\r\n"), "414": get("/" + "a" * 20_000),
    "431": get(fields="A: b\r\n" * 200), "431 ": get(fields=f"A: {'a' * 70_000}\r\n"),
}


@pytest.mark.parametrize("status", OVER)
def test_a_refusal_names_an_option_and_is_logged_once(serve, caplog, status):  # noqa: F811
    caplog.set_level(logging.INFO)
    response = raw(serve(answer([b"x"])), OVER[status])
    assert response.startswith(f"HTTP/1.1 {status.strip()} ".encode())
    [setting] = re.findall(rb"setting (\w+)", response)
    [record] = until(lambda: caplog.records)
    assert record.levelname == "INFO" and f"(setting {setting.decode()})" in record.getMessage()
    assert f"--{setting.decode().replace('_', '-')} " in _help()


def test_a_bad_request_is_logged_once(serve, caplog):  # noqa: F811
    caplog.set_level(logging.INFO)
    assert raw(serve(answer([b"x"])), get("/path?secret", fields="Host: b\r\n")).startswith(b"HTTP/1.1 400 ")
    [record] = until(lambda: caplog.records)
    assert record.levelname == "INFO" and "two Host fields, method: GET, path: \"/path\"" in record.getMessage()


def test_a_malformed_field_is_logged_once_with_the_status(serve, caplog):  # noqa: F811
    caplog.set_level(logging.INFO)
    assert raw(serve(answer([b"x"])), get(fields="No name: b\r\n")).startswith(b"HTTP/1.1 400 ")
    [record] = until(lambda: caplog.records)
    assert record.levelname == "INFO" and record.getMessage().startswith("refused: 400 Bad Request: ")


def test_every_setting_is_an_option():
    with pytest.raises(TypeError) as raised:
        _raise_descriptor_limit(nonsense=1)
    known = str(raised.value).partition("known: ")[2].split(", ")
    assert len(known) > 20
    others = {"unix_mode": "socket_mode", "unix_group": "socket_group", "trusted_proxies": "trusted_proxy"}
    text = _help()
    assert [name for name in known if not re.search(rf"--{others.get(name, name)}\b".replace("_", "-"), text)] == []


@pytest.mark.parametrize("text", ["mine", ""])
def test_the_server_field_is_an_option(start, text):  # noqa: F811
    server = start("--workers", "0", "--server-header", text)
    assert server("/").headers.get("Server") == (text or None)


def test_settings_that_a_slow_body_names_are_options():
    assert "--body-timeout " in _help() and "--min-body-rate " in _help()


def _help():
    run = [sys.executable, "-m", "poorwsgi", "run", "--help"]
    return subprocess.run(run, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.parametrize("made", [list, iter])
def test_a_failure_names_its_request(serve, caplog, made):  # noqa: F811
    def app(environ, start_response):
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/first":
            raise ValueError("the reason")
        return Failing(made([b"one", b"two"]))

    class Failing:
        def __init__(self, blocks):
            self.blocks = blocks

        def __iter__(self):
            return iter(self.blocks)

        def close(self):
            raise ValueError("the reason")

    client = serve(app)
    assert client("/first?secret").status == 500
    assert client("/last?secret").status == 200
    first, last = until(lambda: len(caplog.records) == 2 and caplog.records)
    assert "the application failed, method: GET, path: \"/first\"" in first.getMessage()
    assert "method: GET, path: \"/last\"" in last.getMessage()
    assert "secret" not in caplog.text and caplog.text.count("the reason") >= 2
    # For log handlers that inspect the record, such as error trackers.
    for record in (first, last):
        assert record.exc_info[0] is ValueError and record.exc_info[2].tb_frame.f_code.co_filename == __file__
        assert "Traceback" not in record.getMessage()

"""What a service manager is told (sd_notify(3)), over a datagram socket that the test has made."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from servers import until
from workers import start  # noqa: F401 - a fixture

WORKERS = pytest.mark.parametrize("workers", ["0", "1", "2"])


class Manager:
    """The manager's side of the socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(30)

    def message(self):
        """The next message but for signs of life."""
        while True:
            message = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())
            if message != {"WATCHDOG": "1"}:
                return message

    def state(self):
        """The next message that says more than a text."""
        while True:
            message = self.message()
            if message.keys() - {"STATUS"}:
                return message

    def drain(self):
        """Takes what has come by now."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)
        self.socket.settimeout(30)

    def until(self, status):
        """Waits for a text."""
        while (message := self.message())["STATUS"] != status:
            pass
        return message


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path, monkeypatch):
    if request.param == "abstract" and not sys.platform.startswith("linux"):
        pytest.skip("abstract sockets are of Linux")
    address = str(tmp_path / "notify") if request.param == "file" else f"\0poorwsgi-test-{os.getpid()}-{time.monotonic_ns()}"
    manager = Manager(address)
    monkeypatch.setenv("NOTIFY_SOCKET", address.replace("\0", "@"))
    with manager.socket:
        yield manager


@pytest.fixture
def on_file(tmp_path, monkeypatch):
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with manager.socket:
        yield manager


@WORKERS
def test_it_is_told_of_the_start_and_of_the_stop(manager, start, workers):  # noqa: F811
    server = start("--workers", workers)
    ready = manager.state()
    assert ready["READY"] == "1"
    with_workers = "" if workers == "0" else f" with {workers} of {workers} workers"
    assert ready["STATUS"] == f"serving app:app on http://127.0.0.1:{server.port}{with_workers}"
    assert server("/pid").status == 200
    server.signal(signal.SIGTERM)
    assert manager.state() == {"STOPPING": "1", "STATUS": "finishing the requests that run"}
    assert server.process.wait(30) == 0
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):  # nothing is said twice
        manager.message()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_an_application_that_cannot_be_loaded_is_never_ready(on_file, tmp_path, workers):
    (tmp_path / "app.py").write_text("1 / 0")
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--workers", workers]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=30).returncode == 1
    on_file.socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            assert "READY" not in on_file.message()


class TestReload:
    def test_it_is_told_of_both_ends(self, on_file, start):  # noqa: F811
        server = start("--workers", "2")
        ready, before = on_file.state(), server.pids()
        asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        server.signal(signal.SIGHUP)
        reloading = on_file.state()
        assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) >= asked
        assert on_file.state() == ready
        # The new workers serve, whatever the old ones are still finishing.
        assert len(server.pids() - before) == 2

    def test_the_end_comes_also_when_new_workers_fail(self, on_file, start, tmp_path):  # noqa: F811
        server = start("--workers", "1")
        ready, before = on_file.state(), server.pids()
        (tmp_path / "app.py").write_text("1 / 0")
        server.signal(signal.SIGHUP)
        assert on_file.state()["RELOADING"] == "1"
        assert on_file.state() == {"READY": "1", "STATUS": ready["STATUS"] + "; the last reload failed, see the log"}
        assert server.pids() == before

    def test_the_end_comes_also_when_the_settings_are_wrong(self, on_file, start, tmp_path):  # noqa: F811
        server = start("--workers", "1")
        ready = on_file.state()
        (tmp_path / "poorwsgi.toml").write_text("prot = 1")
        server.signal(signal.SIGHUP)
        assert on_file.state()["RELOADING"] == "1"
        assert on_file.state() == {"READY": "1", "STATUS": ready["STATUS"] + "; the last reload was refused, see the log"}
        (tmp_path / "poorwsgi.toml").unlink()
        server.signal(signal.SIGHUP)
        assert on_file.state()["RELOADING"] == "1"
        assert on_file.state() == ready


def test_the_text_says_how_many_workers_serve(on_file, start):  # noqa: F811
    server = start("--workers", "1")
    address = f"serving app:app on http://127.0.0.1:{server.port}"
    server.signal(signal.SIGTTIN)
    on_file.until(f"{address} with 2 of 2 workers")


class TestWatchdog:
    @pytest.mark.parametrize("workers", ["0", "1"])
    def test_signs_of_life_come_twice_as_often_as_needed(self, on_file, start, workers, monkeypatch):  # noqa: F811
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        server = start("--workers", workers)
        on_file.drain()
        begun = time.monotonic()
        for _ in range(5):
            while on_file.socket.recv(4096) != b"WATCHDOG=1":
                pass
        assert time.monotonic() - begun > 0.5  # five of them, 0.2 s apart
        assert server("/pid").status == 200
        server.signal(signal.SIGSTOP)
        on_file.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            while True:
                on_file.socket.recv(4096)
        server.signal(signal.SIGCONT)
        assert on_file.socket.recv(4096) == b"WATCHDOG=1"

    @pytest.mark.parametrize("variables", [{}, {"WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"}])
    def test_there_are_none_for_another_process(self, on_file, start, monkeypatch, variables):  # noqa: F811
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        server = start("--workers", "1")
        on_file.state()
        on_file.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            while True:
                assert b"WATCHDOG" not in on_file.socket.recv(4096)
        assert server("/pid").status == 200

    def test_its_process_is_the_one_that_is_named(self, on_file, tmp_path, start, monkeypatch):  # noqa: F811
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        script = "import os; os.environ['WATCHDOG_PID'] = str(os.getpid()); import poorwsgi.cli; poorwsgi.cli.main()"
        start("--workers", "0", program=("-c", script))
        while on_file.socket.recv(4096) != b"WATCHDOG=1":
            pass


def test_applications_do_not_see_its_variables(on_file, start, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    (tmp_path / "app.py").write_text("import os\nseen = repr(sorted(os.environ)).encode()\ndef app(e, s):\n    s('200 OK', [])\n    return [seen]\n")
    for workers in ("0", "1"):
        text = start("--workers", workers)("/").text
        assert "NOTIFY_SOCKET" not in text and "WATCHDOG" not in text


@pytest.mark.parametrize("address", ["/nowhere/at/all", "@nobody-listens-here", "vsock:2:1234", ""])
def test_without_a_manager_it_serves_all_the_same(start, monkeypatch, address):  # noqa: F811
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    server = start("--workers", "1")
    assert server("/pid").status == 200
    assert server.stop() == 0


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd-socket-activate is not installed")
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_socket_of_systemd_is_served(on_file, tmp_path, start, workers):  # noqa: F811
    """The server is started by the first client, who waits for it."""
    path = tmp_path / "activated"
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--workers", workers]
    command = ["systemd-socket-activate", "--listen", path, "--setenv", f"NOTIFY_SOCKET={tmp_path}/notify", *run]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(path.exists)
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(30)
                until(lambda: _connected(client, path))
                client.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: client.recv(4096), b""))
            assert answer.startswith(b"HTTP/1.1 200 ")
            ready = on_file.state()
            assert ready["READY"] == "1" and f"unix:{path}" in ready["STATUS"]
        finally:
            process.terminate()
        assert process.wait(30) == 0


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd-socket-activate is not installed")
@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(("options", "served"), [
    ([], ["one", "two", "three"]), (["--bind", "fd://web"], ["one", "three"]), (["--bind", "fd://web", "--bind", "fd://other"], ["one", "three", "two"]),
    (["--bind", "fd://4", "--bind", "unix:own"], ["two", "own"]),
])
def test_several_sockets_are_picked_by_their_names(on_file, tmp_path, start, workers, options, served):  # noqa: F811
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--workers", workers, *options]
    listen = [f"--listen={tmp_path / name}" for name in ("one", "two", "three")]
    command = ["systemd-socket-activate", *listen, "--fdname=web:other:web", "--setenv", f"NOTIFY_SOCKET={tmp_path}/notify", *run]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until((tmp_path / "three").exists)
            with socket.socket(socket.AF_UNIX) as client:
                until(lambda: _connected(client, tmp_path / "one"))
                status = on_file.state()["STATUS"]
            for name in served:
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(30)
                    client.connect(str(tmp_path / name))
                    client.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
            for name in ("one", "two", "three"):
                assert (f"unix:{tmp_path / name}" in status) == (name in served)
        finally:
            process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(("variables", "said"), [
    ({}, "none was passed with a name"), ({"LISTEN_FDNAMES": "web:admin", "LISTEN_FDS": "2"}, "passed are web, admin"),
    ({"LISTEN_FDNAMES": "wbe", "LISTEN_PID": "1"}, "none was passed with a name"),
])
def test_a_name_that_was_not_passed_is_an_error(tmp_path, workers, variables, said):
    (tmp_path / "app.py").write_text("print('loaded')")
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--bind", "fd://wbe", "--workers", workers]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"there is no socket for fd://wbe (LISTEN_FDNAMES): {said}\n")


def _connected(client, path):
    try:
        client.connect(str(path))
    except ConnectionRefusedError:  # it does not listen yet
        return False
    return True


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_units_are_right(tmp_path):
    deploy = pathlib.Path(__file__).parent.parent / "deploy" / "systemd"
    units = sorted(deploy.glob("*.s*"))
    assert [unit.name for unit in units] == ["poorwsgi.service", "poorwsgi.socket"]
    for unit in units:
        # The program and the directory are those of a machine on which the service is installed.
        text = unit.read_text().replace("/srv/shop/venv/bin/poorwsgi", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name for unit in units)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and not [line for line in done.stderr.splitlines() if str(tmp_path) in line or "poorwsgi" in line]

"""Metrics and health: ``poorwsgi run --admin``."""
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from servers import Client, until
from workers import start  # noqa: F401 - a fixture

from poorwsgi._admin import Counts, exposition, messages

LINE = re.compile(r'([a-z_]+)((?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)+\})?) (\S+)')


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Admin(Client):
    def metrics(self):
        """The values of the metrics, by name and labels."""
        answer = self("/metrics")
        assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = [line for line in answer.text.splitlines() if not line.startswith("# ")]
        return {found[1] + found[2]: float(found[3]) for found in map(LINE.fullmatch, lines)}

    def until(self, name, value):
        return until(lambda: (found := self.metrics()).get(name) == value and found)


@pytest.fixture
def watched(start):  # noqa: F811
    def begin(*arguments):
        port = free_port()
        return start("--admin", f"127.0.0.1:{port}", *arguments), Admin(port)
    return begin


def requests(route, status="2xx", method="GET"):
    return f'poorwsgi_requests_total{{method="{method}",status="{status}",route="{route}"}}'


def test_requests_of_all_workers_are_counted_by_method_status_and_rule(watched):
    workers, admin = watched("--workers", "2")
    for _ in range(20):
        workers("/pid")
    workers("/sleep/0.001")
    workers("/sleep/0.002")
    workers("/nowhere", method="POST", body=b"12345")
    found = admin.until("poorwsgi_request_duration_seconds_count", 23)
    assert found[requests("", "4xx", "POST")] == 1 and found[requests("/pid")] == 20 and found[requests("/sleep/<seconds:float>")] == 2
    assert found['poorwsgi_request_duration_seconds_bucket{le="+Inf"}'] == 23
    calls = sum(value for name, value in found.items() if name.startswith("poorwsgi_calls_total"))
    assert calls == found["poorwsgi_queue_seconds_count"] == 23
    assert found["poorwsgi_connections_total"] == 23 and found["poorwsgi_sent_bytes_total"] > 100
    assert found["poorwsgi_workers"] == found["poorwsgi_workers_wanted"] == 2
    assert found["poorwsgi_resident_memory_bytes"] > 10_000_000


def test_the_counts_of_workers_that_have_ended_are_kept(watched):
    workers, admin = watched()
    workers("/pid")
    admin.until(requests("/pid"), 1)
    (before,) = workers.pids()
    workers.signal(signal.SIGHUP)
    until(lambda: workers.pids() and before not in workers.pids())
    workers("/pid")
    found = admin.until(requests("/pid"), 2)
    assert found["poorwsgi_reloads_total"] == 1 and found["poorwsgi_worker_starts_total"] == 2
    with contextlib.suppress(OSError, http.client.HTTPException):
        workers("/abort")
    found = admin.until("poorwsgi_worker_deaths_total", 1)
    assert found[requests("/pid")] == 2


def test_open_connections_and_busy_threads_are_measured(watched):
    workers, admin = watched("--inline", "never")
    idle = http.client.HTTPConnection("127.0.0.1", workers.port)
    with contextlib.closing(idle):
        idle.request("GET", "/pid")
        idle.getresponse().read()
        admin.until('poorwsgi_connections{state="idle"}', 1)
        with socket.create_connection(("127.0.0.1", workers.port)) as busy:
            busy.sendall(b"GET /sleep/30 HTTP/1.1\r\nHost: a\r\n\r\n")
            found = admin.until("poorwsgi_threads_busy", 1)
            assert found['poorwsgi_connections{state="active"}'] == found['poorwsgi_connections{state="idle"}'] == 1
    workers.signal(signal.SIGTERM)
    workers.signal(signal.SIGTERM)


def test_it_answers_while_the_worker_hangs(watched):
    workers, admin = watched("--inline", "always")
    workers("/pid")
    admin.until(requests("/pid"), 1)
    (pid,) = workers.pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert admin.metrics()[requests("/pid")] == 1
        assert admin("/health").status == admin("/ready").status == 200
    finally:
        os.kill(pid, signal.SIGCONT)


def test_ready_says_whether_a_worker_serves(start, tmp_path):  # noqa: F811
    port = free_port()
    gate = tmp_path / "gate"
    (tmp_path / "app.py").write_text(f"""
import os, time
while not os.path.exists({str(gate)!r}):
    time.sleep(0.01)
from poorwsgi import Application
app = Application("late")
""")
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--admin", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        try:
            admin = Admin(port)

            def status(path):
                with contextlib.suppress(ConnectionError):
                    return admin(path).status

            until(lambda: status("/health") == 200)
            assert admin("/ready").status == 503
            gate.touch()
            until(lambda: status("/ready") == 200)
        finally:
            process.terminate()


def test_routes_are_shown(watched):
    _, admin = watched()
    table = until(lambda: "RULE" in (text := admin("/routes").text) and text)
    assert re.search(r"^HEAD \| GET +/sleep/<seconds:float> +sleep", table, re.MULTILINE)
    assert admin("/").status == 200 and admin("/nowhere").status == 404


def test_a_long_table_of_routes_is_cut(watched, tmp_path):
    with open(tmp_path / "app.py", "a") as file:
        file.write('for number in range(3000):\n    app.set_route(f"/{number}/\u00e9{\'x\' * 40}", pid)\n')
    workers, admin = watched()
    assert "the table goes on" in until(lambda: "RULE" in (text := admin("/routes").text) and text)
    assert workers("/pid").status == 200 and "invalid message" not in workers.messages()


def test_a_unix_socket_will_do(start, tmp_path):  # noqa: F811
    path = tmp_path / "admin"
    start("--admin", f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.0 200 OK"


def test_it_needs_a_supervisor(tmp_path):
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--workers", "0", "--admin", "127.0.0.1:0"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and "--admin needs a supervisor" in ended.stderr


def test_only_changes_are_sent_in_messages_that_are_not_too_long():
    sent = {}
    text = "\n".join(f'poorwsgi_requests_total{{route="/{number:0200}"}} 1' for number in range(1000))
    parts = list(messages(text, sent))
    assert len(parts) > 1 and all(len(part) < 1 << 16 for part in parts)
    assert list(messages(text, sent)) == []
    assert list(messages("poorwsgi_threads_busy 2", sent)) == ['{"poorwsgi_threads_busy": 2.0}']


def test_counters_outlive_their_worker_and_gauges_do_not():
    counts = Counts()
    for pid in (1, 2):
        counts.hear(pid, '{"poorwsgi_sent_bytes_total": 5, "poorwsgi_threads_busy": 1, "poorwsgi_queue_seconds_sum": 0.5}')
    counts.end(1)
    counts.end(3)
    assert counts.total() == {"poorwsgi_sent_bytes_total": 10, "poorwsgi_threads_busy": 1, "poorwsgi_queue_seconds_sum": 1}
    assert "# TYPE poorwsgi_queue_seconds histogram\npoorwsgi_queue_seconds_sum 1\n" in exposition(counts.total())


@pytest.mark.parametrize("message", ["", "[]", "{", '{"a": 1}', '{"poorwsgi_threads_busy": "1"}', '{"poorwsgi_threads_busy_sum": 1}'])
def test_an_invalid_message_is_an_error(message):
    with pytest.raises(ValueError):
        Counts().hear(1, message)

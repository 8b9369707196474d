"""Reloads and restarts of the server behind nginx and HAProxy, while clients send requests."""
import http.client
import signal
import socket
import threading
from contextlib import ExitStack, closing, contextmanager

import pytest
from fronts import FRONTS, PATIENCE, application, front, tcp_address
from servers import until

HOST = "site.example"
CLIENTS = 8
#: How often the server is replaced under load.
TIMES = 5


class Load:
    """Clients that send requests, half of them with a body, as fast as they are answered."""

    def __init__(self, port):
        self.port, self.statuses, self.pids, self.failures, self.end = port, [], [], [], threading.Event()
        self.threads = [threading.Thread(target=self.client, args=(number % 2 == 0,)) for number in range(CLIENTS)]

    def client(self, posts):
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
                while not self.end.is_set():
                    connection.request("POST" if posts else "GET", "/pid", body=b"x" * 1000 if posts else None, headers={"Host": HOST})
                    answer = connection.getresponse()
                    body = answer.read()
                    self.statuses.append(answer.status)
                    if answer.status == 200:
                        self.pids.append(int(body))
        except Exception as error:  # noqa: BLE001 - the test shows it
            self.failures.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def until_another_answers(self, before):
        """Waits until no process of those before has answered the last requests."""
        def others():
            assert not self.failures
            recent = self.pids[-50:]
            return len(recent) == 50 and not before & set(recent)

        until(others)

    @property
    def answering(self):
        return set(self.pids[-50:])


@pytest.fixture(params=["tcp", "unix"])
def address(request, tmp_path):
    return "127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path}/app.sock"


@pytest.mark.parametrize("proxy", [*FRONTS, "bytes"])
def test_a_reload_under_load_loses_no_request(tmp_path, address, proxy):
    options = ["--proxy-protocol"] if proxy == "bytes" else []
    with application("native", "--bind", address, "--workers", "2", *options) as (line, process):
        server = address if address.startswith("unix:") else tcp_address(line)
        with front(proxy, tmp_path, server) as port, Load(port) as load:
            until(lambda: len(load.pids) > 100)
            for _ in range(TIMES):
                before = load.answering
                process.send_signal(signal.SIGHUP)
                load.until_another_answers(before)
    assert (load.failures, set(load.statuses)) == ([], {200})


@contextmanager
def listening(kind, folder):
    """A socket as systemd keeps it, also while no server runs; yields it, and the address for a proxy."""
    if kind == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as place:
            yield place, f"127.0.0.1:{place.getsockname()[1]}"
        return
    with socket.socket(socket.AF_UNIX) as place:
        place.bind(str(folder / "app.sock"))
        place.listen(1024)
        yield place, f"unix:{folder}/app.sock"


@pytest.mark.parametrize("proxy", FRONTS)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_restart_under_load_loses_no_request(tmp_path, kind, proxy):
    """The server ends before the next one begins; the socket is that of whoever starts both."""
    with listening(kind, tmp_path) as (place, server):
        def serve():
            return application("native", "--bind", f"fd://{place.fileno()}", "--workers", "2", pass_fds=[place.fileno()])

        with ExitStack() as stack:
            running = ExitStack()
            running.enter_context(serve())
            load = None
            try:
                port = stack.enter_context(front(proxy, tmp_path, server))
                load = stack.enter_context(Load(port))
                until(lambda: len(load.pids) > 100)
                for _ in range(TIMES):
                    before = load.answering
                    running.close()  # the server is told to stop, and has ended
                    running.enter_context(serve())
                    load.until_another_answers(before)
                load.end.set()
            finally:
                stack.close()
                running.close()
    assert (load.failures, set(load.statuses)) == ([], {200})

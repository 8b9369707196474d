"""Clients that send or read slowly do not delay other clients."""
import concurrent.futures
import contextlib
import hashlib
import http.client
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from servers import Client, on_our_server, until

from poorwsgi import Application, state
from poorwsgi.response import GeneratorResponse

BLOCK = 64 << 10
BLOCKS = 80  # 5 MiB, more than socket buffers hold


def blocks():
    return (number.to_bytes(4, "big") * (BLOCK // 4) for number in range(BLOCKS))


DIGEST = hashlib.sha256(b"".join(blocks())).hexdigest()


@pytest.fixture
def app(name):
    app = Application(name)
    app.auto_form = app.auto_data = app.auto_json = False

    @app.route("/")
    def home(req):
        return "home"

    @app.route("/upload", method=state.METHOD_POST)
    def upload(req):
        return hashlib.sha256(req.input.read()).hexdigest()

    @app.route("/download")
    def download(req):
        return GeneratorResponse(blocks())

    return app


def as_callable(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/upload":
        return [hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()]
    if environ["PATH_INFO"] == "/download":
        return blocks()
    if environ["PATH_INFO"] == "/large":
        return (bytes(BLOCK) for _ in range(640))
    return [b"home"]


def by_write(environ, start_response):
    """Responds with the write() of start_response, as old applications do."""
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    for block in blocks() if environ["PATH_INFO"] == "/download" else ():
        write(block)
    return []


@pytest.fixture(params=["natively", "as a callable"])
def served(request, app):
    return app if request.param == "natively" else as_callable


class SlowClients:
    """Connections that each send, or read, a little each second."""

    def __init__(self, port, uploads=0, readers=0, framing="Content-Length: 2000000", target="/download"):
        upload = f"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n"
        self.piece = b"1\r\na\r\n" * 50 if "chunked" in framing else b"a" * 300
        self.uploads = [self.connect(port, upload) for _ in range(uploads)]
        self.readers = [self.connect(port, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n", 4096) for _ in range(readers)]
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.trickle)
        self.thread.start()

    @staticmethod
    def connect(port, head, buffer=None):
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.connect(("127.0.0.1", port))
        connection.sendall(head.encode())
        return connection

    def trickle(self):
        while not self.ends.wait(1):
            for each in self.uploads:
                with contextlib.suppress(OSError):
                    each.sendall(self.piece)
            for each in self.readers:
                with contextlib.suppress(OSError):
                    each.recv(300, socket.MSG_DONTWAIT)

    def stop(self):
        self.ends.set()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        for each in [*self.uploads, *self.readers]:
            each.close()


def longest(port, targets=("/", "/nowhere"), requests=20):
    """The time of the slowest of several requests."""
    client = Client(port)
    times = []
    for number in range(requests):
        begun = time.monotonic()
        client(targets[number % len(targets)])
        times.append(time.monotonic() - begun)
    return max(times)


#: Enough seconds for slow clients to occupy all threads, if they could. That they do not is no event to wait for.
SOON = 2.5


@pytest.mark.parametrize("framing", ["Content-Length: 2000000", "Content-Length: 90000", "Transfer-Encoding: chunked"])
def test_slow_uploads_hold_up_nobody(served, framing):
    """More uploads than threads, on a server that has measured no route yet."""
    with on_our_server(served, threads=8) as port, SlowClients(port, uploads=60, framing=framing):
        time.sleep(SOON)
        assert longest(port) < 2


def test_slow_readers_hold_up_nobody(served):
    with on_our_server(served, threads=8) as port, SlowClients(port, readers=40):
        time.sleep(SOON)
        assert longest(port) < 2


def download(port, target="/download"):
    """A client that has sent a request, and reads nothing yet."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.settimeout(30)
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    return connection


def digest(connection):
    """The digest of the response that is read now; None if the connection is cut."""
    response = http.client.HTTPResponse(connection)
    try:
        response.begin()
        return hashlib.sha256(response.read()).hexdigest()
    except (http.client.IncompleteRead, ConnectionError):
        return None
    finally:
        response.close()


@pytest.mark.parametrize("application", [as_callable, by_write])
def test_what_slow_readers_get_is_whole(application, caplog):
    """Two threads wait for their clients at once, and two more when a file of 1 MiB is full. After 5 s, the
    clients that have been waited for longest are cut off in favour of others."""
    with on_our_server(application, threads=8, max_spool=64 << 20) as port, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(download(port)) for _ in range(6)]
        time.sleep(7)  # after 5 s they are cut off in favour of others
        got = [digest(each) for each in clients]
    assert set(got) == {DIGEST, None}
    assert caplog.text.count("the client is too far behind") == len(caplog.records) == got.count(None)


def test_what_is_cut_off_after_its_call_is_not_taken_for_whole(caplog):
    """The calls have ended, and the rest of their responses waits in files, until others need the space."""
    body = os.urandom(960 << 10)

    def application(environ, start_response):
        start_response("200 OK", [])
        return (body[begin:begin + BLOCK] for begin in range(0, len(body), BLOCK))

    whole = hashlib.sha256(body).hexdigest()
    with on_our_server(application, threads=8, max_spool=64 << 20) as port, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(download(port)) for _ in range(40)]
        time.sleep(7)  # after 5 s they may be cut off in favour of others
        clients += [stack.enter_context(download(port)) for _ in range(60)]
        until(lambda: "the client is too far behind" in caplog.text)
        got = [digest(each) for each in clients]
    assert set(got) == {whole, None}


def test_who_reads_steadily_is_not_cut_off(caplog):
    """More clients than threads may wait for, each with more content than its file holds."""
    with on_our_server(as_callable, threads=16, max_spool=256 << 20) as port, contextlib.ExitStack() as stack:
        readers = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(8)]
        for each in readers:
            each.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        got = dict.fromkeys(readers, 0)
        begun = time.monotonic()
        while time.monotonic() < begun + 13:
            time.sleep(0.05)  # each reads 400 KiB a second
            for each in readers:
                piece = each.recv(20 << 10)
                assert piece, got
                got[each] += len(piece)
        assert "too far behind" not in caplog.text


def test_who_reads_fast_does_not_wait_for_those_who_read_slowly():
    """Without space in files, and with more slow readers than threads may wait for."""
    with on_our_server(as_callable, threads=16, max_spool=0) as port, contextlib.ExitStack() as stack:
        readers = [stack.enter_context(download(port, "/large")) for _ in range(6)]
        ended = threading.Event()

        def read_slowly():
            while not ended.wait(0.25):
                for each in readers:
                    with contextlib.suppress(OSError):
                        each.recv(8 << 10, socket.MSG_DONTWAIT)

        thread = threading.Thread(target=read_slowly)
        stack.callback(thread.join)
        stack.callback(ended.set)
        thread.start()
        time.sleep(2)  # in which the server learns that they read slowly
        begun = time.monotonic()
        assert len(Client(port)("/large").body) == 640 * BLOCK
        assert time.monotonic() < begun + 3


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="the files of a process are looked for in /proc")
def test_files_of_clients_that_have_gone_are_free_at_once():
    """Although their calls, which sleep, go on."""
    goes_on = threading.Event()

    def application(environ, start_response):
        start_response("200 OK", [])

        def generate():
            yield from (bytes(BLOCK) for _ in range(56))
            goes_on.wait(30)

        return generate()

    with on_our_server(application, threads=40, max_spool=256 << 20) as port, contextlib.ExitStack() as stack:
        stack.callback(goes_on.set)
        with contextlib.ExitStack() as clients:
            for _ in range(16):
                clients.enter_context(download(port))
            until(lambda: kept_in_files() > 8 << 20)
        gone = time.monotonic()
        until(lambda: kept_in_files() == 0)
        assert time.monotonic() < gone + 5


def kept_in_files():
    """The total size in bytes of the unnamed files of this process."""
    size = 0
    for entry in os.scandir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(entry.path).endswith(" (deleted)") and "memfd" not in os.readlink(entry.path):
                size += os.stat(entry.path).st_size
    return size


def test_nobody_is_cut_off_while_a_thread_may_wait():
    """Of twelve threads, three may wait for reading clients, and three do."""
    with on_our_server(as_callable, threads=12, max_spool=32 << 20) as port, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(download(port)) for _ in range(2)]
        time.sleep(6)  # after 5 s they might be cut off in favour of others
        clients.append(stack.enter_context(download(port)))
        time.sleep(1)  # they are not cut off although there is one more client
        assert [digest(each) for each in clients] == [DIGEST] * 3


def test_who_reads_is_served_beside_many_who_do_not(app):
    """The others occupy all threads that may wait, and all space in files, of which each response may use 5
    MiB."""
    with on_our_server(as_callable, threads=8, max_spool=320 << 20) as port, contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(download(port))
        time.sleep(6)  # after 5 s they may be cut off in favour of others
        for _ in range(3):
            assert hashlib.sha256(Client(port)("/download").body).hexdigest() == DIGEST


def test_many_who_read_steadily_are_served_beside_each_other():
    """With more readers than threads may wait for, and almost no space in files, they take turns."""
    with on_our_server(as_callable, threads=16, max_spool=4 << 20) as port, contextlib.ExitStack() as stack:
        readers = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(8)]
        for each in readers:
            each.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        ends = dict.fromkeys(readers, b"")
        while readers:
            time.sleep(0.01)  # they read more slowly than the server generates the content
            for each in list(readers):
                piece = each.recv(128 << 10)
                ends[each] = (ends[each] + piece)[-5:]
                if not piece:
                    readers.remove(each)
        assert list(ends.values()) == [b"0\r\n\r\n"] * 8


def test_a_thread_that_waits_for_its_client_leaves_its_place_to_others(app):
    @app.route("/pooled")
    def pooled(req):
        time.sleep(0.03)  # longer than an inline call may take
        return "pooled"

    with on_our_server(app, threads=2, max_spool=1 << 20) as port, download(port) as slow:
        time.sleep(1)  # enough time for the call to fill the socket buffers and to wait; nothing reports that
        assert [Client(port)("/pooled").text for _ in range(5)] == ["pooled"] * 5
        assert digest(slow) == DIGEST


def digest_said(connection):
    with http.client.HTTPResponse(connection) as response:
        response.begin()
        assert response.status == 200
        return response.read().decode()


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_what_slow_uploads_send_is_whole(served, framing):
    """Some calls read their upload while it arrives, some from a file."""
    data = os.urandom(2_100_000)
    lengths = ["Content-Length: 2100000"] * 6 if framing == "length" else ["Transfer-Encoding: chunked"] * 6
    with on_our_server(served, threads=8) as port, contextlib.ExitStack() as stack:
        clients = []
        for length in lengths:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            client.sendall(f"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{length}\r\n\r\n".encode())
            clients.append(client)
        for begin in range(0, len(data), 210_000):
            piece = data[begin:begin + 210_000]
            for client in clients:
                client.sendall(piece if framing == "length" else b"%x\r\n%b\r\n" % (len(piece), piece))
        for client in clients:
            if framing == "chunks":
                client.sendall(b"0\r\n\r\n")
            assert digest_said(client) == hashlib.sha256(data).hexdigest()


def test_an_upload_is_read_as_it_comes_while_few_threads_wait_for_one(app):
    arrived = threading.Event()

    @app.route("/watch", method=state.METHOD_POST)
    def watch(req):
        assert req.input.read(5) == b"begin"
        arrived.set()
        return str(len(req.input.read()))

    with on_our_server(app) as port, socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(b"POST /watch HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2000005\r\n\r\nbegin")
        assert arrived.wait(30)
        client.sendall(bytes(2_000_000))
        assert client.makefile("rb").read().endswith(b"2000000")


def test_calls_that_have_read_their_uploads_count_as_those_that_read(app):
    """Such calls may compute for long. Together with others that do so, they would occupy all threads but a
    few."""
    begun, read, go_on = threading.Semaphore(0), threading.Semaphore(0), threading.Event()

    @app.route("/store", method=state.METHOD_POST)
    def store(req):
        begun.release()
        length = len(req.input.read())
        read.release()
        assert go_on.wait(30)
        return str(length)

    head = b"POST /store HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n"
    with on_our_server(app, threads=8) as port, contextlib.ExitStack() as stack:
        stack.callback(go_on.set)
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(3)]
        for client in clients[:2]:
            client.sendall(head + bytes(2_000_000))
            assert begun.acquire(timeout=30) and read.acquire(timeout=30)
        clients[2].sendall(head + bytes(1_000_000))
        for _ in range(100):
            assert Client(port)("/").text == "home"
        assert not begun.acquire(timeout=0), "of eight threads two read as it comes"
        clients[2].sendall(bytes(1_000_000))
        assert begun.acquire(timeout=30)
        go_on.set()
        for client in clients:
            assert client.makefile("rb").read().endswith(b"2000000")


def spooled():
    """The total size in bytes of the unnamed files that this process has open."""
    total = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{number}").endswith(" (deleted)"):
                total += os.fstat(int(number)).st_size
    return total


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="temporary files are looked for in /proc")
def test_bodies_for_which_there_is_no_room_are_503(app):
    """The limit is for all bodies together, and is at least max_body."""
    with on_our_server(app, threads=1, max_body=3_000_000, max_spool=0) as port, contextlib.ExitStack() as stack:
        head = b"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2900000\r\n\r\n"
        first, second = (stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(2))
        first.sendall(head + bytes(2_000_000))
        until(lambda: spooled() >= 1_000_000)
        with contextlib.suppress(OSError):
            second.sendall(head + bytes(2_900_000))
        assert second.recv(1000).startswith(b"HTTP/1.1 503 ")
        first.sendall(bytes(900_000))
        assert first.recv(1000).startswith(b"HTTP/1.1 200 ")
        # its space is free again
        assert Client(port)("/upload", "POST", bytes(2_900_000)).status == 200


def test_the_time_of_the_client_is_not_that_of_the_application(app):
    @app.route("/slow", method=state.METHOD_POST)
    def slow(req):
        length = len(req.input.read())
        time.sleep(float(req.args["seconds"]))
        return str(length)

    with on_our_server(app, request_timeout=0.8) as port:
        for size in (1000, 2_000_000):  # gathered, and read by the call
            for seconds, status in ((0, 200), (2, 503)):
                with socket.create_connection(("127.0.0.1", port), 30) as client:
                    head = f"POST /slow?seconds={seconds} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"
                    client.sendall(head.encode() + b"a")
                    time.sleep(1.2)  # longer than a call may take
                    client.sendall(bytes(size - 1))
                    assert client.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_client_that_is_not_waited_for_any_more_takes_no_time(app):
    app.read_timeout = 0.2

    @app.route("/patient", method=state.METHOD_POST)
    def patient(req):
        with pytest.raises(TimeoutError):
            req.input.read()
        time.sleep(2)  # longer than a call may take

    with on_our_server(app, request_timeout=0.8) as port, socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(b"POST /patient HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\na")
        assert client.recv(1000).startswith(b"HTTP/1.1 503 ")


def test_a_queue_is_no_call_that_takes_too_long(app, caplog):
    """Requests that wait too long for a thread get 503; the process does not count as stuck."""
    @app.route("/half")
    def half(req):
        time.sleep(0.25)
        return "done"

    with on_our_server(app, threads=2, request_timeout=0.8) as port:
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            statuses = [each.result().status for each in [pool.submit(Client(port), "/half") for _ in range(40)]]
        assert set(statuses) == {200, 503}
        assert Client(port)("/half").status == 200
    assert "takes longer" not in caplog.text


class Stream:
    """An iterable that never ends."""

    def __init__(self):
        self.closed = False

    def __iter__(self):
        return self

    def __next__(self):
        time.sleep(0.1)
        return b"block"

    def close(self):
        self.closed = True


def test_streams_that_a_stop_cuts_off_are_closed():
    streams = []

    def application(environ, start_response):
        start_response("200 OK", [])
        streams.append(Stream())
        return streams[-1]

    with contextlib.ExitStack() as stack:
        with on_our_server(application, stop_timeout=0.3) as port:
            for _ in range(8):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert client.recv(1000)
        assert [each.closed for each in streams] == [True] * 8


APP = """
from poorwsgi import Application, state
from poorwsgi.response import GeneratorResponse
app = Application("slow")
app.auto_form = app.auto_data = False

@app.route("/")
def home(req):
    return "home"

@app.route("/upload", method=state.METHOD_POST)
def upload(req):
    return str(len(req.input.read()))

@app.route("/download/<blocks:int>")
def download(req, blocks):
    return GeneratorResponse(bytes(65536) for _ in range(blocks))
"""


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the memory of a process is looked for in /proc")
@pytest.mark.measures
@pytest.mark.parametrize("blocks", [6, 80])
def test_thousands_of_slow_clients_cost_nobody_anything(tmp_path, blocks):
    """2,000 uploads and 2,000 readers start together, on a server with default settings. Readers of 0.8 GB
    together stay connected. Of readers of 10 GB, for which there is neither space in files nor a thread, most
    are cut off soon."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 12_000:
        pytest.skip(f"the system allows a process {hard} descriptors")
    (tmp_path / "app.py").write_text(APP)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 12_000), hard))
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--workers", "0"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        port = int(re.search(r":(\d+);", process.stdout.readline())[1])
        p99 = lambda: sorted(longest(port, ("/",), 1) for _ in range(500))[494]
        p99()
        without, before = min(p99() for _ in range(5)), resident(process.pid)
        with SlowClients(port, uploads=2000, readers=2000, target=f"/download/{blocks}"):
            time.sleep(3)  # enough time for the server to accept all uploads and requests
            beside = min(p99() for _ in range(5))
            memory = resident(process.pid) - before
            assert beside < 2 * without, (beside, without, memory)
            assert memory < 400 << 20, memory
        cut_off = (tmp_path / "log").read_text().count("the client is too far behind")
        assert cut_off == 0 if blocks == 6 else cut_off > 1000, cut_off
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

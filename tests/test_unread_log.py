"""A log that is not read, or cannot be written, delays no request."""
import concurrent.futures
import contextlib
import fcntl
import logging
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from servers import until
from workers import start  # noqa: F401 - a fixture

from poorwsgi._log import LONGEST_LINE, Handler, _clipped

pytestmark = pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="pipes cannot be made small here")

APP = """
import logging, os, sys, time
from poorwsgi import Application
app = Application("unread")

@app.route("/pid")
def pid(req):
    return str(os.getpid())

@app.route("/raise")
def fail(req):
    raise ValueError("on purpose " + "x" * 10_000 + ("\\n" + "y" * 1000) * 10)

@app.route("/log/<number:int>")
def log(req, number):
    for line in range(10):
        logging.getLogger("shop").error("record %d %s", number * 10 + line, "y" * 1000)
    return "logged"

@app.route("/sleep/<seconds:float>")
def sleep(req, seconds):
    time.sleep(seconds)
    return "slept"

FORGED = "text\\n2026-11-29 14:00:00,000 CRITICAL poorwsgi: forged\\r\\x1b[31m\\u2028end"

@app.route("/forge/<way>")
def forge(req, way):
    if way == "value":
        raise ValueError(FORGED)
    try:
        raise LookupError(FORGED)
    except LookupError:
        logging.getLogger("shop").error("of %s", FORGED, exc_info=way == "exception")

@app.route("/abort")
def abort(req):
    logging.getLogger("shop").error("about to abort")
    os.abort()

@app.route("/print")
def printed(req):
    print("nobody reads this")
    sys.stderr.write("a line without its end")
    return "printed"

def plain(environ, start_response):
    raise ValueError("on purpose " + "x" * 10_000 + ("\\n" + "y" * 1000) * 10)
"""

#: The number of requests that are answered while the log is not read: far more than any queue holds.
MANY = 300


class Pipe:
    """A small pipe that is not read until read() is called."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self.text = bytearray()

    def close_writer(self):
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None

    def read(self):
        """Starts a thread that reads to the end."""

        def read():
            while part := os.read(self.reader, 65536):
                self.text += part

        self.thread = threading.Thread(target=read, daemon=True)
        self.thread.start()

    def fill(self):
        os.set_blocking(self.writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writer, b"x")
        os.set_blocking(self.writer, True)


@pytest.fixture
def pipe(tmp_path):
    pipe = Pipe()
    yield pipe
    pipe.close_writer()
    os.close(pipe.reader)


@pytest.fixture
def serve(start, tmp_path):
    def serve(*arguments, **options):
        (tmp_path / "app.py").write_text(APP)
        return start(*arguments, **options)

    return serve


@pytest.fixture(params=["0", "1"])
def workers(request, serve, pipe):
    return serve("--workers", request.param, stderr=pipe.writer)


@pytest.mark.parametrize("target", ["/raise", "/log/0"])
def test_requests_that_log_are_answered_and_what_was_lost_is_said(workers, pipe, target):
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: workers(target).status, range(MANY)))
    assert set(answers) == {500 if target == "/raise" else 200}
    assert time.monotonic() - begun < 20
    pipe.read()
    lost = rb"\n\d{4}-\S+ \S+ WARNING poorwsgi\.log: (\d+) records are lost, [^\n]*\n"
    assert int(until(lambda: re.search(lost, pipe.text))[1]) > 0
    # from then on, no record is lost
    assert workers("/log/777").status == 200
    until(lambda: b"record 7779 " in pipe.text)
    assert workers.stop() == 0


def test_events_of_the_server_hold_up_nobody(serve, pipe):
    """Records about a callable are logged on the thread of the event loop."""
    workers = serve("--workers", "1", "--inline", "always", program=("-c", PLAIN), stderr=pipe.writer)
    begun = time.monotonic()
    assert {workers("/").status for _ in range(MANY)} == {500}
    assert time.monotonic() - begun < 20
    pipe.read()
    until(lambda: re.search(rb"\d+ records are lost", pipe.text))
    assert workers.stop() == 0


#: Serves the callable of the module.
PLAIN = "import sys, poorwsgi.cli; sys.argv = [each.replace('app:app', 'app:plain') for each in sys.argv]; poorwsgi.cli.main()"


def test_a_stop_ends_in_time(workers):
    for _ in range(MANY):
        workers("/raise")
    begun = time.monotonic()
    assert workers.stop() == 0
    assert time.monotonic() - begun < 8


def test_a_disk_that_is_full_holds_up_nobody(serve):
    with open("/dev/full", "w") as full:
        workers = serve("--workers", "1", stderr=full)
    for _ in range(MANY):
        assert workers("/raise").status == 500
    assert workers.stop() == 0


def test_a_reader_that_has_gone_holds_up_nobody(serve, pipe):
    workers = serve("--workers", "1", stderr=pipe.writer)
    os.close(pipe.reader)
    pipe.reader = os.open(os.devnull, os.O_RDONLY)
    for _ in range(MANY):
        assert workers("/raise").status == 500
    assert workers.stop() == 0


def test_a_worker_that_is_stuck_or_crashes_is_replaced(serve, pipe):
    workers = serve("--workers", "1", "--request-timeout", "0.5", "--stop-timeout", "1", stderr=pipe.writer)
    pipe.fill()
    before = workers.pids()
    assert workers("/sleep/5").status == 503
    until(lambda: len(workers.pids()) == 1 and not workers.pids() & before)
    before = workers.pids()
    with pytest.raises(OSError):
        workers("/abort")
    until(lambda: len(workers.pids()) == 1 and not workers.pids() & before)
    assert workers("/pid").status == 200
    assert workers.stop() == 0


def test_the_last_words_before_a_crash_are_read(serve):
    workers = serve("--workers", "1")
    for _ in range(5):
        with pytest.raises(OSError):
            workers("/abort")
    until(lambda: workers.messages().count("SIGABRT") == 5)
    assert workers.messages().count("about to abort") == 5
    assert workers.stop() == 0


def test_nothing_is_lost_while_the_log_is_read(serve, pipe):
    workers = serve("--workers", "1", stderr=pipe.writer)
    pipe.read()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert {answer.status for answer in pool.map(lambda number: workers(f"/log/{number}"), range(MANY))} == {200}
    assert workers.stop() == 0
    pipe.close_writer()
    pipe.thread.join(10)
    numbers = [int(number) for number in re.findall(rb" ERROR shop: record (\d+) y{1000}\n", pipe.text)]
    assert sorted(numbers) == list(range(MANY * 10))
    assert b"lost" not in pipe.text


def test_lines_are_clipped(serve):
    workers = serve("--workers", "1")
    assert workers("/raise").status == 500
    until(lambda: "ValueError: on purpose" in workers.messages())
    assert workers.stop() == 0
    lines = workers.messages().splitlines()
    assert max(len(line.encode()) for line in lines) <= LONGEST_LINE
    assert any(re.search(r"^  ValueError: on purpose x+… \(\d+ more (characters|bytes)\)$", line) for line in lines)


@pytest.mark.parametrize("target", ["/forge/value", "/forge/own", "/forge/exception"])
def test_what_a_client_says_begins_no_record(serve, target):
    workers = serve("--workers", "1")
    workers(target)
    until(lambda: "forged" in workers.messages())
    assert workers.stop() == 0
    written = [line for line in workers.messages().splitlines(keepends=True) if "Ctrl-C stops" not in line]
    assert all(line.endswith("\n") for line in written)
    begins_record_or_goes_on = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ [\w.]+: |  |\n")
    assert [line for line in written if not begins_record_or_goes_on.match(line)] == []
    assert not re.search(r"^\S+ \S+ CRITICAL", workers.messages(), re.MULTILINE)
    assert "\x1b" not in workers.messages()


@pytest.mark.parametrize("count", ["0", "1"])
def test_nobody_has_to_read_what_python_writes(tmp_path, pipe, count):
    """Neither the first line nor the rest of the streams at the end."""
    (tmp_path / "app.py").write_text(APP)
    pipe.fill()
    path = tmp_path / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "poorwsgi", "run", "app:app", "--bind", f"unix:{path}", "--workers", count],
        cwd=tmp_path, stdout=pipe.writer, stderr=pipe.writer, env={**os.environ, "PYTHONUNBUFFERED": ""},
    )
    try:
        until(path.exists)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            client.sendall(b"GET /print HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def handler(pipe):
    handler = Handler(pipe.writer)
    logger = logging.Logger("of a test")
    logger.addHandler(handler)
    yield logger
    handler.close()


def test_a_record_without_its_values_and_one_of_many_lines(handler, pipe):
    handler.error("%d of", "no number")
    handler.error("line\n" * 100_000)
    handler.error("\udc80 é\x1b end")
    text = os.read(pipe.reader, 4096).decode()
    assert re.match(r"\S+ \S+ ERROR poorwsgi\.log: a log record of \S+test_unread_log\.py:\d+ cannot be formatted: TypeError\n", text)
    while not text.endswith(" end\n"):
        text += os.read(pipe.reader, 4096).decode()
    assert text.count("\n  line") < 20_000
    assert re.search(r"\n  … \(\d+ more lines\)\n", text)
    assert text.endswith("\\udc80 é\\x1b end\n")


def test_lines_of_several_processes_are_whole(pipe):
    """They write into one pipe, which accepts only a part of a record at a time."""

    def write(letter):
        handler = Handler(pipe.writer)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger = logging.Logger("of a test")
        logger.addHandler(handler)
        for _ in range(50):
            logger.error("%s", "\n".join([letter * 700] * 20))
        handler.flush()

    processes = [multiprocessing.get_context("fork").Process(target=write, args=(letter,)) for letter in "ab"]
    for process in processes:
        process.start()
    pipe.close_writer()
    pipe.read()
    pipe.thread.join(30)
    lines = bytes(pipe.text).splitlines()
    assert len(lines) == 2 * 50 * 20
    # the lines of a record after the first begin with blanks
    assert {line.strip() for line in lines} == {b"a" * 700, b"b" * 700}
    for process in processes:
        process.join(10)


def test_a_formatter_of_the_application_that_fails_is_no_error_of_whoever_logs(handler, pipe):
    """The writer thread, which reports how many records are lost, goes on as well."""
    handler.handlers[0].setFormatter(logging.Formatter("%(request_id)s %(message)s"))
    handler.error("without an identity")
    assert b"a log record of " in os.read(pipe.reader, 4096)
    deadline = time.monotonic() + 30
    while not handler.handlers[0]._writer._lost:
        handler.error("x" * 1000, extra={"request_id": 1})
        assert time.monotonic() < deadline
    pipe.read()
    until(lambda: b"lost" in pipe.text)
    handler.error("at last", extra={"request_id": 2})
    until(lambda: b"2 at last\n" in pipe.text)


def test_writing_goes_on_after_errors(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(tmp_path / "fifo", os.O_WRONLY)
    logger, handler = logging.Logger("of a test"), Handler(writer)
    logger.addHandler(handler)
    os.close(reader)
    logger.error("this one")
    logger.error("and this one")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    logger.error("not this one")
    lost, written = os.read(reader, 4096).decode().splitlines()
    assert "2 records are lost" in lost and written.endswith("ERROR of a test: not this one")
    handler.close()
    os.close(reader)
    os.close(writer)


def test_what_is_cut_is_not_escaped_first():
    """Escaping would make six megabytes of a megabyte of control characters, one character at a time."""
    for text in ("\x1b" * (16 << 20), "\n" * (16 << 20), "a\n" * (8 << 20), "a\x1b\n" * (5 << 20)):
        begun = time.process_time()
        data = _clipped(text + "end")
        assert time.process_time() - begun < 1
        assert len(data) <= 66_000
        assert max(map(len, data.split(b"\n"))) < LONGEST_LINE + 1
    assert _clipped("b" * 3000).endswith("… (1016 more characters)\n".encode())
    assert _clipped("first\nsecond\n" * 20_000).endswith(b" more lines)\n")


def test_a_forked_process_writes_for_itself(handler, pipe):
    for _ in range(20):
        handler.error("z" * 1000)
    child = multiprocessing.get_context("fork").Process(target=handler.error, args=("of the child",))
    child.start()
    pipe.read()
    child.join(10)
    assert child.exitcode == 0
    handler.error("of the parent")
    until(lambda: b"of the parent" in pipe.text)
    assert pipe.text.count(b"of the child") == 1
    assert pipe.text.count(b"z" * 1000 + b"\n") == 20

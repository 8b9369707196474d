"""Workers that fail, and their messages to the supervisor."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import threading
import time

import pytest
from servers import until
from workers import APP, Arrivals, Load, start, states  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="processes are looked for in /proc")

#: A program that an application starts, and that prints what it has inherited.
CHILD = """
import json, os
links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
files = [os.readlink(link) for link in links if os.path.lexists(link)]
print(json.dumps([sorted(os.environ), [file for file in files if "socket:" in file or "memfd:" in file]]))
"""

INHERITS = """
import subprocess, sys
from poorwsgi import Application
app = Application("inherits")

def child():
    return subprocess.check_output([sys.executable, "-c", CHILD], close_fds=False)

at_import = child()

@app.route("/import")
def of_import(req):
    return at_import

@app.route("/request")
def of_request(req):
    return child()
"""


@pytest.mark.parametrize("when", ["import", "request"])
def test_programs_that_an_application_starts_inherit_nothing_of_the_supervisor(start, tmp_path, when):
    (tmp_path / "app.py").write_text(f"CHILD = {CHILD!r}\n{INHERITS}")
    workers = start("--workers", "1")
    variables, files = json.loads(workers(f"/{when}").text)
    assert [name for name in variables if name.startswith(("LISTEN_", "POORWSGI_"))] == []
    assert files == []
    assert workers.stop() == 0


#: An application that sends messages to the supervisor in place of its worker.
SAYS = APP + """
import contextlib, gc

@app.route("/say")
def say(req):
    control, = (each for each in gc.get_objects() if type(each).__name__ == "Control")
    with contextlib.suppress(OSError):
        for part in PARTS:
            control._connection.sendall(part)
            time.sleep(0.1)  # so that the supervisor reads each part separately
    return str(os.getpid())
"""


@pytest.mark.parametrize("parts", [
    [b"\xff"], [b"\xff\n"], [b"\xff" * 10_000 + b"\n"], [b"nothing known\n"], [b"x" * 100_000], [b"replace " + b"x" * 100_000 + b"\n"],
    [b"\x1b[2J\n"], [b"alive\n" * 20_000],
], ids=["a byte", "a line", "a long line", "an unknown word", "no line", "an endless word", "a control character", "a flood"])
def test_a_worker_that_says_nonsense_is_replaced_and_ends_nothing(start, tmp_path, parts):
    (tmp_path / "app.py").write_text(f"PARTS = {parts!r}\n{SAYS}")
    workers = start("--workers", "1")
    before = workers.pids()
    said = workers("/say")
    assert {int(said.text)} == before
    until(lambda: len(workers.pids()) == 1 and not workers.pids() & before)
    assert workers("/pid").status == 200
    messages = workers.messages()
    assert len(messages) < 2000 and "\x1b" not in messages
    assert "worker" in messages
    assert workers.stop() == 0


def test_words_that_come_in_parts_are_put_together(start, tmp_path):
    (tmp_path / "app.py").write_text(f"PARTS = {[b'rep', b'lace for ', 'ůdr'.encode()[:1], 'ůdr'.encode()[1:], bytes([10])]!r}\n{SAYS}")
    workers = start("--workers", "1")
    before = workers.pids()
    workers("/say")
    until(lambda: len(workers.pids()) == 1 and not workers.pids() & before)
    assert "is replaced: for ůdr\n" in workers.messages()
    assert workers.stop() == 0


def test_a_worker_that_cannot_be_replaced_after_its_nonsense_goes_on(start, tmp_path):
    """Waiting costs no CPU time, and the next worker that becomes ready replaces it."""
    source = f"PARTS = {[bytes([255, 10])]!r}\n{SAYS}"
    (tmp_path / "app.py").write_text(source)
    workers = start("--workers", "1")
    pid, = workers.pids()
    (tmp_path / "app.py").write_text("broken = ")
    workers("/say")
    until(lambda: "SyntaxError" in workers.messages())
    assert workers("/pid").text == str(pid)
    (tmp_path / "app.py").write_text(source)
    until(lambda: workers("/pid").text != str(pid))
    assert workers.stop() == 0


#: Seconds that a request may wait while workers crash; starting a worker takes some tenths of a second.
_PATIENCE = 4


@pytest.mark.parametrize("count", [1, 2])
def test_requests_that_crash_their_worker_hold_up_nobody_else(start, count):
    workers = start("--workers", str(count))
    end = time.monotonic() + 10
    with Load(workers.port, keep=False) as load:
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                workers("/abort")
            time.sleep(0.5)  # a worker should run for a while before it crashes
    assert load.longest < _PATIENCE
    assert workers.messages().count("SIGABRT") >= 3
    assert workers.stop() == 0


#: An application that does not start while a file of this name exists.
FAILS = APP + """
if os.path.exists("broken"):
    raise ValueError("on purpose")
"""


def test_a_worker_that_does_not_start_is_tried_less_and_less_and_another_one_waits_not_for_it(start, tmp_path):
    (tmp_path / "app.py").write_text(FAILS)
    workers = start("--workers", "2")
    (tmp_path / "broken").touch()
    os.kill(min(workers.pids()), signal.SIGKILL)
    until(lambda: workers.messages().count("ended with status 1") >= 6)
    # the pause has grown to some seconds by now
    (tmp_path / "broken").unlink()
    before = workers.pids()
    assert len(before) == 1
    begun = time.monotonic()
    os.kill(*before, signal.SIGKILL)
    assert workers("/pid").status == 200
    assert time.monotonic() - begun < 2
    until(lambda: len(workers.pids()) == 2)
    assert workers.stop() == 0


def test_a_worker_that_does_not_start_costs_little(start, tmp_path):
    (tmp_path / "app.py").write_text(FAILS)
    workers = start("--workers", "2")
    (tmp_path / "broken").touch()
    os.kill(min(workers.pids()), signal.SIGKILL)
    time.sleep(6)  # the time in which the attempts are counted
    assert 3 <= workers.messages().count("ended with status 1") <= 7
    assert workers("/pid").status == 200
    assert workers.stop() == 0


#: A process in which the serving thread cannot be started while a file of this name exists.
_NO_THREAD = """
import os, threading, poorwsgi.cli
start = threading.Thread.start

def fail(thread):
    if thread.name == "poorwsgi" and os.path.exists("broken"):
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = fail
poorwsgi.cli.main()
"""


def test_a_worker_that_cannot_serve_is_not_ready(start, tmp_path):
    """So the pauses between attempts grow."""
    workers = start("--workers", "2", program=("-c", _NO_THREAD))
    (tmp_path / "broken").touch()
    os.kill(min(workers.pids()), signal.SIGKILL)
    until(lambda: workers.messages().count("ended with status 1") >= 3)
    time.sleep(3)  # without growing pauses, there would be far more attempts in this time
    assert workers.messages().count("ended with status 1") <= 7
    assert workers("/pid").status == 200
    (tmp_path / "broken").unlink()
    until(lambda: len(workers.pids()) == 2)
    assert workers.stop() == 0


#: An application that loads slowly, and answers with the content that a file had when loading began.
VERSION = """
import time
from poorwsgi import Application
with open("version") as file:
    version = file.read()
with open("begun", "a") as file:
    file.write(version + "\\n")
if version == "hangs":
    time.sleep(1000)
time.sleep(0.5)
if version == "broken":
    raise ValueError("on purpose")
app = Application("versions")

@app.route("/pid")
def answer(req):
    return version
"""


class Versions:
    """The versions of an application on disk, and those that workers have started to load."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "app.py").write_text(VERSION)
        (directory / "begun").touch()

    def write(self, version):
        new = self.directory / "new"
        new.write_text(version)
        new.replace(self.directory / "version")

    def begun(self):
        return (self.directory / "begun").read_text().split()


@pytest.fixture
def versions(tmp_path, start):
    versions = Versions(tmp_path)
    versions.write("1")
    return versions


def answers(workers):
    return {workers("/pid").text for _ in range(10)}


@pytest.mark.parametrize("count", [1, 2])
def test_a_reload_that_is_asked_for_during_another_one_is_made(start, versions, count):
    workers = start("--workers", str(count))
    versions.write("2")
    workers.signal(signal.SIGHUP)
    until(lambda: "2" in versions.begun())
    versions.write("3")
    workers.signal(signal.SIGHUP)
    with Load(workers.port) as load:
        until(lambda: versions.begun().count("3") >= count and len(workers.pids()) == count)
    assert load.failures == []
    assert answers(workers) == {"3"}
    assert workers.stop() == 0


def test_a_reload_that_is_asked_for_before_the_first_worker_is_ready_is_made(start, versions):
    def children():
        return {int(pid) for pid in os.listdir("/proc") if pid.isdigit() and parent(pid) == os.getpid()}

    before = children()  # other tests may have left some

    def reload():
        until(lambda: "1" in versions.begun())
        versions.write("2")
        pid, = children() - before
        os.kill(pid, signal.SIGHUP)

    thread = threading.Thread(target=reload)
    thread.start()
    workers = start("--workers", "1")
    thread.join()
    until(lambda: answers(workers) == {"2"})
    assert workers.stop() == 0


def parent(pid):
    with contextlib.suppress(OSError):
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("version", ["2", "hangs"])
def test_a_stop_during_a_reload_answers_whoever_was_connected(start, versions, tmp_path, version):
    """A worker that is still loading the application has the socket, too, and may ignore signals."""
    (tmp_path / "app.py").write_text(f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{VERSION}")
    broken = []
    for _ in range(5):
        versions.write("1")
        workers = start("--workers", "1")
        arrivals = Arrivals(workers.port)
        for thread in arrivals.threads:
            thread.start()
        until(lambda arrivals=arrivals: arrivals.answered > 100)
        begun = len(versions.begun())
        versions.write(version)
        workers.signal(signal.SIGHUP)
        until(lambda begun=begun: len(versions.begun()) > begun)
        before = time.monotonic()
        workers.signal(signal.SIGTERM)
        for thread in arrivals.threads:
            thread.join(60)
        assert workers.process.wait(60) == 0
        assert time.monotonic() - before < 10
        broken += arrivals.broken
    assert len(broken) <= 2, broken


def test_many_reloads_in_a_row_are_few(start, versions):
    workers = start("--workers", "1")
    for number in range(2, 40):
        versions.write(str(number))
        workers.signal(signal.SIGHUP)
        time.sleep(0.02)  # many signals arrive during each reload
    until(lambda: answers(workers) == {"39"})
    assert len(versions.begun()) < 8
    until(lambda: len(workers.pids()) == 1)
    assert workers.stop() == 0


def test_a_reload_that_fails_is_not_the_last_one(start, versions):
    workers = start("--workers", "2")
    for _ in range(2):
        versions.write("broken")
        failures = workers.messages().count("ended with status 1")
        workers.signal(signal.SIGHUP)
        until(lambda: workers.messages().count("ended with status 1") == failures + 2)
        until(lambda: len(workers.pids()) == 2)
        assert answers(workers) == {"1"}
    begun = len(versions.begun())
    versions.write("2")
    # a reload during a failing one
    versions.write("broken")
    workers.signal(signal.SIGHUP)
    until(lambda: len(versions.begun()) > begun)
    versions.write("2")
    workers.signal(signal.SIGHUP)
    until(lambda: answers(workers) == {"2"})
    until(lambda: len(workers.pids()) == 2)
    assert workers.stop() == 0


def test_a_reload_that_hangs_is_not_the_last_one(start, versions):
    workers = start("--workers", "1", program=("-c", "import poorwsgi._supervisor as s, poorwsgi.cli as c; s._SLOW = 1; c.main()"))
    versions.write("hangs")
    workers.signal(signal.SIGHUP)
    until(lambda: "hangs" in versions.begun())
    time.sleep(1)  # after this time, no other reload waits for it
    assert answers(workers) == {"1"}
    versions.write("2")
    workers.signal(signal.SIGHUP)
    until(lambda: answers(workers) == {"2"})
    until(lambda: len(workers.pids()) == 1)
    assert workers.stop() == 0


def test_one_more_and_one_less_during_a_reload(start, versions):
    workers = start("--workers", "2")
    for number, count in ((signal.SIGTTIN, 3), (signal.SIGTTOU, 2), (signal.SIGTTOU, 1)):
        version = str(len(versions.begun()))
        versions.write(version)
        workers.signal(signal.SIGHUP)
        until(lambda version=version: version in versions.begun())
        workers.signal(number)
        until(lambda version=version: answers(workers) == {version})
        until(lambda count=count: len(workers.pids()) == count)
    assert workers.stop() == 0


def test_no_more_workers_than_there_may_be(start):
    program = ("-c", "import poorwsgi._supervisor as s, poorwsgi.cli as c; s.MOST_WORKERS = 2; c.main()")
    workers = start("--workers", "1", program=program)
    workers.signal(signal.SIGTTIN)
    until(lambda: len(workers.pids()) == 2)
    workers.signal(signal.SIGTTIN)
    until(lambda: "SIGTTIN is ignored: there are 2 workers, and there may not be more" in workers.messages())
    assert len(workers.pids()) == 2
    workers.signal(signal.SIGTTOU)
    until(lambda: len(workers.pids()) == 1)
    assert workers.stop() == 0


def test_one_less_during_a_reload_leaves_the_new_version(start, versions):
    """Also if the surplus new worker dies before it is ready."""
    workers = start("--workers", "2")
    before = workers.pids()
    versions.write("2")
    workers.signal(signal.SIGHUP)
    until(lambda: versions.begun().count("2") == 2)
    new = workers.pids() - before
    workers.signal(signal.SIGTTOU)
    with contextlib.suppress(ProcessLookupError):
        os.kill(max(new), signal.SIGKILL)
    with Load(workers.port, "/pid") as load:
        until(lambda: len(workers.pids()) == 1)
    assert load.failures == []
    assert answers(workers) == {"2"}
    assert workers.stop() == 0


def test_signals_for_the_supervisor_do_nothing_to_a_worker_that_starts(start, versions):
    workers = start("--workers", "1")
    for number in (signal.SIGHUP, signal.SIGTTIN):
        workers.signal(number)
        begun = time.monotonic()
        while time.monotonic() < begun + 1:
            for pid in workers.pids():
                with contextlib.suppress(ProcessLookupError):
                    for each in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
                        os.kill(pid, each)
    until(lambda: len(workers.pids()) == 2)
    assert "was ended by" not in workers.messages()
    assert workers.stop() == 0


#: A worker is stuck after three seconds.
_IMPATIENT = "import poorwsgi._supervisor as s, poorwsgi._worker as w, poorwsgi.cli as c; s.STUCK = w.STUCK = 3; c.main()"


#: The same; the supervisor is paused at a certain step while a file of the step's name exists.
_PAUSES = """
import os, signal
import poorwsgi._supervisor as s

class Supervisor(s.Supervisor):
    def _fill(self):
        super()._fill()
        if os.path.exists("pause"):
            os.unlink("pause")
            os.kill(os.getpid(), signal.SIGSTOP)

    def _reap(self):
        if os.path.exists("pause later"):
            os.unlink("pause later")
            os.kill(os.getpid(), signal.SIGSTOP)
        super()._reap()

s.Supervisor = Supervisor
""" + _IMPATIENT


@pytest.mark.parametrize("at_work", ["", "pause", "pause later"])
def test_a_pause_of_all_processes_is_no_fault_of_the_workers(start, tmp_path, at_work):
    """Like the pause of a container. The supervisor may go on before the workers do."""
    workers = start("--workers", "2", program=("-c", _PAUSES if at_work else _IMPATIENT))
    pids = workers.pids()
    every = (*pids, workers.process.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    if at_work:
        (tmp_path / at_work).touch()
        workers.signal(signal.SIGCHLD)
    else:
        workers.signal(signal.SIGSTOP)
    until(lambda: all(states(pid) == {"T"} for pid in every))
    time.sleep(4)  # longer than a worker may go without a heartbeat
    workers.signal(signal.SIGCONT)
    # the supervisor's first check of the workers
    until(lambda: states(workers.process.pid) == {"S"})
    time.sleep(0.5)  # the supervisor runs, and the workers do not yet
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    assert int(workers("/pid").text) in pids
    time.sleep(1.5)  # each worker sends a heartbeat every second, and the supervisor checks all of them then
    assert workers.pids() == pids
    assert "sign of life" not in workers.messages()
    assert workers.stop() == 0


def test_a_worker_that_gives_no_sign_of_life_is_replaced(start):
    workers = start("--workers", "1", program=("-c", _IMPATIENT))
    pid, = workers.pids()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: states(pid) == {"T"})
    assert workers("/pid").text != str(pid)
    until(lambda: len(workers.pids()) == 1 and pid not in workers.pids())
    assert "gives no sign of life" in workers.messages()
    assert workers.stop() == 0

"""``poorwsgi run`` as a service: with closed streams, with signals at the wrong moment, and when it is
killed."""
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
from processes import listening
from servers import Client, until
from workers import APP, start  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="processes are looked for in /proc")

#: An application that writes to its streams when it is loaded and at each request, directly and by a program
#: that it runs; it returns what the streams are.
WRITES = """
import json, os, subprocess, sys
from poorwsgi import Application
app = Application("writes")

def write():
    print("out", flush=True)
    sys.stderr.write("err\\n")
    subprocess.run(["sh", "-c", "cat; echo out; echo err >&2"], check=True)
    return [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]

write()

@app.route("/")
def streams(req):
    return json.dumps(write())
"""


@contextlib.contextmanager
def by_shell(directory, command, *arguments):
    """A server that a shell starts with this command; yields its client and its process."""
    with listening() as place:
        client = Client(place.getsockname()[1])
        variables = {**os.environ, "LISTEN_FDS": "1", "LISTEN_FDS_FIRST_FD": str(place.fileno())}
        run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--bind", "inherited", *arguments]
        process = subprocess.Popen(
            ["sh", "-c", command, "sh", *run], cwd=directory, env=variables, pass_fds=[place.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
    try:
        yield client, process
    finally:
        process.kill()
        process.wait(30)


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("redirections", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_nothing_else(tmp_path, redirections, workers):
    """No socket gets their descriptors; otherwise printed text would go into the socket."""
    (tmp_path / "app.py").write_text(WRITES)
    with by_shell(tmp_path, f'exec "$@" {redirections}', "--workers", workers) as (client, process):
        for _ in range(2):
            assert client("/").json == ["/dev/null"] * 3
        assert [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)] == ["/dev/null"] * 3
        process.terminate()
        assert process.wait(30) == 0


#: An application that ends a second after it was told to. The time is what is tested: it is enough for the signals to
#: arrive a second and a third time, and for a server that ends the application early to do so.
LINGERS = APP + """
import atexit, pathlib

@atexit.register
def bye():
    pathlib.Path("begun").touch()
    time.sleep(1)
    pathlib.Path("done").touch()
"""


def test_a_worker_that_was_told_to_stop_ends_in_its_own_time_when_it_is_told_again(start, tmp_path):
    """systemd signals every process of a service, and the supervisor signals its workers, too."""
    (tmp_path / "app.py").write_text(LINGERS)
    workers = start("--workers", "1")
    os.kill(*workers.pids(), signal.SIGTERM)
    until((tmp_path / "begun").exists)
    for number in (signal.SIGTERM, signal.SIGINT):
        workers.signal_all(number)
    assert workers.process.wait(60) == 0
    assert (tmp_path / "done").exists()


#: A supervisor whose end is delayed until the signal has been sent.
ENDS = """
import os, pathlib, time
import poorwsgi._log, poorwsgi.cli

def leave(status):
    print("ends", flush=True)
    deadline = time.monotonic() + 30
    while not os.path.exists("sent") and time.monotonic() < deadline:
        time.sleep(0.01)
    pathlib.Path("left").touch()

if "POORWSGI_CONTROL" not in os.environ:
    poorwsgi._log.leave = leave
poorwsgi.cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN])
def test_signals_do_nothing_to_a_supervisor_that_ends(start, tmp_path, number):
    workers = start("--workers", "1", program=("-c", ENDS))
    workers.signal(signal.SIGTERM)
    until(lambda: "ends" in workers.process.stdout.readline())
    workers.signal(number)
    (tmp_path / "sent").touch()
    assert workers.process.wait(30) == 0
    assert (tmp_path / "left").exists()


#: An application that holds the GIL while a file of this name exists.
HOLDS = APP + """
import ctypes

def hold():
    open("held", "w").close()
    ctypes.PyDLL(None).sleep(600)

if os.path.exists("holds"):
    hold()

@app.route("/hold")
def hold_on(req):
    hold()
"""
_SHORT = "import poorwsgi._worker as w, poorwsgi.cli as c; w.LAST_WORDS = 1; c.main()"


@pytest.mark.parametrize("when", ["request", "import"])
def test_a_worker_that_cannot_run_python_ends_after_a_supervisor_that_was_killed(start, tmp_path, when):
    (tmp_path / "app.py").write_text(HOLDS)
    workers = start("--workers", "1", "--stop-timeout", "1", program=("-c", _SHORT))
    before = workers.pids()
    if when == "import":
        (tmp_path / "holds").touch()
        workers.signal(signal.SIGHUP)
    else:
        with socket.create_connection(("127.0.0.1", workers.port), 30) as client:
            client.sendall(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
    until((tmp_path / "held").exists)
    pids = workers.pids() | before
    workers.process.kill()
    workers.process.wait(30)
    try:
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    except AssertionError:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise
    assert "in hold" in workers.messages()


def test_a_worker_ends_whose_supervisor_was_killed_before_it_looked(tmp_path):
    """The application is never loaded, either."""
    (tmp_path / "app.py").write_text("import time\ntime.sleep(1000)")
    command = [sys.executable, "-c", _SHORT, "run", "app:app", "--port", "0", "--workers", "1", "--stop-timeout", "1"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        pid = int(until(children.read_text))
        process.kill()
    try:
        until(lambda: not os.path.exists(f"/proc/{pid}"))
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise


RELEASE = """
from poorwsgi import Application
app = Application("release")

@app.route("/")
def release(req):
    return "RELEASE"
"""


def test_a_reload_follows_the_symbolic_link_of_the_directory_that_it_was_started_in(tmp_path):
    """Deployments switch the link to a new release, and remove the old one later."""
    for release in "12":
        (tmp_path / release).mkdir()
        (tmp_path / release / "app.py").write_text(RELEASE.replace("RELEASE", release))
    (tmp_path / "current").symlink_to("1")
    with by_shell(tmp_path, 'cd current && exec "$@"') as (client, process):
        assert client("/").text == "1"
        (tmp_path / "new").symlink_to("2")
        (tmp_path / "new").replace(tmp_path / "current")
        shutil.rmtree(tmp_path / "1")
        process.send_signal(signal.SIGHUP)
        until(lambda: client("/").text == "2")
        process.terminate()
        assert process.wait(30) == 0


def test_a_directory_that_is_gone_is_said_in_one_line(tmp_path):
    (tmp_path / "gone").mkdir()
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--workers", "0"]
    command = ["sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh", *run]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert process.returncode == 2
    assert process.stderr == "python -m poorwsgi run: the current directory was removed, and modules are looked for there first; change to another directory\n"


#: Stands for process 1 of a container, which becomes the parent of the workers' orphans.
_INIT = """
import ctypes, os, poorwsgi.cli
if "POORWSGI_CONTROL" not in os.environ:
    assert ctypes.CDLL(None).prctl(36, 1) == 0  # PR_SET_CHILD_SUBREAPER
poorwsgi.cli.main()
"""
#: An application that starts a process which ends after its parent.
LEAVES = APP + """
@app.route("/leave")
def leave(req):
    return subprocess.check_output(["sh", "-c", "sleep 0.2 >/dev/null & echo $!"])
"""


def test_the_first_process_of_a_container_leaves_no_zombies(start, tmp_path):
    (tmp_path / "app.py").write_text(LEAVES)
    workers = start("--workers", "1", program=("-c", _INIT))
    before = workers.pids()
    left = [int(workers("/leave").text) for _ in range(5)]
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left))
    assert workers.pids() == before
    os.kill(*before, signal.SIGKILL)
    until(lambda: len(workers.pids() - before) == 1)
    assert "was ended by SIGKILL" in workers.messages()
    assert workers.stop() == 0


#: An application that waits for signals in a thread, as some do.
WAITS = APP + """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
"""


def test_an_application_that_blocks_signals_is_stopped_all_the_same(start, tmp_path):
    (tmp_path / "app.py").write_text(WAITS)
    workers = start("--workers", "1")
    begun = time.monotonic()
    assert workers.stop() == 0
    assert time.monotonic() - begun < 20
    assert "killed" not in workers.messages()


@pytest.mark.parametrize(("statement", "how"), [
    ("os._exit(0)", "ended with status 0"), ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
])
def test_a_first_worker_that_ends_in_silence_is_spoken_for(tmp_path, statement, how):
    (tmp_path / "app.py").write_text(f"import os\n{statement}")
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0"]
    process = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert process.returncode == 1
    assert how in process.stderr


def test_a_second_signal_behind_the_end_changes_no_status(tmp_path):
    (tmp_path / "app.py").write_text(RELEASE)
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--workers", "0"]
    for pause in (0, 0.05, 0.1, 0.12, 0.14, 0.16, 0.2):
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
            assert "Serving" in process.stdout.readline()
            process.terminate()
            time.sleep(pause)  # the supervisor does something else at each of these times
            process.terminate()
            assert process.wait(30) == 0

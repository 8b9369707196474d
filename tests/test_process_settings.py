"""What a process of the server has around it: directory, variables, umask, user, pid file; hooks; its end as process 1."""
import grp
import os
import pathlib
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

import pytest
from servers import Client, port_of, until
from workers import start  # noqa: F401 - a fixture

import poorwsgi
from poorwsgi._surroundings import pid_file

APP = """
import json, os, sys, subprocess
HERE = os.path.dirname(os.path.abspath(__file__))

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    if environ["PATH_INFO"] == "/leave":
        # This process ends after its parent.
        return [subprocess.check_output(["sh", "-c", "sleep 0.2 >/dev/null & echo $!"])]
    with open("written", "a"):
        pass
    about = {
        "pid": os.getpid(), "ppid": os.getppid(), "directory": os.getcwd(), "PWD": os.environ.get("PWD"), "FROM_FILE": os.environ.get("FROM_FILE"),
        "SET": os.environ.get("SET"), "user": os.getuid(), "group": os.getgid(), "groups": os.getgroups(), "HOME": os.environ.get("HOME"),
        "started": started, "notify": os.environ.get("NOTIFY_SOCKET"),
    }
    return [json.dumps(about).encode()]

started = None

def start(app):
    global started
    started = f"{app.__name__} {os.getpid()}"

def stop(app):
    with open(f"{HERE}/stopped", "a") as file:
        file.write(f"{app.__name__} {os.getpid()}\\n")

def fail(app):
    raise ValueError("the reason")
"""
WORKERS = pytest.mark.parametrize("workers", ["0", "1"])
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its user")


@pytest.fixture(autouse=True)
def directory(start, tmp_path):  # noqa: F811
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def run_to_end(directory, *arguments, **variables):
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", *arguments]
    return subprocess.run(command, cwd=directory, env={**os.environ, **variables}, capture_output=True, text=True, timeout=30)


@WORKERS
def test_it_runs_in_another_directory_with_the_configuration_there(start, directory, workers):  # noqa: F811
    site = directory / "site"
    site.mkdir()
    (site / "poorwsgi.toml").write_text(f"workers = {workers}\nenv-file = 'env'\npid-file = 'pid'")
    (site / "env").write_text("FROM_FILE=yes\n")
    shutil.move(directory / "app.py", site / "app.py")
    server = start("--chdir", "site")
    about = server("/").json
    assert (about["directory"], about["PWD"], about["FROM_FILE"]) == (str(site), str(site), "yes")
    assert (site / "pid").read_text() == f"{server.process.pid}\n"
    assert (about["pid"] == server.process.pid) == (workers == "0")


def test_a_reload_follows_the_symbolic_link_of_a_directory_that_is_named(start, directory):  # noqa: F811
    for release in "12":
        (directory / release).mkdir()
        (directory / release / "env").write_text(f"FROM_FILE={release}\n")
        (directory / release / "poorwsgi.toml").write_text("env-file = 'env'\n")
        shutil.copy(directory / "app.py", directory / release / "app.py")
    (directory / "current").symlink_to("1")
    server = start("--workers", "1", "--chdir", "current")
    assert server("/").json["FROM_FILE"] == "1"
    (directory / "new").symlink_to("2")
    (directory / "new").replace(directory / "current")
    server.signal(signal.SIGHUP)
    until(lambda: server("/").json["FROM_FILE"] == "2")
    assert server("/").json["directory"] == str(directory / "2")


@WORKERS
def test_variables_of_a_file_replace_none_that_are_set(start, directory, monkeypatch, workers):  # noqa: F811
    (directory / "env").write_text("FROM_FILE=file\nSET=file\n")
    monkeypatch.setenv("SET", "environment")
    about = start("--workers", workers, "--env-file", "env")("/").json
    assert (about["FROM_FILE"], about["SET"]) == ("file", "environment")


def test_a_reload_reads_the_variables_again(start, directory):  # noqa: F811
    (directory / "env").write_text("FROM_FILE=before\n")
    server = start("--workers", "1", "--env-file", "env")
    (directory / "env").write_text("FROM_FILE=after\n")
    server.signal(signal.SIGHUP)
    until(lambda: server("/").json["FROM_FILE"] == "after")


@WORKERS
def test_files_have_the_permissions_that_the_umask_leaves(start, directory, workers):  # noqa: F811
    server = start("--workers", workers, "--umask", "077", "--pid-file", "pid")
    assert server("/").status == 200
    for name in ("pid", "written"):
        assert stat.S_IMODE((directory / name).stat().st_mode) & 0o077 == 0


class TestPidFile:
    @WORKERS
    def test_it_has_the_process_that_takes_signals_and_goes_with_it(self, start, directory, workers):  # noqa: F811
        path = directory / "pid"
        path.write_text("1\n")  # left by a process that was killed, whose number another one has now
        server = start("--workers", workers, "--pid-file", "pid")
        assert path.read_text() == f"{server.process.pid}\n"
        os.kill(int(path.read_text()), signal.SIGTERM)
        assert server.process.wait(30) == 0
        assert not path.exists()

    def test_two_servers_do_not_share_it(self, start, directory):  # noqa: F811
        server = start("--pid-file", "pid")
        done = run_to_end(directory, "--pid-file", "pid")
        assert done.returncode == 1
        assert done.stderr == f"python -m poorwsgi run: {directory}/pid: another server has this file, with the process id {server.process.pid}\n"
        assert (directory / "pid").read_text() == f"{server.process.pid}\n"

    def test_an_application_that_cannot_be_loaded_leaves_none(self, directory):
        (directory / "app.py").write_text("1 / 0")
        assert run_to_end(directory, "--pid-file", "pid").returncode == 1
        assert not (directory / "pid").exists()

    def test_a_file_of_another_server_is_not_removed(self, directory):
        path = directory / "pid"
        with pid_file(str(path)):
            path.unlink()
            path.write_text("another\n")
        assert path.read_text() == "another\n"


class TestIdentity:
    @ROOT
    @WORKERS
    def test_the_application_runs_with_another_group_alone(self, start, workers):  # noqa: F811
        group = grp.getgrnam("nogroup").gr_gid
        about = start("--workers", workers, "--group", "nogroup")("/").json
        assert (about["user"], about["group"], about["groups"]) == (0, group, [group])

    @ROOT
    @WORKERS
    def test_the_application_runs_as_another_user(self, workers):
        """With an interpreter and a copy of the package that the user can read."""
        nobody = pwd.getpwnam("nobody")
        python = next(
            (path for path in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}") if self.can_run(path, nobody)), None
        )
        if python is None:
            pytest.skip("no interpreter of this version may be run by the user nobody")
        with tempfile.TemporaryDirectory() as name:
            site = pathlib.Path(name)
            (site / "app.py").write_text(APP)
            shutil.copytree(pathlib.Path(poorwsgi.__file__).parent, site / "poorwsgi")
            subprocess.run(["chmod", "-R", "a+rwX", site], check=True)
            command = [python, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--workers", workers, "--user", "nobody"]
            with subprocess.Popen(command, cwd=site, stdout=subprocess.PIPE, text=True) as process:
                try:
                    about = Client(port_of(process.stdout.readline()))("/").json
                    groups = sorted(os.getgrouplist("nobody", nobody.pw_gid))
                    assert (about["user"], about["group"], sorted(about["groups"])) == (nobody.pw_uid, nobody.pw_gid, groups)
                    assert about["HOME"] == nobody.pw_dir
                    root = pathlib.Path(f"/proc/{process.pid}").stat().st_uid == 0
                    assert root == (workers == "1")
                finally:
                    process.terminate()
                    assert process.wait(30) == 0

    @staticmethod
    def can_run(python, user):
        try:
            return subprocess.run([python, "-c", "import json"], user=user.pw_uid, group=user.pw_gid, extra_groups=[], capture_output=True).returncode == 0
        except OSError:
            return False

    def test_its_own_user_is_no_change(self, start):  # noqa: F811
        about = start("--user", str(os.geteuid()), "--group", str(os.getegid()), "--workers", "1")("/").json
        assert (about["user"], about["group"]) == (os.geteuid(), os.getegid())

    @ROOT
    def test_others_than_root_cannot_change_it(self, directory):
        script = "import os, poorwsgi.cli; os.geteuid = lambda: 1000; poorwsgi.cli.main()"
        command = [sys.executable, "-c", script, "run", "app:app", "--port", "0", "--user", "nobody"]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=30)
        assert done.returncode == 1
        assert done.stderr.endswith("only root can change the user and the group: start as root, or as the user that is wanted\n")


class TestHooks:
    @WORKERS
    def test_they_are_called_in_each_worker_with_the_application(self, start, directory, workers):  # noqa: F811
        server = start("--workers", workers, "--on-worker-start", "app:start", "--on-worker-stop", "app:stop")
        about = server("/").json
        assert about["started"] == f"app {about['pid']}"
        assert not (directory / "stopped").exists()
        assert server.stop() == 0
        assert (directory / "stopped").read_text() == f"app {about['pid']}\n"

    def test_they_are_called_at_a_reload(self, start, directory):  # noqa: F811
        server = start("--workers", "1", "--on-worker-start", "app:start", "--on-worker-stop", "app:stop")
        before = server("/").json["pid"]
        server.signal(signal.SIGHUP)
        until(lambda: server("/").json["pid"] != before)
        about = server("/").json
        assert about["started"] == f"app {about['pid']}"
        until(lambda: (directory / "stopped").exists() and (directory / "stopped").read_text() == f"app {before}\n")

    @WORKERS
    def test_a_worker_whose_start_fails_serves_nothing(self, directory, workers):
        done = run_to_end(directory, "--workers", workers, "--on-worker-start", "app:fail")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines() == [
            "Traceback (most recent call last):", f'  File "{directory}/app.py", line {APP[:APP.index("raise")].count(chr(10)) + 1}, in fail',
            '    raise ValueError("the reason")', "ValueError: the reason",
        ]

    def test_a_function_that_is_missing_is_named_before_anything_is_served(self, directory):
        done = run_to_end(directory, "--on-worker-stop", "app:missing")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "python -m poorwsgi run: --on-worker-stop: app has no 'missing'\n"

    @WORKERS
    def test_a_failure_at_the_end_is_logged(self, start, workers):  # noqa: F811
        server = start("--workers", workers, "--on-worker-stop", "app:fail")
        assert server.stop() == 0
        assert "--on-worker-stop failed" in server.messages() and "ValueError: the reason" in server.messages()


def test_workers_are_replaced_after_different_numbers_of_requests(start):  # noqa: F811
    server = start("--workers", "1", "--max-requests", "2", "--max-requests-jitter", "1000000")
    first = server("/").json["pid"]
    for _ in range(20):
        assert server("/").json["pid"] == first
    # The worker looks at its count once a second: by the third time it would have been replaced.
    assert "is replaced" not in server.messages()


@WORKERS
def test_the_application_is_loaded_before_the_address_is_bound(directory, workers):
    """The module looks whether anybody listens at the address while the module is loaded."""
    (directory / "app.py").write_text("import os, socket\nassert not os.path.exists('socket')\n" + APP)
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--bind", "unix:socket", "--workers", workers]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert "unix:socket" in process.stdout.readline()
            assert (directory / "socket").exists()
        finally:
            process.terminate()


class TestFailingImport:
    @WORKERS
    def test_it_shows_the_frames_of_the_user_alone(self, directory, workers):
        (directory / "app.py").write_text("import shop\n")
        (directory / "shop.py").write_text("import json\nsettings = json.loads('no JSON')\n")
        done = run_to_end(directory, "--workers", workers)
        assert (done.returncode, done.stdout) == (1, "")
        lines = [line for line in done.stderr.splitlines() if not set(line) <= set(" ^~")]
        assert lines == [
            "Traceback (most recent call last; python -c 'import app' shows frames of libraries too):",
            f'  File "{directory}/app.py", line 1, in <module>', "    import shop",
            f'  File "{directory}/shop.py", line 2, in <module>', "    settings = json.loads('no JSON')",
            "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        ]

    @pytest.mark.parametrize(("source", "first", "last"), [
        ("import missing_module", 'line 1, in <module>', "ModuleNotFoundError: No module named 'missing_module'"),
        ("x = (", "line 1", "SyntaxError: '(' was never closed"),
        ("import importlib\nimportlib.import_module('missing_module')", "line 2, in <module>", "ModuleNotFoundError: No module named 'missing_module'"),
        ("def app(e, s): pass\nraise ValueError('x') from None", "line 2, in <module>", "ValueError: x"),
    ])
    def test_it_is_five_lines_that_begin_at_the_file_of_the_user(self, directory, source, first, last):
        (directory / "app.py").write_text(source)
        done = run_to_end(directory)
        lines = done.stderr.splitlines()
        files = re.findall(r'File "([^"]*)", (line \d+(?:, in <module>)?)', done.stderr)
        assert (files, lines[-1]) == ([(f"{directory}/app.py", first)], last)
        assert len(lines) <= 5 and done.returncode == 1

    def test_a_module_of_a_library_shows_its_own_frames(self, directory):
        """Where the application itself is installed there is nothing else to show."""
        packages = directory / "site-packages"
        packages.mkdir()
        (packages / "installed.py").write_text("1 / 0")
        command = [sys.executable, "-m", "poorwsgi", "run", "installed:app"]
        done = subprocess.run(command, cwd=directory, env={**os.environ, "PYTHONPATH": str(packages)}, capture_output=True, text=True, timeout=30)
        assert f'File "{packages}/installed.py", line 1' in done.stderr


def _may_unshare():
    try:
        return subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not _may_unshare(), reason="this user may not make a namespace of processes (unshare)")
class TestFirstProcess:
    """As in a container: signals without a handler do nothing, and orphans become children of the server."""

    @WORKERS
    def test_it_reaps_orphans_and_stops_cleanly(self, directory, workers):
        command = [
            "unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--workers", workers,
            "--pid-file", "pid", "--on-worker-stop", "app:stop",
        ]
        with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                client = Client(port_of(process.stdout.readline()))
                [first] = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                about = client("/").json
                assert about["pid"] != 1 and about["ppid"] == 1
                assert (directory / "pid").read_text() == ("1\n" if workers == "1" else f"{about['pid']}\n")
                left = [client("/leave").json for _ in range(5)]
                until(lambda: not self.zombies(int(first)))
                until(lambda: len(self.descendants(int(first))) == 1)
                assert len(left) == 5
                os.kill(int(first), signal.SIGTERM)
                _, messages = process.communicate(timeout=30)
            finally:
                if process.poll() is None:
                    os.kill(int(first), signal.SIGKILL)
            assert process.returncode == 0
            assert messages.count("stopping: ") == 1
        assert (directory / "stopped").read_text() == f"app {about['pid']}\n"
        assert not (directory / "pid").exists()

    @staticmethod
    def descendants(pid):
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def zombies(self, pid):
        states = []
        for child in self.descendants(pid):
            try:
                states.append(pathlib.Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0])
            except FileNotFoundError:
                continue
        return "Z" in states

"""``poorwsgi check`` says all that would keep an application from being served."""
import os
import socket
import subprocess
import sys

import pytest

APP = """
def app(environ, start_response):
    start_response("200 OK", [])
    return []

def start(app):
    pass
"""


@pytest.fixture
def check(tmp_path):
    (tmp_path / "app.py").write_text(APP)

    def check(*arguments, **variables):
        command = [sys.executable, "-m", "poorwsgi", "check", "--port", "0", *arguments]
        return subprocess.run(command, cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, timeout=30)

    return check


def test_nothing_is_wrong(check, tmp_path):
    done = check("app:app", "--on-worker-start", "app:start", "--pid-file", "pid", "--env-file", os.devnull)
    assert (done.returncode, done.stdout, done.stderr) == (0, "app:app can be served on 127.0.0.1:0\n", "")
    assert {path.name for path in tmp_path.iterdir()} <= {"app.py", "__pycache__"}


@pytest.mark.parametrize(("arguments", "said"), [
    (["nowhere:app"], "there is no module 'nowhere'; looked in "), (["app:ap"], "app has no 'ap'; it has app, start"),
    (["app:APP"], "app:APP is "), (["app:app", "--on-worker-start", "app:missing"], "--on-worker-start: app has no 'missing'"),
    (["app:app", "--on-worker-stop", "app:__name__"], "--on-worker-stop: app:__name__ is a str, which cannot be called"),
    (["app:app", "--on-worker-stop", "nowhere:f"], "there is no module 'nowhere'"), (["ends:app"], "ends:app: the module ends the process, with sys.exit('why')"),
    (["app:app", "--pid-file", "missing/pid"], "missing/pid: No such file or directory"), (["app:app", "--chdir", "missing"], "--chdir: there is no directory '"),
    (["app:app", "--env-file", "missing"], "--env-file: missing cannot be read: No such file or directory"),
    (["app:app", "--socket-mode", "600"], "--socket-mode is for a Unix socket"), (["app:app", "--config", "missing"], "missing: cannot be read: No such file or directory"),
])
def test_it_says_what_is_wrong(check, tmp_path, arguments, said):
    (tmp_path / "ends.py").write_text("import sys\nsys.exit('why')")
    (tmp_path / "app.py").write_text(APP + "APP = 1")
    done = check(*arguments)
    assert done.returncode == 1 and said in done.stderr
    assert "can be served" not in done.stdout


def test_an_address_that_cannot_be_bound_is_wrong(check):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = check("app:app", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1 and "Address already in use; another process listens there" in done.stderr


def test_a_failing_module_is_shown_as_run_does(check, tmp_path):
    (tmp_path / "app.py").write_text("1 / 0")
    done = check("app:app")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1] == f'  File "{tmp_path}/app.py", line 1, in <module>'
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_all_that_is_wrong_is_said_at_once(check, tmp_path):
    (tmp_path / "app.py").write_text("1 / 0")
    (tmp_path / "poorwsgi.toml").write_text("prot = 1\nqueue = 'x'\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = check("app:app", "--port", str(taken.getsockname()[1]), POORWSGI_THREADS="0")
    assert done.returncode == 1
    for said in (
        "POORWSGI_THREADS: must be", "poorwsgi.toml:1: there is no setting prot; did you mean port?", "poorwsgi.toml:2: queue:", "Address already in use",
        "ZeroDivisionError",
    ):
        assert said in done.stderr


def test_the_environment_file_is_there_for_the_application(check, tmp_path):
    (tmp_path / "app.py").write_text("import os\nos.environ['FOR_APP']\n" + APP)
    assert "KeyError" in check("app:app").stderr
    (tmp_path / "env").write_text("FOR_APP=1")
    assert check("app:app", "--env-file", "env").returncode == 0

"""The command line, as a user at a terminal sees it."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import threading

import pytest
from servers import Client

from poorwsgi.cli import LoadError, load

MODULE = '''
from poorwsgi import Application

app = Application("cli")
text = "no application"

@app.route("/")
def here(req):
    return "here"

class shop:
    application = app

def create_app():
    return app

def create_nothing():
    pass

def plain(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain"]
'''
COMMANDS = {
    "python -m poorwsgi": [sys.executable, "-m", "poorwsgi"],
    "poorwsgi": [os.path.join(sysconfig.get_path("scripts"), "poorwsgi")],
}


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "site_module.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import not_installed_anywhere")
    (tmp_path / "wrong.py").write_text("1 / 0")
    (tmp_path / "empty.py").write_text("x = 1")
    (tmp_path / "plain.py").write_text("def application(environ, start_response):\n    pass")
    return tmp_path


@pytest.fixture(params=COMMANDS)
def command(request, directory):
    """Yields a function that runs a command line to its end."""

    def command(*arguments):
        return subprocess.run(
            [*COMMANDS[request.param], *arguments], cwd=directory, capture_output=True, text=True, timeout=30
        )

    command.name = request.param
    return command


@pytest.fixture(params=COMMANDS)
def serve(request, directory):
    """Yields a function that starts a server and returns its process and its first line."""
    processes = []

    def serve(*arguments):
        process = subprocess.Popen(
            [*COMMANDS[request.param], "run", *arguments], cwd=directory, stdout=subprocess.PIPE, text=True
        )
        killer = threading.Timer(30, process.kill)
        killer.start()
        processes.append((process, killer))
        return process, process.stdout.readline()

    yield serve
    for process, killer in processes:
        killer.cancel()
        process.kill()
        process.wait(30)
        process.stdout.close()


def test_alone_it_shows_its_help(command):
    done = command()
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {command.name} ")
    assert "run " in done.stdout and "examples:" in done.stdout
    assert done.stdout == command("--help").stdout


def test_help_of_run(command):
    done = command("run", "--help")
    assert done.returncode == 0
    for word in ("MODULE:APP", "--host", "--port", "--bind", "unix:", "127.0.0.1", "8080"):
        assert word in done.stdout


def test_version(command):
    assert re.fullmatch(r"PoorWSGI \(Rust\) \d+\.\d+\.\d+\S*\n", command("--version").stdout)


def test_routes(command):
    done = command("routes", "site_module")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["METHODS     RULE  HANDLER", "HEAD | GET  /     here"]
    done = command("routes", "site_module:plain")
    assert done.returncode == 2
    assert "site_module:plain is a function, whose routes are not known here" in done.stderr


def test_routes_of_what_is_mounted(command, directory):
    (directory / "mounts.py").write_text(
        "from poorwsgi import Application\n"
        "outer, inner = Application('outer'), Application('inner')\n"
        "inner.set_route('/users', lambda req: '')\n"
        "outer.mount('/admin', inner)\n"
        "outer.mount('/other', lambda environ, start_response: [])\n")
    rows = [line.split() for line in command("routes", "mounts:outer").stdout.splitlines()]
    assert [row[:-1][-1] for row in rows if row[0] == "HEAD"] == ["/admin/users"]
    assert {"/admin/*", "/other/*"} <= {word for row in rows for word in row}


@pytest.mark.parametrize(("target", "kind", "text"), [
    ("site_module:app", "", "here"), ("site_module", "", "here"),
    ("site_module:create_app()", "", "here"), ("site_module:shop.application", "", "here"),
    ("site_module:plain", " (a WSGI callable)", "plain"),
])
def test_an_application_of_the_current_directory_is_served(serve, target, kind, text):
    process, line = serve(target, "--port", "0")
    first = rf"Serving {re.escape(target + kind)} on http://127\.0\.0\.1:(\d+)(?: with \d+ workers?)?; Ctrl-C stops\n"
    address = re.fullmatch(first, line)
    assert address, line
    assert Client(int(address[1]))("/").text == text
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_ctrl_c_ends_it(serve):
    process, line = serve("site_module:app", "--port", "0")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


@pytest.mark.parametrize(("arguments", "address"), [
    (["--host", "localhost", "--port", "0"], r"http://(127\.0\.0\.1|\[::1\]):\d+"),
    (["--host", "0.0.0.0", "--port", "0"], r"http://0\.0\.0\.0:\d+"), (["--bind", "127.0.0.1:0"], r"http://127\.0\.0\.1:\d+"),
    (["--host", "", "--port", "0"], r"http://0\.0\.0\.0:\d+"), (["--bind", "unix:socket"], "unix:socket"),
])
def test_where_it_listens(serve, arguments, address):
    _, line = serve("site_module:app", *arguments)
    assert re.match(f"Serving site_module:app on {address}( with 1 worker)?;", line), line


@pytest.mark.parametrize(("target", "text"), [
    ("nowhere:app", "there is no module 'nowhere'; looked in"), ("site_module.sub:app", "there is no module 'site_module.sub'"),
    ("site_module:ap", "site_module has no 'ap'; it has the application app"),
    ("site_module:shop.app", "site_module has no 'app'"),
    ("site_module:text", "site_module:text is a str, not an application; it has the application app"),
    ("site_module:text()", "text is a str, which cannot be called"),
    ("site_module:create_nothing()", "site_module:create_nothing() is a NoneType, not an application"),
    ("site_module:create_app", "write site_module:create_app()"), ("site_module:create_app(1)", "without arguments"),
    ("empty", "empty has neither app nor application; it has nothing that can be called"),
    ("plain:app", "plain has no 'app'; it has application"),
    ("site_module.py:app", "site_module.py is a file; give the name of its module: site_module:app"),
    ("./site_module.py", "give the name of its module: site_module"), (":app", "'' is not the name of a module"),
    ("..x:app", "'..x' is not the name of a module"),
])
def test_what_is_no_application_is_said_clearly(directory, monkeypatch, name, target, text):
    monkeypatch.chdir(directory)
    monkeypatch.setattr(sys, "path", sys.path[:])
    source = MODULE.replace('Application("cli")', f"Application({name!r})")
    (directory / "site_module.py").write_text(source)
    for module in ("site_module", "empty", "plain"):
        sys.modules.pop(module, None)
    with pytest.raises(LoadError) as caught:
        load(target)
    assert text in str(caught.value)


def test_such_an_error_is_one_line(command):
    done = command("run", "site_module:ap", "--port", "0")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"{command.name} run: site_module has no 'ap'; it has the application app\n"


@pytest.mark.parametrize(("target", "last"), [
    ("broken:app", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
    ("wrong:app", "ZeroDivisionError: division by zero"),
])
def test_an_error_of_the_module_has_its_traceback(command, target, last):
    done = command("run", target, "--port", "0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("Traceback") and done.stderr.splitlines()[-1] == last


def test_an_address_in_use(command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command("run", "site_module:app", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search(r"127\.0\.0\.1:\d+: Address already in use", done.stderr)


def test_a_unix_socket_in_use(command, tmp_path):
    """The socket is in use by a server that hangs and whose queue is full."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as taken, contextlib.ExitStack() as clients:
        taken.bind(path)
        taken.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                client = clients.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(path)
        done = command("run", "site_module:app", "--bind", f"unix:{path}")
    assert done.returncode == 1
    assert "another server listens" in done.stderr


@pytest.mark.parametrize("workers", ["0", "1", "2"])
def test_more_sockets_than_one(directory, workers):
    """Handed over as by systemd: all are served."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        first, second = sorted((one.fileno(), two.fileno()))
        assert second == first + 1
        process = subprocess.Popen(
            [*COMMANDS["python -m poorwsgi"], "run", "site_module:app", "--bind", "inherited", "--workers", workers], cwd=directory,
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDS_FIRST_FD": str(first)}, pass_fds=[first, second],
            stdout=subprocess.PIPE, text=True,
        )
        ports = [each.getsockname()[1] for each in (one, two)]
        with process:
            line = process.stdout.readline()
            assert all(f"http://127.0.0.1:{port}" in line for port in ports)
            assert [Client(port)("/").status for port in ports * 2] == [200] * 4
            process.terminate()
            assert process.wait(30) == 0


@pytest.mark.parametrize("arguments", [
    ["--port", "x"], ["--port", "65536"], ["--port", "-1"], ["--bind", "a:1", "--port", "1"], ["--bind", "a:1", "--host", "a"],
    ["--socket-mode", "660"], ["--socket-mode", "660", "--bind", "inherited"], ["--socket-group", "0"], ["-b", "inherited", "-b", "fd://3"], ["-b", "fd://x"], ["--trusted-proxy", "none", "--trusted-proxy", "::1"],
])
def test_options_that_cannot_be(command, arguments):
    done = command("run", "site_module:app", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


def test_warnings_of_the_server_have_time_and_level(directory):
    (directory / "failing.py").write_text("def app(environ, start_response):\n    raise ValueError('the reason')\n")
    with open(directory / "log", "w+") as log:
        process = subprocess.Popen(
            [*COMMANDS["poorwsgi"], "run", "failing:app", "--port", "0"],
            cwd=directory, stdout=subprocess.PIPE, stderr=log, text=True,
        )
        port = int(re.search(r":(\d+)[; ]", process.stdout.readline())[1])
        assert Client(port)("/").status == 500
        process.terminate()
        process.communicate(timeout=30)
        log.seek(0)
        line = log.readline()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ ERROR poorwsgi\.server: ", line), line

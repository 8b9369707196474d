"""Settings come from a file, the environment and the arguments; the nearer source wins, and every mistake is named."""
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from servers import until
from workers import start  # noqa: F401 - a fixture

from poorwsgi._configuration import Configuration
from poorwsgi._settings import AT_START, DEFAULTS, OPTIONS, SETTINGS
from poorwsgi._worker import CONTROL, SIBLINGS


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("POORWSGI_")]:
        monkeypatch.delenv(name)
    return tmp_path


def file(text, name="poorwsgi.toml"):
    Path(name).write_text(text)


def errors(**arguments):
    return Configuration(arguments).errors


def command(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "poorwsgi", *arguments], env={**os.environ, **variables}, capture_output=True, text=True, timeout=30
    )


class TestSources:
    def test_the_nearer_one_wins(self, monkeypatch):
        file("threads = 1\nqueue = 10000\nmax-fields = 5")
        monkeypatch.setenv("POORWSGI_THREADS", "2")
        monkeypatch.setenv("POORWSGI_QUEUE", "20K")
        configuration = Configuration({"threads": 3})
        assert configuration.errors == []
        assert {name: (configuration[name], configuration.source(name)) for name in ("threads", "queue", "max_fields", "backlog")} == {
            "threads": (3, "--threads"), "queue": (20480, "POORWSGI_QUEUE"), "max_fields": (5, "poorwsgi.toml:3"),
            "backlog": (DEFAULTS["backlog"], "default"),
        }

    @pytest.mark.parametrize("setting", SETTINGS, ids=[setting.name for setting in SETTINGS])
    def test_each_setting_may_come_from_each(self, monkeypatch, setting):
        text = {
            "bytes": "9K", "count": "7", "mode": "600", "seconds": "2.5", "switch": "yes", "networks": "10.0.0.0/8", "field": "a b", "file": "a.log", "text": "{status}", "host": "::1",
            "port": "81", "address": "unix:a", "addresses": "unix:a", "name": "root", "workers": "3", "path": ".", "user": "root", "group": "root", "function": "a.b:c.d",
        }.get(setting.kind) or setting.words[-1]
        value = setting.read(text)
        monkeypatch.setenv(setting.variable, text)
        configuration = Configuration()
        assert (configuration[setting.name], configuration.source(setting.name)) == (value, setting.variable)
        monkeypatch.delenv(setting.variable)
        if setting.name != "config":
            file(f"{setting.key} = {json.dumps(text)}")
            configuration = Configuration()
            assert (configuration[setting.name], configuration.source(setting.name)) == (value, "poorwsgi.toml:1")

    def test_a_list_may_come_from_each(self, monkeypatch):
        file("bind = ['unix:a b', '127.0.0.1:0']")
        assert Configuration()["bind"] == ("unix:a b", "127.0.0.1:0")
        monkeypatch.setenv("POORWSGI_BIND", "unix:c  fd://web")
        assert Configuration()["bind"] == ("unix:c", "fd://web")
        assert Configuration({"bind": ["unix:d"]})["bind"] == ["unix:d"]

    def test_values_of_toml_may_have_their_own_type(self):
        file("""
            max-body = 5
            idle_timeout = 0.5
            head-timeout = 3
            proxy-protocol = true
            trusted-proxy = ["10.0.0.0/8", "::1"]
            port = 0
            socket-mode = "660"
        """)
        configuration = Configuration()
        assert configuration.errors == []
        assert configuration.values == {
            "max_body": 5, "idle_timeout": 0.5, "head_timeout": 3.0, "proxy_protocol": True, "trusted_proxies": ("10.0.0.0/8", "::1"),
            "port": 0, "unix_mode": 0o660,
        }

    @pytest.mark.parametrize(("text", "line"), [
        ("[tool.poorwsgi]\nport = 5", 2), ("[tool]\npoorwsgi = {threads = 2, port = 5}", 2), ('[ tool . "poorwsgi" ] # x\n\n"port"=5', 3),
        ("tool.poorwsgi.port = 5", 1), ("[tool.poorwsgi]\nserver-header = '''\\\n  port = 1\\\n'''\nport = 5", 5),
        ("[other]\nport = 1\n[tool.poorwsgi]\nport = 5\n[more]\nport=1", 4),
    ])
    def test_pyproject_has_a_table(self, text, line):
        file(text, "pyproject.toml")
        configuration = Configuration()
        assert (configuration["port"], configuration.source("port")) == (5, f"pyproject.toml:{line}")

    @pytest.mark.parametrize("text", ["[project]\nname = 'a'", "this is no TOML", "[project.scripts]\npoorwsgi = 'a:b'"])
    def test_pyproject_without_the_table_is_nothing(self, text):
        file(text, "pyproject.toml")
        assert (errors(), Configuration().values) == ([], {})

    def test_settings_in_two_files_are_refused(self):
        file("port = 1")
        file("[tool.poorwsgi]\nport = 1", "pyproject.toml")
        assert errors() == ["poorwsgi.toml and the table tool.poorwsgi of pyproject.toml both have settings: keep them in one file"]

    @pytest.mark.parametrize("name", ["conf/other.toml", "conf/pyproject.toml"])
    def test_a_file_may_be_named(self, monkeypatch, name):
        Path("conf").mkdir()
        file("port = 1")
        file("[tool.poorwsgi]\nport = 2" if "pyproject" in name else "port = 2\n", name)
        assert Configuration({"config": name})["port"] == 2
        monkeypatch.setenv("POORWSGI_CONFIG", name)
        assert Configuration()["port"] == 2

    def test_a_named_file_has_to_exist(self):
        assert errors(config="missing.toml") == ["missing.toml: cannot be read: No such file or directory"]

    def test_the_files_of_a_directory_that_is_changed_to_are_read(self, monkeypatch):
        Path("site").mkdir()
        file("port = 1\nchdir = 'nowhere'")
        file("port = 2\nenv-file = 'env'", "site/poorwsgi.toml")
        file("A=1", "site/env")
        monkeypatch.setenv("POORWSGI_CHDIR", "site")
        configuration = Configuration()
        assert configuration.errors == []
        assert (configuration["port"], configuration.source("port")) == (2, "site/poorwsgi.toml:1")
        assert (configuration.variables, configuration.directory) == ({"A": "1"}, str(Path("site").absolute()))

    @pytest.mark.parametrize(("farther", "nearer", "holds"), [
        ('bind = "unix:a"', {"port": 9}, {"port": 9}), ("host = 'a'\nport = 1", {"bind": "unix:a"}, {"bind": "unix:a"}),
        ("host = 'a'\nport = 1", {"port": 9}, {"host": "a", "port": 9}),
    ])
    def test_a_nearer_address_replaces_a_farther_one_however_it_is_written(self, farther, nearer, holds):
        file(farther)
        configuration = Configuration(nearer)
        assert (configuration.errors, configuration.values) == ([], holds)

    def test_one_source_has_one_address(self):
        file("bind = 'unix:a'\nport = 1")
        assert errors() == ["poorwsgi.toml:1 and poorwsgi.toml:2 both say where to listen: give one or the other"]


class TestMistakes:
    @pytest.mark.parametrize(("text", "said"), [
        ("prot = 1", "1: there is no setting prot; did you mean port?"), ("\nmax_bdy = 1", "2: there is no setting max_bdy; did you mean max-body?"),
        ("unix_mode = '600'", "1: there is no setting unix_mode; did you mean socket-mode?"), ("zzzzzz = 1", "1: there is no setting zzzzzz"),
        ("[threads]\nmost = 1", "1: threads: must be a number or a string"), ("[prot]\nx = 1", "1: there is no setting prot; did you mean port?"),
        ("port = 'http'", "1: port: 'http' is not a port; expected a number from 0 to 65535"), ("port = 1.5", "1: port: must be a number or a string"),
        ("port = true", "1: port: must be a number or a string"), ("threads = 0", "1: threads: must be a whole number, 1 or more, not 0"),
        ("idle-timeout = nan", "1: idle-timeout: must be a number of seconds, 0 or more, not nan"),
        ("idle-timeout = [1]", "1: idle-timeout: must be a number or a fraction or a string"),
        ("socket-mode = 600", '1: socket-mode: must be a string, such as "660"'), ("proxy-protocol = 1", "1: proxy-protocol: must be true or false or a string"),
        ("trusted-proxy = [1]", "1: trusted-proxy: must be an array of strings or a string"), ("inline = 'x'", '1: inline: must be "auto" or "always" or "never", not \'x\''),
        ("max-body = 1\nmax_body = 2", "2: max_body is set for the second time"), ("on-worker-start = 'x'", "1: on-worker-start: 'x' does not name a function"),
        ("config = 'x'", "1: config names this file, and cannot be set in it; use --config or POORWSGI_CONFIG"),
        ("port = 1\nport = ", "2: this is not TOML: Invalid value"), ("user = 'no such user'", "1: user: there is no user 'no such user'"),
        ("group = 'no such group'", "1: group: there is no group 'no such group'"),
    ])
    def test_of_a_file_have_the_line_and_what_would_be_right(self, text, said):
        file(text)
        [error] = errors()
        assert error.startswith(f"poorwsgi.toml:{said}"), error

    @pytest.mark.parametrize(("variable", "value", "said"), [
        ("POORWSGI_PROT", "1", "there is no such setting; did you mean POORWSGI_PORT?"), ("POORWSGI_PORT", "http", "'http' is not a port; expected"),
        ("POORWSGI_UNIX_MODE", "600", "there is no such setting; did you mean POORWSGI_SOCKET_MODE?"),
        ("POORWSGI_PROXY_PROTOCOL", "maybe", "'maybe' is neither yes nor no"), ("POORWSGI_PORT", "", "'' is not a port"),
    ])
    def test_of_the_environment_name_the_variable(self, monkeypatch, variable, value, said):
        monkeypatch.setenv(variable, value)
        [error] = errors()
        assert error.startswith(f"{variable}: {said}")

    def test_of_arguments_name_the_nearest_option(self):
        done = command("run", "app:app", "--trusted-proxies", "::1")
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == (
            "python -m poorwsgi run: error: unrecognized arguments: --trusted-proxies ::1; did you mean --trusted-proxy?"
        )

    def test_all_are_named_and_nothing_is_started(self, directory):
        (directory / "app.py").write_text("print('loaded')")
        file("prot = 1\nthreads = 0")
        done = command("run", "app:app", POORWSGI_QUEUE="x")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines() == [
            "python -m poorwsgi run: POORWSGI_QUEUE: 'x' is not a size; expected bytes such as 500000, or 64K, 16M, 1G",
            "python -m poorwsgi run: poorwsgi.toml:1: there is no setting prot; did you mean port?",
            "python -m poorwsgi run: poorwsgi.toml:2: threads: must be a whole number, 1 or more, not 0",
        ]

    def test_no_variable_of_the_supervisor_is_that_of_a_setting(self):
        variables = {setting.variable for setting in SETTINGS}
        assert not variables & {CONTROL, SIBLINGS, "POORWSGI_SETTINGS"}
        assert len(variables) == len(SETTINGS)


class TestVariablesOfAFile:
    def test_are_read_as_they_are(self):
        file("# comment\n\nA=1\nexport B = b c \nC='x # \"y\"'\nD=\"it's\"\nE=\nF=a#b=$A\\n", "env")
        configuration = Configuration({"env_file": "env"})
        assert configuration.errors == []
        assert configuration.variables == {"A": "1", "B": "b c", "C": 'x # "y"', "D": "it's", "E": "", "F": "a#b=$A\\n"}

    @pytest.mark.parametrize(("text", "said"), [
        ("hunter2", "this is not NAME=VALUE"), ("1A=hunter2", "this is not NAME=VALUE"), ("A='hunter2", "the quoted value of A does not end with the line"),
        ("A='hunter2' # x", "the quoted value of A does not end with the line"), ("A=hunter2 # x", "the value of A has a #: quote the value"),
        ("POORWSGI_PORT=hunter2", "POORWSGI_PORT is for the server, and this file is for the application"),
    ])
    def test_mistakes_have_the_line_and_not_the_secret(self, text, said):
        file(f"A=1\n{text}\n", "env")
        [error] = errors(env_file="env")
        assert error.startswith(f"env:2: {said}") and "hunter2" not in error

    def test_a_missing_file_is_a_mistake(self):
        file("port = 1\nenv-file = 'env'")
        assert errors() == ["poorwsgi.toml:2: env cannot be read: No such file or directory"]


class TestConfigCommand:
    def test_it_prints_each_setting_with_its_value_and_source(self):
        file("max-body = '32M'\nsocket-mode = '660'")
        done = command("config", "--trusted-proxy", "10.0.0.0/8,::1", "--idle-timeout", "0.5", POORWSGI_THREADS="9", POORWSGI_SERVER_HEADER='a "b" é')
        assert (done.returncode, done.stderr) == (0, "")
        lines = dict(re.fullmatch(r"(?:# )?([a-z-]+) =( .*)", line).groups() for line in done.stdout.splitlines())
        assert list(lines) == [setting.key for setting in SETTINGS]
        shown = {name: tuple(part.strip() for part in lines[name].split("  # ")) for name in lines}
        assert {name: shown[name] for name in ("max-body", "socket-mode", "trusted-proxy", "idle-timeout", "threads", "queue", "loops")} == {
            "max-body": ('"32M"', "poorwsgi.toml:1"), "socket-mode": ('"660"', "poorwsgi.toml:2"), "threads": ("9", "POORWSGI_THREADS"),
            "trusted-proxy": ('["10.0.0.0/8", "::1"]', "--trusted-proxy"), "idle-timeout": ("0.5", "--idle-timeout"),
            "queue": ('"128K"', "default"), "loops": ("", "default"),
        }

    def test_what_it_prints_is_a_file_with_the_same_settings(self):
        file("max-body = '32M'\nsocket-mode = '660'\nbind = 'unix:a'\nserver-header = 'a \"b\" é'\nwrite-timeout = 1\nmin-body-rate = 0")
        before = Configuration().values
        text = command("config").stdout
        assert tomllib.loads(text).keys() == {"max-body", "socket-mode", "bind", "server-header", "write-timeout", "min-body-rate"}
        file(text)
        assert Configuration().values == before
        # Also with the lines of the defaults.
        file(re.sub(r"^# (.*= \S)", r"\1", text, flags=re.MULTILINE).replace("host =", "# host =").replace("\nport =", "\n# port ="))
        again = Configuration()
        assert again.errors == []
        assert {name: again[name] for name in DEFAULTS} == {name: before.get(name, DEFAULTS[name]) for name in DEFAULTS}

    def test_it_shows_no_variable_of_the_application(self):
        file("PASSWORD=hunter2", "env")
        done = command("config", "--env-file", "env", PASSWORD="hunter3")
        assert done.returncode == 0 and "hunter" not in done.stdout + done.stderr

    def test_it_says_what_is_wrong(self):
        file("prot = 1")
        done = command("config")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "python -m poorwsgi config: poorwsgi.toml:1: there is no setting prot; did you mean port?\n"


class TestWorkers:
    def test_a_setting_of_a_file_holds_as_that_of_an_option(self, start):  # noqa: F811
        file("max-body = 10\nworkers = 2")
        workers = start()
        assert len(workers.pids()) == 2
        assert workers("/pid", "POST", b"x" * 11).status == 413
        assert start("--max-body", "20", "--workers", "0")("/pid", "POST", b"x" * 11).status != 413

    def test_workers_have_the_settings_with_which_the_supervisor_was_started(self, start):  # noqa: F811
        """Also a worker that is started later, when the file has changed."""
        file("max-body = 10")
        workers = start("--workers", "1")
        [before] = workers.pids()
        file("max-body = 1000\nprot = 1")
        os.kill(before, signal.SIGKILL)
        until(lambda: workers.pids() - {before})
        assert workers("/pid", "POST", b"x" * 11).status == 413

    def test_a_reload_reads_the_settings_again(self, start):  # noqa: F811
        file("max-body = 10\nworkers = 1\nbacklog = 5\nenv-file = 'env'")
        file("A=1", "env")
        workers = start()
        [before] = workers.pids()
        file("max-body = 1000\nworkers = 2\nbacklog = 6\nenv-file = 'env'")
        workers.signal(signal.SIGHUP)
        until(lambda: len(workers.pids() - {before}) == 2 and before not in workers.pids())
        assert workers("/pid", "POST", b"x" * 11).status != 413
        assert "a change of --backlog takes a restart; it stays 5" in workers.messages()

    def test_a_reload_with_a_mistake_changes_nothing(self, start):  # noqa: F811
        file("max-body = 10\nworkers = 1")
        workers = start()
        before = workers.pids()
        file("max-body = 1000\nprot = 1")
        workers.signal(signal.SIGHUP)
        until(lambda: "no reload: poorwsgi.toml:2: there is no setting prot; did you mean port?" in workers.messages())
        assert workers("/pid", "POST", b"x" * 11).status == 413
        assert workers.pids() == before
        file("max-body = 1000")
        workers.signal(signal.SIGHUP)
        until(lambda: not workers.pids() & before)
        assert workers("/pid", "POST", b"x" * 11).status != 413

    def test_applications_see_no_variable_of_the_supervisor(self, start, directory):  # noqa: F811
        (directory / "app.py").write_text("import os\ndef app(e, s):\n    s('200 OK', [])\n    return [repr(sorted(os.environ)).encode()]\n")
        assert "POORWSGI_" not in start("--workers", "1")("/").text


def test_the_documentation_names_the_settings_that_take_a_restart():
    text = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text("utf-8")
    [sentence] = re.findall(r"take a restart: ([^.]*)\.", text)
    assert set(re.findall(r"`(--[a-z-]+)`", sentence)) == {OPTIONS[name] for name in AT_START}

"""The settings of the server and of its command are defined in one table: options, keyword arguments, stubs and
documentation agree with it."""
import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools import settings_page

import poorwsgi
from poorwsgi import server
from poorwsgi._poorwsgi import _check_settings
from poorwsgi._settings import ARGUMENTS, DEFAULTS, SETTINGS
from poorwsgi.cli import _parser

#: The type of each kind in the stubs.
TYPES = {
    "bytes": "int", "count": "int", "mode": "int", "seconds": "float", "switch": "bool", "networks": "Iterable[str]",
    "field": "str | None", "file": "str", "text": "str", "name": "str",
}

EACH = pytest.mark.parametrize("setting", SETTINGS, ids=[setting.name for setting in SETTINGS])


def setting(name):
    [found] = [setting for setting in SETTINGS if setting.name == name]
    return found


def run(directory, *options):
    command = [sys.executable, "-m", "poorwsgi", "run", "served:app", "--bind", f"unix:{directory}/socket", *options]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=30)


@pytest.fixture(scope="module")
def help_of_run():
    """The help on one line, because argparse also wraps at hyphens."""
    command = [sys.executable, "-m", "poorwsgi", "run", "--help"]
    wide = {**os.environ, "COLUMNS": "10000"}
    return " ".join(subprocess.run(command, env=wide, capture_output=True, text=True, check=True, timeout=30).stdout.split())


def test_each_name_and_each_option_is_one_settings():
    assert len({setting.name for setting in SETTINGS}) == len({setting.option for setting in SETTINGS}) == len(SETTINGS)


def test_each_option_of_run_is_a_setting(help_of_run):
    usage = help_of_run.partition(" MODULE:APP ")[0]
    options = set(re.findall(r"\[(--?[a-z-]+)", usage)) - {"-h"}
    assert options == {setting.options[0] for setting in SETTINGS}
    assert {setting.name: setting.options for setting in SETTINGS if len(setting.options) > 1} == {"bind": ["-b", "--bind"], "workers": ["-w", "--workers"]}


@pytest.mark.parametrize("setting", ARGUMENTS, ids=[setting.name for setting in ARGUMENTS])
def test_a_default_is_a_value_that_can_be_given(setting):
    _check_settings(**{setting.name: setting.default})


@pytest.mark.parametrize("name", ["host", "port", "bind", "workers", "max_requests", "max_memory"])
def test_a_setting_of_the_command_is_no_keyword_argument(name):
    assert not setting(name).is_argument
    with pytest.raises(TypeError, match=f'there is no setting "{name}"; known: max_head, '):
        server.Listener("127.0.0.1:0", **{name: setting(name).default})


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.shown and not setting.is_argument])
def test_a_default_of_the_command_is_a_text_that_can_be_given(setting):
    assert setting.read(setting.shown) == setting.default


@EACH
def test_the_option_shows_help_and_default(help_of_run, setting):
    default = f" (default: {setting.shown})" if setting.shown else ""
    assert re.search(f" {setting.option}(, --no-[^ ]+| [^ ]+) {re.escape(setting.help + default)}", help_of_run)


@pytest.mark.parametrize(("name", "shown"), [
    ("max_body", "16M"), ("max_head", "64K"), ("min_body_rate", "240"), ("max_spool", "1G"), ("idle_timeout", "75 s"),
    ("inline_limit", "0.0002 s"), ("threads", "256"), ("forwarded_fields", "x-forwarded"), ("proxy_protocol", "no"), ("max_proxy_header", "4K"), ("inline", "auto"), ("server_header", "PoorWSGI"),
    ("unix_mode", ""), ("unix_group", ""), ("loops", ""), ("trusted_proxies", "127.0.0.0/8, ::1/128, unix"), ("host", "127.0.0.1"), ("port", "8080"), ("bind", ""), ("workers", "1"),
    ("max_requests", "0"), ("max_memory", "0"),
])
def test_defaults_are_shown_with_their_units(name, shown):
    assert setting(name).shown == shown


@pytest.mark.parametrize(("name", "text", "value"), [
    ("max_body", "64k", 65536), ("max_body", "0", 0), ("max_body", "9" * 30, int("9" * 30)), ("max_fields", "20000", 20000),
    ("idle_timeout", "0.5", 0.5), ("unix_mode", "0660", 0o660), ("proxy_protocol", "yes", True), ("proxy_protocol", "no", False), ("forwarded_fields", "forwarded", "forwarded"),
    ("inline", "never", "never"), ("trusted_proxies", "10.0.0.0/8, ::1 10.1.2.3", ("10.0.0.0/8", "::1", "10.1.2.3")), ("trusted_proxies", "none", ("none",)),
    ("server_header", "", ""), ("server_header", "a b", "a b"), ("host", "", ""), ("host", "::1", "::1"), ("port", "0", 0),
    ("port", "65535", 65535), ("bind", "unix:/run/a", ("unix:/run/a",)), ("bind", "fd://3", ("fd://3",)), ("unix_group", "www-data", "www-data"), ("workers", "0", 0), ("workers", "3", 3),
    ("max_requests", "1000", 1000), ("max_memory", "150M", 150 << 20),
])
def test_text_is_read_as_its_kind(name, text, value):
    read = setting(name).read(text)
    assert (type(read), read) == (type(value), value)


def test_auto_means_one_worker_for_each_processor_of_this_process():
    assert setting("workers").read("auto") == len(os.sched_getaffinity(0))


#: Invalid texts, and the error messages.
WRONG = [
    ("max_body", "1T", "'1T' is not a size; expected bytes such as 500000, or 64K, 16M, 1G"), ("max_body", "K", "'K' is not a size"), ("max_body", "", "'' is not a size"),
    ("queue", "1K", "must be a whole number of bytes, 8192 or more, not 1024"),
    ("max_fields", "few", "'few' is not a number"), ("threads", "0", "must be a whole number, 1 or more, not 0"),
    ("idle_timeout", "soon", "'soon' is not a time; expected seconds such as 10 or 0.5"), ("idle_timeout", "-1", "must be a number of seconds, 0 or more, not -1.0"),
    ("idle_timeout", "nan", "must be a number of seconds"), ("idle_timeout", "inf", "must be a number of seconds"),
    ("unix_mode", "7777", "'7777' are not permissions; expected octal digits such as 600, 660, 666"), ("trusted_proxies", "none ::1", "none trusts nobody; expected it alone, or only networks"),
    ("unix_group", "", "must be a name, not ''"), ("bind", "fd://", "'fd://' names no descriptor; expected fd:// and a number, such as fd://3"),
    ("proxy_protocol", "maybe", "'maybe' is neither yes nor no; expected one of the two"),
    ("forwarded_fields", "via", """must be "x-forwarded" or "forwarded", not 'via'"""),
    ("inline", "soon", """must be "auto" or "always" or "never", not 'soon'"""),
    ("trusted_proxies", "10.0.0.0/99", '"10.0.0.0/99" is not a network; expected an address with or without a prefix length, such as "10.0.0.0/8", or unix'), ("trusted_proxies", "", '"" is not a network'),
    ("server_header", "a\nb", "must be text without control characters, or None, not 'a\\nb'"),
    ("port", "65536", "'65536' is not a port; expected a number from 0 to 65535"), ("port", "http", "'http' is not a port"), ("port", "-1", "'-1' is not a port"),
    ("workers", "two", "'two' is not a number; expected a whole number such as 0, 1, 100"), ("workers", "-1", "'-1' is not a number"),
    ("max_requests", "1K", "'1K' is not a number; expected a whole number such as 0, 1, 100"), ("max_memory", "1T", "'1T' is not a size; expected bytes such as 500000, or 64K, 16M, 1G"),
]


@pytest.mark.parametrize(("name", "text", "said"), WRONG)
def test_text_that_cannot_be_is_refused_with_what_would_be_right(name, text, said):
    with pytest.raises(ValueError) as caught:
        setting(name).read(text)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(("name", "text", "said"), [wrong for wrong in WRONG if wrong[0] != "proxy_protocol"])
def test_the_command_line_names_the_option_before_anything_is_loaded(tmp_path, name, text, said):
    (tmp_path / "served.py").write_text("print('loaded')")
    done = run(tmp_path, f"{setting(name).option}={text}")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"run: error: argument {'/'.join(setting(name).options)}: {said}" in done.stderr


def test_an_option_of_networks_may_be_given_several_times():
    options = ["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1, ::2"]
    assert _parser().parse_args(["run", "served:app", *options]).trusted_proxies == ["10.0.0.0/8", "::1", "::2"]


@pytest.mark.parametrize(("given", "said"), [
    ({"max_body": "1M"}, "max_body: must be a whole number of bytes, 0 or more, not '1M'"),
    ({"max_connections": 0}, "max_connections: must be a whole number, 1 or more, not 0"),
    ({"unix_mode": 660}, "unix_mode: must be permissions from 0 to 0o777, such as 0o660, not 660"),
    ({"proxy_protocol": "no"}, "proxy_protocol: must be True or False, not 'no'"),
    ({"trusted_proxies": ["unix", "none"]}, "trusted_proxies: none trusts nobody; expected it alone, or only networks"),
    ({"trusted_proxies": "10.0.0.0/8"}, 'trusted_proxies: must be a list of networks, such as ["10.0.0.0/8"], not \'10.0.0.0/8\''),
    ({"trusted_proxies": 1}, 'trusted_proxies: must be a list of networks, such as ["10.0.0.0/8"], not 1'),
    ({"head_timeout": float("nan")}, "head_timeout: must be a number of seconds, 0 or more, not nan"),
    ({"inline": None}, """inline: must be "auto" or "always" or "never", not None"""),
])
def test_a_value_that_cannot_be_is_named(given, said):
    with pytest.raises(ValueError) as caught:
        server.Listener("127.0.0.1:0", **given)
    assert str(caught.value) == said


def test_what_is_over_a_limit_counts_as_the_limit():
    for name, value in {"max_body": 1 << 70, "max_fields": 1 << 70, "max_connections": 1 << 40, "head_timeout": 1e300}.items():
        server.Listener("127.0.0.1:0", **{name: value}).close()


@pytest.mark.parametrize("function", [server.run, server.make_server])
def test_docstrings_name_each_setting(function):
    text = inspect.getdoc(function) + "\n"
    described = [f"\n{setting.name}={setting.default!r}\n    {setting.help}\n" in text for setting in SETTINGS]
    assert described == [setting.is_argument for setting in SETTINGS]


def test_the_page_is_what_the_table_makes():
    assert settings_page.PAGE.read_text("utf-8") == settings_page.page(), "run `make docs-settings`"


def test_the_stubs_have_each_setting_with_its_type():
    stub = Path(poorwsgi.__file__).with_name("server.pyi").read_text("utf-8")
    [typed] = [node for node in ast.parse(stub).body if isinstance(node, ast.ClassDef) and node.name == "_Settings"]
    assert {field.target.id: ast.unparse(field.annotation) for field in typed.body} == {
        setting.name: _type(setting) for setting in ARGUMENTS
    }


def test_the_default_address_is_that_of_the_rows():
    """`make stubtest` compares the stub with the signature."""
    address = f"{setting('host').default}:{setting('port').default}"
    assert inspect.signature(server.run).parameters["address"].default == address


def _type(setting):
    if setting.kind == "choice":
        return f"Literal[{', '.join(map(repr, setting.words))}]"
    return TYPES[setting.kind] + (" | None" if DEFAULTS[setting.name] is None else "")


@EACH
def test_help_is_a_sentence_without_its_ends(setting):
    assert re.fullmatch(r"[a-z].*[^.]", setting.help) and "  " not in setting.help and "|" not in setting.help

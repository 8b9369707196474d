"""Limits of forms and of the built-in server, as they are set from Python."""
import subprocess
import sys

import pytest
from servers import Client
from wsgi_call import ask

from poorwsgi import Application, state
from poorwsgi.server import Listener, Server, make_server

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def app(name):
    app = Application(name)
    app.set_route("/", lambda req: f"{len(req.form.keys())} {len(req.data or b'')}", state.METHOD_POST)
    return app


def test_limits_of_forms_have_defaults_and_can_be_set(app):
    limits = app.form_limits
    assert (limits.body_bytes, limits.parts, limits.files) == (16 << 20, 1000, 100)
    limits.fields = 2
    assert app.form_limits.fields == 2
    assert repr(limits).startswith("FormLimits(body_bytes=16777216, parts=1000, fields=2, ")
    assert ask(app, "/", "POST", b"a=1&b=2", CONTENT_TYPE=FORM).text == "2 7"
    refused = ask(app, "/", "POST", b"a=1&b=2&c=3", CONTENT_TYPE=FORM)
    assert refused.status[:3] == "413" and "form_limits.fields" in refused.text
    with pytest.raises(OverflowError):
        limits.fields = -1
    with pytest.raises(AttributeError):
        limits.no_such_limit = 1


def test_the_server_has_a_limit_for_all_bodies(app):
    import threading
    for server, size, status in (
        (Server(app, "127.0.0.1:0", max_body=10), 11, 413), (Server(app, "127.0.0.1:0", max_body=10), 10, 200),
        (Server(app, Listener("127.0.0.1:0", max_body=20 << 20)), 11, 200),
    ):
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            client = Client(int(server.address.rpartition(":")[2]))
            assert client("/", "POST", b"x" * size, {"Content-Type": "text/plain"}).status == status
        finally:
            server.stop()
            thread.join()


@pytest.mark.parametrize("header", [None, ""])
def test_make_server_takes_settings(app, header):
    import threading
    with make_server("127.0.0.1", 0, app, max_body=10, server_header=header) as server:
        threading.Thread(target=server.serve_forever).start()
        answer = Client(server.server_port)("/", "POST", b"x" * 11)
        server.shutdown()
    assert (answer.status, answer.headers["Server"]) == (413, None)


@pytest.mark.parametrize(("settings", "error", "text"), [
    ({"max_bdy": 1}, TypeError, "no setting 'max_bdy'; known: max_head, "), ({"max_body": -1}, ValueError, "max_body: "),
    ({"head_timeout": -1}, ValueError, "head_timeout: "), ({"max_body": "1M"}, ValueError, "max_body: "),
    ({"trusted_proxies": ["10.0.0.0/99"]}, ValueError, "is not a network"), ({"server_header": "a\nb"}, ValueError, "server_header: "),
])
def test_a_setting_that_cannot_be_is_refused(settings, error, text):
    with pytest.raises(error) as caught:
        Listener("127.0.0.1:0", **settings)
    assert text.replace("'", '"') in str(caught.value).replace("'", '"')


@pytest.mark.parametrize(("option", "value", "text"), [
    ("--max-body", "1T", "is not a size"), ("--head-timeout", "soon", "is not a time"), ("--max-connections", "few", "is not a number"),
    ("--trusted-proxy", "somewhere", "is not a network"),
])
def test_the_command_line_says_what_is_wrong(tmp_path, option, value, text):
    (tmp_path / "limited.py").write_text("def app(environ, start_response): pass")
    command = [sys.executable, "-m", "poorwsgi", "run", "limited:app", "--port", "0", option, value]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 2 and text in answer.stderr


def test_json_has_a_size_a_depth_and_a_number_of_values(name):
    app = Application(name)
    app.set_route("/", lambda req: {"json": req.json}, state.METHOD_POST)
    app.json_depth, app.json_size = 3, 20
    assert ask(app, "/", "POST", b"[[[1]]]", CONTENT_TYPE="application/json").text == '{"json": [[[1]]]}'
    assert ask(app, "/", "POST", b"[[[[1]]]]", CONTENT_TYPE="application/json").status[:3] == "400"
    assert ask(app, "/", "POST", b"[" + b" " * 20 + b"]", CONTENT_TYPE="application/json").status[:3] == "413"
    app.json_values = 3
    assert ask(app, "/", "POST", b'{"a": 1}', CONTENT_TYPE="application/json").text == '{"json": {"a": 1}}'
    refused = ask(app, "/", "POST", b'{"a": [1]}', CONTENT_TYPE="application/json")
    assert refused.status[:3] == "413" and "json_values" in refused.text

"""Settings of an application, and what overrides them."""
import cProfile
import os
import pstats
import subprocess
import sys
import warnings

import pytest
from servers import SERVERS, Client
from wsgi_call import ask, environ

from poorwsgi import Application
from poorwsgi.request import Request


@pytest.fixture
def app(name):
    return Application(name)


@pytest.mark.parametrize(("setting", "default"), [
    ("auto_args", True), ("auto_form", True), ("auto_json", True), ("auto_data", True), ("auto_cookies", True),
    ("debug", False), ("document_index", False), ("document_root", ""), ("secret_key", None), ("keep_blank_values", 0),
    ("strict_parsing", 0), ("file_callback", None), ("read_timeout", 10), ("data_size", 65365), ("cached_size", 65365),
    ("auth_type", None), ("auth_algorithm", "MD5-sess"), ("auth_qop", "auth"), ("auth_timeout", 300), ("dot_files", False), ("follow_links", False),
    ("form_mime_types", ["application/x-www-form-urlencoded", "multipart/form-data"]),
    ("json_mime_types", ["application/json", "application/javascript", "application/merge-patch+json"]),
])
def test_defaults_are_those_of_poorwsgi(app, setting, default):
    assert getattr(app, setting) == default


@pytest.mark.parametrize(("setting", "value", "shown"), [
    ("auto_args", 0, False), ("debug", "yes", True), ("keep_blank_values", True, 1), ("strict_parsing", "1", 1),
    ("data_size", "10", 10), ("read_timeout", 1.5, 1.5), ("read_timeout", None, None), ("secret_key", b"a long key", b"a long key"),
    ("document_root", "/", "/"), ("document_root", None, None), ("file_callback", print, print),
    ("auth_algorithm", "SHA-256", "SHA-256"), ("auth_algorithm", "SHA-512-256", "SHA-512-256"), ("auth_qop", None, None),
    ("auth_timeout", 0, 0), ("auth_timeout", None, None),
])
def test_settings_show_what_was_set(app, setting, value, shown):
    setattr(app, setting, value)
    assert getattr(app, setting) == shown


@pytest.mark.parametrize(("setting", "value", "error"), [
    ("keep_blank_values", "abc", ValueError), ("data_size", -1, ValueError), ("auth_type", "Basic", ValueError),
    ("auth_type", "Digest", ValueError), ("auth_algorithm", "SHA-1", ValueError), ("auth_algorithm", [], ValueError),
    ("auth_qop", "auth-int", ValueError), ("auth_timeout", "x", ValueError), ("auth_timeout", -1, ValueError),
    ("read_timeout", "x", ValueError), ("secret_key", 5, TypeError), ("document_root", 5, TypeError),
    ("name", "x", AttributeError), ("auth_hash", None, AttributeError),
])
def test_a_bad_setting_is_refused_and_changes_nothing(app, setting, value, error):
    before = getattr(app, setting)
    with pytest.raises(error):
        setattr(app, setting, value)
    assert getattr(app, setting) == before


def test_digest_needs_a_secret_key(app):
    app.secret_key = "a long secret"
    app.auth_type = "digest"
    assert app.auth_type == "Digest"
    assert app.auth_hash(b"x").hexdigest() == "9dd4e461268c8034f5c8564e155c67a6"


def test_lists_of_media_types_are_live(app):
    app.json_mime_types.append("application/vnd.api+json")
    app.form_mime_types.clear()
    app.set_route("/", lambda req: {"json": req.json, "data": req.data.decode()}, 4)
    assert ask(app, "/", "POST", b"[1]", CONTENT_TYPE="application/vnd.api+json").text == '{"json": [1], "data": "[1]"}'
    assert '"json": {}' in ask(app, "/", "POST", b"a=1", CONTENT_TYPE="application/x-www-form-urlencoded").text


@pytest.mark.parametrize(("variable", "attribute", "value", "read"), [
    ("poor_Debug", "debug", "On", True), ("poor_Debug", "debug", "Off", False),
    ("poor_DocumentRoot", "document_root", "/srv", "/srv"), ("poor_DocumentIndex", "document_index", "on", True),
    ("poor_SecretKey", "secret_key", "key", "key"),
    ("poor_DocumentRoot", "document_root", "", ""), ("poor_SecretKey", "secret_key", "", ""),
])
def test_variables_of_the_environ_win(app, variable, attribute, value, read):
    app.document_root, app.secret_key = "/", "a key of its own"
    assert getattr(Request(environ(**{variable: value}), app), attribute) == read


@pytest.mark.parametrize("attribute", ["debug", "document_index"])
def test_an_empty_switch_of_the_environ_says_nothing(app, attribute, tmp_path):
    setattr(app, attribute, True)
    empty = {"poor_Debug": "", "poor_DocumentIndex": ""}
    assert getattr(Request(environ(**empty), app), attribute) is True
    path = {"debug": "/debug-info", "document_index": "/"}[attribute]
    assert ask(app, path, poor_DocumentRoot=str(tmp_path), **empty).status == "200 OK"


@pytest.mark.parametrize("more", [{"uwsgi.version": b"2.0"}, {}])
def test_variables_of_the_process_win_under_uwsgi_and_where_it_says_so(app, monkeypatch, more):
    monkeypatch.setenv("poor_Debug", "on")
    if not more:
        monkeypatch.setenv("poor.Version", "1")
    req = Request(environ(poor_Debug="off", **more), app)
    assert req.debug is True
    assert req.poor_environ["poor_Debug"] == "on"


def test_the_document_root_of_the_environ_is_served(app, tmp_path):
    (tmp_path / "a.txt").write_text("file")
    assert ask(app, "/a.txt", poor_DocumentRoot=str(tmp_path)).text == "file"
    assert ask(app, "/a.txt").status == "404 Not Found"


@pytest.mark.parametrize("server", SERVERS)
def test_options_in_capitals_and_with_blanks(name, monkeypatch, server):
    monkeypatch.setenv("APP_DB_HOST", " localhost ")
    # So that requests under wsgiref read the variables of the process, as on our server.
    monkeypatch.setenv("poor.Version", "1")
    app = Application(name)

    @app.route("/")
    def options(req):
        with warnings.catch_warnings(action="ignore"):
            return [app.get_options()["db_host"], req.get_options()["db_host"]]

    with SERVERS[server](app) as port:
        assert Client(port)("/").json == ["localhost", "localhost"]


def test_options_are_the_app_variables(app, monkeypatch):
    monkeypatch.setenv("app_db_Server", "localhost")
    assert app.get_options()["db_server"] == Application.get_options()["db_server"] == "localhost"
    with pytest.warns(DeprecationWarning, match="get_options"):
        assert Request(environ(app_Templates="t"), app).get_options() == {"templates": "t"}


def test_variables_of_the_process_are_read_on_the_built_in_server(tmp_path):
    code = """if True:
        import sys, threading, urllib.request
        from poorwsgi import Application
        from poorwsgi.server import Server
        app = Application("x")
        app.set_route("/", lambda req: str(req.debug))
        server = Server(app, "127.0.0.1:0")
        threading.Thread(target=server.serve, daemon=True).start()
        print(urllib.request.urlopen(server.address).read().decode())
        server.stop()
    """
    answer = subprocess.check_output([sys.executable, "-c", code], env=os.environ | {"poor_Debug": "on"}, text=True)
    assert answer == "True\n"


def test_requests_are_profiled_until_it_is_taken_back(app, tmp_path):
    @app.route("/deep/path")
    def handler(req):
        return "x"

    app.set_profile(cProfile.runctx, str(tmp_path / "req"))
    assert ask(app, "/deep/path").text == "x"
    [profile] = tmp_path.iterdir()
    assert profile.name.startswith("req_GET_deep_path.") and profile.suffix == ".profile"
    assert any(name == "handler" for *_, name in pstats.Stats(str(profile)).stats)
    app.del_profile()
    ask(app, "/deep/path")
    assert len(list(tmp_path.iterdir())) == 1


def test_the_application_introduces_itself(app):
    assert repr(app) == f"{app.name} - callable Application class instance"

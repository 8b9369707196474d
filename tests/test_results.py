"""The default pages, as functions that an application may call."""
import logging
import re
from types import SimpleNamespace

import pytest
from poorwsgi import Application, make_response, results, state
from poorwsgi.request import Request
from poorwsgi.response import HTTPException, NotModifiedResponse, Response


def visitor(**attributes):
    """An object with only the attributes of a request that a page needs."""
    values = {"method": "GET", "uri": "/place", "debug": False, "hostname": "example.org", "app": None}
    return SimpleNamespace(**{**values, **attributes})


def sent(response):
    """The status, the headers and the text that a WSGI server would get."""
    started = []
    body = b"".join(response(lambda *args: started.append(args)))
    status, headers = started[0]
    return int(status[:3]), headers, body.decode()


PAGES = {
    results.bad_request: 400,
    results.unauthorized: 401,
    results.forbidden: 403,
    results.not_found: 404,
    results.method_not_allowed: 405,
    results.internal_server_error: 500,
    results.not_implemented: 501,
}


@pytest.mark.parametrize(("page", "status"), PAGES.items(), ids=lambda value: getattr(value, "__name__", value))
class TestEachPage:
    def test_is_a_response_of_its_status(self, page, status):
        response = page(visitor())
        assert isinstance(response, Response)
        assert response.status_code == status
        assert response.content_type == "text/html; charset=utf-8"

    def test_names_method_and_address(self, page, status):
        code, _, text = sent(page(visitor(method="PATCH", uri="/my/place")))
        assert code == status
        assert "PATCH" in text
        assert "/my/place" in text
        assert "example.org" in text

    def test_escapes_what_the_client_sent(self, page, status):
        _, _, text = sent(page(visitor(method="<i>", uri="/<b onclick='x'>", hostname='"><b>', debug=True)))
        assert "/&lt;b onclick=&apos;x&apos;&gt;" in text
        assert "<b" not in text.replace("<body", "").replace("<bdi", "")

    def test_loads_and_runs_nothing(self, page, status):
        headers = dict(sent(page(visitor()))[1])
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")

    def test_needs_no_attribute_of_a_request(self, page, status):
        assert page(object()).status_code == status

    def test_takes_what_cannot_be_read_for_missing(self, page, status):
        class Broken:
            @property
            def uri(self):
                raise HTTPException(400)

            path = uri

        assert page(Broken()).status_code == status

    def test_names_the_server_software_only_with_debug(self, page, status):
        assert "Soft/1" not in sent(page(visitor(server_software="Soft/1")))[2]
        assert "Soft/1" in sent(page(visitor(server_software="Soft/1", debug=True)))[2]


class TestErrors:
    def test_a_400_shows_the_error(self, caplog):
        _, _, text = sent(results.bad_request(visitor(), ValueError("no <number>")))
        assert "no &lt;number&gt;" in text
        assert caplog.record_tuples == [("poorwsgi", logging.WARNING, "400 Bad Request: no <number>")]

    @pytest.mark.parametrize(
        "page",
        [results.unauthorized, results.forbidden, results.not_found, results.method_not_allowed],
    )
    def test_others_only_log_it(self, page, caplog):
        response = page(visitor(), error="inside")
        assert "inside" not in sent(response)[2]
        assert caplog.messages == [f"{response.status_code} {response.reason}: inside"]

    def test_the_log_may_be_another(self, monkeypatch):
        lines = []
        monkeypatch.setattr(results, "log", SimpleNamespace(warning=lambda *args: lines.append(args)))
        results.not_found(visitor(), "gone")
        assert len(lines) == 1

    def test_a_501_names_a_status_without_page(self):
        _, _, text = sent(results.not_implemented(visitor(), 999))
        assert "999" in text

    def test_a_500_hides_the_error(self, caplog):
        try:
            raise ValueError("inside")
        except ValueError:
            _, _, text = sent(results.internal_server_error(visitor()))
        assert "inside" not in text
        assert "ValueError: inside" in caplog.text

    def test_a_500_shows_it_with_debug(self):
        def view(req):
            raise ValueError("<inside>")

        req = visitor(debug=True, uri_handler=view, uri_rule="/<name>", remote_addr="10.0.0.1")
        try:
            view(req)
        except ValueError:
            _, _, text = sent(results.internal_server_error(req))
        assert "Exception Traceback" in text
        assert "&lt;inside&gt;" in text
        assert f"{view.__module__}.{view.__qualname__}".replace("<", "&lt;").replace(">", "&gt;") in text
        assert "/&lt;name&gt;" in text
        assert "10.0.0.1" in text

    def test_a_500_without_an_exception_has_a_page_too(self):
        assert "No exception" in sent(results.internal_server_error(visitor(debug=True)))[2]

    def test_a_handler_without_a_name_has_a_page_too(self):
        """PoorWSGI raises AttributeError."""
        req = visitor(debug=True, uri_handler=SimpleNamespace(a=1))
        assert "namespace(a=1)" in sent(results.internal_server_error(req))[2]


class TestNotModified:
    def test_repeats_what_the_client_has(self):
        headers = {"ETag": '"tag"', "Content-Location": "/here"}
        response = results.not_modified(visitor(headers=headers))
        assert isinstance(response, NotModifiedResponse)
        assert response.headers["ETag"] == '"tag"'
        assert response.headers["Content-Location"] == "/here"

    def test_is_dated(self):
        status, headers, text = sent(results.not_modified(visitor(headers={})))
        assert (status, text) == (304, "")
        assert dict(headers)["Date"].endswith(" GMT")


class TestChallenge:
    @pytest.fixture
    def app(self, name):
        app = Application(name)
        app.secret_key = "a long secret"
        app.auth_type = "Digest"
        return app

    @staticmethod
    def challenges(response):
        return [value for name, value in sent(response)[1] if name == "WWW-Authenticate"]

    @pytest.fixture(params=["request", "anything"])
    def req(self, request, app):
        if request.param == "anything":
            return visitor(app=app, secret_key="secret", user_agent="agent", server_hostname="server")
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/place",
            "SERVER_NAME": "server",
            "SERVER_PORT": "80",
            "HTTP_USER_AGENT": "agent",
        }
        return Request(environ, app)

    def test_is_there_where_the_application_asks_for_digest(self, req):
        [challenge] = self.challenges(results.unauthorized(req, "My Zone"))
        assert challenge.startswith('Digest realm="My Zone",qop="auth",algorithm="MD5-sess",nonce="')
        # sha256 of the server's name
        assert 'opaque="b3eacd33433b31b5252351032c9b3e7a2e7aa7738d5decdf0dd6c62680853c06"' in challenge
        assert "stale" not in challenge

    @pytest.mark.parametrize("stale", [True, "true"])
    def test_is_stale_when_the_nonce_was(self, req, stale):
        [challenge] = self.challenges(results.unauthorized(req, "Zone", stale))
        assert challenge.endswith("stale=true")

    def test_has_the_name_of_the_application_for_a_realm(self, req, app):
        """PoorWSGI raises RuntimeError."""
        [challenge] = self.challenges(results.unauthorized(req))
        assert f'realm="{app.name}"' in challenge

    def test_comes_for_each_algorithm(self, req, app):
        app.auth_algorithm = ["MD5", "SHA-256"]
        first, second = self.challenges(results.unauthorized(req, "Zone"))
        assert 'algorithm="SHA-256"' in first
        assert 'algorithm="MD5"' in second

    def test_has_no_qop_where_clients_cannot(self, req, app):
        app.auth_qop = None
        [challenge] = self.challenges(results.unauthorized(req, "Zone"))
        assert "qop" not in challenge

    def test_is_missing_without_digest(self, name):
        assert self.challenges(results.unauthorized(visitor(app=Application(name)), "Zone")) == []

    def test_no_realm_adds_a_header(self, req):
        with pytest.raises(ValueError, match="header"):
            results.unauthorized(req, "a\r\nX: y")


class TestDirectoryIndex:
    def test_is_what_a_handler_returns(self, tmp_path):
        content, content_type, header = results.directory_index(visitor(uri="/files/"), str(tmp_path))
        assert header[0] == "Last-Modified"
        response = make_response(content, content_type, header)
        assert response.headers["Last-Modified"] == header[1]

    def test_lists_files_and_directories(self, tmp_path):
        (tmp_path / "a&b.txt").write_text("12345")
        (tmp_path / "sub").mkdir()
        content, _, _ = results.directory_index(visitor(uri="/files"), tmp_path)
        assert re.findall('href="(.*?)"', content) == ["/", "/files/a%26b.txt", "/files/sub/"]
        assert "a&amp;b.txt" in content
        assert "5 B" in content
        assert "text/plain" in content

    def test_hides_dot_files_back_up_files_and_links_to_elsewhere(self, tmp_path):
        for name in (".hidden", "old~", "seen"):
            (tmp_path / name).touch()
        (tmp_path / "outside").symlink_to("/etc/passwd")
        content, _, _ = results.directory_index(visitor(uri="/"), tmp_path)
        assert re.findall('href="(.*?)"', content) == ["/seen"]

    def test_links_no_further_up_than_the_document_root(self, tmp_path):
        below, _, _ = results.directory_index(visitor(document_root="/"), tmp_path)
        root, _, _ = results.directory_index(visitor(document_root=f"{tmp_path}/"), tmp_path)
        assert ".. (parent directory)" in below
        assert ".." not in root

    @pytest.mark.parametrize("name", ["file", "nothing"])
    def test_of_no_directory_is_a_500(self, tmp_path, name, caplog):
        (tmp_path / "file").touch()
        with pytest.raises(HTTPException) as raised:
            results.directory_index(visitor(), tmp_path / name)
        assert raised.value.status_code == state.HTTP_INTERNAL_SERVER_ERROR
        assert name in caplog.text


class TestDebugInfo:
    ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/debug-info", "SERVER_NAME": "server", "SERVER_PORT": "80"}

    def page(self, app, **environ):
        return results.debug_info(Request({**self.ENVIRON, **environ}, app), app)

    def test_shows_tables(self, name):
        app = Application(name)
        app.set_route("/exact", print)
        app.set_route("/user/<id:int>", print)
        page = self.page(app)
        for text in (name, "Route Table", "/exact", "/user/&lt;id:int&gt;", "State Handlers", "Environ"):
            assert text in page

    def test_shows_no_secret(self, name):
        """PoorWSGI shows the secret key in the environ."""
        app = Application(name)
        app.secret_key = "a s3cr3t key"
        assert "a s3cr3t key" not in self.page(app, poor_SecretKey="a s3cr3t key", HTTP_COOKIE="SESSID=a s3cr3t key")

    def test_is_for_anything_with_an_environ(self, name):
        environ = {**self.ENVIRON, "HTTP_X_SIGN": "here"}
        assert "here" in results.debug_info(SimpleNamespace(environ=environ), Application(name))
        assert "Environ" in results.debug_info(object(), Application(f"{name}, again"))


class TestText:
    def test_html_escape(self):
        assert results.html_escape("""<a b='"&"'>""") == "&lt;a b=&apos;&quot;&amp;&quot;&apos;&gt;"
        assert results.HTML_ESCAPE_TABLE == {
            "&": "&amp;",
            '"': "&quot;",
            "'": "&apos;",
            ">": "&gt;",
            "<": "&lt;",
        }
        with pytest.raises(TypeError):
            results.html_escape(5)

    @pytest.mark.parametrize(
        ("value", "view"),
        [(5, (5, "")), (5.5, (5.5, "")), (1000, (1000, "")), (1024, (1.0, "k")), (2_000_000, (1.9073486328125, "M"))],
    )
    def test_hbytes(self, value, view):
        assert results.hbytes(value) == view
        assert type(results.hbytes(value)[0]) is type(view[0])

    def test_hbytes_has_no_end(self):
        """PoorWSGI raises IndexError."""
        assert results.hbytes(1e30)[1] == "P"

    @pytest.mark.parametrize(
        ("methods", "view"),
        [(0, ""), (2, "GET"), (3, "HEAD | GET"), (256, "PATCH"), (512, ""), (state.METHOD_ALL, "ALL")],
    )
    def test_human_methods(self, methods, view):
        assert results.human_methods_(methods) == view

    def test_handlers_view(self):
        table = {"/b": {4: print, 1: repr, 2: print}, "/a": {2: repr}}
        assert results.handlers_view(table) == [("/a", 2, repr), ("/b", 1, repr), ("/b", 6, print)]
        assert results.handlers_view(table, False) == [("/b", 1, repr), ("/b", 6, print), ("/a", 2, repr)]
        assert results.handlers_view({}) == []

    def test_handlers_view_of_an_application(self, name):
        app = Application(name)
        app.set_route("/x", print, state.METHOD_GET_POST)
        assert results.handlers_view(app.routes) == [("/x", state.METHOD_GET_POST, print)]

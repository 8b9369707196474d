"""The client for the tests of applications."""
import io
import re
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from poorwsgi import Application, redirect, state
from poorwsgi.aes_session import AESSession
from poorwsgi.digest import PasswordMap, check_digest, hexdigest
from poorwsgi.response import Declined, GeneratorResponse, RedirectResponse
from poorwsgi.session import PoorSession, Session, SessionError, check_token, get_token
from poorwsgi.testing import Client, TooManyRedirects

DOCUMENTATION = Path(__file__).parent.parent / "docs" / "testing.md"
ANY = state.METHOD_ALL


@pytest.fixture
def app(name):
    app = Application(name)
    app.secret_key = "the secret key of a test"

    @app.route("/request", ANY)
    def request(req):
        return {
            "method": req.method, "query": req.query, "body": (req.data or b"").decode(), "type": req.mime_type,
            "length": req.content_length, "headers": {name.lower(): value for name, value in req.headers.items()},
            "cookies": {name: morsel.value for name, morsel in (req.cookies or {}).items()},
        }

    @app.route("/set/<name>/<value>")
    def set_(req, name, value):
        attributes = f"; {req.query}" if req.query else ""
        return "", "text/plain", {"Set-Cookie": f"{name}={value}{attributes}"}

    @app.route("/to/<status:int>", ANY)
    def to(req, status):
        return RedirectResponse("/request", status)

    @app.route("/again")
    def again(req):
        redirect("/again")

    return app


@pytest.fixture(params=[False, True], ids=["", "validated"])
def client(app, request):
    return Client(app, validate=request.param)


def sent(client, **options):
    return client.post("/request", **options).json()


def test_the_documentation_is_true():
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENTATION.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    names = {"__name__": "notes"}
    exec(compile("\n".join(blocks), DOCUMENTATION, "exec"), names)
    names["test_sign_in"](Client(names["app"], follow_redirects=True))


# --- requests and responses ---


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_methods(client, method):
    assert getattr(client, method)("/request").json()["method"] == method.upper()


def test_a_head_has_no_content(client):
    response = client.head("/request")
    assert (response.status, response.content) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0


def test_any_method(app):
    assert Client(app).request("BREW", "/request").status == 501


@pytest.mark.parametrize("path, params, query", [
    ("/request", None, ""), ("/request?a=b%20c", None, "a=b%20c"), ("/request#top", None, ""),
    ("/request", {"a": "b c", "d": ["1", 2]}, "a=b+c&d=1&d=2"), ("/request?x=1", [("a", "é")], "x=1&a=%C3%A9"),
    ("/request", "a=b", "a=b"), ("request?x", None, "x"), ("/re%71uest?é", None, "%C3%A9"),
])
def test_targets(client, path, params, query):
    assert client.get(path, params=params).json()["query"] == query


def test_a_path_in_any_spelling(client):
    for path in ("/set/žluť/a b", "/set/%C5%BElu%C5%A5/a%20b"):
        response = client.get(path)
        assert response.headers["Set-Cookie"] == "žluť=a b".encode().decode("latin-1")
        assert response.url == "http://localhost/set/%C5%BElu%C5%A5/a%20b"


def test_a_path_with_two_slashes_names_no_host(client):
    assert client.get("//request").url == "http://localhost//request"


@pytest.mark.parametrize("options, media_type, body", [
    ({}, "", ""), ({"data": b"bytes"}, "", "bytes"), ({"data": "žluť"}, "", "žluť"),
    ({"data": {"a": "1 2", "b": ["x", "y"], "c": 3}}, "application/x-www-form-urlencoded", "a=1+2&b=x&b=y&c=3"),
    ({"data": [("a", "1"), ("a", "2")]}, "application/x-www-form-urlencoded", "a=1&a=2"),
    ({"json": {"a": [None, "é"]}}, "application/json", '{"a": [null, "\\u00e9"]}'),
    ({"data": "<a/>", "headers": {"content-type": "text/xml"}}, "text/xml", "<a/>"),
])
def test_bodies(app, client, options, media_type, body):
    app.auto_form = app.auto_json = False
    seen = sent(client, **options)
    assert (seen["type"], seen["body"], seen["length"]) == (media_type, body, len(body.encode()))


def test_json_is_a_body_of_its_own(client):
    with pytest.raises(ValueError, match="json is a body of its own"):
        client.post("/request", data={"a": "b"}, json={})


def test_uploads(app, client, tmp_path):
    @app.route("/upload", state.METHOD_POST)
    def upload(req):
        files = req.form["file"]
        files = files if isinstance(files, list) else [files]
        return {"title": req.form.getfirst("title"), "files": [[each.filename, each.type, each.file.read().decode("latin-1")] for each in files]}

    (tmp_path / "notes.txt").write_text("notes")
    with open(tmp_path / "notes.txt", "rb") as notes:
        response = client.post("/upload", data={"title": "a\r\nb"}, files={"file": [
            ("cat.png", b"\x00\xff"), ("žluť.bin", io.BytesIO(b"bytes"), "image/webp"), ("text", "é"), notes,
        ]})
    assert response.json() == {"title": "a\r\nb", "files": [
        ["cat.png", "image/png", "\x00\xff"], ["žluť.bin", "image/webp", "bytes"],
        ["text", "application/octet-stream", "é".encode().decode("latin-1")], ["notes.txt", "text/plain", "notes"],
    ]}


def test_headers_replace_those_of_the_client(app):
    client = Client(app, headers={"X-One": "1", "user-agent": "mine"})
    headers = sent(client)["headers"]
    assert (headers["x-one"], headers["user-agent"], headers["host"]) == ("1", "mine", "localhost")
    headers = sent(client, headers=[("x-one", "2"), ("X-One", "3"), ("User-Agent", None), ("Host", "example.org")])["headers"]
    assert (headers["x-one"], headers["host"]) == ("2, 3", "example.org")
    assert "user-agent" not in headers


def test_the_environ_may_be_changed(app):
    @app.route("/peer")
    def peer(req):
        return f"{req.remote_addr} {req.server_port} {req.construct_url('/x')}"

    client = Client(app, base_url="https://example.org:8443", environ={"REMOTE_ADDR": "::1"})
    assert client.get("/peer").text == "::1 8443 https://example.org:8443/x"
    assert client.get("/peer", environ={"REMOTE_ADDR": "::2"}).text.startswith("::2 ")
    assert client.get("http://other.example/peer").text == "::1 80 http://other.example/x"


def test_responses(app, client):
    @app.route("/latin")
    def latin(req):
        return "é".encode("latin-1"), "text/plain; charset=iso-8859-2", [("Set-Cookie", "a=1; Max-Age=5"), ("Set-Cookie", "b=2")], 201

    response = client.get("/latin")
    assert (response.status, response.status_code, response.reason, response.text) == (201, 201, "Created", "é")
    assert response.headers["set-cookie"] == "a=1; Max-Age=5"
    assert response.headers.get_all("Set-Cookie") == ("a=1; Max-Age=5", "b=2")
    assert (response.cookies["a"].value, response.cookies["a"]["max-age"], response.cookies["b"].value) == ("1", "5", "2")
    assert repr(response) == "<Response 201 Created>"


# --- redirects ---


@pytest.mark.parametrize("status, method, then", [
    (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"), (308, "POST", "POST"),
    (301, "PUT", "PUT"), (302, "PUT", "PUT"), (303, "DELETE", "GET"), (303, "HEAD", "HEAD"),
])
def test_redirects_are_followed_on_wish(client, status, method, then):
    assert client.request(method, f"/to/{status}", data="x").status == status
    response = client.request(method, f"/to/{status}", data="x", follow_redirects=True)
    assert [each.status for each in response.history] == [status]
    assert (response.status, response.url) == (200, "http://localhost/request")
    if then != "HEAD":
        seen = response.json()
        assert (seen["method"], seen["body"], seen["length"]) == ((then, "", -1) if then == "GET" else (then, "x", 1))


@pytest.mark.parametrize("status, location, expected", [
    (302, "/request", {"Authorization", "Cookie", "X-A"}),
    (307, "http://localhost:80/request", {"Authorization", "Cookie", "X-A", "Content-Language", "Content-Type"}),
    (307, "https://localhost/request", {"X-A", "Content-Language", "Content-Type"}),
    (303, "//localhost:8080/request", {"X-A"}),
])
def test_fields_that_do_not_belong_to_the_next_request_are_not_sent(app, status, location, expected):
    """RFC 9110, section 15.4: the client of the Rust door asks the same function of the engine."""
    names = {"Authorization", "Content-Language", "Content-Type", "Cookie", "X-A"}
    app.set_route("/leave", lambda req: RedirectResponse(location, status), state.METHOD_POST)
    seen = []
    app.add_before_response(lambda req: seen.append(names & {name.title() for name in req.headers.keys()}))
    client = Client(app, follow_redirects=True)
    client.post("/leave", data="x", headers=dict.fromkeys(names, "a=b"))
    assert seen == [names, expected]


def test_a_login_and_cookies_of_one_request_stay_with_their_origin(app):
    def fields(path):
        seen.clear()
        client.get(path, cookies={"once": "1"})
        return [(req.environ.get("HTTP_COOKIE"), "HTTP_AUTHORIZATION" in req.environ) for req in seen]

    seen = []
    app.add_before_response(seen.append)
    challenge = "", "text/plain", {"WWW-Authenticate": 'Basic realm="x"'}, state.HTTP_UNAUTHORIZED
    app.set_route("/basic", lambda req: "welcome" if "HTTP_AUTHORIZATION" in req.environ else challenge)
    app.set_route("/away", lambda req: RedirectResponse("https://localhost/request"))
    client = Client(app, follow_redirects=True, auth=("ann", "drop"))
    assert client.get("/basic").status == 200
    assert fields("/to/302") == [("once=1", True)] * 2
    assert fields("/away") == [("once=1", True), (None, False)]


def test_redirects_come_to_an_end(app):
    with pytest.raises(TooManyRedirects, match="http://localhost/again redirects after 20 redirects"):
        Client(app, follow_redirects=True).get("/again")
    assert Client(app, follow_redirects=True).get("/again", follow_redirects=False).status == 302


@pytest.mark.parametrize("location, followed", [
    ("http://localhost/request", True), ("https://localhost/request", True), ("request?a=é", True), ("//other.example/", False),
    ("http://other.example/", False), ("mailto:ann@example.org", False),
])
def test_redirects_to_another_host_are_not_followed(app, location, followed):
    app.set_route("/leave", lambda req: RedirectResponse(location))
    response = Client(app, follow_redirects=True).get("/leave")
    assert (response.status == 200) is followed


# --- cookies ---


def kept(client, url="/request"):
    return client.get(url).json()["cookies"]


def test_cookies_are_kept_and_removed(client):
    client.get("/set/a/1?Path=/")
    client.get("/set/b/2?Path=/")
    assert kept(client) == dict(client.cookies) == {"a": "1", "b": "2"}
    client.get("/set/a/3?Path=/")
    client.get("/set/b/2?Path=/;Max-Age=0")
    assert kept(client) == dict(client.cookies) == {"a": "3"}


def test_cookies_are_set_by_the_test(app):
    client = Client(app, cookies={"a": "1", "b": "2"})
    client.cookies["c"] = "3"
    del client.cookies["b"]
    assert kept(client) == {"a": "1", "c": "3"}
    assert client.get("/request", cookies={"a": "9", "d": "4"}).json()["cookies"] == {"a": "9", "c": "3", "d": "4"}
    assert kept(client) == {"a": "1", "c": "3"}
    assert (len(client.cookies), "a" in client.cookies, repr(client.cookies)) == (2, True, "Cookies({'a': '1', 'c': '3'})")
    for use in (client.cookies.__getitem__, client.cookies.__delitem__):
        with pytest.raises(KeyError):
            use("nothing")


def test_attributes_of_cookies(app):
    client = Client(app, base_url="https://www.example.org")
    client.get("/set/for-tls/1?Path=/;Secure")
    client.get("/set/for-all/2?Path=/;Domain=example.org")
    client.get("/set/foreign/3?Path=/;Domain=example.com")
    client.get("/set/for-admin/4?Path=/admin")
    assert kept(client) == {"for-tls": "1", "for-all": "2"}
    assert kept(client, "http://www.example.org/request") == {"for-all": "2"}
    assert kept(client, "https://other.example.org/request") == {"for-all": "2"}
    assert kept(client, "https://example.com/request") == {}


def test_cookies_expire(client):
    client.get("/set/age/1?Path=/;Max-Age=60")
    client.get("/set/for-ever/2?Path=/")
    client.sleep(59)
    assert kept(client) == {"age": "1", "for-ever": "2"}
    client.sleep(2)
    assert kept(client) == dict(client.cookies) == {"for-ever": "2"}
    client.get("/set/late/3?Path=/;Max-Age=60")
    assert kept(client) == {"for-ever": "2", "late": "3"}


# --- sessions ---


def sessions(key):
    return {
        "plain": lambda: Session(max_age=60), "sealed": lambda: PoorSession(key, max_age=60, sid="ID"), "AES": lambda: AESSession(key),
    }


@pytest.mark.parametrize("kind", ["plain", "sealed", "AES"])
def test_sessions_are_read_and_changed(app, kind):
    new = sessions(app.secret_key)[kind]
    one, two = ("one", "two") if kind == "plain" else ({"a": 1}, {"a": 2})

    @app.route("/session")
    def data(req):
        session = new()
        session.load(req.cookies)
        return {"data": session.data}

    client = Client(app)
    with client.session(new()) as session:
        assert not session.data
        session.data = one
    assert client.get("/session").json() == {"data": one}
    with client.session(new()) as session:
        assert session.data == one
        session.data = two
    assert client.get("/session").json() == {"data": two}
    with client.session(new()) as session:
        session.destroy()
    assert dict(client.cookies) == {}


def test_a_session_that_is_only_looked_at_is_not_renewed(app):
    client = Client(app)
    with client.session(PoorSession(app.secret_key, max_age=60)) as session:
        session.data["list"] = []
    client.sleep(50)
    cookies = dict(client.cookies)
    with client.session(PoorSession(app.secret_key, max_age=60)):
        pass
    with pytest.raises(ZeroDivisionError), client.session(PoorSession(app.secret_key, max_age=60)) as session:
        session.data["list"].append(1 / 0)
    assert dict(client.cookies) == cookies
    with client.session(PoorSession(app.secret_key, max_age=60)) as session:
        session.data["list"].append(1)
    client.sleep(50)
    assert client.cookies["SESSID"] != cookies["SESSID"]


def test_sessions_that_the_application_would_refuse(app):
    client = Client(app, cookies={"SESSID": "forged"})
    with pytest.raises(SessionError), client.session():
        pass
    with pytest.raises(TypeError, match="has no secret_key"), Client(lambda *_: ()).session():
        pass


# --- time ---


def test_tokens_and_sessions_expire(app):
    @app.route("/token")
    def token(req):
        return get_token("secret", "ann", 60)

    @app.route("/check/<token>")
    def check(req, token):
        return {"good": check_token(token, "secret", "ann", 60)}

    @app.route("/session")
    def session(req):
        session = PoorSession(app.secret_key, max_age=60)
        session.load(req.cookies)
        return {"data": session.data}

    client = Client(app)
    token = client.get("/token").text
    with client.session(PoorSession(app.secret_key)) as session:
        session.data["user"] = "ann"
    assert client.get(f"/check/{token}").json() == {"good": True}
    assert client.get("/session").json() == {"data": {"user": "ann"}}
    before = client.time()
    client.sleep(121)
    assert 121 <= client.time() - before < 130
    assert client.get(f"/check/{token}").json() == {"good": False}
    assert client.get("/session").status == 400  # the SessionError of an expired session
    assert client.get("/session").json() == {"data": {}}  # the answer has removed the cookie
    with client.session(PoorSession(app.secret_key)) as session:
        session.data["user"] = "joe"
    assert client.get("/session").json() == {"data": {"user": "joe"}}
    assert Client(app).get(f"/check/{token}").json() == {"good": True}
    client.sleep(-121)
    assert client.get("/session").status == 400  # a session of the future


def test_time_passes_for_one_client_and_its_thread_alone(app):
    results = {}
    token = get_token("secret", "ann", 60)

    def check():
        return check_token(token, "secret", "ann", 60)

    @app.route("/check")
    def handler(req):
        thread = threading.Thread(target=lambda: results.update(thread=check()))
        thread.start()
        thread.join()
        results["before"] = check()
        results["other client"] = Client(app).get("/other").json()["good"]
        results["after"] = check()

        def content():
            results["content"] = check()
            yield b"first"
            results["later content"] = check()

        return GeneratorResponse(content())

    app.set_route("/other", lambda req: {"good": check()})
    client = Client(app)
    client.sleep(3600)
    with client.stream("GET", "/check") as response:
        assert check()
        assert response.content == b"first"
    assert check()
    good = {"thread", "other client"}
    assert results == {key: key in good for key in ("thread", "other client", "before", "after", "content", "later content")}


# --- login ---


@pytest.fixture(params=["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", ["SHA-512-256", "MD5"]], ids=str)
def zone(app, request):
    """An application with a digest-protected page, which shows the credentials."""
    app.auth_type = "Digest"
    app.auth_algorithm = request.param
    app.auth_map = PasswordMap()
    for user in ("ann", "Žofie \"\\"):
        app.auth_map.set("Zone", user, hexdigest(user, "Zone", "heslíčko", app.auth_hash))

    @app.route("/zone", state.METHOD_GET_POST)
    @check_digest("Zone")
    def page(req):
        return {"user": req.user, "nonce": req.authorization["nonce"], "nc": req.authorization["nc"]}

    return app


@pytest.mark.parametrize("user", ["ann", "Žofie \"\\"])
def test_digest_login(zone, user):
    client = Client(zone)
    assert client.get("/zone").status == 401
    first = client.get("/zone?a=b%20c", auth=(user, "heslíčko")).json()
    second = client.post("/zone", data={"a": "b"}, auth=(user, "heslíčko")).json()
    assert first["user"] == second["user"] == user
    assert first["nonce"] == second["nonce"]
    assert (first["nc"], second["nc"]) == ("00000001", "00000002")
    assert client.get("/zone", auth=(user, "guess")).status == 401
    client.auth = (user, "heslíčko")
    assert client.get("/zone").json()["nc"] == "00000003"
    assert client.get("/zone", auth=None).status == 401


def test_nonces_expire(zone):
    client = Client(zone, auth=("ann", "heslíčko"))
    first = client.get("/zone").json()
    client.sleep(301)
    second = client.get("/zone").json()
    assert (first["nc"], second["nc"]) == ("00000001", "00000001")
    assert first["nonce"] != second["nonce"]


def test_digest_login_without_quality_of_protection(zone):
    zone.auth_qop = None
    zone.set_route("/plain", check_digest("Zone")(lambda req: req.user))
    assert Client(zone, auth=("ann", "heslíčko")).get("/plain").text == "ann"


def test_basic_login():
    def app(environ, start_response):
        if environ.get("HTTP_AUTHORIZATION") == "Basic YW5uOmRyb3A=":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"Hello ann"]
        challenges = [("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", 'Basic realm="Zone"')]
        start_response("401 Unauthorized", [("Content-Type", "text/plain"), *challenges])
        return [b"no"]

    assert Client(app, auth=("ann", "drop"), validate=True).get("/").text == "Hello ann"
    assert Client(app, auth=("ann", "x")).get("/").status == 401


def test_a_challenge_that_cannot_be_answered(app):
    app.set_route("/", lambda req: ("", "text/plain", {"WWW-Authenticate": 'Digest realm="x", nonce="y", algorithm=ROT13'}, 401))
    assert Client(app, auth=("ann", "drop")).get("/").status == 401


# --- content, and PEP 3333 ---


class Blocks:
    """Content that counts how often it was closed."""

    def __init__(self, *blocks):
        self.blocks = iter(blocks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        block = next(self.blocks)
        if isinstance(block, Exception):
            raise block
        return block

    def close(self):
        self.closed += 1


def returning(result, status="200 OK", headers=()):
    def app(environ, start_response):
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return result

    return app


def test_content_is_closed_once():
    blocks = Blocks(b"a", b"", b"b")
    response = Client(returning(blocks)).get("/")
    assert response.content == b"ab"
    response.close()
    assert blocks.closed == 1


def test_content_is_closed_where_it_is_not_read():
    blocks = Blocks(b"a", b"b")
    with Client(returning(blocks)).stream("GET", "/") as response:
        assert next(response.iter_bytes()) == b"a"
        assert blocks.closed == 0
    assert blocks.closed == 1
    challenge = Blocks(b"a", b"b")
    Client(returning(challenge, "401 Unauthorized", [("WWW-Authenticate", "Basic")]), auth=("a", "b")).get("/")
    assert challenge.closed == 2  # the callable returns it twice


@pytest.mark.parametrize("blocks", [[ValueError("broken")], [b"a", ValueError("broken")]], ids=["at once", "later"])
def test_content_that_fails_is_closed(blocks):
    content = Blocks(*blocks)
    with pytest.raises(ValueError, match="broken"):
        Client(returning(content)).get("/")
    assert content.closed == 1


def test_exceptions_reach_the_test():
    with pytest.raises(ZeroDivisionError):
        Client(lambda environ, start_response: 1 / 0).get("/")


def test_exceptions_of_handlers_are_logged(app, caplog):
    app.set_route("/broken", lambda req: 1 / 0)
    assert Client(app).get("/broken").status == 500
    assert "ZeroDivisionError" in caplog.text


def test_a_response_that_begins_with_its_content():
    def app(environ, start_response):
        yield b""
        start_response("200 OK", [("Content-Type", "text/plain")])(b"written, ")
        yield b"yielded"

    assert Client(app).get("/").text == "written, yielded"


def test_a_head_that_is_replaced():
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            1 / 0
        except ZeroDivisionError:
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")], sys.exc_info())
        yield b"sorry"
        try:
            1 / 0
        except ZeroDivisionError:
            start_response("500 Internal Server Error", [], sys.exc_info())

    with Client(app).stream("GET", "/") as response:
        assert response.status == 500
        blocks = response.iter_bytes()
        assert next(blocks) == b"sorry"
        with pytest.raises(ZeroDivisionError):
            next(blocks)


def no_start(environ, start_response):
    return []


def start_twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def text(environ, start_response):
    start_response("200 OK", [])
    return ["text"]


def content_first(environ, start_response):
    return [b"content"]


@pytest.mark.parametrize("app, error, words", [
    (no_start, ConnectionError, "did not call start_response"), (start_twice, AssertionError, "was called before"),
    (text, AssertionError, "the content is bytes, not str"), (content_first, AssertionError, "start_response was not called"),
])
def test_what_no_server_could_send(app, error, words):
    with pytest.raises(error, match=words):
        Client(app).get("/")


def test_a_declined_request(app):
    app.set_route("/declined", lambda req: Declined())
    with pytest.raises(ConnectionError):
        Client(app).get("/declined")


def test_wsgi_is_checked_on_wish():
    app = returning([b"x"], "200 OK", [("Content-Length", 1)])
    with pytest.raises(AssertionError):
        Client(app, validate=True).get("/")


def test_content_of_a_response_that_has_none():
    assert Client(returning([b"x"])).head("/").content == b""
    assert Client(returning([b"x"], "304 Not Modified")).get("/").content == b""
    assert Client(returning([b"x"], "205 Reset Content")).get("/").content == b""


def test_query_strings_are_not_parsed_twice():
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        return returning([b""])(environ, start_response)

    Client(app).get("/a%2Fb;c?d=%26&e=+")
    assert (seen["PATH_INFO"], seen["REQUEST_URI"]) == ("/a/b;c", "/a%2Fb;c?d=%26&e=+")
    assert parse_qs(seen["QUERY_STRING"]) == {"d": ["&"], "e": [" "]}

"""What the page of a 500 shows when debug is on: causes, frames, variables; and that nothing of it is secret."""
import html
import json
import re
from types import SimpleNamespace

import pytest
from servers import SERVERS, Client
from wsgi_call import Call, environ

from poorwsgi import Application, results, state

SECRET = "s3cr3t of the tests"


class Hostile:
    def __repr__(self):
        raise SystemExit("a repr that ends the process")


class Loud:
    def __repr__(self):
        return "<script>alert(1)</script>" * 100_000


class Nameless(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.fixture
def app(name):
    app = Application(name)
    app.debug, app.secret_key = True, SECRET

    @app.route("/cause")
    def cause(req):
        try:
            json.loads("{")
        except ValueError as error:
            raise LookupError("no settings") from error

    @app.route("/context")
    def context(req):
        try:
            raise KeyError("first")
        except KeyError:
            raise LookupError("second")  # noqa: B904

    @app.route("/suppressed")
    def suppressed(req):
        try:
            raise KeyError("first")
        except KeyError:
            raise LookupError("second") from None

    @app.route("/group")
    def group(req):
        raise ExceptionGroup("several", [ValueError("one"), ExceptionGroup("inner", [TypeError("two")])])

    @app.route("/circle")
    def circle(req):
        first, second = ValueError("first"), ValueError("second")
        first.__cause__, second.__cause__ = second, first
        raise first

    @app.route("/user/<name>")
    def user(req, name):
        db_password = "hunter22"
        config = {"host": "db", "token": "t0k3n-of-the-code"}
        pairs = [("page", 2), ("Cookie", "c00kie")]
        quoted = f"with {db_password} and {req.secret_key}"
        raise ValueError(quoted)

    @app.route("/values")
    def values(req):
        hostile, loud, long, surrogate = Hostile(), Loud(), "x" * 10_000_000, "\ud800"
        many = dict.fromkeys(range(1_000_000))
        circle = []
        circle.append(circle)
        raise Nameless

    @app.route("/deep")
    def deep(req):
        return deep(req)

    @app.route("/ping")
    def ping(req):
        return pong(req)

    def pong(req):
        return ping(req)

    @app.route("/variables")
    def variables(req):
        local = {f"variable{number}": "y" * 5000 for number in range(500)}
        exec("def f(): " + "; ".join(f"{name} = local[{name!r}]" for name in local) + "; 1 / 0", space := {"local": local})
        space["f"]()

    return app


def page(app, path, **fields):
    """The text of the page, with and without its markup."""
    call = Call(app, environ(path, **fields))
    assert call.status.startswith("500")
    markup = call.body.decode().partition("</style>")[2]
    return markup, html.unescape(re.sub("<[^>]*>", "", markup))


def test_causes_come_in_order(app):
    markup, text = page(app, "/cause")
    assert re.search(r"LookupError: no settings.*caused by\s+JSONDecodeError: Expecting property name", text, re.DOTALL)
    _, text = page(app, "/context")
    assert re.search(r"LookupError: second.*caused by, or raised while handling\s+KeyError: 'first'", text, re.DOTALL)


def test_a_context_that_is_suppressed_is_not_shown(app):
    assert "first" not in page(app, "/suppressed")[1].replace('raise KeyError("first")', "")


def test_members_of_a_group_are_shown(app):
    _, text = page(app, "/group")
    shown = re.findall(r"one of the group\s+(\w+: .*)", text)
    assert shown == ["ValueError: one", "ExceptionGroup: inner (1 sub-exception)", "TypeError: two"]


def test_a_circle_of_causes_is_shown_once(app):
    _, text = page(app, "/circle")
    assert re.findall(r"caused by\s+(\w+: .*)", text) == ["ValueError: second"]


@pytest.mark.parametrize("server", SERVERS)
def test_handler_and_rule_are_shown(app, server):
    with SERVERS[server](app) as port:
        text = html.unescape(Client(port)("/user/ann").text)
    assert "<code>/user/<name></code>" in text
    assert f"<code>{__name__}.app.<locals>.user</code>" in text


def test_frames_of_libraries_are_collapsed(app):
    markup, text = page(app, "/cause")
    [group] = re.findall(r'<details class="step">\s*<summary>\d+ frames of libraries</summary>.*?</details>', markup, re.DOTALL)
    assert "decoder.py" in group and "raw_decode" in group
    assert "variables" not in group
    assert re.search(r'<details class="step" open="">\s*<summary><code>[^<]*test_debug_report.py', markup)
    assert "<script" not in markup


def test_lines_of_source_are_shown_around_the_one_that_failed(app):
    markup, _ = page(app, "/cause")
    [line] = re.findall(r"<mark> *(\d+) +raise LookupError\(&quot;no settings&quot;\) from error</mark>\n", markup)
    assert re.search(rf"{int(line) - 1} +except ValueError as error:\n", markup)
    assert f"line {line}\"" in markup


def test_local_variables_are_shown_and_secrets_are_not(app):
    markup, text = page(app, "/user/ann", HTTP_AUTHORIZATION="Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    shown = dict(re.findall(r"<dt><code>(\w+)</code></dt><dd><code>(.*?)</code></dd>", markup))
    assert shown["name"] == "&apos;ann&apos;"
    assert shown["db_password"] == "[hidden]"
    assert html.unescape(shown["config"]) == "{'host': 'db', 'token':[hidden]"
    assert html.unescape(shown["pairs"]) == "[('page', 2), ('Cookie',[hidden]"
    assert html.unescape(shown["quoted"]) == "'with [hidden] and [hidden]'"
    assert "ValueError: with [hidden] and [hidden]" in text
    for secret in (SECRET, "hunter22", "t0k3n-of-the-code", "QWxhZGRpbjpvcGVuIHNlc2FtZQ"):
        assert secret not in html.unescape(markup)


LEAKS = {
    "password=LEAKFORM", "{'password': 'LEAKFORM'}", "Authorization: Bearer LEAKFORM", "https://host/?token=LEAKFORM",
    "FieldStorage(password, LEAKFORM)", "[('csrf', 'LEAKFORM')]", "page=1&api_key=LEAKFORM",
    "{'page': 1,\n 'password': 'LEAKFORM'}", "{'password':\n  'LEAKFORM'}", "-----BEGIN PRIVATE KEY-----\nLEAKFORM\n-----END PRIVATE KEY-----",
}


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("message", sorted(LEAKS))
def test_messages_are_masked_by_the_names_of_secrets(app, message, accept):
    read = iter([message])

    @app.route("/message")
    def leak(req):
        raise ValueError(next(read)) from ExceptionGroup("several", [KeyError("page")])

    answer = Call(app, environ("/message", HTTP_ACCEPT=accept))
    assert answer.status.startswith("500")
    assert "LEAKFORM" not in answer.body.decode() and "ValueError" in answer.body.decode()


FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "REQUEST_METHOD": "POST"}
MULTIPART = {"CONTENT_TYPE": "multipart/form-data; boundary=b", "REQUEST_METHOD": "POST"}
JSON = {"CONTENT_TYPE": "application/json", "REQUEST_METHOD": "POST"}
SENT = {
    "a form": (FORM, b"name=ann&password=LEAK%20FORM"),
    "a form of parts": (MULTIPART, b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nLEAK FORM\r\n--b--\r\n'),
    "the query": ({"QUERY_STRING": "password=LEAK+FORM&name=ann"}, b""),
    "JSON": (JSON, b'{"name": "ann", "password": "LEAK FORM", "user": {"pin": ["LEAK FORM"]}}'),
}


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("sent", SENT)
def test_what_the_client_sent_under_the_name_of_a_secret_is_hidden(app, sent, accept):
    @app.route("/sent", method=state.METHOD_GET_POST)
    def use(req):
        values = next(values for values in (req.form, req.args, req.json) if values)
        field, val = values["password"], values["password"]
        val = getattr(val, "value", val)
        nested = [{"x": val}]
        raise ValueError(f"{val} is wrong")

    fields, body = SENT[sent]
    answer = Call(app, environ("/sent", body=body, HTTP_ACCEPT=accept, **fields))
    text = answer.body.decode()
    assert answer.status.startswith("500") and "[hidden] is wrong" in text
    for leak in ("LEAK FORM", "LEAK%20FORM", "LEAK+FORM"):
        assert leak not in html.unescape(text)
    if accept == "text/html":
        assert "<code>nested</code>" in text


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("line", ["x" * 5_000_000, "word, " * 800_000, "line\n" * 1_000_000])
def test_a_long_message_is_cut(app, line, accept):
    @app.route("/long")
    def long(req):
        raise ValueError(line)

    answer = Call(app, environ("/long", HTTP_ACCEPT=accept))
    assert answer.status.startswith("500") and len(answer.body) < 200_000


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_the_page_says_how_many_causes_it_leaves_out(app, accept):
    @app.route("/chain/<length:int>")
    def chain(req, length):
        error = None
        for number in range(length):
            following = ValueError(number)
            following.__cause__, error = error, following
        raise error

    @app.route("/members/<count:int>")
    def members(req, count):
        raise ExceptionGroup("many", [ValueError(number) for number in range(count)])

    def others(path):
        found = re.findall(r"(\d+) more errors?,? [a-z, ]*not shown\.", Call(app, environ(path, HTTP_ACCEPT=accept)).body.decode())
        return [int(number) for number in found]

    assert others("/chain/32") == others("/members/31") == []
    assert others("/chain/33") == [1]
    assert others("/chain/1000") == [968]
    assert others("/members/5000") == [4969]
    assert others("/members/20000") == [10_000]


def test_values_of_any_kind_are_cut_and_what_they_raise_is_caught(app):
    markup, text = page(app, "/values")
    shown = dict(re.findall(r"<dt><code>(\w+)</code></dt><dd><code>(.*?)</code></dd>", markup))
    assert shown["hostile"] == "(not shown: it raised SystemExit)"
    assert shown["loud"].startswith("&lt;script&gt;") and shown["loud"].endswith("…")
    assert html.unescape(shown["surrogate"]) == r"'\ud800'"
    assert shown["circle"].startswith("[[[[")
    assert "Nameless: (not shown: it raised RuntimeError)" in text
    assert all(len(html.unescape(value)) <= 501 for value in shown.values())
    assert len(markup) < 100_000


def test_frames_and_values_are_limited(app):
    markup, text = page(app, "/deep")
    assert re.search(r"\d{3} frames like the next one are not shown\.", text)
    assert markup.count("<summary><code>") == 1
    markup, text = page(app, "/ping")
    assert re.search(r"\d{3} frames before these are not shown\.", text)
    assert markup.count("<summary><code>") == 50
    markup, text = page(app, "/variables")
    assert "There are more, which are not shown." in text
    assert len(markup) < 300_000


def test_variables_of_modules_and_classes_are_not_shown(app):
    @app.route("/module")
    def module(req):
        exec(compile("inside = 'a module'\nclass A:\n    within = 'a class'\n    1 / 0", "app.py", "exec"), {})

    markup, _ = page(app, "/module")
    assert "<code>inside</code>" not in markup and "<code>within</code>" not in markup
    assert "app.py:4" in markup


@pytest.mark.parametrize("path", ["/cause", "/user/ann", "/values", "/group"])
def test_nothing_of_it_shows_without_debug(app, path):
    app.debug = False
    markup, text = page(app, path)
    for inside in ("caused by", "Error:", "<details", "hunter", "&apos;ann", "test_debug_report", "Rule", "Handler"):
        assert inside not in markup
    assert "Home" in text


def test_a_page_that_is_called_by_hand_shows_it_too(app):
    def view(req, api_token="t0k3n-of-a-variable"):
        local = f"with {SECRET}"
        raise ValueError(local)

    req = SimpleNamespace(debug=True, uri_handler=view, uri_rule="/x", secret_key=SECRET, method="GET", uri="/x")
    try:
        view(req)
    except ValueError:
        markup = b"".join(results.internal_server_error(req)(lambda *args: None)).decode()
    assert "<dt><code>local</code></dt><dd><code>&apos;with [hidden]&apos;</code></dd>" in markup
    assert SECRET not in markup and "t0k3n-of-a-variable" not in markup


@pytest.mark.parametrize(("prefix", "href"), [("", "/"), ("/shop", "/shop/"), ("//evil.example", "/evil.example/"), ("/\\evil", "/%5Cevil/")])
@pytest.mark.parametrize("path", ["/none", "/cause"])
def test_pages_lead_to_the_start_of_the_application(app, path, prefix, href):
    body = Call(app, environ(path, SCRIPT_NAME=prefix)).body.decode()
    assert f'<a href="{href}">Home</a>' in body


@pytest.mark.parametrize("server", SERVERS)
def test_pages_of_a_mounted_application_lead_to_its_prefix(app, name, server):
    app.set_route("/read", print)
    outer = Application(f"{name}, outer")
    outer.mount("/shop", app)
    with SERVERS[server](outer) as port:
        client = Client(port)
        assert '<a href="/shop/">Home</a>' in client("/shop/none").text
        assert '<a href="/">Home</a>' in client("/none").text
        assert '<a href="/shop/read">/read</a>' in client("/shop/debug-info").text


def test_the_debug_page_links_no_route_that_takes_no_get(app):
    from poorwsgi import state
    app.set_route("/posted", print, state.METHOD_POST)
    app.set_route("/read", print)
    body = Call(app, environ("/debug-info")).body.decode()
    assert 'href="/read"' in body and 'href="/posted"' not in body and "/posted" in body

"""Sessions and tokens: each side reads what the other writes."""
import pytest
from departures import differs

DATA = ({}, {"a": 1}, {"a": [1, 2.5, None, True, "\u017e"], "b": {"c": {}}}, {"long": "x" * 2000}, {"": ""})
COOKIES = ({}, {"expires": 3600}, {"max_age": 60}, {"domain": "example.org"}, {"path": "/app"}, {"secure": True}, {"same_site": "Lax"}, {"sid": "MY"},
           {"expires": 60, "max_age": 60, "domain": "d", "path": "/p", "secure": True, "same_site": "Strict", "sid": "S"}, {"expires": 0}, {"max_age": 0})


def ask(side, probe, *arguments):
    return side.ask([(probe, arguments)])[0]


@pytest.mark.parametrize("data", DATA[1:])
@pytest.mark.parametrize("writer", ["original", "ours"])
def test_aes_session_is_read_by_both(pair, writer, data):
    cookie = ask(getattr(pair, writer), "session.write", "aes", data, {})
    assert cookie.count(".") == 1
    for reader in (pair.original, pair.ours):
        assert ask(reader, "session.load", "aes", cookie, {}) == (None, data)


@pytest.mark.parametrize("change", [lambda text: text[:-3], lambda text: "A" + text[1:], lambda text: text.replace(".", ""), lambda text: "x.y", lambda text: "\u017e"])
def test_a_changed_aes_session_is_refused_by_both(pair, change):
    cookie = change(ask(pair.original, "session.write", "aes", DATA[1], {}))
    assert pair.same("session.load", "aes", cookie, {})[0]


@pytest.mark.parametrize("data", ["text", "\u017e", "", "x" * 1000])
def test_plain_session(pair, data):
    assert pair.same("session.write", "plain", data, {}) == data
    pair.same("session.load", "plain", data, {})


@pytest.mark.parametrize("compress", ["bz2", "gzip", "nothing", None])
@pytest.mark.parametrize("data", DATA)
def test_a_poor_session_is_read_by_the_side_that_wrote_it(pair, data, compress):
    for side in (pair.original, pair.ours):
        cookie = ask(side, "session.write", "poor", data, {"compress": compress})
        assert ask(side, "session.load", "poor", cookie, {"compress": compress}) == (None, data)


@pytest.mark.parametrize("kind", ["plain", "poor", "aes"])
@pytest.mark.parametrize("value", [None])
def test_no_cookie(pair, kind, value):
    pair.same("session.load", kind, value, {})


@pytest.mark.parametrize("kind", ["poor", "aes"])
def test_a_cookie_of_another_name(pair, kind):
    pair.same("session.load", kind, "value", {}, "OTHER")


@pytest.mark.parametrize("value", ["rubbish", "", "AAAA", "\u017e"])
def test_rubbish(pair, value):
    pair.same("session.load", "poor", value, {})


@pytest.mark.parametrize("destroy", [False, True])
@pytest.mark.parametrize("keywords", COOKIES)
@pytest.mark.parametrize("kind", ["plain", "poor", "aes"])
def test_the_cookie(pair, kind, keywords, destroy):
    data = "text" if kind == "plain" else {"a": 1}
    pair.same("session.header", kind, data, keywords, destroy, "nothing")


@pytest.mark.parametrize("target", ["headers", "response"])
def test_where_the_cookie_is_put(pair, target):
    assert pair.same("session.header", "plain", "text", {}, False, target)[3] == ["Set-Cookie"]


@pytest.mark.parametrize("arguments", [("secret", "client"), ("secret", "client", 300), ("", ""), ("\u017e", "\u017e"), ("secret", "client", 300, 5), ("secret", "client", None, 5)])
def test_token(pair, arguments):
    both = [pair.answers("session.token", *arguments) for _ in range(2)]  # a period may end between the two sides, but not twice
    assert any(ours == original for original, ours in both)


@pytest.mark.parametrize("timeout", [None, 60, 3600])
@pytest.mark.parametrize("writer", ["original", "ours"])
def test_a_token_of_one_side_is_taken_by_the_other(pair, writer, timeout):
    token = ask(getattr(pair, writer), "session.token", "secret", "client", timeout)
    for reader in (pair.original, pair.ours):
        assert ask(reader, "session.tokens_known", token, "secret", "client", timeout) is True
        assert ask(reader, "session.tokens_known", token, "secret", "another", timeout) is False
        assert ask(reader, "session.tokens_known", "x" + token[1:] if token[0] != "x" else "y" + token[1:], "secret", "client", timeout) is False


@pytest.mark.parametrize("name", ["encrypt", "decrypt", "hidden"])
@pytest.mark.parametrize("text", [b"text", b"", b"x" * 3000])
def test_functions_of_the_old_cipher(pair, name, text):
    pair.same("session.cipher", name, text)


@pytest.mark.parametrize("data", DATA[1:])
def test_a_cookie_of_the_old_cipher_is_refused_unless_asked_for(pair, data):
    differs("`PoorSession` encrypts each cookie")
    cookie = ask(pair.original, "session.write", "poor", data, {})
    assert ask(pair.original, "session.load", "poor", cookie, {}) == (None, data)
    assert ask(pair.ours, "session.load", "poor", cookie, {})[0][1][0] == "SessionError"
    assert ask(pair.ours, "session.load", "poor", cookie, {"legacy": True}) == (None, data)

"""Sessions in cookies, and tokens."""
import contextlib
import gc
import json
import weakref
import zlib
from http.cookies import CookieError, SimpleCookie

import pytest
from servers import until

from poorwsgi import Application
from poorwsgi.aes_session import AESSession
from poorwsgi.headers import Headers
from poorwsgi.request import Request
from poorwsgi.response import Response
from poorwsgi.session import (
    NoCompress,
    PoorSession,
    Session,
    SessionError,
    check_token,
    decrypt,
    encrypt,
    get_token,
    hidden,
)

SEALED = [PoorSession, AESSession]


def cookies(value, sid="SESSID"):
    jar = SimpleCookie()
    jar[sid] = value
    return jar


def sent(session, headers=None):
    """The cookies that a browser stores after the response."""
    jar = SimpleCookie()
    for name, value in session.header(headers):
        if name == "Set-Cookie":
            jar.load(value)
    return jar


def sealed(kind, data, key="secret", **options):
    session = kind(key, **options)
    session.data.update(data)
    return sent(session)


def opened(kind, jar, key="secret", **options):
    session = kind(key, **options)
    session.load(jar)
    return session.data


# --- the cookie ---


def test_a_plain_session_holds_its_value_as_it_is():
    session = Session()
    session.data = "a b"
    assert session.header() == [("Set-Cookie", 'SESSID="a b"; HttpOnly; Path=/'), ("Vary", "Cookie")]
    other = Session()
    other.load(session.cookie)
    assert other.data == "a b"


def test_attributes_of_the_cookie():
    session = Session(5, 3, "example.org", "/p", True, "Lax", "X")
    morsel = sent(session)["X"]
    attributes = {name: value for name, value in morsel.items() if value and name != "expires"}
    assert attributes == {
        "max-age": "3",
        "domain": "example.org",
        "path": "/p",
        "secure": True,
        "httponly": True,
        "samesite": "Lax",
    }
    assert morsel["expires"].endswith("GMT")


def test_attributes_are_in_the_simple_cookie_as_poorwsgi_puts_them_there():
    def attributes():
        return {name: value for name, value in session.cookie["SESSID"].items() if value != ""}

    session = Session(3600, 60, "example.org", "/p", True, "Lax")
    session.write()
    lasting = {"domain": "example.org", "path": "/p", "secure": True, "httponly": True, "samesite": "Lax"}
    assert attributes() == lasting | {"expires": 3600, "max-age": 60}
    session.destroy()
    assert attributes() == lasting | {"expires": "Thu, 01 Jan 1970 00:00:00 GMT", "max-age": -1}


def test_the_engine_refuses_in_the_words_of_the_arguments():
    for options in ({"same_site": "None"}, {"sid": "__Secure-id"}):
        with pytest.raises(ValueError, match="requires secure=True"):
            Session(**options)


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_path_and_no_domain(nothing):
    assert Session(path=nothing, domain=nothing).header()[0] == ("Set-Cookie", 'SESSID=""; HttpOnly')


@pytest.mark.parametrize(
    "options",
    [
        {"same_site": True},
        {"same_site": "lax"},
        {"same_site": None},
        {"same_site": "None"},
        {"path": "/; Domain=evil"},
        {"domain": "a;b"},
        {"sid": "__Host-id"},
    ],
)
def test_attributes_that_browsers_refuse(options):
    with pytest.raises(ValueError):
        Session(**options)
    with pytest.raises(ValueError):
        PoorSession("secret", **options)


def test_a_name_that_no_cookie_has():
    with pytest.raises(CookieError):
        Session(sid="a b")


def test_a_control_character_in_the_value():
    session = Session()
    session.data = "a\nb"
    with pytest.raises(ValueError):
        session.write()


def test_a_cookie_that_browsers_would_drop():
    session = Session()
    session.data = "x" * 4100
    with pytest.raises(SessionError, match="4096"):
        session.header()


@pytest.mark.parametrize("kind", SEALED)
def test_sealed_data_that_browsers_would_drop(kind):
    session = kind("secret", **({"compress": None} if kind is PoorSession else {}))
    session.data["x"] = "x" * 4100
    with pytest.raises(SessionError, match="4096"):
        session.write()


def test_other_cookies_are_sent_along():
    session = Session()
    session.cookie["lang"] = "cs"
    assert [value for name, value in session.header() if name == "Set-Cookie"] == [
        'SESSID=""; HttpOnly; Path=/',
        "lang=cs",
    ]


# --- the headers ---


@pytest.mark.parametrize("target", [Headers, lambda: Response().headers])
def test_fields_are_added_to_headers(target):
    headers = target()
    Session(max_age=1).header(headers)
    assert headers["Set-Cookie"] == 'SESSID=""; HttpOnly; Max-Age=1; Path=/'
    assert headers["Vary"] == "Cookie"


def test_fields_are_added_to_a_response():
    response = Response(headers={"Vary": "Accept"})
    Session().header(response)
    Session(sid="other").header(response)
    assert len(response.headers.get_all("Set-Cookie")) == 2
    assert response.headers.get_all("Vary") == ("Accept, Cookie",)


def test_fields_are_added_to_anything_with_add_header():
    class Recorder(list):
        def add_header(self, name, value):
            self.append((name, value))

    recorder = Recorder()
    assert Session().header(recorder) == recorder == [
        ("Set-Cookie", 'SESSID=""; HttpOnly; Path=/'),
        ("Vary", "Cookie"),
    ]


# --- the end of a session ---


@pytest.mark.parametrize("make", [Session, lambda **o: PoorSession("k", **o), lambda **o: AESSession("k", **o)])
def test_a_destroyed_session_sends_nothing_of_its_data(make):
    session = make(max_age=60, domain="example.org")
    session.destroy()
    session.data = {"user": "alice"}
    assert session.header()[0] == (
        "Set-Cookie",
        'SESSID=""; Domain=example.org; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Max-Age=-1; Path=/',
    )
    assert session.write() == ""


# --- subclasses ---


def test_methods_of_a_subclass_are_used():
    store = {}

    class Stored(Session):
        def __init__(self, store):
            super().__init__(sid="ID")
            self.store = store

        def load(self, cookies):
            super().load(cookies)
            self.id, self.data = self.data, self.store.get(self.data)

        def write(self):
            self.store["1"] = self.data
            self.cookie["ID"] = "1"
            return "1"

    session = Stored(store)
    session.data = {"user": "alice"}
    jar = sent(session)
    assert jar["ID"].value == "1"
    again = Stored(store)
    again.load(jar)
    assert again.data == {"user": "alice"}
    again.destroy()
    assert sent(again)["ID"].value == ""


def test_a_subclass_of_a_sealed_session_sees_load_and_write():
    calls = []

    class Watched(PoorSession):
        def load(self, cookies):
            calls.append("load")
            super().load(cookies)

        def write(self):
            calls.append("write")
            return super().write()

    request = type("Request", (), {"secret_key": "secret", "cookies": SimpleCookie()})()
    Watched(request).header()
    assert calls == ["load", "write"]
    assert issubclass(AESSession, Session) and issubclass(PoorSession, Session)


def test_a_session_in_a_cycle_is_collected():
    session = PoorSession("secret")
    session.data["self"] = session
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None


# --- encrypted sessions ---


@pytest.mark.parametrize("kind", SEALED)
def test_what_was_sealed_is_opened(kind):
    data = {"user": "žluť", "n": [1, 2.5, None, True]}
    assert opened(kind, sealed(kind, data)) == data


@pytest.mark.parametrize("kind", SEALED)
def test_nothing_is_loaded_where_there_is_no_cookie(kind):
    for jar in (None, SimpleCookie(), cookies(""), cookies("x", sid="other")):
        assert opened(kind, jar) == {}


@pytest.mark.parametrize("kind", SEALED)
def test_the_same_data_never_seal_the_same(kind):
    session = kind("secret")
    assert session.write() != session.write()


@pytest.mark.parametrize("kind", SEALED)
def test_a_cookie_that_was_changed_is_refused(kind):
    value = sealed(kind, {"a": 1})["SESSID"].value
    swapped = value[:-8] + ("A" if value[-8] != "A" else "B") + value[-7:]
    for bad in (swapped, value + "!!", value[:-4], "v2.", "x", "x.y", "č.č", "x" * 5000):
        with pytest.raises(SessionError):
            opened(kind, cookies(bad))


@pytest.mark.parametrize("life", [{"max_age": 1}, {"expires": 1}, {"max_age": 1, "expires": 1000}])
def test_a_session_that_has_outlived_its_cookie_is_refused(life):
    """A copy of the cookie may be sent although the browser would have removed it."""
    session = PoorSession("secret", **life)
    session.data["a"] = 1
    session.write()
    copy = cookies(session.cookie["SESSID"].value)
    assert opened(PoorSession, copy, **life) == {"a": 1}

    def refused():
        with contextlib.suppress(SessionError):
            opened(PoorSession, copy, **life)
            return False
        return True

    until(refused)
    with pytest.raises(SessionError, match="expired"):
        opened(PoorSession, copy, legacy=True, **life)
    assert opened(PoorSession, copy) == {"a": 1}
    assert opened(PoorSession, copy, max_age=1000) == {"a": 1}


def test_an_aes_session_lives_as_long_as_its_key():
    assert opened(AESSession, cookies(AES), max_age=1) == {"user": "alice", "n": 1}


@pytest.mark.parametrize("kind", SEALED)
def test_keys_are_rotated(kind):
    old = sealed(kind, {"a": 1}, key="old")
    assert opened(kind, old, key=["new", b"old"]) == {"a": 1}
    new = sealed(kind, {"a": 2}, key=["new", b"old"])
    assert opened(kind, new, key="new") == {"a": 2}
    with pytest.raises(SessionError):
        opened(kind, new, key="old")


@pytest.mark.parametrize("kind", SEALED)
@pytest.mark.parametrize("key", ["", b"", None, [], ["a", ""]])
def test_a_missing_key(kind, key):
    with pytest.raises(SessionError):
        kind(key)


@pytest.mark.parametrize("kind", SEALED)
def test_data_that_are_no_dict_are_refused_when_they_are_loaded(kind):
    session = kind("secret")
    session.data = [1]
    with pytest.raises(SessionError):
        opened(kind, sent(session))


@pytest.mark.parametrize("kind", SEALED)
def test_data_that_json_cannot_hold(kind):
    session = kind("secret")
    session.data["x"] = object()
    with pytest.raises(TypeError):
        session.write()


def test_a_cookie_of_one_name_is_not_taken_for_another():
    value = sealed(PoorSession, {"a": 1})["SESSID"].value
    with pytest.raises(SessionError):
        opened(PoorSession, cookies(value, sid="admin"), sid="admin")


@pytest.mark.parametrize("compress", [None, NoCompress, NoCompress(), zlib])
def test_compression(compress):
    data = {"text": "long " * 100}
    jar = sealed(PoorSession, data, compress=compress)
    assert opened(PoorSession, jar, compress=compress) == data
    assert (len(jar["SESSID"].value) < 200) == (compress is zlib)


def test_a_request_in_place_of_the_key_still_works():
    jar = sealed(PoorSession, {"a": 1})
    request = type("Request", (), {"secret_key": "secret", "cookies": jar})()
    assert PoorSession(request).data == {"a": 1}
    with pytest.raises(SessionError):
        PoorSession(type("Request", (), {"secret_key": None, "cookies": jar})())
    with pytest.raises(TypeError):
        PoorSession(object())


# --- what PoorWSGI 2.8.1 wrote, with the key "secret" and the data {"user": "alice", "n": 1} ---

OLD_POOR = (
    "QlpoOTFBWSZTWTL0ctMAAAj/P4IABAAJAICCIAQAGAIAgAQAEEAAABEAKAAiDAAgACKBoAGTTIUGjRoMgNBuMgxwiup4PnlMO9NEX4u5IpwoSBl6OWmA"
    "./Mhcg8Ur8kGRk5iImBzl8DXWJ2GGCeujGDTzxeZHSr8="
)
OLD_POOR_UNCOMPRESSED = "yhQmI9tbBc4FZfOwQemqN9k9nG/t9FovTA==.Wprui4oyrW5WQYtJasQqeOjdtse2sLbWfWFB1O0CyUk="
AES = "AQIDBAUGBwgJCgsMDQ4PEKu0wRIW6MWHKHaz6wCuAUhNF5LTTeMkl7w=.v9GhZ5xxpgIGMXHmh_fQYvcgkLTPkctbyrWqsvSjCqU="


def test_old_cookies_are_read_when_asked_for():
    for value, options in [(OLD_POOR, {}), (OLD_POOR_UNCOMPRESSED, {"compress": None})]:
        for key in ("secret", ["new", "secret"]):
            data = opened(PoorSession, cookies(value), key=key, legacy=True, **options)
            assert data == {"user": "alice", "n": 1}
        with pytest.raises(SessionError):
            opened(PoorSession, cookies(value), **options)
        for bad in (value + "=", value.replace(".", "!!."), value[:-4], value + ".x"):
            with pytest.raises(SessionError):
                opened(PoorSession, cookies(bad), legacy=True, **options)
        with pytest.raises(SessionError):
            opened(PoorSession, cookies(value), key="other", legacy=True, **options)


def test_an_old_cookie_is_written_anew():
    session = PoorSession("secret", legacy=True)
    session.load(cookies(OLD_POOR))
    assert session.write().startswith("v2.")
    assert opened(PoorSession, session.cookie) == {"user": "alice", "n": 1}


def test_aes_cookies_are_those_of_poorwsgi():
    assert opened(AESSession, cookies(AES)) == {"user": "alice", "n": 1}


def test_the_functions_of_the_old_cipher():
    table = bytearray(reversed(range(256)))
    assert hidden("abc", b"\x01\x02") == b"``b"
    assert encrypt(b"abc", table) == b"\x9e\x9d\x9c"
    assert decrypt(b"\x9e\x9d\x9c", table) == b"abc"
    assert json.loads(hidden(hidden('{"a": 1}', b"key"), b"key")) == {"a": 1}
    with pytest.raises(ValueError):
        hidden("abc", b"")


# --- tokens ---


def test_tokens_are_those_of_poorwsgi():
    assert get_token("s", "c") == "f7e37773635facb58c898ab32234cb515444a7f96fe0f92f030e7cae21d18725"
    assert get_token("secret", "ua", 300, 12345) == "cda51b5e0c29247d049bd02408227fa9f0ae68e33972432cab342b117d6a6853"
    assert get_token("s", 5) == "efecef969b0a1f12b0a9530a728a13280c0a61a9892b3713be373024e473e60c"


@pytest.mark.parametrize("timeout", [None, 0, 300, 300.0, 0.5])
def test_a_token_is_good_for_its_secret_client_and_timeout(timeout):
    token = get_token("secret", "alice", timeout)
    assert check_token(token, "secret", "alice", timeout) is True
    assert check_token(token, "secret", "bob", timeout) is False
    assert check_token(token, "other", "alice", timeout) is False
    # A token depends on the time when it expires, which differs for another timeout, except by chance.
    assert check_token(token, "secret", "alice", 10**9) is False


@pytest.mark.parametrize("token", [None, b"x", 5, "", "č", "\ud800"])
def test_what_is_no_token(token):
    assert check_token(token, "secret", "alice") is False


def test_a_timeout_below_zero():
    with pytest.raises(ValueError):
        get_token("secret", "alice", -5)


@pytest.mark.parametrize("cookie", ["SESSID", "a.b-c_9", "path", "Max-Age", "a!b", "a|b", "HttpOnly"])
@pytest.mark.parametrize("value", ["plain", "a=b&c", "with space", '"quoted"', "a,b", "\\x"])
def test_cookies_are_those_that_simple_cookie_makes(name, cookie, value):
    """Whether they are created directly or by SimpleCookie."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_COOKIE": f"{cookie}={value}"}
    ours, theirs = Request(environ, Application(name)).cookies, SimpleCookie()
    with contextlib.suppress(CookieError):
        theirs[cookie] = value.strip('"')
    assert list(ours) == list(theirs)
    for key, morsel in ours.items():
        made = theirs[key]
        assert (type(morsel), morsel.key, morsel.value, dict(morsel)) == (type(made), made.key, made.value, dict(made))
        assert morsel.OutputString().split("=")[0] == cookie
        morsel["path"] = "/here"
        assert made["path"] == ""
    try:
        session = Session(sid=cookie)
    except (CookieError, SessionError, ValueError):
        return
    made = SimpleCookie()
    made[cookie] = ""
    assert session.cookie == made and session.cookie[cookie].OutputString() == made[cookie].OutputString()

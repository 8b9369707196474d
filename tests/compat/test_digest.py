"""Digest authentication on both sides, with our own client."""
import hashlib

import pytest
from departures import differs

ALGORITHMS = ("MD5", "MD5-sess", "SHA-256", "SHA-256-sess")
SETTINGS = {algorithm: (("auth_algorithm", algorithm),) for algorithm in ALGORITHMS} | {
    "no qop": (("auth_qop", None),), "no timeout set": (), "long timeout": (("auth_timeout", 3600),)}


class Client:
    """A user agent that answers the challenge of one side."""

    def __init__(self, side, settings, environ=None):
        self.side, self.settings, self.environ = side, settings, {"HTTP_USER_AGENT": "tester/1", **(environ or {})}

    def ask(self, **environ):
        return self.side.ask([("digest.ask", (self.settings, {**self.environ, **environ}))])[0]

    def challenge(self, path="/any"):
        status, (challenge,), _ = self.ask(PATH_INFO=path.encode().decode("latin-1"))
        assert status == "401 Unauthorized"
        fields = dict(part.strip().split("=", 1) for part in challenge.removeprefix("Digest ").split(","))
        return {name: value.strip('"') for name, value in fields.items()}

    def sign_in(self, user="user", password="password", path="/any", uri=None, method="GET", change=lambda fields: fields, nc="00000001", environ=None):
        """The response to a request with credentials; `change` may corrupt the directives of the header."""
        fields = self.challenge(path)
        return self.send(self.answer(fields, user, password, uri or path, method, nc, change), path, method, environ)

    def answer(self, fields, user, password, uri, method, nc, change):
        algorithm = fields.get("algorithm", "MD5")
        digest = hashlib.sha256 if algorithm.startswith("SHA-256") else hashlib.md5
        h = lambda text: digest(text.encode()).hexdigest()
        cnonce = "0a4f113b"
        first = h(f"{user}:{fields['realm']}:{password}")
        if algorithm.endswith("-sess"):
            first = h(f"{first}:{fields['nonce']}:{cnonce}")
        second = h(f"{method}:{uri}")
        middle = f"{nc}:{cnonce}:{fields['qop']}:" if "qop" in fields else ""
        answer = {"username": user, "realm": fields["realm"], "nonce": fields["nonce"], "uri": uri, "response": h(f"{first}:{fields['nonce']}:{middle}{second}"),
                  "algorithm": algorithm, "opaque": fields["opaque"]}
        if "qop" in fields or algorithm.endswith("-sess"):
            answer["cnonce"] = cnonce
        if "qop" in fields:
            answer |= {"qop": fields["qop"], "nc": nc}
        return change(answer)

    def send(self, answer, path, method, environ=None):
        plain = ("algorithm", "qop", "nc")
        header = "Digest " + ", ".join(f"{name}={value}" if name in plain or name.endswith("*") else f'{name}="{value}"' for name, value in answer.items())
        status, _, content = self.ask(PATH_INFO=path.encode().decode("latin-1"), REQUEST_METHOD=method, HTTP_AUTHORIZATION=header.encode().decode("latin-1"), **(environ or {}))
        return status, content


@pytest.fixture
def clients(pair):
    return lambda settings=(), environ=None: (Client(pair.original, settings, environ), Client(pair.ours, settings, environ))


def both(clients, **arguments):
    """Asserts that both sides give the same answer, and returns it."""
    original, ours = (client.sign_in(**arguments) for client in clients)
    assert ours == original
    return original


def without(*names):
    return lambda fields: {name: value for name, value in fields.items() if name not in names}


def changed(**values):
    return lambda fields: fields | values


@pytest.mark.parametrize("settings", SETTINGS)
def test_sign_in(clients, settings):
    assert both(clients(SETTINGS[settings])) == ("200 OK", "in user")
    assert both(clients(SETTINGS[settings]), password="wrong")[0] == "401 Unauthorized"


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_challenge(clients, settings):
    original, ours = (client.challenge() for client in clients(SETTINGS[settings]))
    differs("get the same nonce")
    differs("The challenge has no `charset`")
    assert original.keys() | {"charset"} == ours.keys()
    assert {name: value for name, value in ours.items() if name not in ("nonce", "charset")} == {name: value for name, value in original.items() if name != "nonce"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_methods(clients, method):
    assert both(clients(), method=method) == ("200 OK", "in user")


@pytest.mark.parametrize(("user", "password", "path", "status"), [
    ("user", "password", "/any", 200), ("\u017elu\u0165", "he\u010dkov\u00fd", "/any", None), ("user", "other", "/other", 200), ("user", "password", "/other", 401), ("user", "password", "/user", 200), ("none", "password", "/any", 401),
    ("USER", "password", "/any", 401),
])
def test_users_and_realms(clients, user, password, path, status):
    answer = both(clients(), user=user, password=password, path=path)
    assert status is None or answer[0].startswith(str(status))


@pytest.mark.parametrize("name", ["realm", "nonce", "uri", "response", "opaque", "cnonce", "username"])
def test_a_changed_field_is_refused(clients, name):
    assert both(clients(), change=changed(**{name: "changed"}))[0] == "401 Unauthorized"


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5-sess", "sha-1", "md5"])
def test_an_algorithm_that_was_not_asked_for(clients, algorithm):
    differs("Without `algorithm`, or with unquoted parameters")
    original, ours = (client.sign_in(change=changed(algorithm=algorithm)) for client in clients())
    assert ours[0][:3] == "401" or ours == original


@pytest.mark.parametrize("name", ["realm", "nonce", "uri", "response", "username", "opaque", "cnonce", "nc", "qop", "algorithm"])
def test_a_missing_field_is_never_an_error_of_the_application(clients, name):
    differs("A response without `nc`, `cnonce` or `uri`")
    original, ours = (client.sign_in(change=without(name)) for client in clients())
    assert original[0][:3] in ("200", "401", "500")
    if original[0][:3] == "500":
        assert ours[0][:3] in ("400", "401")
    else:
        assert ours == original


@pytest.mark.parametrize("uri", ["/any?a=1", "http://localhost/any", "http://example.org/any", "/other", "any", ""])
@pytest.mark.parametrize("host", ["localhost", "example.org"])
def test_the_uri(clients, uri, host):
    differs("`uri` is compared by its end")
    environ = {"HTTP_HOST": host} | ({"QUERY_STRING": "a=1"} if "?" in uri else {})
    original, ours = (client.sign_in(uri=uri, environ=environ) for client in clients(environ={"HTTP_HOST": host}))
    if uri.startswith("http") and host not in uri:  # the original compares only the ends of the URIs
        assert (original[0], ours[0]) == ("200 OK", "401 Unauthorized")
    else:
        assert ours == original


def test_the_uri_without_a_host_field(clients):
    original, ours = (client.sign_in(uri="http://localhost/any") for client in clients(environ={"SERVER_NAME": "localhost", "SERVER_PORT": "80"}))
    assert ours == original
    assert ours[0] == "200 OK"


def test_a_longer_uri_is_another(clients):
    differs("`uri` is compared by its end")
    original, ours = (client.sign_in(uri="/x/any") for client in clients())
    assert (original[0], ours[0]) == ("200 OK", "401 Unauthorized")


def test_a_user_without_a_name_is_none(clients):
    assert both(clients(), user="", password="empty")[0] == "401 Unauthorized"


def test_the_nonce_is_for_one_user_agent(clients):
    for client in clients():
        fields = client.challenge()
        answer = client.answer(fields, "user", "password", "/any", "GET", "00000001", dict)
        assert client.send(answer, "/any", "GET", {"HTTP_USER_AGENT": "another"})[0] == "401 Unauthorized"


def test_no_user_agent(clients):
    assert both(clients(environ={"HTTP_USER_AGENT": None})) == ("200 OK", "in user")


@pytest.mark.parametrize("agent", ["tester/1", None, "", "\u017elu\u0165".encode().decode("latin-1"), "caf\xe9"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_a_nonce_is_a_token(clients, settings, agent):
    environ = {"HTTP_USER_AGENT": agent}
    assert both(clients(SETTINGS[settings], environ), path="/hand") == ("200 OK", "in by hand")
    assert both(clients(SETTINGS[settings], environ), path="/hand", password="wrong")[0] == "401 Unauthorized"
    assert both(clients(SETTINGS[settings], environ), path="/hand", environ={"HTTP_USER_AGENT": "another"})[0] == "401 Unauthorized"
    assert both(clients(SETTINGS[settings], environ), path="/hand", change=lambda fields: {**fields, "nonce": "0" * 64})[0] == "401 Unauthorized"


@pytest.mark.parametrize("path", ["/any", "/hand"])
def test_each_count_is_accepted_once(clients, path):
    differs("`nc` is not checked")
    original, ours = clients()
    for client, second in ((original, "200 OK"), (ours, "401 Unauthorized")):
        fields = client.challenge(path)
        answers = [client.answer(fields, "user", "password", path, "GET", nc, dict) for nc in ("00000001", "00000002")]
        assert [client.send(answer, path, "GET")[0] for answer in answers] == ["200 OK", "200 OK"]
        assert client.send(answers[0], path, "GET")[0] == second


@pytest.mark.parametrize("header", ["Digest", "Digest x", "Basic dXNlcjpwYXNz", "", "Bearer abc", 'Digest username="user"', "Digest username*=UTF-8''user, realm=\"Zone\""])
def test_another_header(pair, header):
    environ = {"PATH_INFO": "/any", "HTTP_AUTHORIZATION": header}
    original, ours = (answer[0][:3] for answer in pair.differ("A response without `nc`, `cnonce` or `uri`", "digest.ask", (), environ))
    assert (original, ours) in {("401", "401"), ("500", "401"), ("500", "400")}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("words", [("user", "Zone", "password"), ("", "", ""), ("\u017e", "\u017e", "\u017e"), ("a:b", "c", "d")])
def test_hexdigest(pair, words, algorithm):
    pair.same("digest.hashed", *words, algorithm)


@pytest.mark.parametrize(("name", "value"), [("auth_algorithm", "MD5"), ("auth_algorithm", "SHA-256-sess"), ("auth_qop", "auth"), ("auth_qop", None), ("auth_timeout", 60),
                                             ("auth_timeout", None), ("auth_type", "Digest"), ("auth_qop", "auth-int"), ("auth_type", "Basic")])
def test_settings(pair, name, value):
    pair.same("digest.setting", name, value)


def test_the_map_of_a_fresh_application(pair):
    pair.same("digest.fresh_map")


FILE = "user:Zone:abc\nother:Zone:def\nuser:Other Zone:123\n"


@pytest.mark.parametrize("content", [FILE, "", "user:Zone:abc", "\u017e:Zone:abc\n", "  user:Zone:abc  \n\tother:Zone:def\n"])
@pytest.mark.parametrize("steps", [
    [("load",)], [("load",), ("write",)], [("load",), ("set", "Zone", "new", "999"), ("write",)], [("load",), ("delete", "Zone", "user"), ("write",)],
    [("load",), ("find", "Zone", "user"), ("find", "Zone", "none"), ("find", "None", "user")], [("load",), ("verify", "Zone", "user", "abc"), ("verify", "Zone", "user", "x")],
    [("set", "B", "b", "2"), ("set", "A", "a", "1"), ("write",), ("load",)], [("load",), ("load",), ("write",)],
    [("set", "Zone", "locked", ""), ("find", "Zone", "locked"), ("verify", "Zone", "locked", ""), ("verify", "Zone", "locked", "abc")],
    [("set", "Zone", "locked", None), ("verify", "Zone", "locked", "None"), ("verify", "Zone", "locked", "")],
])
def test_password_file(pair, content, steps):
    if content == "" and ("delete", "Zone", "user") in steps:
        return  # an entry of differences.py
    pair.same("digest.file", content, steps)


def test_no_password_file(pair):
    pair.same("digest.missing_file")

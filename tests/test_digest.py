"""Digest login, and password files."""
import contextlib
import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
from types import SimpleNamespace
from urllib.parse import quote

import pytest
import requests
from requests.auth import HTTPDigestAuth
from servers import SERVERS, Client

import poorwsgi.digest
from poorwsgi import Application, state
from poorwsgi.digest import PasswordMap, check_credentials, check_digest, check_response, hexdigest, main
from poorwsgi.response import HTTPException
from poorwsgi.results import unauthorized
from poorwsgi.session import check_token

ZONE = "User Zone"
PASSWORDS = {"user": "looser", "Ondřej": "heslíčko", "co:lon": "x"}
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256, "SHA-512-256": lambda data: hashlib.new("sha512_256", data)}


def hash_of(algorithm):
    return HASHES[algorithm.removesuffix("-sess")]


def users(algorithm="MD5"):
    known = PasswordMap()
    for user, password in PASSWORDS.items():
        known.set(ZONE, user, hexdigest(user, ZONE, password, hash_of(algorithm)))
    return known


def build(name, algorithm="MD5-sess"):
    app = Application(name)
    app.secret_key = "a long secret"
    app.auth_type = "Digest"
    app.auth_algorithm = algorithm
    app.auth_map = users(algorithm)

    @app.route("/zone", state.METHOD_GET_POST)
    @app.route("/with space")
    @check_digest(ZONE)
    def zone(req):
        return f"Hello {req.user}"

    @app.route("/user/<number:int>")
    @check_digest(ZONE, "user")
    def user(req, number):
        return f"{req.user} {number + 1}"

    return app


@pytest.fixture(params=SERVERS)
def site(request, name):
    app = build(name)
    with SERVERS[request.param](app) as port:
        client = Client(port)
        client.app = app
        client.url = f"http://127.0.0.1:{port}"
        yield client


def directives(challenge):
    assert challenge.startswith("Digest ")
    return {key: quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,]+))', challenge)}


def answer(challenge, user="user", uri="/zone", method="GET", nc="00000001", **changes):
    """The Authorization field with which a client answers a challenge; a change to None leaves the directive
    out."""
    asked = directives(challenge)
    algorithm, nonce, cnonce = asked["algorithm"], asked["nonce"], "0a4f113b"

    def digest(*parts):
        return hash_of(algorithm)(":".join(parts).encode()).hexdigest()

    ha1 = digest(user, asked["realm"], changes.pop("password", PASSWORDS.get(user, "")))
    if algorithm.endswith("-sess"):
        ha1 = digest(ha1, nonce, cnonce)
    ha2 = digest(method, uri)
    fields = {key: asked[key] for key in ("realm", "nonce", "algorithm", "opaque")} | {"username": user, "uri": uri}
    if "qop" in asked:
        fields |= {"qop": "auth", "nc": nc, "cnonce": cnonce, "response": digest(ha1, nonce, nc, cnonce, "auth", ha2)}
    else:
        fields |= {"cnonce": cnonce, "response": digest(ha1, nonce, ha2)}
    fields |= changes
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in fields.items() if value is not None)


def challenge_of(site, target="/zone", **options):
    refused = site(target, **options)
    assert refused.status == 401
    return refused.headers["WWW-Authenticate"]


def login(site, challenge, target="/zone", **options):
    field = answer(challenge, uri=target, **options).encode().decode("latin-1")
    return site(target, options.get("method", "GET"), headers={"Authorization": field})


# --- logging in ---


def test_a_challenge_is_answered(site):
    challenge = challenge_of(site)
    assert directives(challenge)["realm"] == ZONE
    assert "stale" not in challenge
    assert login(site, challenge).text == "Hello user"


def test_a_name_outside_of_ascii(site):
    assert login(site, challenge_of(site), user="Ondřej").text == "Hello Ondřej"


def test_the_extended_form_of_a_name(site):
    field = answer(challenge_of(site), user="Ondřej", username=None)
    field += f", username*=UTF-8''{quote('Ondřej')}"
    assert site("/zone", headers={"Authorization": field}).text == "Hello Ondřej"


def test_path_arguments_reach_the_handler(site):
    assert login(site, challenge_of(site, "/user/41"), "/user/41").text == "user 42"


def test_another_user_than_the_one_asked_for(site):
    assert login(site, challenge_of(site, "/user/41"), "/user/41", user="Ondřej").status == 401


def test_a_target_with_query_and_escapes(site):
    for target in ("/zone?a=b%20c", "/with%20space?x"):
        assert login(site, challenge_of(site, target), target).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "guess"},
        {"user": "nobody"},
        {"method": "POST"},
        {"uri": "/other/zone"},
        {"opaque": "0" * 64},
        {"realm": "Other"},
        {"algorithm": "MD5"},
        {"qop": None},
        {"nc": "1"},
        {"response": "žluť"},
        {"nonce": "guess"},
        *({directive: None} for directive in ("username", "realm", "nonce", "response", "opaque", "cnonce")),
    ],
    ids=str,
)
def test_an_answer_that_is_not_right(site, changes):
    field = answer(challenge_of(site), **changes).encode().decode("latin-1")
    refused = site("/zone", headers={"Authorization": field})
    assert refused.status == 401
    assert "stale" not in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("field", ["", "Digest", "Digest x", "Basic dXNlcjpwYXNz", "Bearer x", "Digest nonce=,"])
def test_fields_that_are_no_digest_login(site, field):
    assert site("/zone", headers={"Authorization": field}).status == 401


def test_an_answer_without_a_uri(site):
    field = answer(challenge_of(site)).replace("uri=", "x=")
    assert site("/zone", headers={"Authorization": field}).status == 401


def test_a_directive_given_twice(site):
    field = answer(challenge_of(site)) + ", qop=auth"
    assert site("/zone", headers={"Authorization": field}).status == 401


def test_the_same_answer_twice_is_stale(site):
    challenge = challenge_of(site)
    assert login(site, challenge).status == 200
    replayed = login(site, challenge)
    assert replayed.status == 401
    assert directives(replayed.headers["WWW-Authenticate"])["stale"] == "true"
    assert login(site, challenge, nc="00000002").status == 200


@contextlib.contextmanager
def restarted(directory):
    """A server in a separate process."""
    (directory / "zone.py").write_text(
        f"import sys\nsys.path.insert(0, {os.path.dirname(__file__)!r})\nfrom test_digest import build\napp = build('zone')\n"
    )
    command = [sys.executable, "-m", "poorwsgi", "run", "zone:app", "--port", "0", "--workers", "0"]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Client(int(re.search(r":(\d+)[; ]", process.stdout.readline())[1]))
        finally:
            process.terminate()


def test_a_recorded_answer_is_worth_nothing_after_a_restart(tmp_path):
    """The new process shares only the secret key with the old one."""
    with restarted(tmp_path) as site:
        challenge = challenge_of(site)
        assert login(site, challenge).status == 200
    with restarted(tmp_path) as site:
        replayed = login(site, challenge)
        assert replayed.status == 401
        assert directives(replayed.headers["WWW-Authenticate"])["stale"] == "true"
        assert login(site, replayed.headers["WWW-Authenticate"]).status == 200


@pytest.mark.parametrize("server", SERVERS)
def test_a_recorded_answer_is_worth_nothing_to_another_application(name, server):
    with SERVERS[server](build(name)) as port, SERVERS[server](build(name + " beside it")) as other:
        challenge = challenge_of(Client(port))
        assert login(Client(port), challenge).status == 200
        replayed = login(Client(other), challenge)
        assert replayed.status == 401
        assert directives(replayed.headers["WWW-Authenticate"])["stale"] == "true"


def test_workers_take_nonces_of_each_other(name):
    with SERVERS["ours"](build(name)) as port, SERVERS["ours"](build(name + " beside it")) as other:
        challenge = challenge_of(Client(port))
        assert login(Client(other), challenge).status == 200


def test_a_nonce_for_another_user_agent_is_stale(site):
    challenge = challenge_of(site, headers={"User-Agent": "one"})
    refused = login(site, challenge)
    assert directives(refused.headers["WWW-Authenticate"])["stale"] == "true"
    assert login(site, refused.headers["WWW-Authenticate"]).status == 200


def test_a_nonce_made_with_another_key_is_stale(site):
    challenge = challenge_of(site)
    site.app.secret_key = "another long secret"
    assert directives(login(site, challenge).headers["WWW-Authenticate"])["stale"] == "true"


def test_without_quality_of_protection_each_nonce_is_good_once(site):
    site.app.auth_qop = None
    challenge = challenge_of(site)
    assert "qop" not in challenge
    assert login(site, challenge).status == 200
    assert login(site, challenge).status == 401


@pytest.mark.parametrize("algorithm", [name + tail for name in HASHES for tail in ("", "-sess")])
def test_algorithms(name, algorithm):
    with SERVERS["ours"](build(name, algorithm)) as port:
        site = Client(port)
        challenge = challenge_of(site)
        assert directives(challenge)["algorithm"] == algorithm
        assert login(site, challenge).status == 200


def test_several_algorithms_the_strongest_first(site):
    site.app.auth_algorithm = ["MD5", "SHA-256"]
    fields = site("/zone").headers.get_all("WWW-Authenticate")
    assert [directives(field)["algorithm"] for field in fields] == ["SHA-256", "MD5"]
    # The stored digests are of MD5.
    assert [login(site, field).status for field in fields] == [401, 200]


def test_a_state_handler_sends_the_challenge(site):
    @site.app.http_state(401)
    def login_page(req, realm=None, stale="", **kwargs):
        response = unauthorized(req, realm, stale)
        response.headers.add_header("X-Page", "mine")
        return response

    refused = site("/zone")
    assert (refused.status, refused.headers["X-Page"]) == (401, "mine")
    assert login(site, refused.headers["WWW-Authenticate"]).status == 200
    replayed = login(site, refused.headers["WWW-Authenticate"])
    assert directives(replayed.headers["WWW-Authenticate"])["stale"] == "true"


def test_without_users_it_is_an_error_of_the_application(site):
    challenge = challenge_of(site)
    site.app.auth_map = None
    assert login(site, challenge).status == 500


def test_users_may_be_a_plain_dict(site):
    site.app.auth_map = {ZONE: dict(site.app.auth_map[ZONE])}
    assert login(site, challenge_of(site)).status == 200


# --- logins that an application checks itself ---


@pytest.fixture
def by_hand(site):
    """The site with a route that checks the nonce as a token, and then the password; both twice, as a hook
    and a handler may do."""

    @site.app.route("/hand")
    def hand(req):
        if "Authorization" not in req.headers:
            raise HTTPException(401, realm=ZONE)
        if not check_token(req.authorization["nonce"], req.secret_key, req.user_agent, req.app.auth_timeout):
            raise HTTPException(401, realm=ZONE, stale=True)
        if not (check_credentials(req, ZONE) and check_credentials(req, ZONE)):
            raise HTTPException(401, realm=ZONE)
        return check_digest(ZONE)(lambda req: f"Hello {req.user} by hand")(req)

    return site


def test_a_nonce_is_a_token_and_each_answer_is_accepted_once(by_hand):
    challenge = challenge_of(by_hand, "/hand")
    assert login(by_hand, challenge, "/hand").text == "Hello user by hand"
    replayed = login(by_hand, challenge, "/hand")
    assert (replayed.status, "stale" in replayed.headers["WWW-Authenticate"]) == (401, False)
    assert login(by_hand, challenge, "/hand", nc="00000002").text == "Hello user by hand"
    assert login(by_hand, challenge, nc="00000002").status == 401, "whichever way it was used"
    assert login(by_hand, challenge, nc="00000003").status == 200
    assert login(by_hand, challenge, "/hand", nc="00000003").status == 401


def test_a_nonce_that_is_no_good_is_stale(by_hand):
    challenge = challenge_of(by_hand, "/hand", headers={"User-Agent": "another"})
    assert directives(login(by_hand, challenge, "/hand").headers["WWW-Authenticate"])["stale"] == "true"
    challenge = challenge_of(by_hand, "/hand")
    by_hand.app.auth_timeout = 3600
    assert directives(login(by_hand, challenge, "/hand").headers["WWW-Authenticate"])["stale"] == "true"


def test_a_nonce_stands_for_no_token_of_another_timeout_key_or_client(site):
    nonce = directives(challenge_of(site, headers={"User-Agent": "Alice"}))["nonce"]
    assert check_token(nonce, "a long secret", "Alice", 300)
    assert check_token(nonce, b"a long secret", "Alice", 300)
    for other in [
        ("a long secret", "Bob", 300), ("a long secret", None, 300), ("other", "Alice", 300), ("a long secret", "Alice", 60),
        ("a long secret", "Alice", None),
    ]:
        assert not check_token(nonce, *other)


# --- clients of others ---


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_requests(name, algorithm):
    with SERVERS["ours"](build(name, algorithm)) as port, requests.Session() as client:
        client.auth = HTTPDigestAuth("user", "looser")
        answers = [client.get(f"http://127.0.0.1:{port}/zone?n={n}") for n in range(3)]
        assert [reply.text for reply in answers] == ["Hello user"] * 3
        assert client.post(f"http://127.0.0.1:{port}/zone", data={"a": "b"}).text == "Hello user"
        client.auth = HTTPDigestAuth("user", "guess")
        assert client.get(f"http://127.0.0.1:{port}/zone").status_code == 401


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"])
def test_curl(name, algorithm):
    def curl(login, *targets):
        urls = [f"http://127.0.0.1:{port}{target}" for target in targets]
        command = ["curl", "--silent", "--digest", "--user", login, "--write-out", " %{http_code}\n", *urls]
        return subprocess.run(command, capture_output=True, timeout=30).stdout.decode().splitlines()

    with SERVERS["ours"](build(name, algorithm)) as port:
        assert curl("user:looser", "/zone", "/zone?x=1", "/with%20space") == ["Hello user 200"] * 3
        assert curl("Ondřej:heslíčko", "/zone") == ["Hello Ondřej 200"]
        assert curl("user:guess", "/zone")[-1].endswith(" 401")


# --- other request objects, and functions that tests replace ---


def stranger(**changes):
    """An object with the attributes of a request, logged in with MD5."""
    app = SimpleNamespace(auth_algorithm="MD5", auth_qop="auth", auth_timeout=300, auth_map=users())
    opaque = hashlib.sha256(b"example.org").hexdigest()
    challenge = f'Digest realm="{ZONE}",qop="auth",algorithm="MD5",nonce="n",opaque="{opaque}"'
    field = answer(challenge, uri="/zone?a=b")
    request = SimpleNamespace(
        app=app,
        method="GET",
        full_path="/zone?a=b",
        server_hostname="example.org",
        secret_key="secret",
        user_agent="tests",
        headers={"Authorization": field},
        authorization={"type": "Digest", **directives(field)},
    )
    vars(request).update(changes)
    return request


def test_anything_with_the_attributes_of_a_request():
    assert check_credentials(stranger(), ZONE) is True
    assert check_credentials(stranger(), ZONE, "user") is True
    assert check_credentials(stranger(), ZONE, "other") is False
    assert check_credentials(stranger(), "Other") is False
    assert check_credentials(stranger(method="POST"), ZONE) is False
    assert check_credentials(stranger(full_path="/other"), ZONE) is False
    assert check_credentials(stranger(authorization={}), ZONE) is False


def test_a_response_for_a_stored_digest():
    assert check_response(stranger(), hexdigest("user", ZONE, "looser")) is True
    assert check_response(stranger(), hexdigest("user", ZONE, "guess")) is False
    assert check_response(stranger(), "") is False


def refusal(request):
    with pytest.raises(HTTPException) as raised:
        check_digest(ZONE)(lambda req: "in")(request)
    return raised.value.args


def test_refusals_of_the_decorator():
    assert refusal(stranger(headers={})) == (401, {"realm": ZONE})
    assert refusal(stranger(authorization={})) == (401, {"realm": ZONE})
    assert refusal(stranger(method="POST")) == (401, {"realm": ZONE})
    assert refusal(stranger()) == (401, {"realm": ZONE, "stale": True})


def test_replaced_checks_are_used(monkeypatch):
    calls = []

    def check_token(*args, **kwargs):
        calls.append((args, kwargs))
        return len(calls) == 1

    monkeypatch.setattr(poorwsgi.digest, "check_token", check_token)
    request = stranger()
    assert check_digest(ZONE)(lambda req, *args: (req.user, args))(request, 1) == ("user", (1,))
    assert calls == [(("n", "secret", "tests"), {"timeout": 300})]
    assert refusal(request) == (401, {"realm": ZONE, "stale": True})
    monkeypatch.setattr(poorwsgi.digest, "check_token", lambda *args, **kwargs: True)
    monkeypatch.setattr(poorwsgi.digest, "check_credentials", lambda req, realm, username: False)
    assert refusal(request) == (401, {"realm": ZONE})


def test_the_handler_keeps_its_name():
    @check_digest(ZONE)
    def view(req):
        """Text."""

    assert (view.__name__, view.__doc__) == ("view", "Text.")


# --- password files ---


def test_a_password_map_is_a_dict_of_dicts():
    known = PasswordMap()
    known.set("R", "u", "d")
    known["S"]["v"] = "e"
    assert known == {"R": {"u": "d"}, "S": {"v": "e"}}
    assert known.find("R", "u") == "d"
    assert known.find("X", "u") is known.find("R", "x") is None
    assert known.delete("R", "u") is True
    assert known.delete("R", "u") is known.delete("X", "u") is False
    assert "X" not in known


@pytest.mark.parametrize("digest", ["", "x", "č", None])
def test_a_digest_that_is_another(digest):
    known = PasswordMap()
    known.set("R", "u", "d")
    assert known.verify("R", "u", "d") is True
    assert known.verify("R", "u", digest) is known.verify("R", "x", digest) is False


@pytest.mark.parametrize("stored", ["", None])
@pytest.mark.parametrize("digest", ["", None, "None"])
def test_an_entry_without_a_digest_lets_nobody_in(stored, digest):
    known = PasswordMap()
    known.set("R", "locked", stored)
    assert known.verify("R", "locked", digest) is False


def test_a_file_is_written_and_read(tmp_path):
    path = tmp_path / "users"
    known = PasswordMap(path)
    known.set("Zone", "Ondřej", "1")
    known.set("Zone", "alice", "2")
    known.write()
    assert sorted(path.read_text("utf-8").splitlines()) == ["Ondřej:Zone:1", "alice:Zone:2"]
    assert path.stat().st_mode & 0o777 == 0o600
    again = PasswordMap(str(path))
    again.set("Other", "bob", "3")
    again.load()
    assert again == {"Zone": {"Ondřej": "1", "alice": "2"}, "Other": {"bob": "3"}}


@pytest.mark.parametrize("line", ["bad", "# text", "a:b", "a:b:c:d", "::"])
def test_a_line_of_another_form(tmp_path, line):
    (tmp_path / "users").write_text(f"u:R:d\n{line}\n")
    known = PasswordMap(tmp_path / "users")
    with pytest.raises(ValueError, match="line 2"):
        known.load()
    assert known == {}


@pytest.mark.parametrize("names", [("R", "a\nb:R:d", "d"), ("R:S", "u", "d"), ("R", "", "d")])
def test_names_that_no_line_holds(tmp_path, names):
    (tmp_path / "users").write_text("u:R:d\n")
    known = PasswordMap(tmp_path / "users")
    known.set(*names)
    with pytest.raises(ValueError):
        known.write()
    assert (tmp_path / "users").read_text() == "u:R:d\n"


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(RuntimeError, match="No pathname"):
        PasswordMap().load()
    with pytest.raises(RuntimeError, match="No pathname"):
        PasswordMap().write()
    with pytest.raises(FileNotFoundError) as raised:
        PasswordMap(tmp_path / "users").load()
    assert raised.value.filename == str(tmp_path / "users")


def test_the_hash_of_a_password():
    assert hexdigest("user", ZONE, "looser") == "99f490dffe2c74a7f13d0cf9b61098a5"
    assert hexdigest("u", "r", "p", hashlib.sha256) == "dcb021102e491e701a4a236daa8923af2161447bce7bb7260a351ee83e9f8154"


# --- the command line ---


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Yields a function that runs the command with the typed input; it returns the exit code and the
    output."""

    def run(*args, typed=()):
        answers = iter(typed)
        monkeypatch.setattr(poorwsgi.digest, "getpass", lambda prompt: next(answers))
        monkeypatch.setattr(sys, "argv", ["digest", *map(str, args)])
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out + err

    run.file = tmp_path / "users"
    return run


def test_a_user_is_added_changed_verified_and_removed(command):
    path = command.file
    assert command("-c", path, ZONE, "user", typed=["old", "old"])[0] == 0
    code, text = command(path, ZONE, "user", typed=["looser", "looser"])
    assert (code, "Changing" in text) == (0, True)
    assert path.read_text() == "user:User Zone:99f490dffe2c74a7f13d0cf9b61098a5\n"
    assert command("-v", path, ZONE, "user", typed=["looser"])[0] == 0
    assert command("-v", path, ZONE, "user", typed=["guess"])[0] == 2
    assert command("-v", path, ZONE, "nobody", typed=["guess"])[0] == 2
    code, text = command("-D", path, ZONE, "user")
    assert (code, "deleted" in text) == (0, True)
    code, text = command("-D", path, ZONE, "user")
    assert (code, "not found" in text) == (0, True)


def test_passwords_that_differ(command):
    for options in (["-c", command.file], ["-n"]):
        code, text = command(*options, ZONE, "user", typed=["a", "b"])
        assert (code, "don't match" in text) == (1, True)
    assert not command.file.exists()


def test_the_line_alone(command):
    assert command("-n", ZONE, "user", typed=["looser"] * 2) == (0, "user:User Zone:99f490dffe2c74a7f13d0cf9b61098a5\n")
    assert hexdigest("user", ZONE, "x", hashlib.sha256) in command("-n", "-s", ZONE, "user", typed=["x", "x"])[1]


def test_what_the_command_cannot_do(command):
    assert command(ZONE, "user")[0] == 2
    assert command(command.file, ZONE, "user")[0] == 2
    assert command("-c", command.file / "below", ZONE, "user", typed=["x", "x"])[0] == 2
    assert command("-c", command.file, "a:b", "user", typed=["x", "x"])[0] == 2
    command.file.write_text("bad\n")
    code, text = command(command.file, ZONE, "user")
    assert (code, "line 1" in text) == (2, True)


def test_nobody_is_told_of_a_user_who_is_not_deleted(command):
    for name in ("user", "other"):
        assert command("-c", command.file, ZONE, name, typed=["x", "x"])[0] == 0
    before = command.file.read_text()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        code, text = command("-D", command.file, ZONE, "user")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (code, "deleted" in text, command.file.read_text()) == (2, False, before)


def test_the_module_is_a_command():
    ran = subprocess.run([sys.executable, "-m", "poorwsgi.digest", "--version"], capture_output=True, text=True)
    assert ran.stdout.startswith("PoorWSGI digest ")

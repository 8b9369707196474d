"""Clients of others: curl, requests and Chromium."""
import os
import shutil
import subprocess
import tempfile

import pytest
import requests
from chromium import CHROMIUM
from servers import SERVERS, Client

from poorwsgi import Application, redirect, state
from poorwsgi.digest import PasswordMap, check_digest, hexdigest
from poorwsgi.session import PoorSession

CURL = shutil.which("curl")
DATA = os.urandom(300_000)

PAGE = """<!DOCTYPE html><title>working</title><pre></pre><script>
const say = text => document.querySelector("pre").textContent += text + "\\n";
(async () => {
  say("before " + await (await fetch("/who")).text());
  const login = new URLSearchParams({name: "Žofie & co", password: "a+b=c%"});
  const home = await fetch("/login", {method: "POST", body: login});
  say("led to " + new URL(home.url).pathname + " " + await home.text());
  const form = new FormData();
  form.append("note", "line one\\r\\nline two");
  form.append("file", new Blob([new Uint8Array(70000).fill(66)]), 'a "quoted" ž.bin');
  form.append("file", new Blob(["x"]), "b.txt");
  say("kept " + await (await fetch("/upload", {method: "POST", body: form})).text());
  const part = await fetch("/data", {headers: {Range: "bytes=10-19"}});
  say("part " + part.status + " " + (await part.arrayBuffer()).byteLength);
  await fetch("/logout", {method: "POST"});
  say("after " + await (await fetch("/who")).text());
  document.title = "done";
})().catch(error => say("error " + error));
</script>"""


@pytest.fixture(params=SERVERS)
def site(request, name):
    app = Application(name)
    app.secret_key = "a long secret of the tests"
    app.auth_type = "Digest"
    app.auth_map = PasswordMap()

    def user(req):
        session = PoorSession(req.secret_key)
        session.load(req.cookies)
        return session

    @app.route("/")
    def page(req):
        return PAGE

    @app.route("/who")
    def who(req):
        return user(req).data.get("name", "nobody")

    @app.route("/login", method=state.METHOD_POST)
    def login(req):
        assert req.form.getfirst("password") == "a+b=c%"
        session = PoorSession(req.secret_key)
        session.data["name"] = req.form.getfirst("name")
        redirect("/who", state.HTTP_SEE_OTHER, headers=session.header())

    @app.route("/logout", method=state.METHOD_POST)
    def logout(req):
        session = user(req)
        session.destroy()
        return "bye", "text/plain", session.header()

    @app.route("/upload", method=state.METHOD_POST | state.METHOD_PUT)
    def upload(req):
        files = req.form["file"]
        files = files if isinstance(files, list) else [files]
        kept = [f"{each.filename} {len(each.file.read())}" for each in files]
        return f"{', '.join(kept)} {req.form.getfirst('note')!r}"

    @app.route("/raw", method=state.METHOD_PUT)
    def raw(req):
        return str(len(req.read()))

    @app.route("/data")
    def data(req):
        from poorwsgi.response import Response
        response = Response(DATA, "application/octet-stream")
        response.make_partial()
        return response

    @app.route("/zone/<word>", method=state.METHOD_ALL)
    @check_digest("Zone")
    def zone(req, word):
        return f"{req.user} {word} {len(req.data or b'')}"

    def choose(algorithm):
        app.auth_algorithm = algorithm
        for name in ("ann", "Bob Böhm"):
            app.auth_map.set("Zone", name, hexdigest(name, "Zone", "secret", app.auth_hash))

    with SERVERS[request.param](app) as port:
        client = Client(port)
        client.url, client.choose = f"http://127.0.0.1:{port}", choose
        yield client


def curl(*arguments):
    return subprocess.run([CURL, "-sS", "--max-time", "30", *arguments], capture_output=True, check=True).stdout


needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed")


@needs_curl
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256"])
@pytest.mark.parametrize("user", ["ann", "Bob Böhm"])
def test_curl_signs_in(site, algorithm, user):
    site.choose(algorithm)
    url = f"{site.url}/zone/a%20b?c=d"
    status = ("-o", os.devnull, "-w", "%{http_code}")
    if algorithm == "SHA-512-256" and curl("--digest", "-u", f"{user}:secret", *status, url) == b"401":
        pytest.skip("this curl does not know SHA-512-256")
    assert curl("--digest", "-u", f"{user}:secret", url).decode() == f"{user} a b 0"
    assert curl("--digest", "-u", f"{user}:secret", "-d", "x=1", "-H", "Content-Type: text/plain", url).decode() == f"{user} a b 3"
    assert curl("--digest", "-u", f"{user}:wrong", *status, url) == b"401"


@needs_curl
def test_curl_uploads_and_downloads(site, tmp_path):
    file = tmp_path / "data.bin"
    file.write_bytes(DATA)
    assert curl("-F", f"file=@{file}", "-F", "note=žluť", f"{site.url}/upload").decode() == "data.bin 300000 'žluť'"
    assert curl("-T", str(file), f"{site.url}/raw") == b"300000"
    assert curl(f"{site.url}/data") == DATA
    assert curl("-r", "100-199", f"{site.url}/data") == DATA[100:200]
    assert curl("-r", "-5", f"{site.url}/data") == DATA[-5:]
    file.write_bytes(DATA[:1000])
    curl("-C", "-", "-o", str(file), f"{site.url}/data")
    assert file.read_bytes() == DATA


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_requests_signs_in_again_and_again(site, algorithm):
    site.choose(algorithm)
    with requests.Session() as session:
        session.auth = requests.auth.HTTPDigestAuth("ann", "secret")
        for word in ("one", "two", "three"):  # the nonce count goes up
            assert session.get(f"{site.url}/zone/{word}").text == f"ann {word} 0"
        session.auth = requests.auth.HTTPDigestAuth("ann", "wrong")
        assert session.get(f"{site.url}/zone/x").status_code == 401


def test_requests_uploads_and_keeps_cookies(site):
    with requests.Session() as session:
        files = [("file", ("ž.bin", DATA)), ("file", ("b.txt", b"x"))]
        answer = session.post(f"{site.url}/upload", files=files, data={"note": "a"})
        assert answer.text == "ž.bin 300000, b.txt 1 'a'"
        answer = session.post(f"{site.url}/login", data={"name": "Žofie", "password": "a+b=c%"})
        assert (answer.url, answer.text) == (f"{site.url}/who", "Žofie")
        session.post(f"{site.url}/logout")
        assert session.get(f"{site.url}/who").text == "nobody"


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_chromium_keeps_cookies_signs_in_and_uploads(site):
    with tempfile.TemporaryDirectory() as profile:
        command = [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
            "--virtual-time-budget=20000", "--dump-dom", site.url,
        ]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    shown = dom.split("<pre>")[1].split("</pre>")[0].replace("&amp;", "&").splitlines()
    assert shown == [
        "before nobody", "led to /who Žofie & co", "kept a \"quoted\" ž.bin 70000, b.txt 1 'line one\\r\\nline two'",
        "part 206 10", "after nobody",
    ]

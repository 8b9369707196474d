"""The demo on the built-in server and under wsgiref: everything that its pages offer works."""
import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from servers import SERVERS, port_of, to_server

from examples import demo
from examples.demo import api, app, application, pages
from poorwsgi.testing import Client


@pytest.fixture(scope="module", params=SERVERS)
def port(request):
    with SERVERS[request.param](app) as port:
        yield port


@pytest.fixture
def client(port):
    return Client(to_server(port))


@pytest.fixture
def ann(port):
    """A client who has signed in."""
    client = Client(to_server(port))
    answer = client.post("/login", data={"name": "ann", "password": "drop"})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    return client


@pytest.fixture
def name():
    """A file name that no other test uses."""
    return f"{secrets.token_hex(8)}.txt"


def upload(client, filename, content, **options):
    return client.post("/upload", data={"note": "hi"}, files={"file": (filename, content)}, **options)


@pytest.mark.parametrize(("copy", "original"), [
    ("page.css", "crates/poorwsgi-core/templates/page.css"),
    ("demo.css", "crates/poorwsgi/examples/demo/templates/demo.css"),
])
def test_style_sheets_are_files_that_equal_those_of_the_rust_door(copy, original):
    """A link leads nowhere once somebody has copied the examples."""
    root = Path(demo.__file__).parents[2]
    copy = root / "examples" / "demo" / copy
    assert not copy.is_symlink()
    assert copy.read_bytes() == (root / original).read_bytes()


def test_only_what_asks_for_a_500_gets_one(client):
    for status in (0, 99, 299, 499, 599, 999, 1000, 99999, -1):
        answer = client.get(f"/errors/{status}", headers={"Accept": "application/json"})
        assert (answer.status, answer.json()["detail"]) == (400, f"{status} is not a known status; try 404.")
    assert client.get("/errors/404").status == 404


def test_the_list_of_files_has_pages(client, name, monkeypatch):
    monkeypatch.setattr(api, "PAGE", 1)
    for number in range(2):
        upload(client, f"{number}{name}", b"x")
    pages = [client.get(f"/api/files?page={page}").json() for page in (1, 2)]
    assert {page[0]["name"] for page in pages} == {f"0{name}", f"1{name}"}
    assert client.get("/api/files").json() == pages[0]
    assert client.get("/api/files?page=1000000").json() == []
    for wrong in ("abc", "0", "-1", "1000001", "1.5"):
        assert client.get(f"/api/files?page={wrong}").status == 400


@pytest.mark.parametrize("path", ["/", "/login", "/api", "/errors", "/files/", "/debug-info"])
def test_pages_are_html_that_runs_no_scripts(client, path):
    answer = client.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_upload_is_listed_and_comes_back_whole_and_in_part(client, name):
    content = secrets.token_bytes(100_000)
    answer = upload(client, name, content)
    assert (answer.status, answer.json()) == (201, {"kept": [name], "note": "hi"})
    assert name in client.get("/").text
    assert name in [file["name"] for file in client.get("/api/files").json()]
    file = client.get(f"/api/files/{name}").json()
    assert (file["size"], file["type"]) == (len(content), "text/plain")
    whole = client.get(file["href"])
    assert (whole.status, whole.content) == (200, content)
    part = client.get(file["href"], headers={"Range": "bytes=99990-"})
    assert (part.status, part.content) == (206, content[99990:])
    again = client.get(file["href"], headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status, again.content) == (304, b"")


def test_a_file_of_20_mb_is_taken(name, tmp_path):
    """By the command that the demo names."""
    command = next(line for line in demo.__doc__.splitlines() if "poorwsgi run" in line).partition("#")[0].split()
    command = [sys.executable, "-m", *command, "--port", "0"]
    environ = {**os.environ, "DEMO_DIRECTORY": str(tmp_path)}
    root = Path(demo.__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=root) as process:
        try:
            answer = upload(Client(to_server(port_of(process.stdout.readline()))), name, bytes(20_000_000))
        finally:
            process.terminate()
    assert (answer.status, answer.json()["kept"]) == (201, [name])


def test_a_browser_is_led_home_after_an_upload(client, name):
    answer = upload(client, name, b"x", headers={"Accept": "text/html"}, follow_redirects=True)
    assert [each.status for each in answer.history] == [303]
    assert answer.url.endswith("/?kept=1")
    assert "Thank you, your file is here." in answer.text


def test_the_second_file_of_a_name_gets_another(client, name):
    upload(client, name, b"first")
    other = name.replace(".", " (2).")
    assert upload(client, name, b"second").json()["kept"] == [other]
    assert client.get("/files/" + name).content == b"first"
    assert client.get("/files/" + quote(other)).content == b"second"


@pytest.mark.parametrize("directory", ["../", "/etc/", r"C:\\dir\\"])
def test_a_file_name_with_a_path_is_its_last_component(client, name, directory):
    assert upload(client, directory + name, b"x").json()["kept"] == [name]


def test_a_file_cannot_be_hidden(client, name):
    assert not upload(client, "." + name, b"x").json()["kept"][0].startswith(".")


def test_uploads_leave_nothing_behind(client, name):
    upload(client, name, b"x" * 100_000)
    client.post("/upload", data=b"--B\r\n", headers={"Content-Type": "multipart/form-data; boundary=B"})
    assert [path.name for path in application.FILES.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("body", [{"data": {"a": "b"}}, {"data": "text", "headers": {"Content-Type": "text/plain"}}, {}])
def test_an_upload_without_a_file_is_400(client, body):
    answer = client.post("/upload", **body)
    assert answer.status == 400
    assert "a form with files is wanted" in answer.text


def test_who_has_signed_in_may_delete(client, ann, name):
    upload(client, name, b"x")
    assert client.post("/delete", data={"name": name}).status == 403
    assert client.get(f"/files/{name}").status == 200
    assert "Sign out ann" in ann.get("/").text
    answer = ann.post("/delete", data={"name": name})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert client.get(f"/files/{name}").status == 404
    assert ann.post("/delete", data={"name": "../drop.py"}).status == 404


def test_signing_out_ends_the_session(ann):
    assert ann.post("/logout").status == 303
    assert dict(ann.cookies) == {}
    assert "Sign in" in ann.get("/").text


def test_a_wrong_password_is_refused(client):
    answer = client.post("/login", data={"name": "ann", "password": "wrong"})
    assert (answer.status, answer.headers.get("Set-Cookie")) == (403, None)
    assert "do not go together" in answer.text


def test_a_forged_session_is_as_good_as_none(client):
    assert "Sign in" in client.get("/", cookies={"SESSID": "forged.cookie"}).text


def test_another_site_cannot_post(ann):
    assert ann.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}).status == 403


def test_the_admin_page_wants_digest_login(client):
    assert client.get("/admin").status == 401
    assert client.get("/admin", auth=("admin", "wrong")).status == 401
    answer = client.get("/admin", auth=("admin", "drop"))
    assert answer.status == 200
    assert "as <strong>admin</strong>" in answer.text


def test_lines_are_streamed(client, monkeypatch):
    monkeypatch.setattr(pages, "PAUSE", 0)
    lines = client.get("/stream").text.splitlines()
    assert (len(lines), lines[-1]) == (20, "line 20 of 20, while you wait")


def test_the_api_adds_numbers(client):
    assert client.post("/api/sum", json=[1, 2, 3.5]).json() == {"sum": 6.5}
    assert client.post("/api/sum", json=[]).json() == {"sum": 0}
    for wrong in ({}, ["1"], [True], 3):
        assert client.post("/api/sum", json=wrong).status == 400
    assert client.post("/api/sum", data="[1", headers={"Content-Type": "application/json"}).status == 400
    assert client.get("/api/files/none.txt").status == 404


@pytest.mark.parametrize("path, status, text", [
    ("/errors/400", 400, "This is what you asked for."), ("/errors/401", 401, ""), ("/errors/403", 403, ""),
    ("/nowhere", 404, ""), ("/errors/405", 405, ""), ("/errors/418", 418, "This is what you asked for."),
    ("/errors/io", 500, "the settings cannot be read"), ("/errors/taken", 409, "The name ann is taken."),
    ("/errors/number/one", 400, "invalid literal for int()"), ("/errors/number/7", 200, "7"),
])
def test_errors_have_their_pages(client, path, status, text):
    answer = client.get(path)
    assert answer.status == status
    assert text in answer.text.replace("&#x27;", "'")


def test_it_starts_from_the_command_line():
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "poorwsgi", "run", "examples.demo:app", "--port", "0"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert Client(to_server(port_of(line))).get("/").status == 200
        finally:
            process.terminate()
        assert process.wait(30) == 0

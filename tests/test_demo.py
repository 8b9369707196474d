"""The demo on the built-in server and under wsgiref: everything that its pages offer works."""
import json
import re
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from browser import FORM, authorization, port_of
from servers import SERVERS, Client

from examples.demo import app, application, pages

@pytest.fixture(scope="module", params=SERVERS)
def ask(request):
    with SERVERS[request.param](app) as port:
        yield Client(port)


@pytest.fixture
def name():
    """A file name that no other test uses."""
    return f"{secrets.token_hex(8)}.txt"


@pytest.fixture
def cookie(ask):
    answer = ask("/login", "POST", "name=ann&password=drop", FORM)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


def upload(ask, filename, content, accept="*/*"):
    body = b"".join((
        b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi\r\n',
        f'--B\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode(),
        content, b"\r\n--B--\r\n",
    ))
    return ask("/upload", "POST", body, {"Content-Type": "multipart/form-data; boundary=B", "Accept": accept})


@pytest.mark.parametrize("path", ["/", "/login", "/api", "/errors", "/files/", "/debug-info"])
def test_pages_are_html_that_runs_no_scripts(ask, path):
    answer = ask(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_upload_is_listed_and_comes_back_whole_and_in_part(ask, name):
    content = secrets.token_bytes(100_000)
    answer = upload(ask, name, content)
    assert (answer.status, answer.json) == (201, {"kept": [name], "note": "hi"})
    assert name in ask("/").text
    assert name in [file["name"] for file in ask("/api/files").json]
    file = ask(f"/api/files/{name}").json
    assert (file["size"], file["type"]) == (len(content), "text/plain")
    whole = ask(file["href"])
    assert (whole.status, whole.body) == (200, content)
    part = ask(file["href"], headers={"Range": "bytes=99990-"})
    assert (part.status, part.body) == (206, content[99990:])
    again = ask(file["href"], headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_a_browser_is_led_home_after_an_upload(ask, name):
    answer = upload(ask, name, b"x", "text/html")
    assert (answer.status, answer.headers["Location"]) == (303, "/?kept=1")
    assert "Thank you, your file is here." in ask("/?kept=1").text


def test_the_second_file_of_a_name_gets_another(ask, name):
    upload(ask, name, b"first")
    other = name.replace(".", " (2).")
    assert upload(ask, name, b"second").json["kept"] == [other]
    assert ask("/files/" + name).body == b"first"
    assert ask("/files/" + quote(other)).body == b"second"


@pytest.mark.parametrize("directory", ["../", "/etc/", r"C:\\dir\\"])
def test_a_file_name_with_a_path_is_its_last_component(ask, name, directory):
    assert upload(ask, directory + name, b"x").json["kept"] == [name]


def test_a_file_cannot_be_hidden(ask, name):
    assert not upload(ask, "." + name, b"x").json["kept"][0].startswith(".")


def test_uploads_leave_nothing_behind(ask, name):
    upload(ask, name, b"x" * 100_000)
    ask("/upload", "POST", b"--B\r\n", {"Content-Type": "multipart/form-data; boundary=B"})
    assert [path.name for path in application.FILES.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("body, headers", [("a=b", FORM), ("text", {"Content-Type": "text/plain"}), ("", {})])
def test_an_upload_without_a_file_is_400(ask, body, headers):
    answer = ask("/upload", "POST", body, headers)
    assert answer.status == 400
    assert "a form with files is wanted" in answer.text


def test_who_has_signed_in_may_delete(ask, name, cookie):
    upload(ask, name, b"x")
    assert ask("/delete", "POST", f"name={name}", FORM).status == 403
    assert ask(f"/files/{name}").status == 200
    assert "Sign out ann" in ask("/", headers=cookie).text
    answer = ask("/delete", "POST", f"name={name}", FORM | cookie)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert ask(f"/files/{name}").status == 404
    assert ask("/delete", "POST", "name=../drop.py", FORM | cookie).status == 404


def test_signing_out_ends_the_session(ask, cookie):
    answer = ask("/logout", "POST", headers=cookie)
    assert answer.status == 303
    assert re.search("Max-Age=(-1|0)", answer.headers["Set-Cookie"])


def test_a_wrong_password_is_refused(ask):
    answer = ask("/login", "POST", "name=ann&password=wrong", FORM)
    assert (answer.status, answer.headers["Set-Cookie"]) == (403, None)
    assert "do not go together" in answer.text


def test_a_forged_session_is_as_good_as_none(ask):
    assert "Sign in" in ask("/", headers={"Cookie": "SESSID=forged.cookie"}).text


def test_another_site_cannot_post(ask, cookie):
    assert ask("/logout", "POST", headers=cookie | {"Sec-Fetch-Site": "cross-site"}).status == 403


def test_the_admin_page_wants_digest_login(ask):
    assert ask("/admin").status == 401
    assert ask("/admin", headers=authorization(ask, "/admin", "admin", "wrong")).status == 401
    answer = ask("/admin", headers=authorization(ask, "/admin", "admin", "drop"))
    assert answer.status == 200
    assert "as <strong>admin</strong>" in answer.text


def test_lines_are_streamed(ask, monkeypatch):
    monkeypatch.setattr(pages, "PAUSE", 0)
    lines = ask("/stream").text.splitlines()
    assert (len(lines), lines[-1]) == (20, "line 20 of 20, while you wait")


def test_the_api_adds_numbers(ask):
    json_type = {"Content-Type": "application/json"}
    assert ask("/api/sum", "POST", json.dumps([1, 2, 3.5]), json_type).json == {"sum": 6.5}
    assert ask("/api/sum", "POST", "[]", json_type).json == {"sum": 0}
    for wrong in ("{}", '["1"]', "[true]", "3"):
        assert ask("/api/sum", "POST", wrong, json_type).status == 400
    assert ask("/api/sum", "POST", "[1", json_type).status == 400
    assert ask("/api/files/none.txt").status == 404


@pytest.mark.parametrize("path, status, text", [
    ("/errors/400", 400, "This is what you asked for."), ("/errors/401", 401, ""), ("/errors/403", 403, ""),
    ("/nowhere", 404, ""), ("/errors/405", 405, ""), ("/errors/418", 418, "This is what you asked for."),
    ("/errors/io", 500, "the settings cannot be read"), ("/errors/taken", 409, "The name ann is taken."),
    ("/errors/number/one", 400, "invalid literal for int()"), ("/errors/number/7", 200, "7"),
])
def test_errors_have_their_pages(ask, path, status, text):
    answer = ask(path)
    assert answer.status == status
    assert text in answer.text.replace("&#x27;", "'")


def test_it_starts_from_the_command_line():
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "poorwsgi", "run", "examples.demo:app", "--port", "0"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert Client(port_of(line))("/").status == 200
        finally:
            process.terminate()
        assert process.wait(30) == 0

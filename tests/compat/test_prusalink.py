"""PrusaLink's web application: with PoorWSGI and with our package, on its own server and on ours."""
import os
import pathlib
import socket
import subprocess
import sys
import urllib.parse

import pytest
import requests
from departures import ORIGINAL, ours
from requests.auth import HTTPDigestAuth
from serve_prusalink import PASSWORD, STORAGE, USER
from servers import until

HERE = pathlib.Path(__file__).parent
PACKAGES = HERE.parent.parent / ".cache" / "prusalink" / "packages"
GCODE = b"G28 ; home\nG1 X10 Y10 F3000\n" * 12_000  # larger than data_size
#: The interpreter (with PoorWSGI or with our package) and the server of each run.
RUNS = {
    "original": (ORIGINAL / "venv" / "bin" / "python", "its own"),
    "ours, on its own server": (sys.executable, "its own"),
    "ours": (sys.executable, "ours"),
}


class Printer:
    """A client of PrusaLink that has logged in."""

    def __init__(self, port, folder):
        self.port, self.folder, self.url = port, folder, f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.auth = HTTPDigestAuth(USER, PASSWORD)

    def __call__(self, method, path, **options):
        return self.session.request(method, self.url + path, timeout=30, **options)

    def put(self, name, content, **headers):
        return self("PUT", f"/api/v1/files/local/{name}", data=content, headers={"Content-Type": "text/x.gcode", **headers})

    def post(self, name, content):
        return self("POST", "/api/files/local", files={"file": (name, content)}, headers={"Accept": "application/json"})

    def cut(self, method, path, content_type, content, announced, *, waits):
        """Sends only a part of a body, and disconnects; with waits, returns the status for which it waits
        before."""
        head = {"Host": f"127.0.0.1:{self.port}", "Content-Type": content_type, "Content-Length": announced, "Connection": "close",
                "User-Agent": self.session.headers["User-Agent"], "Authorization": self.session.auth.build_digest_header(method, self.url + path)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            connection.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content)
            if waits:
                connection.shutdown(socket.SHUT_WR)
                return int(connection.makefile("rb").readline().split()[1])
        return None

    def names(self):
        listed = self("GET", "/api/v1/files/local").json()
        return {child["name"] for child in listed.get("children", ())}


@pytest.fixture(params=RUNS)
def printer(request, tmp_path):
    assert PACKAGES.exists(), "PrusaLink is missing: run `make test-compat`"
    ours()
    python, server = RUNS[request.param]
    (tmp_path / "there.gcode").write_bytes(GCODE)
    command = [python, "-W", "ignore", HERE / "serve_prusalink.py", server, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(PACKAGES)}) as process:
        try:
            printer = Printer(int(process.stdout.readline()), tmp_path)
            assert printer("POST", "/api/login").json()["active"] is True
            yield printer
        finally:
            process.stdin.close()
            process.wait(30)


def test_it_asks_for_a_login_once(printer):
    refused = requests.get(f"{printer.url}/api/version", timeout=30)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith('Digest realm="Administrator"')
    for path in ("/api/version", "/api/v1/storage", "/api/version?system=0"):
        answer = printer("GET", path)
        assert (answer.status_code, answer.history) == (200, []), "no other challenge, and not stale"
    wrong = requests.get(f"{printer.url}/api/version", auth=HTTPDigestAuth(USER, "guess"), timeout=30)
    assert wrong.status_code == 401
    assert requests.get(f"{printer.url}/api/version", headers={"X-Api-Key": "key"}, timeout=30).status_code == 200
    assert requests.get(f"{printer.url}/api/version", headers={"X-Api-Key": "guess"}, timeout=30).status_code == 403


def test_pages_and_files(printer):
    page = printer("GET", "/")
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert requests.get(f"{printer.url}/favicon.ico", timeout=30).status_code == 200
    missing = printer("GET", "/none", headers={"Accept": "application/json"})
    assert (missing.status_code, missing.json()["title"]) == (404, "Not Found")
    page = printer("GET", "/none", headers={"Accept": "text/html"})
    assert page.status_code == 404 and "Not Found" in page.text
    assert requests.head(f"{printer.url}/", timeout=30).headers["Instance-ID"]


def test_it_lists_files(printer):
    assert printer.names() == {"there.gcode"}
    file = printer("GET", "/api/v1/files/local/there.gcode").json()
    assert (file["name"], file["size"]) == ("there.gcode", len(GCODE))
    assert printer("GET", f"/api/files/local/{urllib.parse.quote(STORAGE)}/there.gcode/raw").content == GCODE
    missing = printer("GET", "/api/v1/files/local/none.gcode", headers={"Accept": "application/json"})
    assert missing.status_code == 404
    assert missing.json()["url"] == missing.headers["Content-Location"] == f"{printer.url}/error/not-found"


def test_an_upload_that_was_left_does_not_keep_others_out(printer):
    assert printer.put("one.gcode", GCODE).status_code == 201
    assert (printer.folder / "one.gcode").read_bytes() == GCODE
    for part in (b"", GCODE[:1000], GCODE[:-1000]):
        assert printer.cut("PUT", "/api/v1/files/local/two.gcode", "text/x.gcode", part, len(GCODE), waits=True) == 400
        assert printer("GET", "/api/v1/transfer").status_code == 204
        assert not (printer.folder / "two.gcode").exists()
    printer.cut("PUT", "/api/v1/files/local/two.gcode", "text/x.gcode", GCODE[:-1000], len(GCODE), waits=False)
    until(lambda: printer.put("two.gcode", GCODE).status_code == 201)
    assert (printer.folder / "two.gcode").read_bytes() == GCODE
    assert printer.put("two.gcode", GCODE).status_code == 409
    assert printer.put("two.gcode", b"G28\n", Overwrite="?1").status_code == 201
    assert (printer.folder / "two.gcode").read_bytes() == b"G28\n"
    until(lambda: printer.names() == {"there.gcode", "one.gcode", "two.gcode"})


# PrusaLink uses bytes_read of a form, which PoorWSGI 2.8 has removed.
@pytest.mark.parametrize("printer", [run for run in RUNS if run != "original"], indirect=True)
def test_a_form_that_was_left_does_not_keep_others_out(printer):
    assert printer.post("one.gcode", GCODE).status_code == 201
    assert (printer.folder / "one.gcode").read_bytes() == GCODE
    part = b'--B\r\nContent-Disposition: form-data; name="file"; filename="two.gcode"\r\n\r\n' + GCODE[:100_000]
    for content in (part[:30], part):
        assert printer.cut("POST", "/api/files/local", "multipart/form-data; boundary=B", content, len(GCODE), waits=True) in (400, 408)
        assert printer("GET", "/api/transfer").status_code == 204
        assert not (printer.folder / "two.gcode").exists()
    assert printer.post("two.gcode", GCODE).status_code == 201
    assert (printer.folder / "two.gcode").read_bytes() == GCODE


def test_a_file_is_deleted(printer):
    assert printer("DELETE", "/api/v1/files/local/there.gcode").status_code == 204
    assert not (printer.folder / "there.gcode").exists()

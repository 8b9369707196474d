"""wsgidav: the results of litmus (WebDAV tests, packaged by Debian), and files that are too large to be kept
in memory."""
import hashlib
import re
import shutil
import subprocess

import pytest
from sites import OURS, Site, differs, serve

SUITES = {"basic": 16, "copymove": 13, "props": 30, "locks": 41, "http": 4}
FRAGMENT = "DELETE removed collection resource with Request-URI including fragment; unsafe"
CONTENT = hashlib.shake_256(b"a file").digest(24 << 20)


@pytest.fixture(scope="module")
def dav(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dav")
    with serve(server, "dav_site:app", "--max-body", "64M", DAV_FOLDER=folder) as port:
        yield Site(server, port, folder)


@pytest.mark.skipif(not shutil.which("litmus"), reason="Debian's package litmus is not installed, as `make test-applications` does it")
def test_litmus(dav, tmp_path):
    done = subprocess.run(["litmus", "--keep-going", f"{dav.url}/"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    print(done.stdout)
    summaries = re.findall(r"summary for `(\w+)': of (\d+) tests run: (\d+) passed, (\d+) failed", done.stdout)
    assert summaries == [(suite, str(count), str(count), "0") for suite, count in SUITES.items()]
    complaints = re.findall(r"(\w+)\.+ (WARNING|FAIL|SKIPPED): (.*)", done.stdout)
    # A target has no fragment (RFC 9112, section 3.2.1). Our server refuses one, as litmus expects.
    assert complaints == differs(dav, ours=[], gunicorn=[("delete_fragment", "WARNING", FRAGMENT)])


def blocks():
    return (CONTENT[start:start + 300_000] for start in range(0, len(CONTENT), 300_000))


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_large_file_comes_back(dav, chunked):
    name = f"large {chunked}.bin"
    assert dav("PUT", f"/{name}", data=blocks() if chunked else CONTENT).status_code == 201
    assert (dav.folder / name).read_bytes() == CONTENT
    answer = dav("GET", f"/{name}")
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(CONTENT)))
    assert answer.content == CONTENT


def test_chunks_are_taken_as_they_come(tmp_path):
    """As on gunicorn, and on our server with --chunked-bodies stream."""
    with serve(OURS, "dav_site:app", "--max-body", "64M", "--chunked-bodies", "stream", DAV_FOLDER=tmp_path) as port:
        assert Site(OURS, port)("PUT", "/large.bin", data=blocks()).status_code == 201
    assert (tmp_path / "large.bin").read_bytes() == CONTENT


def test_ranges(dav):
    (dav.folder / "file.bin").write_bytes(CONTENT)
    last = len(CONTENT) - 1
    ranges = [("0-99", 0, 99), ("1000000-9000000", 1_000_000, 9_000_000), ("-5", last - 4, last), (f"{last}-", last, last)]
    for asked, first, end in ranges:
        answer = dav("GET", "/file.bin", headers={"Range": f"bytes={asked}"})
        assert (answer.status_code, answer.headers["Content-Range"]) == (206, f"bytes {first}-{end}/{len(CONTENT)}")
        assert answer.content == CONTENT[first:end + 1]
    assert dav("GET", "/file.bin", headers={"Range": f"bytes={last + 1}-"}).status_code == 416
    tag = dav("HEAD", "/file.bin").headers["ETag"]
    assert dav("GET", "/file.bin", headers={"If-None-Match": tag}).status_code == 304
    assert dav("GET", "/file.bin", headers={"Range": "bytes=0-9", "If-Range": tag}).status_code == 206


def test_a_client_may_ask_before_it_sends(dav):
    """`Expect: 100-continue`, which curl sends with a large file."""
    with dav.connection() as connection:
        fields = b"Host: site\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n"
        connection.sendall(b"PUT /expected HTTP/1.1\r\n" + fields + b"\r\n")
        answer = connection.makefile("rb")
        assert answer.readline().startswith(b"HTTP/1.1 100 ")
        assert answer.readline() == b"\r\n"
        connection.sendall(b"12345")
        assert answer.readline().startswith(b"HTTP/1.1 201 ")
    assert (dav.folder / "expected").read_bytes() == b"12345"


def test_folders(dav):
    for name in ("folder", "folder/a name with ä"):
        assert dav("MKCOL", f"/{name}").status_code == 201
    assert dav("MKCOL", "/none/deeper").status_code == 409
    assert dav("PUT", "/folder/file", data=b"text").status_code == 201
    found = dav("PROPFIND", "/folder", headers={"Depth": "1"})
    assert (found.status_code, found.headers["Content-Type"]) == (207, "application/xml; charset=utf-8")
    names = re.findall(r"<ns0:href>(.*?)</ns0:href>", found.text)
    assert sorted(names) == ["/folder/", "/folder/a%20name%20with%20%C3%A4/", "/folder/file"]
    assert "file" in dav("GET", "/folder/").text, "a page for people"
    moved = dav("MOVE", "/folder", headers={"Destination": f"{dav.url}/moved"})
    assert moved.status_code == 201
    assert (dav.folder / "moved" / "file").read_bytes() == b"text"
    assert dav("DELETE", "/moved").status_code == 204
    assert dav("OPTIONS", "/").headers["DAV"] == "1,2"

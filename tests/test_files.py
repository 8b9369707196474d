"""Files of the document root: streamed, with ranges and conditions, on every server."""
import hashlib
import mimetypes

import pytest
from servers import IN_PROCESS, SERVERS, Client, Site

from poorwsgi import Application
from poorwsgi.response import FileResponse

SIZE = 20 << 20


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    block = bytes(range(256)) * 4096
    with open(root / "big.bin", "wb") as file:
        for number in range(SIZE // len(block)):
            file.write(number.to_bytes(4) + block[4:])
    (root / "small.txt").write_text("0123456789")
    return root


@pytest.fixture
def files(any_server, started, name, root, monkeypatch):
    if any_server not in IN_PROCESS:
        yield Site(any_server, started(any_server, poor_DocumentRoot=str(root)))
        return
    # If poor.Version is an environment variable, the application reads its variables from the environment.
    monkeypatch.setenv("poor.Version", "1")
    monkeypatch.setenv("poor_DocumentRoot", str(root))
    with IN_PROCESS[any_server](Application(name)) as port:
        yield Site(any_server, port)


def test_a_big_file_comes_whole(files, root):
    answer = files("/big.bin")
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(SIZE))
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256((root / "big.bin").read_bytes()).digest()


def test_a_part_of_a_big_file(files, root):
    answer = files("/big.bin", headers={"Range": f"bytes={SIZE - 1_000_000}-"})
    assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {SIZE - 1_000_000}-{SIZE - 1}/{SIZE}")
    assert answer.body == (root / "big.bin").read_bytes()[-1_000_000:]


@pytest.mark.parametrize(("ranges", "status", "body"), [
    ("bytes=0-0", 206, b"0"), ("bytes=-3", 206, b"789"), ("bytes=10-", 416, None), ("bytes=x", 200, b"0123456789"),
    (f"bytes={10**30}-", 416, None),
])
def test_ranges(files, ranges, status, body):
    answer = files("/small.txt", headers={"Range": ranges})
    assert answer.status == status
    if body is not None:
        assert answer.body == body


def test_several_ranges_come_in_parts(files):
    answer = files("/small.txt", headers={"Range": "bytes=0-1,8-9"})
    assert answer.status == 206
    assert answer.headers["Content-Type"].startswith("multipart/byteranges")
    assert b"\r\n\r\n01\r\n" in answer.body and b"\r\n\r\n89\r\n" in answer.body


def test_a_file_that_did_not_change_is_304(files):
    first = files("/small.txt")
    answer = files("/small.txt", headers={"If-None-Match": first.headers["ETag"]})
    assert (answer.status, answer.body) == (304, b"")


def test_nothing_outside_the_root(files):
    # Apache refuses such paths itself.
    status = 400 if files.server == "apache mod_wsgi" else 404
    assert files("/../conftest.py").status == status
    assert files("/%2e%2e/conftest.py").status == status


def test_the_media_type_is_that_of_mimetypes(name, tmp_path):
    """With types that an application has added, whether the type is found in the tables or by guess_type."""
    names = ["a.txt", "a.tar.gz", "a.tgz", "A.TXT", "a.TxT", "a.", "a", "a.b.html", "a.svgz", "a.js", "a.zzz", "a:b.txt"]
    hidden = [".txt", "..txt", ".a.css"]
    for file in names + hidden:
        (tmp_path / file).write_text("x")
    app = Application(name)
    app.document_root = str(tmp_path)

    def expected(file):
        return mimetypes.guess_type(f"/{file}")[0] or "application/octet-stream"

    with SERVERS["ours"](app) as port:
        client = Client(port)

        def type_of(file):
            return client(f"/{file}").headers["Content-Type"]

        assert [type_of(file) for file in names] == [expected(file) for file in names]
        mimetypes.add_type("application/x-ours", ".zzz")
        try:
            assert type_of("a.zzz") == "application/x-ours"
        finally:
            mimetypes.init()
        assert type_of("a.zzz") == "application/octet-stream"
    for file in names + hidden:
        assert FileResponse(str(tmp_path / file)).content_type == expected(file)


@pytest.mark.parametrize("server", SERVERS)
def test_links_out_of_the_root_are_followed_where_the_application_says_so(name, tmp_path, server):
    site, data = tmp_path / "site", tmp_path / "data"
    site.mkdir()
    data.mkdir()
    (data / "a.txt").write_text("linked")
    (site / "relative").symlink_to("../data")
    (site / "absolute").symlink_to(data)
    app = Application(name)
    app.document_root = str(site)
    app.document_index = True
    with SERVERS[server](app) as port:
        client = Client(port)

        def seen():
            return [client(path).status for path in ("/relative/a.txt", "/absolute/a.txt", "/relative", "/relative/../../data/a.txt")]

        assert seen() == [404, 404, 404, 404]
        assert "relative" not in client("/").text
        app.follow_links = True
        assert seen() == [200, 200, 200, 404]
        assert "relative" in client("/").text
        assert client("/relative/a.txt", headers={"Range": "bytes=0-3"}).text == "link"


@pytest.mark.parametrize("server", SERVERS)
def test_a_root_that_does_not_exist_has_no_files(name, tmp_path, server):
    app = Application(name)
    with pytest.warns(UserWarning, match="does not exist"):
        app.document_root = str(tmp_path / "none")
    with SERVERS[server](app) as port:
        client = Client(port)
        assert [client(path).status for path in ("/", "/a.txt")] == [404, 404]
        app.set_default(lambda req: "default")
        assert client("/a.txt").text == "default"
        (tmp_path / "none").mkdir()
        (tmp_path / "none" / "a.txt").write_text("content")
        assert client("/a.txt").text == "content"

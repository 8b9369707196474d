"""A Django site: its admin, sessions, uploads, streams, and its handling of conditional requests and
compression."""
import gzip
import hashlib
import http.client
import re
import subprocess
import sys

import pytest
from processes import PATIENCE
from sites import HERE, Site, differs, environment, serve

CONTENT = hashlib.shake_256(b"an upload").digest(4 << 20)
#: Django keeps uploads of less than 2.5 MB in memory.
SMALL = CONTENT[:100_000]
APPLICATION = "django_site:application"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a new database."""
    folder = tmp_path_factory.mktemp("django")
    subprocess.run([sys.executable, HERE / "django_site.py"], env=environment(SITE_FOLDER=folder), check=True)
    (folder / "file.bin").write_bytes(CONTENT)
    return folder


@pytest.fixture(scope="module")
def running(server, folder):
    with serve(server, APPLICATION, SITE_FOLDER=folder) as port:
        yield Site(server, port)


@pytest.fixture
def site(running):
    """A client without cookies."""
    return Site(running.server, running.port)


def token(page):
    """The token of the form on a page against cross-site request forgery."""
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]


def digest(content):
    return hashlib.sha256(content).hexdigest()


def test_the_admin(site):
    away = site("GET", "/admin/")
    assert (away.status_code, away.headers["Location"]) == (302, "/admin/login/?next=/admin/")
    login = site("GET", away.headers["Location"])
    style = site("GET", re.search(r'href="(/static/admin/css/login\.css)"', login.text)[1])
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css")
    assert "#container" in style.text
    user = {"username": "admin", "password": "secret", "next": "/admin/"}
    assert site("POST", "/admin/login/", data=user).status_code == 403, "without the token of the form"
    entered = site("POST", "/admin/login/", data={**user, "csrfmiddlewaretoken": token(login)})
    assert (entered.status_code, entered.headers["Location"]) == (302, "/admin/")
    assert "Site administration" in site("GET", "/admin/").text

    name = f"editors on {site.server}, añadidos"
    form = site("GET", "/admin/auth/group/add/")
    added = site("POST", "/admin/auth/group/add/", data={"name": name, "csrfmiddlewaretoken": token(form)}, allow_redirects=True)
    assert added.status_code == 200 and "was added successfully" in added.text
    [place] = set(re.findall(rf'<a href="(/admin/auth/group/\d+/change/)">{name}</a>', added.text))
    change = {"name": f"{name}, renamed", "csrfmiddlewaretoken": token(site("GET", place))}
    changed = site("POST", place, data=change, allow_redirects=True)
    assert "was changed successfully" in changed.text and f">{name}, renamed</a>" in changed.text
    left = site("POST", "/admin/logout/", data={"csrfmiddlewaretoken": token(changed)})
    assert left.status_code == 200
    assert site("GET", "/admin/").status_code == 302


def test_sessions(site):
    other = Site(site.server, site.port)
    assert [site("GET", "/counter").text for _ in range(3)] == ["visit 1", "visit 2", "visit 3"]
    assert other("GET", "/counter").text == "visit 1"


UPLOADS = {"small": (SMALL, "InMemoryUploadedFile"), "large": (CONTENT, "TemporaryUploadedFile")}


@pytest.mark.parametrize("content, kind", UPLOADS.values(), ids=UPLOADS)
def test_uploads(site, content, kind):
    answer = site("POST", "/upload", data={"title": "ěšč"}, files={"file": ("name ä.bin", content)})
    assert answer.json() == {"fields": {"title": "ěšč"}, "files": {"file": ["name ä.bin", len(content), digest(content), kind]}}


def test_a_body_that_comes_in_chunks(site):
    blocks = (CONTENT[start:start + 100_000] for start in range(0, len(CONTENT), 100_000))
    answer = site("POST", "/body", data=blocks)
    # Django reads at most CONTENT_LENGTH bytes, which gunicorn does not set for a chunked body. Our server
    # gathers the body first.
    content = differs(site, ours=CONTENT, gunicorn=b"")
    assert answer.json() == {"size": len(content), "sha256": digest(content)}


def test_an_upload_that_was_left(site):
    with site.connection() as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n"
                           b"Content-Type: multipart/form-data; boundary=B\r\n\r\n"
                           b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\npart of it')
    assert site("POST", "/upload", files={"file": SMALL}).status_code == 200


def test_a_stream_arrives_piece_by_piece(site):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Transfer-Encoding")) == (200, "chunked")
        assert answer.readline() == b"first\n"
        # The application generates the rest only after this request.
        assert site("GET", "/take").text == "taken"
        assert answer.read() == b"taken\n"
    finally:
        connection.close()


def test_a_file(site):
    answer = site("GET", "/file")
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(CONTENT)))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="the file.bin"'
    assert answer.content == CONTENT
    assert site("GET", "/file", headers={"Range": "bytes=0-9"}).content == CONTENT, "Django answers no ranges"
    head = site("HEAD", "/file")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(CONTENT)), b"")


def test_pages_of_failures(site):
    missing = site("GET", "/none")
    assert missing.status_code == 404 and "<h1>Not Found</h1>" in missing.text
    broken = site("GET", "/broken")
    assert broken.status_code == 500 and "<h1>Server Error (500)</h1>" in broken.text
    refused = site("GET", "/upload")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")
    assert site("GET", "/page", headers={"Host": "another.example"}).status_code == 400
    assert site("GET", "/page").status_code == 200


def test_a_head_has_no_body(site):
    page, head = site("GET", "/page"), site("HEAD", "/page")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == page.headers["Content-Length"] == str(len(page.content))


def test_what_has_not_changed_is_not_sent_again(site):
    tag = site("GET", "/page").headers["ETag"]
    answer = site("GET", "/page", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert site("GET", "/page", headers={"If-None-Match": '"another"'}).status_code == 200


def test_compression(site):
    plain = site("GET", "/page")
    with site.session.get(f"{site.url}/page", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=PATIENCE) as packed:
        raw = packed.raw.read(decode_content=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Length"] == str(len(raw))
    assert len(raw) < len(plain.content) and gzip.decompress(raw) == plain.content


PROXY = {"Host": "site.example", "X-Forwarded-Proto": "https"}


def test_a_proxy_that_is_not_trusted(site):
    assert site("GET", "/away").headers["Location"] == f"{site.url}/counter"
    assert site("GET", "/away", headers=PROXY).headers["Location"] == "http://site.example/counter"


def test_a_trusted_proxy(server, folder):
    with serve(server, APPLICATION, believed="127.0.0.1", SITE_FOLDER=folder) as port:
        assert Site(server, port)("GET", "/away", headers=PROXY).headers["Location"] == "https://site.example/counter"

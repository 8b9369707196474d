"""httpbin: a client sees the same on our server and on gunicorn."""
import contextlib
import http.client
import re

import pytest
from processes import PATIENCE
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from sites import GUNICORN, OURS, Site, serve

#: Sent instead of the server's address, because its port differs.
HOST = "httpbin.example"
FORM = (b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\n\xc4\x9b\xc5\xa1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
        b'Content-Type: text/plain\r\n\r\ncontent\r\n--B--\r\n')
MULTIPART = {"data": FORM, "headers": {"Content-Type": "multipart/form-data; boundary=B"}}
DIGEST = "/digest-auth/auth/user/secret"

STATUSES = (200, 201, 202, 204, 304, 400, 401, 402, 403, 404, 406, 418, 429, 500, 503)
#: Requests, with the expected status.
REQUESTS = [
    ("GET", "/get?a=1&a=2&b=%C4%9B", {}, 200),
    ("GET", "/get", {"headers": {"X-Many": "a, b", "Referer": "http://example.org/", "Cookie": "a=1; b=2"}}, 200),
    ("POST", "/post", {"data": {"a": ["1", "2"], "b": "ěš"}}, 200),
    ("POST", "/post", {"json": {"a": [1, None, "ěš"]}}, 200),
    ("POST", "/post", MULTIPART, 200),
    ("POST", "/post", {"data": b"\x00\xff binary", "headers": {"Content-Type": "application/octet-stream"}}, 200),
    ("POST", "/post", {"data": b""}, 200),
    ("PUT", "/put", {"data": b"content"}, 200),
    ("PATCH", "/patch", {"json": {"a": 1}}, 200),
    ("DELETE", "/delete", {"data": b"content"}, 200),
    ("DELETE", "/delete", {}, 200),
    ("TRACE", "/anything", {}, 200),
    ("POST", "/get", {"data": b"content"}, 405),
    ("OPTIONS", "/get", {"headers": {"Origin": "http://example.org", "Access-Control-Request-Headers": "X-A"}}, 200),
    ("HEAD", "/get", {}, 200),
    ("GET", "/none", {}, 404),
    ("GET", "/headers", {"headers": {"X-One": "1", "x-TWO": "2", "X-Empty": ""}}, 200),
    ("GET", "/ip", {}, 200),
    ("GET", "/user-agent", {}, 200),
    *(("GET", f"/status/{status}", {}, status) for status in STATUSES),
    *((method, "/status/204", {}, 204) for method in ("HEAD", "POST", "PUT", "DELETE")),
    ("GET", "/redirect/3", {}, 302),
    ("GET", "/relative-redirect/2", {}, 302),
    ("GET", "/absolute-redirect/2", {}, 302),
    ("GET", "/redirect-to?url=http%3A%2F%2Fexample.org%2F%3Fa%3Db&status_code=307", {}, 307),
    ("GET", "/cookies", {"headers": {"Cookie": "a=1; b=2"}}, 200),
    ("GET", "/cookies/set?a=1&b=2", {}, 302),
    ("GET", "/cookies/delete?a", {"headers": {"Cookie": "a=1"}}, 302),
    ("GET", "/basic-auth/user/secret", {}, 401),
    ("GET", "/basic-auth/user/secret", {"auth": HTTPBasicAuth("user", "secret")}, 200),
    ("GET", "/hidden-basic-auth/user/secret", {}, 404),
    ("GET", "/bearer", {"headers": {"Authorization": "Bearer token"}}, 200),
    ("GET", DIGEST, {}, 401),
    ("GET", DIGEST, {"auth": ("user", "secret")}, 200),
    ("GET", DIGEST + "/SHA-256", {"auth": ("user", "secret")}, 200),
    ("GET", DIGEST, {"auth": ("user", "guess")}, 401),
    ("GET", "/stream/20", {}, 200),
    ("GET", "/stream-bytes/100000?seed=1&chunk_size=1000", {}, 200),
    ("GET", "/bytes/100000?seed=1", {}, 200),
    ("GET", "/range/100000", {}, 200),
    ("GET", "/range/1000", {"headers": {"Range": "bytes=10-99"}}, 206),
    ("GET", "/range/1000", {"headers": {"Range": "bytes=-10"}}, 206),
    ("GET", "/range/1000", {"headers": {"Range": "bytes=2000-"}}, 416),
    ("HEAD", "/range/1000", {}, 200),
    ("GET", "/gzip", {}, 200),
    ("GET", "/deflate", {}, 200),
    ("GET", "/brotli", {}, 200),
    ("GET", "/delay/1", {}, 200),
    ("GET", "/drip?numbytes=5&duration=1&code=202", {}, 202),
    ("POST", "/anything/a/path?a=1", {"data": b"content"}, 200),
    ("GET", "/encoding/utf8", {}, 200),
    *(("GET", f"/image/{kind}", {}, 200) for kind in ("png", "jpeg", "webp", "svg")),
    ("GET", "/image", {"headers": {"Accept": "image/webp"}}, 200),
    ("GET", "/cache", {"headers": {"If-None-Match": "any"}}, 304),
    ("GET", "/cache/60", {}, 200),
    ("GET", "/etag/tag", {}, 200),
    ("GET", "/etag/tag", {"headers": {"If-None-Match": '"tag"'}}, 304),
    ("GET", "/etag/tag", {"headers": {"If-Match": '"another"'}}, 412),
    ("GET", "/response-headers?X-A=1&X-A=2&X-B=3", {}, 200),
    ("GET", "/links/10/0", {}, 200),
    ("GET", "/links/10/1", {}, 200),
    ("GET", "/base64/aGVsbG8=", {}, 200),
    *(("GET", path, {}, 200) for path in ("/html", "/xml", "/json", "/robots.txt", "/deny", "/forms/post", "/")),
]
#: Fields of a response that depend on the server or on the time.
OWN = {"Date", "Server", "Connection", "Keep-Alive"}


@pytest.fixture(scope="module")
def ports():
    with contextlib.ExitStack() as stack:
        # a fixed hash seed, so that sets have the same order, as in Allow
        yield {server: stack.enter_context(serve(server, "httpbin:app", PYTHONHASHSEED=0)) for server in (OURS, GUNICORN)}


def seen(server, port, method, path, options):
    """What a client sees of a response."""
    options = {**options, "headers": {"Host": HOST, **options.get("headers", {})}}
    if isinstance(options.get("auth"), tuple):
        options["auth"] = HTTPDigestAuth(*options["auth"])
    if isinstance(options.get("data"), list):  # requests sends content without a length in chunks
        options["data"] = iter(options["data"])
    answer = Site(server, port)(method, path, **options)
    fields = {name: chance(value) for name, value in answer.headers.items() if name not in OWN}
    try:
        body = answer.json()
    except ValueError:
        body = answer.content
    return {"status": answer.status_code, "reason": answer.reason, "fields": fields, "body": body}


def chance(value):
    """The value of a field without its random parts."""
    return re.sub(r'(nonce|opaque)="?\w+"?', r"\1", value)


def both(ports, *request):
    return [seen(server, port, *request) for server, port in ports.items()]


@pytest.mark.parametrize("method, path, options, status", REQUESTS, ids=[f"{method} {path}" for method, path, *_ in REQUESTS])
def test_the_same(ports, method, path, options, status):
    ours, gunicorn = both(ports, method, path, options)
    assert ours == gunicorn
    assert ours["status"] == status


def test_chunks(ports):
    """The content is the same. Our server gathers it before it calls the application, and sets its length."""
    ours, gunicorn = both(ports, "POST", "/anything", {"data": [b"in ", b"chunks"]})
    assert ours["body"]["headers"].pop("Content-Length") == "9"
    assert gunicorn["body"]["headers"].pop("Transfer-Encoding") == "chunked"
    assert ours["fields"].pop("Content-Length") != gunicorn["fields"].pop("Content-Length")
    assert ours == gunicorn
    assert (ours["status"], ours["body"]["data"]) == (200, "in chunks")


def test_authentication_at_a_proxy(ports):
    """gunicorn drops the challenge as a hop-by-hop field, but RFC 9110, section 11.7.1, requires it in a
    407."""
    ours, gunicorn = both(ports, "GET", "/status/407", {})
    assert ours["fields"].pop("Proxy-Authenticate") == 'Basic realm="Fake Realm"'
    assert ours == gunicorn
    assert ours["status"] == 407


def test_a_connection_is_kept(ports):
    """After responses without content, with a length, and in chunks."""
    for port in ports.values():
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            connection.connect()
            first = connection.sock
            for path in ("/status/204", "/status/304", "/get", "/stream/3", "/bytes/10", "/status/500", "/drip?duration=0"):
                connection.request("GET", path)
                connection.getresponse().read()
                assert connection.sock is first, path

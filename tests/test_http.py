"""What a client sees is the same on every server."""
import concurrent.futures
import html
import json

import pytest

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"


@pytest.mark.parametrize(("target", "status", "content_type", "body"), [
    ("/hello/world", 200, HTML, b"Hello world"),
    ("/result/str", 200, HTML, "žluťoučký".encode()),
    ("/result/bytes", 200, HTML, b"\x00\xff"),
    ("/result/dict", 200, JSON, b'{"a": [1, null]}'),
    ("/result/list", 200, JSON, b"[]"),
    ("/result/none", 204, None, b""),
    ("/result/one", 200, HTML, b"text"),
    ("/result/two", 200, "text/plain", b"text"),
    ("/result/three", 200, "text/plain", b"text"),
    ("/result/four", 201, "text/plain", b"text"),
    ("/response", 202, "text/plain", b"made"),
])
def test_results_become_responses(site, target, status, content_type, body):
    answer = site(target)
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (status, content_type, body)
    if status != 204:
        assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("kind", [
    "int", "object", "empty-tuple", "long-tuple", "bad-status", "bad-header", "bad-name", "bad-type", "bad-length",
    "not-json", "surrogate", "missing",
])
def test_a_result_that_cannot_be_sent_is_500(site, kind):
    answer = site(f"/result/{kind}")
    assert answer.status == 500
    assert "X-C" not in answer.headers
    assert "Error" not in answer.text.replace("Server Error", "")
    assert site("/hello/again").status == 200


def test_headers_of_the_application_replace_the_default_ones(site):
    assert site("/hello/world").headers["X-Powered-By"] == "PoorWSGI"
    answer = site("/result/four")
    assert answer.headers["X-Powered-By"] is None
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    # UTF-8 in header values is sent as the Latin-1 characters of its bytes.
    value = site("/result/pair").headers["X-One"].encode("latin-1").decode()
    if site.server == "granian":  # it encodes these characters as UTF-8 instead (PEP 3333 says Latin-1)
        value = value.encode("latin-1").decode()
    assert value == "žluť"


def test_path_arguments_are_converted(site):
    digits = "9" * 400
    answer = site(f"/types/-{digits}/1.5/00112233-4455-6677-8899-AABBCCDDEEFF")
    assert answer.json == {
        "count": "-" + digits, "size": 1.5, "key": "00112233445566778899aabbccddeeff", "types": ["int", "float"],
    }


def test_digits_of_any_script_are_a_number(site):
    assert site("/args/x/%D9%A4%D9%A2").json["args"] == {"one": "x", "two": 42}


def test_a_number_that_python_refuses_is_404(site):
    # Python converts at most 4,300 digits; a failed conversion is not answered with 500.
    assert site("/args/x/" + "9" * 5000).status == 404


def test_the_request_knows_method_path_query_and_rule(site):
    assert site("/request?a=1&b=%20").json == {
        "method": "GET", "path": "/request", "query": "a=1&b=%20", "rule": "/request", "args": {}, "data": "",
    }
    answer = site("/args/%C5%BE%20a/7")
    assert answer.json == {"path": "/args/ž a/7", "rule": "/args/<one>/<two:int>", "args": {"one": "ž a", "two": 7}}


@pytest.mark.parametrize("content_type", [
    "text/plain", "application/octet-stream", "application/json", "application/x-www-form-urlencoded",
])
def test_the_body_is_read_before_the_handler(site, content_type):
    body = json.dumps("žluťoučký" * 100).encode()
    assert site("/echo", "POST", body, {"Content-Type": content_type}).body == body


def test_a_body_over_data_size_is_not_read_ahead(site):
    assert site("/echo", "POST", b"x" * 65_365).body == b"x" * 65_365
    # waitress has read the body into a BytesIO, whose content is returned as data.
    data = b"x" * 65_366 if site.server == "waitress" else b""
    assert site("/echo", "POST", b"x" * 65_366).body == data


def test_head_has_the_fields_of_get_and_no_body(site):
    get, head = site("/hello/world"), site("/hello/world", "HEAD")
    assert (head.status, head.body) == (200, b"")
    for field in ("Content-Length", "Content-Type", "X-Powered-By"):
        assert head.headers[field] == get.headers[field]


@pytest.mark.parametrize(("target", "method", "status"), [
    ("/nowhere", "GET", 404), ("/hello/a/b", "GET", 404), ("/hello/", "GET", 404), ("/args/x/y", "GET", 404),
    ("/hello/world", "DELETE", 405), ("/request", "PATCH", 200), ("/request", "BREW", 501), ("/%FF", "GET", 400),
    ("/abort/403", "GET", 403), ("/abort/204", "GET", 204), ("/abort/99", "GET", 500), ("/raise/http", "GET", 410),
    ("/raise/value", "GET", 500),
    ("/raise/connection", "GET", 500), ("/debug-info", "GET", 404),
])
def test_statuses(site, target, method, status):
    assert site(target, method).status == status


def test_405_says_what_is_allowed(site):
    # PoorWSGI's 405 had no Allow.
    assert site("/echo").headers["Allow"] == "POST"


def test_debug_shows_the_traceback_of_the_handler(near_site):
    answer = near_site("/raise/value")
    assert "secret" not in answer.text and "Traceback" not in answer.text
    near_site.app.debug = True
    answer = near_site("/raise/value")
    assert answer.status == 500
    assert "ValueError" in answer.text and "<detail>" not in answer.text
    assert "secret <detail>" in html.unescape(answer.text)
    assert "demo_app.py" in answer.text and "in raised" in answer.text


def test_debug_shows_what_was_returned(near_site):
    near_site.app.debug = True
    assert 'returned an int; expected str, bytes, dict' in near_site("/result/int").text


def test_a_response_is_sent_once(near_site):
    assert [near_site("/used").status for _ in range(2)] == [200, 500]


def test_a_slow_handler_holds_up_nobody(near_site):
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        slow = [pool.submit(near_site, "/wait") for _ in range(50)]
        # Answered while all other requests wait for it.
        assert near_site("/go").text == "go"
        assert {answer.result().text for answer in slow} == {"waited"}

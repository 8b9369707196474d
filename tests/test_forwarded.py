"""What a trusted proxy says of its client is what applications see, called through WSGI or natively."""
import json

import pytest
from servers import Client, on_our_server

from poorwsgi import Application

PROXY = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "site.example:8443"}
RFC_7239 = {"Forwarded": 'for="[2001:db8::7]:4711";proto=https;host=site.example'}


def as_callable(environ, start_response):
    names = ("REMOTE_ADDR", "REMOTE_PORT", "wsgi.url_scheme", "HTTPS", "HTTP_HOST", "SERVER_PORT", "HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: environ[name] for name in names if name in environ}).encode()]


@pytest.fixture
def native(name):
    app = Application(name)

    @app.route("/")
    def seen(req):
        return {"address": req.remote_addr, "scheme": req.scheme, "host": req.hostname, "port": req.host_port,
                "url": req.construct_url("/x"), "secure": req.is_secure if hasattr(req, "is_secure") else None}

    return app


def seen(app, headers, **settings):
    with on_our_server(app, **settings) as port:
        answer = Client(port)("/", headers=headers)
    assert answer.status == 200, answer.text
    return json.loads(answer.body), port


def test_a_callable_sees_the_client_of_a_trusted_proxy():
    found, _ = seen(as_callable, PROXY)
    assert found == {"REMOTE_ADDR": "192.0.2.7", "wsgi.url_scheme": "https", "HTTPS": "on", "HTTP_HOST": "site.example:8443",
                     "SERVER_PORT": "8443", "HTTP_X_FORWARDED_FOR": "203.0.113.9, 192.0.2.7"}


def test_a_native_application_sees_the_client_of_a_trusted_proxy(native):
    found, _ = seen(native, PROXY)
    assert (found["address"], found["scheme"], found["host"], found["port"]) == ("192.0.2.7", "https", "site.example", 8443)
    assert found["url"] == "https://site.example:8443/x"


@pytest.mark.parametrize("trusted", [["none"], [], ["192.0.2.1"], ["unix"]])
@pytest.mark.parametrize("headers", [PROXY, RFC_7239])
def test_others_are_not_believed(native, trusted, headers):
    found, port = seen(as_callable, headers, trusted_proxies=trusted)
    port_of_client = found.pop("REMOTE_PORT")
    assert port_of_client.isdigit()
    assert found == {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", "HTTP_HOST": f"127.0.0.1:{port}", "SERVER_PORT": str(port)}
    found, port = seen(native, headers, trusted_proxies=trusted)
    assert (found["address"], found["scheme"], found["url"]) == ("127.0.0.1", "http", f"http://127.0.0.1:{port}/x")


@pytest.mark.parametrize("trusted", [["127.0.0.1"], ["127.0.0.0/8", "203.0.113.0/24"]])
def test_only_the_way_through_trusted_proxies_counts(trusted):
    found, _ = seen(as_callable, {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}, trusted_proxies=trusted)
    assert found["REMOTE_ADDR"] == ("203.0.113.9" if len(trusted) == 1 else "198.51.100.1")


def test_forwarded_is_read_where_it_is_chosen():
    found, _ = seen(as_callable, {**RFC_7239, **PROXY}, forwarded_fields="forwarded")
    assert found == {"REMOTE_ADDR": "2001:db8::7", "REMOTE_PORT": "4711", "wsgi.url_scheme": "https", "HTTPS": "on",
                     "HTTP_HOST": "site.example", "SERVER_PORT": "443", "HTTP_FORWARDED": RFC_7239["Forwarded"]}


def test_of_two_kinds_the_other_is_removed():
    found, _ = seen(as_callable, {**RFC_7239, "X-Forwarded-For": "192.0.2.7"})
    assert (found["REMOTE_ADDR"], "HTTP_FORWARDED" in found) == ("192.0.2.7", False)


@pytest.mark.parametrize("headers", [{"X-Forwarded-Host": "a b"}, {"X-Forwarded-Host": "<x>"}, {"X-Forwarded-Port": "x"}])
def test_a_host_that_is_none_is_400(headers):
    with on_our_server(as_callable) as port:
        answer = Client(port)("/", headers=headers)
    assert answer.status == 400 and next(iter(headers)) in answer.text

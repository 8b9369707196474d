"""Applications behind HAProxy that names its clients in PROXY headers."""
import json

import pytest
from fronts import Client, front, served
from servers import until

HOST = "site.example"
#: The fields of a client that speaks for itself; it is at an address that is not trusted.
FORGED = {"X_Forwarded_For": "203.0.113.5", "X_Forwarded_Proto": "gopher", "X_Forwarded_Host": "evil.example", "Forwarded": "for=203.0.113.6"}
TRUSTS = ["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "unix"]


@pytest.fixture(params=["tcp", "unix"])
def address(request, tmp_path):
    return "127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path}/app.sock"


@pytest.mark.parametrize("site", ["native", "plain"])
@pytest.mark.parametrize(("version", "tls"), [("send-proxy", False), ("send-proxy-v2", False), ("send-proxy-v2-ssl", True), ("send-proxy-v2-ssl", False)])
def test_the_header_names_the_client(tmp_path, address, version, tls, site):
    with served(site, address, "--proxy-protocol", *TRUSTS) as server, front("bytes", tmp_path, server, version=version, tls=tls) as port:
        scheme = "https" if tls else "http"
        seen = json.loads(Client(port, HOST, tls)(**FORGED).text)
        assert seen == {"address": "127.0.0.2", "scheme": scheme, "url": f"{scheme}://{HOST}/x", "fields": []}
        if site == "native":
            client = Client(port, HOST, tls)
            # The proxy's own question for the health: it has no client, and a server that refuses it would be down.
            until(lambda: len(json.loads(client("/checks").text)) > 1)


def test_a_proxy_that_sends_no_header_gets_no_answer(tmp_path, address):
    with served("native", address, "--proxy-protocol", *TRUSTS) as server, front("haproxy", tmp_path, server) as port:
        assert Client(port, HOST)().status in (502, 503)


def test_a_header_of_a_proxy_that_is_not_trusted_is_a_bad_request(tmp_path, address):
    options = ["--proxy-protocol", "--trusted-proxy", "none"]
    with served("native", address, *options) as server, front("bytes", tmp_path, server, version="send-proxy") as port:
        answer = until(lambda: _status(port))
        assert answer in (400, "down")


def _status(port):
    """The status, or that the proxy has seen that the server answers nothing but 400, and counts it as down."""
    try:
        return Client(port, HOST)().status
    except OSError:
        return "down"

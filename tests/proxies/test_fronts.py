"""Applications behind nginx and HAProxy, over TCP and over a Unix socket, with TLS at the proxy and without."""
import json
from http.cookies import SimpleCookie

import pytest
from fronts import FRONTS, Client, front, served

HOST = "site.example"
FORGED = {"X_Forwarded_For": "203.0.113.5", "X_Forwarded_Proto": "gopher", "X_Forwarded_Host": "evil.example", "X_Forwarded_Port": "99",
          "Forwarded": "for=203.0.113.6;proto=gopher;host=evil.example"}
# Of the proxy alone, because the client of these tests has a loopback address, too.
TRUSTS = ["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "unix"]


@pytest.fixture(params=["tcp", "unix"])
def address(request, tmp_path):
    return "127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path}/app.sock"


@pytest.mark.parametrize("proxy", FRONTS)
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("site", ["native", "plain", "with_flask", "with_django"])
def test_an_application_sees_its_client(tmp_path, address, proxy, tls, site):
    with served(site, address, *TRUSTS) as server, front(proxy, tmp_path, server, tls=tls) as port:
        scheme, host = "https" if tls else "http", f"{HOST}:{port}"
        client = Client(port, host, tls)
        seen = json.loads(client().text)
        assert (seen["address"], seen["scheme"], seen["url"]) == ("127.0.0.2", scheme, f"{scheme}://{host}/x")
        assert json.loads(Client(port, HOST, tls)().text)["url"] == f"{scheme}://{HOST}/x"
        # security: what a client says of itself is not believed, and the other kind of fields does not arrive.
        assert json.loads(client(**FORGED).text) == seen

        assert client("/away").headers["Location"] == f"{scheme}://{host}/"
        secured = client("/secured")
        assert (secured.status, secured.text) == (200, "secured") if tls else secured.headers["Location"] == f"https://{HOST}/secured"

        for visit in ("1", "2"):
            answer = client("/visits")
            assert answer.text == visit
            cookie, = SimpleCookie(answer.headers["Set-Cookie"]).values()
            assert cookie["secure"]
            client.cookies[cookie.key] = cookie.value


@pytest.mark.parametrize("proxy", FRONTS)
@pytest.mark.parametrize("trusted", ["none", "192.0.2.1"])
@pytest.mark.parametrize("site", ["native", "plain"])
def test_a_proxy_that_is_not_trusted_is_not_believed(tmp_path, address, proxy, trusted, site):
    with served(site, address, "--trusted-proxy", trusted) as server, front(proxy, tmp_path, server, tls=True) as port:
        seen = json.loads(Client(port, HOST, tls=True)(**FORGED).text)
        peer = "" if address.startswith("unix:") else "127.0.0.1"
        assert (seen["address"] or "", seen["scheme"], seen["url"], seen["fields"]) == (peer, "http", f"http://{HOST}/x", [])

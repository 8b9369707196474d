"""The attributes of a request, for many environs."""
import pytest

ENVIRONS = {
    "nothing special": {},
    "path": {"PATH_INFO": "/a/b"},
    "path with UTF-8": {"PATH_INFO": "/\u017elu\u0165".encode().decode("latin-1")},
    "empty path": {"PATH_INFO": ""},
    "mounted": {"SCRIPT_NAME": "/app", "PATH_INFO": "/x"},
    "query": {"QUERY_STRING": "a=1&b=2&a=3&c=&d"},
    "query with UTF-8": {"QUERY_STRING": "name=%C5%BEl%C5%A5+y&%C5%BE=1"},
    "query that is not UTF-8": {"QUERY_STRING": "name=%FF%FE"},
    "query of one sign": {"QUERY_STRING": "&"},
    "post": {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "0"},
    "put": {"REQUEST_METHOD": "PUT", "CONTENT_TYPE": "text/plain; charset=latin-1", "CONTENT_LENGTH": "0"},
    "patch": {"REQUEST_METHOD": "PATCH", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "0"},
    "options": {"REQUEST_METHOD": "OPTIONS"},
    "head": {"REQUEST_METHOD": "HEAD"},
    "delete": {"REQUEST_METHOD": "DELETE"},
    "host": {"HTTP_HOST": "example.org"},
    "host and port": {"HTTP_HOST": "example.org:8080"},
    "server name only": {"SERVER_NAME": "example.org", "SERVER_PORT": "8080"},
    "https": {"wsgi.url_scheme": "https", "SERVER_PORT": "443", "HTTP_HOST": "example.org"},
    "https on a port": {"wsgi.url_scheme": "https", "SERVER_PORT": "8443", "HTTP_HOST": "example.org:8443"},
    "forwarded": {"HTTP_X_FORWARDED_FOR": "1.2.3.4, 5.6.7.8", "HTTP_X_FORWARDED_HOST": "example.org", "HTTP_X_FORWARDED_PORT": "8443",
                  "HTTP_X_FORWARDED_PROTO": "https"},
    "forwarded without a port": {"HTTP_X_FORWARDED_HOST": "example.org", "HTTP_X_FORWARDED_PROTO": "https"},
    "forwarded host and port": {"HTTP_X_FORWARDED_HOST": "example.org:99"},
    "remote": {"REMOTE_ADDR": "127.0.0.1", "REMOTE_HOST": "client", "HTTP_REFERER": "http://a/", "HTTP_USER_AGENT": "tester/1"},
    "remote without a name": {"REMOTE_ADDR": "127.0.0.1"},
    "server": {"SERVER_SOFTWARE": "tester/1", "SERVER_ADMIN": "admin@example.org", "SERVER_PROTOCOL": "HTTP/1.0"},
    "no server admin": {"SERVER_NAME": "example.org"},
    "browser": {"HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "HTTP_ACCEPT_LANGUAGE": "cs,en-US;q=0.7,en;q=0.3",
                "HTTP_ACCEPT_ENCODING": "gzip, deflate, br", "HTTP_ACCEPT_CHARSET": "utf-8,iso-8859-1;q=0.5"},
    "accepts JSON": {"HTTP_ACCEPT": "application/json"},
    "accepts anything": {"HTTP_ACCEPT": "*/*"},
    "xhr": {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
    "xhr in small letters": {"HTTP_X_REQUESTED_WITH": "xmlhttprequest"},
    "basic": {"HTTP_AUTHORIZATION": "Basic dXNlcjpwYXNz"},
    "digest": {"HTTP_AUTHORIZATION": 'Digest username="user", realm="Zone", nonce="abc", uri="/", response="def", qop=auth, nc=00000001'},
    "digest with user*": {"HTTP_AUTHORIZATION": "Digest username*=UTF-8''%C5%BElu%C5%A5, realm=\"Zone\""},
    "cookies": {"HTTP_COOKIE": "a=1; b=\"x y\"; c=%20"},
    "cookie twice": {"HTTP_COOKIE": "a=1; a=2"},
    "cookie with an equals sign": {"HTTP_COOKIE": "a=b=c"},
    "no cookies": {"HTTP_COOKIE": ""},
    "chunked": {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked"},
    "content type": {"CONTENT_TYPE": "text/HTML; charset=UTF-8; x=y"},
    "content type without charset": {"CONTENT_TYPE": "application/octet-stream"},
    "settings of the environ": {"poor_Debug": "On", "poor_SecretKey": "secret", "poor_DocumentRoot": "/srv", "poor_DocumentIndex": "On",
                                "poor_Other": "x", "app_db_server": "localhost", "app_templates": "t"},
    "settings switched off": {"poor_Debug": "Off", "poor_DocumentIndex": "off"},
    "empty settings of the environ": {"poor_Debug": "", "poor_SecretKey": "", "poor_DocumentRoot": "", "poor_DocumentIndex": ""},
    "header with UTF-8": {"HTTP_X_NAME": "\u017elu\u0165".encode().decode("latin-1")},
    "repeated header": {"HTTP_X_NAME": "a, b", "HTTP_X_OTHER_NAME_HERE": "1"},
    "http 2": {"SERVER_PROTOCOL": "HTTP/2.0"},
    "request uri": {"REQUEST_URI": "/raw?x=1", "PATH_INFO": "/other"},
}
FORM = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"}
JSON = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}
BODIES = {
    "form": (FORM, b"a=1&b=2&a=3&c=%C5%BE+x"),
    "form with a value missing": (FORM, b"c=1&d&e="),
    "form and query": ({**FORM, "QUERY_STRING": "q=1&a=9"}, b"a=1"),
    "empty form": (FORM, b""),
    "empty data": ({"REQUEST_METHOD": "PUT", "CONTENT_TYPE": "text/plain"}, b""),
    "json object": (JSON, b'{"a": 1, "b": [1, 2.5, null, true], "c": {"d": "\xc5\xbe"}}'),
    "json list": (JSON, b"[1, 2, 3]"),
    "json text": (JSON, b'"text"'),
    "json number": (JSON, b"17"),
    "json null": (JSON, b"null"),
    "json false": (JSON, b"false"),
    "empty json": (JSON, b""),
    "json with a charset": ({**JSON, "CONTENT_TYPE": "application/json; charset=utf-8"}, b'{"a": "\xc5\xbe"}'),
    "javascript": ({**JSON, "CONTENT_TYPE": "application/javascript"}, b'{"a": 1}'),
    "problem": ({**JSON, "CONTENT_TYPE": "application/merge-patch+json"}, b'{"a": 1}'),
    "data": ({"REQUEST_METHOD": "PUT", "CONTENT_TYPE": "text/plain"}, b"some text"),
    "data of a GET": ({"REQUEST_METHOD": "GET", "CONTENT_TYPE": "text/plain"}, b"some text"),
    "data of a DELETE": ({"REQUEST_METHOD": "DELETE", "CONTENT_TYPE": "application/json"}, b'{"a": 1}'),
    "data of a PATCH": ({"REQUEST_METHOD": "PATCH", "CONTENT_TYPE": "application/json"}, b'{"a": 1}'),
    "form of a PUT": ({**FORM, "REQUEST_METHOD": "PUT"}, b"a=1"),
    "form of a PATCH": ({**FORM, "REQUEST_METHOD": "PATCH"}, b"a=1"),
    "large data": ({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain"}, b"0123456789" * 7000),
}
SETTINGS = {
    "as it comes": {}, "no form": {"auto_form": False}, "no args": {"auto_args": False}, "no json": {"auto_json": False}, "no data": {"auto_data": False},
    "cookie with an equals sign": {"HTTP_COOKIE": "a=b=c"},
    "no cookies": {"auto_cookies": False}, "blanks": {"keep_blank_values": 1}, "small data": {"data_size": 4}, "debug": {"debug": True},
    "secret": {"secret_key": "s"}, "not cached": {"cached_size": 0}, "cached": {"cached_size": 16},
}


@pytest.mark.parametrize("name", ENVIRONS)
def test_environ(pair, name):
    environ = ENVIRONS[name]
    pair.same("request.simple", environ)
    pair.same("request.full", environ)
    pair.same("request.full", environ, b"", {"debug": True, "secret_key": "own", "document_root": "/own", "document_index": True})


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", BODIES)
def test_body(pair, name, settings):
    if (name, settings) == ("form with a value missing", "blanks"):
        return  # an entry of differences.py
    environ, body = BODIES[name]
    pair.same("request.full", {**environ, "CONTENT_LENGTH": str(len(body))}, body, SETTINGS[settings])


@pytest.mark.parametrize("environ", ["host", "host and port", "https", "https on a port", "forwarded", "forwarded without a port", "mounted", "nothing special"])
@pytest.mark.parametrize("target", ["/", "/x?y=1", "http://other/x", "//other/x", "", "?y=1", "#part"])
def test_constructed_url(pair, environ, target):
    pair.same("request.url", ENVIRONS[environ], target)


def test_no_data_is_empty_data_on_a_server(pair):
    for length in ("0", "", None):
        environ = {"REQUEST_METHOD": "PUT", "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": length}
        for settings in ({}, {"auto_data": False}, {"data_size": 0}):
            pair.same("request.reads_of_socket", environ, b"", settings, [("data",), ("read",), ("data",)])


def test_options_of_the_process(pair):
    variables = {"APP_DB_HOST": " localhost ", "app_Name": "n", "App_": "", "apps": "x", "app": "x", "MY_APP_X": "x", "app_\u017d": "\u017e"}
    options, _ = pair.same("request.options", variables)
    assert options["db_host"] == "localhost"


def test_what_can_be_set(pair):
    pair.same("request.setters")


@pytest.mark.parametrize("steps", [
    [("read",)], [("read", 3), ("read", 1)], [("read", 3), ("data",)], [("data",), ("read",)], [("data",), ("data",)], [("read", 0)],
    [("input.read", 3), ("input.readline",), ("input.read",)], [("input.readline",), ("input.readline",)], [("input.read",), ("read",)],
    [("read_chunk",)], [("input.readline", 2)], [("read", 100)], [("read", -1)],
])
@pytest.mark.parametrize("settings", ["as it comes", "no data", "small data", "not cached", "cached"])
@pytest.mark.parametrize("length", ["whole", "none", "short"])
def test_reading(pair, steps, settings, length):
    body = b"line one\nline two\r\nrest"
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain"}
    environ |= {"whole": {"CONTENT_LENGTH": str(len(body))}, "none": {}, "short": {"CONTENT_LENGTH": "5"}}[length]
    pair.same("request.reads", environ, body, SETTINGS[settings], steps)


LEAVES = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "100"}


@pytest.mark.parametrize("steps", [
    [("read", 3), ("read", 3), ("read", 30), ("read", 30), ("read", 30)], [("read",), ("read",)], [("read", 200), ("read", 1)], [("read", 19), ("read", 1)],
    [("input.read", 3), ("input.read", 30), ("input.read", 30)], [("input.read",), ("input.read",)], [("data",), ("read", 50)],
    [("input.readline",), ("input.readline",), ("input.readline",)],
])
@pytest.mark.parametrize("settings", [{}, {"cached_size": 64}])
def test_reading_by_hand_when_the_client_leaves(pair, steps, settings):
    settings = {"auto_data": False, "read_timeout": 0.01, **settings}
    pair.same("request.reads_of_socket", LEAVES, b"line one\r\nline two\r\nx", settings, steps)


def test_reading_without_a_buffer_when_the_client_leaves(pair):
    settings = {"auto_data": False, "cached_size": 0}
    pair.same("request.reads_of_socket", LEAVES, b"0123456789", settings, [("read", 4), ("read", 20), ("read", 20)])


def test_a_form_that_is_parsed_by_hand_when_the_client_leaves(pair):
    environ = {**LEAVES, "CONTENT_TYPE": "multipart/form-data; boundary=B"}
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nline\nline'
    assert pair.same("request.form_of_socket", environ, body, {"auto_form": False, "auto_data": False, "read_timeout": 0.01})[1][0] == "TimeoutError"


@pytest.mark.parametrize("body", [b"5\r\nhello\r\n0\r\n\r\n", b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"0\r\n\r\n"])
@pytest.mark.parametrize("steps", [[("read_chunk",)] * 4])
def test_chunks(pair, body, steps):
    pair.same("request.reads", {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": "text/plain"}, body, {}, steps)

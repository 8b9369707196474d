"""A client for tests: it calls an application as a WSGI server does, without a socket.

    from poorwsgi.testing import Client

    def test_sign_in():
        client = Client(app, follow_redirects=True)
        assert client.get("/").url.endswith("/login")
        response = client.post("/login", data={"name": "ann", "password": "drop"})
        assert (response.status, response.text) == (200, "Welcome ann")

The application may be a poorwsgi.Application or any other WSGI callable.
"""
# Written in Python, because it plays the part of a browser, whose code is not that of the engine.
import contextlib
import copy
import email.message
import io
import json
import sys
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from http.client import responses
from http.cookiejar import CookieJar
from http.cookies import SimpleCookie
from urllib.parse import quote, unquote_to_bytes, urlencode, urljoin, urlsplit
from urllib.request import Request as _UrlRequest
from wsgiref.validate import validator

from poorwsgi._client_auth import Login
from poorwsgi._client_body import encoded, pairs
from poorwsgi._poorwsgi import Headers, PoorSession, _may_have_content, _redirected, _shift_clock, parse_header

__all__ = ["Client", "Cookies", "Response", "TooManyRedirects"]

_AGENT = "poorwsgi.testing"
_MOST_REDIRECTS = 20

# The characters that a target may have (RFC 3986, section 3.3), and the percent signs of its escapes.
_OF_PATHS = "%/:@!$&'()*+,;=~"
_OF_QUERIES = _OF_PATHS + "?"

#: The value of an argument that is not given, where None means something else.
_CLIENTS = object()


class TooManyRedirects(RuntimeError):
    """A response redirects after 20 redirects in a row."""


class Response:
    """The response to a request of a Client.

        response = client.post("/tasks", json={"title": "Buy milk"})
        assert response.status == 201
        assert response.headers["Location"] == "/tasks/1"
        assert response.json() == {"id": 1, "title": "Buy milk"}

    headers is a poorwsgi.headers.Headers: names are compared without regard to case, and get_all(name) has
    the values of repeated fields. history has the responses that redirected to this one, the first one first.
    url is the URL that this response belongs to.
    """

    def __init__(self, url, call, method):
        self.url = url
        self._status, headers = call.head
        self.headers = Headers(headers, strict=False)
        self.history = []
        self._call = call
        self._has_content = _may_have_content(method, self.status)
        self._content = None

    def __repr__(self):
        return f"<Response {self._status}>"

    @property
    def status(self):
        """The status code, such as 200."""
        return int(self._status[:3])

    #: The same as status.
    status_code = status

    @property
    def reason(self):
        """The reason phrase, such as "OK"."""
        return self._status[4:] or responses.get(self.status, "")

    @property
    def content(self):
        """The content as bytes; b"" for a response that has none, such as one to HEAD."""
        if self._content is None:
            content = b"".join(self._call)
            self._content = content if self._has_content else b""
        return self._content

    @property
    def text(self):
        """The content as str, decoded with the charset of Content-Type, or else as UTF-8. Bytes that cannot
        be decoded become U+FFFD."""
        charset = parse_header(self.headers.get("Content-Type", ""))[1].get("charset", "utf-8")
        return self.content.decode(charset, "replace")

    def json(self, **options):
        """The content parsed as JSON; options are those of json.loads. Raises json.JSONDecodeError for
        content that is not JSON."""
        return json.loads(self.content, **options)

    @property
    def cookies(self):
        """The cookies that this response sets, with their attributes, as a SimpleCookie:
        response.cookies["SESSID"]["max-age"]."""
        cookies = SimpleCookie()
        for value in self.headers.get_all("Set-Cookie"):
            cookies.load(value)
        return cookies

    def iter_bytes(self):
        """The content block by block, as the application yields it, for a response of Client.stream."""
        return iter(self._call if self._has_content else ())

    def close(self):
        """Ends the response: calls the close method of what the application has returned, as a server does
        when the client has gone. A response that was read to its end is closed."""
        self._call.close()


class Cookies(MutableMapping):
    """The cookies that a Client keeps: their values by name.

        client.cookies["SESSID"] = "forged"
        assert client.get("/").headers["Location"] == "/login"

    Setting an item sets a cookie for all paths of the client's base_url. jar is the http.cookiejar.CookieJar
    that has the attributes: domain, path, expiry and whether a cookie is Secure are respected as browsers do.
    """

    def __init__(self, base_url):
        self.jar = CookieJar()
        self._url = base_url

    def __getitem__(self, name):
        for cookie in self._cookies():
            if cookie.name == name:
                return cookie.value
        raise KeyError(name)

    def __setitem__(self, name, value):
        self._take(self._url, [f"{name}={value}; Path=/"])

    def __delitem__(self, name):
        found = [cookie for cookie in self._cookies() if cookie.name == name]
        if not found:
            raise KeyError(name)
        for cookie in found:
            self.jar.clear(cookie.domain, cookie.path, cookie.name)

    def __iter__(self):
        return iter({cookie.name: None for cookie in self._cookies()})

    def __len__(self):
        return sum(1 for _ in self)

    def __repr__(self):
        return f"Cookies({dict(self)!r})"

    def _cookies(self):
        self.jar.clear_expired_cookies()
        return list(self.jar)

    def _take(self, url, fields):
        """Keeps the cookies of these Set-Cookie fields of a response."""
        message = email.message.Message()
        for field in fields:
            message["Set-Cookie"] = field
        self.jar.extract_cookies(_WithFields(message), _UrlRequest(url))

    def _field(self, url, more):
        """The Cookie field of a request; more are cookies that only this request has."""
        request = _UrlRequest(url)
        self.jar.add_cookie_header(request)
        kept = (request.get_header("Cookie") or "").split("; ")
        items = [item for item in kept if item and item.partition("=")[0] not in more]
        return "; ".join(items + [f"{name}={value}" for name, value in more.items()])

    def _age(self, seconds):
        """Brings the end of the cookies nearer: the jar compares it with the system's clock."""
        for cookie in self.jar:
            if cookie.expires is not None:
                cookie.expires -= seconds


class _WithFields:
    """The part of a response that CookieJar asks for."""

    def __init__(self, message):
        self._message = message

    def info(self):
        return self._message


@dataclass
class _Request:
    method: str
    url: str
    headers: list
    body: bytes | None
    login: Login | None
    cookies: dict
    environ: dict

    def redirected(self, status, url):
        """The request that follows a redirect; None if the status is not that of a redirect."""
        if not (followed := _redirected(self.method, status, self.url, url)):
            return None
        method, has_content, dropped = followed
        return replace(
            self, method=method, url=url, body=self.body if has_content else None,
            headers=[(name, value) for name, value in self.headers if name.lower() not in dropped],
            cookies={} if "cookie" in dropped else self.cookies,
        )


class Client:
    """A client of an application, which keeps cookies between its requests.

        >>> from poorwsgi import Application
        >>> from poorwsgi.testing import Client
        >>> app = Application("hello")
        >>> @app.route("/hello/<name:word>")
        ... def hello(req, name):
        ...     return f"Hello {name}"
        >>> client = Client(app)
        >>> response = client.get("/hello/ann")
        >>> response.status, response.text
        (200, 'Hello ann')

    base_url is scheme and host of the requests; an application that sets Secure cookies needs
    "https://localhost". headers are sent with every request; environ is added to every environ, for example
    {"REMOTE_ADDR": "::1"}. auth is a pair of user and password, with which the client answers a challenge
    (Digest or Basic). cookies are the cookies to begin with. With follow_redirects, the client follows
    redirects; otherwise the test sees them. With validate, wsgiref.validate checks the application, and an
    AssertionError says what breaks PEP 3333.

    Exceptions that a WSGI callable raises reach the test. An Application answers those of its handlers with a
    500, and logs them.

    A client has a clock, and time passes for it when the test says so: see sleep. It is for one thread.
    """

    def __init__(
        self, app, *, base_url="http://localhost", headers=None, auth=None, cookies=None, environ=None,
        follow_redirects=False, validate=False,
    ):
        self.app = app
        self.base_url = base_url.rstrip("/")
        self.headers = dict(headers or {})
        self.auth = auth
        self.cookies = Cookies(self.base_url)
        self.cookies.update(cookies or {})
        self.environ = dict(environ or {})
        self.follow_redirects = follow_redirects
        self._called = validator(app) if validate else app
        self._logins = {}
        self._ahead = 0

    def request(
        self, method, path, *, params=None, headers=None, data=None, json=None, files=None, auth=_CLIENTS,
        cookies=None, environ=None, follow_redirects=None,
    ):
        """Sends a request, and returns its Response.

            client.request("GET", "/search", params={"q": "a b", "tag": ["x", "y"]})
            client.request("POST", "/form", data={"name": "ann"}, files={"photo": ("cat.png", b"...")})
            client.request("POST", "/api/tasks", json={"title": "Buy milk"})

        path is a path with or without a query, or a URL with another host than base_url. params is added to
        the query.

        data is a form (a dict, in which a list is a field that is repeated, or pairs of name and value), or
        the body as bytes or str; files, also with data, makes it a form of multipart/form-data. A file is
        (filename, content) or (filename, content, media type), with content as bytes, str or an open file; or
        just an open file. json is sent as JSON.

        headers and environ are added to those of the client; a header of None is left out. cookies are sent
        with this request alone. auth and follow_redirects replace those of the client; None for auth means no
        login.

        Raises TooManyRedirects after 20 redirects, ConnectionError if the application does not call
        start_response, which a server answers by closing the connection.
        """
        request = self._request(method, path, params, headers, data, json, files, auth, cookies, environ)
        return self._follow(request, self.follow_redirects if follow_redirects is None else follow_redirects)

    def get(self, path, **options):
        """Sends a GET request. The options are those of request."""
        return self.request("GET", path, **options)

    def head(self, path, **options):
        """Sends a HEAD request. The options are those of request."""
        return self.request("HEAD", path, **options)

    def post(self, path, **options):
        """Sends a POST request. The options are those of request."""
        return self.request("POST", path, **options)

    def put(self, path, **options):
        """Sends a PUT request. The options are those of request."""
        return self.request("PUT", path, **options)

    def patch(self, path, **options):
        """Sends a PATCH request. The options are those of request."""
        return self.request("PATCH", path, **options)

    def delete(self, path, **options):
        """Sends a DELETE request. The options are those of request."""
        return self.request("DELETE", path, **options)

    def options(self, path, **options):
        """Sends an OPTIONS request. The options are those of request."""
        return self.request("OPTIONS", path, **options)

    @contextlib.contextmanager
    def stream(self, method, path, **options):
        """Sends a request, and yields its Response before the content is read; closes it after the block.

            with client.stream("GET", "/events") as response:
                assert next(response.iter_bytes()) == b"data: 1\\n\\n"

        The options are those of request. Redirects are not followed.
        """
        request = self._request(method, path, **options)
        with contextlib.closing(self._exchange(request)) as response:
            yield response

    def time(self):
        """The time of this client, in seconds since 1970."""
        return time.time() + self._ahead

    def sleep(self, seconds):
        """Lets time pass for this client, without waiting: its later requests are answered as if they came so
        much later.

            client.post("/login", data={"name": "ann", "password": "drop"})
            client.sleep(3601)
            assert client.get("/").headers["Location"] == "/login"    # the session is over

        The clock of the engine follows, which sessions, tokens and digest nonces are made and checked with,
        while a request of this client is being answered, on its thread; and so do the client's cookies.
        time.time() of Python does not: what an application computes itself sees no change. A negative number
        goes back.
        """
        self._ahead += seconds
        self.cookies._age(seconds)

    @contextlib.contextmanager
    def session(self, session=None):
        """The session of this client, as the application sees it: to look into, and to change.

            with client.session() as session:
                session.data["user"] = "ann"

        session is a session object like the application's own, with the same arguments: Session, PoorSession
        or AESSession. The default is PoorSession(app.secret_key). If the block changes the data, or destroys
        the session, the cookie is written again. Raises SessionError for a cookie that the application would
        refuse, TypeError if there is neither a session nor an app.secret_key.
        """
        if session is None:
            if not getattr(self.app, "secret_key", None):
                raise TypeError("the application has no secret_key: give the session, client.session(PoorSession(key))")
            session = PoorSession(self.app.secret_key)
        cookies = SimpleCookie()
        for name, value in self.cookies.items():
            cookies.load(f"{name}={value}")
        with self._clock():
            session.load(cookies)
        before = copy.deepcopy(session.data)
        yield session
        if session.data != before or session._destroyed:
            with self._clock():
                fields = session.header()
            self.cookies._take(self.base_url, [value for name, value in fields if name == "Set-Cookie"])

    def _request(
        self, method, path, params=None, headers=None, data=None, json=None, files=None, auth=_CLIENTS,
        cookies=None, environ=None,
    ):
        body, content_type = encoded(data, files, json)
        own = [("User-Agent", _AGENT), ("Content-Type", content_type)]
        url = self._url(path, params)
        return _Request(
            method, url, _replaced(own, pairs(self.headers), pairs(headers or ())), body,
            self._login(self.auth if auth is _CLIENTS else auth, url), dict(cookies or {}), dict(environ or {}),
        )

    def _url(self, path, params=None):
        is_absolute = path.startswith(("http://", "https://"))
        url = urlsplit(path if is_absolute else f"{self.base_url}/{path.removeprefix('/')}")
        query = url.query
        if params:
            more = params if isinstance(params, str) else urlencode(pairs(params))
            query = f"{query}&{more}" if query else more
        return url._replace(
            path=quote(url.path, _OF_PATHS) or "/", query=quote(query, _OF_QUERIES), fragment=""
        ).geturl()

    def _login(self, auth, url):
        """The login of a user at the origin of a URL, where its nonce is used again."""
        if auth is None:
            return None
        scheme, netloc, *_ = urlsplit(url)
        return self._logins.setdefault((scheme, netloc, *auth), Login(*auth))

    def _follow(self, request, follows):
        history = []
        while True:
            response = self._exchange(request)
            response.content  # noqa: B018 - read here, which closes the response
            response.history = history
            location = response.headers.get("Location")
            if not follows or response.status // 100 != 3 or location is None:
                return response
            url = urljoin(request.url, location.encode("latin-1").decode("utf-8", "replace"))
            if urlsplit(url).hostname != urlsplit(request.url).hostname:
                return response
            redirected = request.redirected(response.status, self._url(url))
            if redirected is None:
                return response
            if len(history) == _MOST_REDIRECTS:
                raise TooManyRedirects(f"{response.url} redirects after {_MOST_REDIRECTS} redirects")
            history = [*history, response]
            request = redirected
            if login := request.login:
                request.login = self._login((login.user, login.password), request.url)

    def _exchange(self, request):
        """Sends a request, and once more if it has to answer a challenge."""
        response, login = self._send(request), request.login
        if not login or response.status != 401:
            return response
        if login.challenged(response.headers.get_all("WWW-Authenticate")):
            response.close()
            response = self._send(request)
            if response.status == 401:
                login.refused()
        return response

    def _send(self, request):
        call = _Call(self._called, self._environ(request), self._clock)
        response = Response(request.url, call, request.method)
        self.cookies._take(request.url, response.headers.get_all("Set-Cookie"))
        return response

    @contextlib.contextmanager
    def _clock(self):
        """Sessions, tokens and nonces that are made or checked on this thread have the time of this
        client."""
        before = _shift_clock(round(self._ahead * 1000))
        try:
            yield
        finally:
            _shift_clock(before)

    def _environ(self, request):
        url = urlsplit(request.url)
        environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
            "QUERY_STRING": url.query,
            "REQUEST_URI": _target(url),
            "SERVER_NAME": url.hostname,
            "SERVER_PORT": str(url.port or {"https": 443}.get(url.scheme, 80)),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": _AGENT,
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": url.netloc,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": url.scheme,
            "wsgi.input": io.BytesIO(request.body or b""),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if request.body is not None or request.method in ("POST", "PUT", "PATCH"):
            environ["CONTENT_LENGTH"] = str(len(request.body or b""))
        fields = {}
        for name, value in request.headers:
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            fields.setdefault(key, []).append(str(value))
        if "HTTP_COOKIE" not in fields and (cookies := self.cookies._field(request.url, request.cookies)):
            fields["HTTP_COOKIE"] = [cookies]
        if "HTTP_AUTHORIZATION" not in fields and request.login:
            if authorization := request.login.authorization(request.method, _target(url)):
                fields["HTTP_AUTHORIZATION"] = [authorization]
        for key, values in fields.items():
            separator = "; " if key == "HTTP_COOKIE" else ", "
            environ[key] = separator.join(values).encode().decode("latin-1")  # the native string of PEP 3333
        return {**environ, **self.environ, **request.environ}


def _target(url):
    return f"{url.path}?{url.query}" if url.query else url.path


def _replaced(*layers):
    """Header fields, where each layer replaces those of the layers before. A value of None leaves the field
    out."""
    fields = []
    for layer in layers:
        names = {name.lower() for name, _ in layer}
        fields = [(name, value) for name, value in fields if name.lower() not in names] + layer
    return [(name, value) for name, value in fields if value is not None]


class _Call:
    """One call of an application, as a server makes it (PEP 3333): an iterator of the blocks of the content.

    The application has run up to the first block, so that the head is known.
    """

    def __init__(self, app, environ, clock):
        self.head = None
        self._clock = clock
        self._blocks = []
        self._is_begun = False
        with clock():
            self._result = app(environ, self._start_response)
        with self._closing_if_it_fails():
            self._items = iter(self._result)
        self._advance()
        if self.head is None:
            self.close()
            raise ConnectionError("the application has given no response: it did not call start_response")

    def _start_response(self, status, headers, exc_info=None):
        if exc_info and self._is_begun:
            raise exc_info[1].with_traceback(exc_info[2])
        if self.head and not exc_info:
            raise AssertionError("start_response was called before: a second call has to give exc_info")
        self.head = status, headers
        return self._write

    def _write(self, block):
        if not isinstance(block, bytes):
            raise AssertionError(f"the content is bytes, not {type(block).__name__}")
        if block:
            if self.head is None:
                raise AssertionError("start_response was not called before the content")
            self._is_begun = True
            self._blocks.append(block)

    def __iter__(self):
        return self

    def __next__(self):
        self._advance()
        if not self._blocks:
            raise StopIteration
        return self._blocks.pop(0)

    def _advance(self):
        """Lets the application go on up to a block that is not empty, or to its end."""
        while self._items is not None and not self._blocks:
            with self._closing_if_it_fails():
                try:
                    self._write(next(self._items))
                except StopIteration:
                    self.close()

    @contextlib.contextmanager
    def _closing_if_it_fails(self):
        try:
            with self._clock():
                yield
        except BaseException:
            self.close()
            raise

    def close(self):
        """Ends the call, once."""
        result, self._result, self._items = self._result, None, None
        with self._clock():
            if hasattr(result, "close"):
                result.close()

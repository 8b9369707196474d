"""The training run for profile-guided optimization of wheels: the compiler lays out the code for the requests
that are made here.

    python tools/train.py [SECONDS] for each application; trains the `poorwsgi` of PATH

The requests are for the examples, as their users would send them, and for the application `trained`, which
uses what the examples do not: code that is never used here is compiled for size, and is slow. The benches are
not part of it, so that they measure what applications get. `maturin build --pgo` runs this program between
its two builds.
"""
import hashlib
import http.client
import itertools
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIENTS = 8
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5", "Accept-Encoding": "gzip, deflate",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
UPLOAD = {"Content-Type": "multipart/form-data; boundary=training"}


def part(name, content, more=""):
    return f'--training\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


def upload(size):
    picture = part("picture", bytes(range(256)) * (size // 256), '; filename="cat.jpg"')
    return part("name", b"ann") + part("age", b"42") + picture + b"--training--\r\n"


def get(*paths, **headers):
    return [("GET", path, b"", headers) for path in paths]


#: application -> the requests that each client repeats: method, path, body, header fields
WORK = {
    "examples.hello:app": get("/", "/", "/?name=ann", "/nowhere"),
    "examples.routes:app": get("/user/ann/42", "/user/ben/7", "/colour/ff8000", "/day/2026-01-31", "/1+1", "/echo?a=1&b=2"),
    "examples.json_api:app": [
        *get("/squares/20", "/tasks/1", "/tasks/nowhere"), ("POST", "/tasks/1", b"{}", JSON),
        ("POST", "/tasks", b'{"title": 1, "notes": ["milk", "bread", null], "price": 12.5}', JSON),
    ],
    "examples.forms:app": [
        *get("/"), ("POST", "/", b"name=ann+b&age=42&note=caf%C3%A9+%26+milk&colour=blue&size=large", FORM),
        ("POST", "/", upload(1 << 10), UPLOAD), ("POST", "/", b"name=ann&age=42", FORM), ("POST", "/", upload(48 << 10), UPLOAD),
    ],
    "examples.sessions:app": get("/", "/", "/", "/login"),
    "examples.digest:app": get("/", "/", "/", "/ann"),
    "examples.document_root:app": get("/", "/hello.py", "/streaming.py", "/download") + get("/hello.py", Range="bytes=0-99"),
    "examples.hooks:app": get("/", **{"X-Api-Key": "secret"}) + get("/"),
    "examples.errors:app": get("/nowhere", "/account/ann", "/taken"),
    "tools.train:trained()": get("/", "/", "/", "/page", "/cookies", "/environ", "/redirect", "/rows"),
    "tools.train:foreign": [*get("/", "/", "/rows"), ("POST", "/", b"name=ann&age=42", FORM)],
}


def trained():
    """Uses what the examples do not: the other kind of sessions, response objects instead of values, environ
    and cookies."""
    from poorwsgi import Application, redirect
    from poorwsgi.response import GeneratorResponse, Response
    from poorwsgi.session import PoorSession
    from poorwsgi.state import METHOD_POST

    app = Application("trained")
    app.secret_key = "secret of the training"

    @app.route("/")
    def home(req):
        session = PoorSession(app.secret_key)
        session.load(req.cookies)
        return f"Welcome {session.data['user']}"

    @app.route("/login", METHOD_POST)
    def login(req):
        session, response = PoorSession(app.secret_key), Response("in")
        session.data["user"] = req.form.getfirst("name")
        session.header(response)
        return response

    @app.route("/page")
    def page(req):
        response = Response(b"<p>page", content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})
        response.add_header("X-Language", req.headers.get("Accept-Language", "en"))
        return response

    @app.route("/cookies")
    def cookies(req):
        return {name: morsel.value for name, morsel in req.cookies.items()}

    @app.route("/environ")
    def environ(req):
        return f"{req.environ['REQUEST_METHOD']} {req.environ.get('HTTP_ACCEPT')} {req.remote_addr} {req.user_agent}"

    @app.route("/redirect")
    def away(req):
        redirect("/page")

    @app.route("/rows")
    def rows(req):
        return GeneratorResponse((b"row %d\r\n" % number for number in range(10)), "text/csv")

    return app


def foreign(environ, start_response):
    """A callable of another framework."""
    body = environ["wsgi.input"].read()
    text = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ.get('HTTP_USER_AGENT')} {len(body)}".encode()
    if environ["PATH_INFO"] == "/rows":
        start_response("200 OK", [("Content-Type", "text/csv")])
        return (text for _ in range(10))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text]


def main():
    seconds = float(sys.argv[1]) if sys.argv[1:] else 2
    for application, work in WORK.items():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(["poorwsgi", "run", application, "--port", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            wait_for(port, server)
            answered = train(application, work, port, seconds)
        finally:
            server.terminate()
            server.wait(30)
        print(f"{application}: {answered} requests", flush=True)


def wait_for(port, server):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    sys.exit("train: the server does not listen")


def train(application, work, port, seconds):
    """Returns the number of requests that were answered to all clients together."""
    counts, end = [], time.monotonic() + seconds
    clients = [threading.Thread(target=client, args=(application, work, port, end, counts)) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    if len(counts) < CLIENTS:
        sys.exit(f"train: {application} did not answer every client")
    return sum(counts)


def client(application, work, port, end, counts):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    login = LOGINS.get(application, lambda _: lambda *_: {})(connection)
    for count in itertools.count():
        for method, path, body, headers in work:
            status, _, _ = ask(connection, method, path, body, headers | login(method, path))
            if status == 401 or status >= 500:
                raise RuntimeError(f"{application}: {method} {path} is answered {status}")
        if time.monotonic() > end:
            counts.append((count + 1) * len(work))
            connection.close()
            return


def ask(connection, method, path, body=b"", headers=None):
    connection.request(method, path, body or None, BROWSER | (headers or {}))
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def signed_in(connection):
    """Signs in to the example with sessions; returns a function that gives the header fields of each
    request."""
    _, headers, _ = ask(connection, "POST", "/login", b"name=ann&password=drop", FORM)
    cookie = headers["Set-Cookie"].partition(";")[0]
    return lambda *_: {"Cookie": cookie}


def digest(connection):
    """Gets a challenge of the example with digest login (RFC 7616); returns a function that gives the header
    fields of each request, which need a new nonce count each time."""
    _, headers, _ = ask(connection, "GET", "/")
    asked = dict(re.findall(r'(\w+)="([^"]*)"', headers["WWW-Authenticate"]))
    counts = itertools.count(1)

    def sha(*parts):
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    def authorization(method, path):
        count = f"{next(counts):08x}"
        response = sha(sha("ann", asked["realm"], "drop"), asked["nonce"], count, "training", "auth", sha(method, path))
        fields = f'Digest username="ann", uri="{path}", algorithm=SHA-256, qop=auth, nc={count}, cnonce="training", response="{response}"'
        return {"Authorization": ", ".join([fields, *(f'{name}="{asked[name]}"' for name in ("realm", "nonce", "opaque"))])}

    return authorization


LOGINS = {"examples.sessions:app": signed_in, "tools.train:trained()": signed_in, "examples.digest:app": digest}

if __name__ == "__main__":
    main()

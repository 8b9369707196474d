"""The same application in each framework, and the measured calls. Each framework runs in a separate process.

    apps.py FRAMEWORK

Reads lines `CASE ROUNDS CALLS` and answers each with the nanoseconds of one call, the minimum of the rounds.
A call is what a WSGI server does: a new environ, start_response, iterating over the body, close.
"""
import io
import json
import sys
import time

NAMES = [f"field{number}" for number in range(10)]
FORM = "&".join(f"{name}=value+of+{name}" for name in NAMES).encode()
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
CONTENT = bytes(range(256)) * 256
MULTIPART = b"".join([
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="title"\r\n\r\nholiday\r\n'.encode(),
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
    f"Content-Type: image/jpeg\r\n\r\n".encode(), CONTENT, f"\r\n--{BOUNDARY}--\r\n".encode(),
])
# The environ that gunicorn passes for a request of a browser.
ENVIRON = {
    "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "gunicorn/23.0.0", "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "51234", "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.multithread": False,
    "wsgi.multiprocess": False, "wsgi.run_once": False, "wsgi.input_terminated": True, "wsgi.errors": sys.stderr,
    "HTTP_HOST": "127.0.0.1:8000", "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5", "HTTP_ACCEPT_ENCODING": "gzip, deflate", "HTTP_CONNECTION": "keep-alive",
}
CASES = {
    "hello": ({"PATH_INFO": "/hello"}, b"", b"Hello world"),
    "json": ({"PATH_INFO": "/user/alice/42"}, b"", {"name": "alice", "age": 42}),
    "form": (
        {"PATH_INFO": "/form", "REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"},
        FORM, b"value of field9",
    ),
    "multipart": (
        {"PATH_INFO": "/upload", "REQUEST_METHOD": "POST", "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}"},
        MULTIPART, b"holiday 65536",
    ),
}


def poorwsgi():
    from poorwsgi import Application, state

    app = Application("bench")

    @app.route("/hello")
    def hello(req):
        return "Hello world"

    @app.route("/user/<name:word>/<age:int>")
    def user(req, name, age):
        return {"name": name, "age": age}

    @app.route("/form", method=state.METHOD_POST)
    def form(req):
        return req.form.getfirst("field9")

    @app.route("/upload", method=state.METHOD_POST)
    def upload(req):
        return f"{req.form.getfirst('title')} {len(req.form['file'].file.read())}"

    return app


def falcon():
    import falcon

    class Hello:
        def on_get(self, req, resp):
            resp.text = "Hello world"

    class User:
        def on_get(self, req, resp, name, age):
            resp.media = {"name": name, "age": age}

    class Form:
        def on_post(self, req, resp):
            resp.text = req.get_media()["field9"]

    class Upload:
        def on_post(self, req, resp):
            for part in req.get_media():
                if part.name == "title":
                    title = part.text
                else:
                    length = len(part.get_data())
            resp.text = f"{title} {length}"

    app = falcon.App()
    app.add_route("/hello", Hello())
    app.add_route("/user/{name}/{age:int}", User())
    app.add_route("/form", Form())
    app.add_route("/upload", Upload())
    return app


def bottle():
    import bottle

    app = bottle.Bottle()

    @app.get("/hello")
    def hello():
        return "Hello world"

    @app.get("/user/<name>/<age:int>")
    def user(name, age):
        return {"name": name, "age": age}

    @app.post("/form")
    def form():
        return bottle.request.forms.getunicode("field9")

    @app.post("/upload")
    def upload():
        return f"{bottle.request.forms.title} {len(bottle.request.files['file'].file.read())}"

    return app


def measure(app, case, rounds, calls):
    more, body, expected = CASES[case]
    environ = ENVIRON | more | ({"CONTENT_LENGTH": str(len(body))} if body else {})
    started = []

    def start_response(status, headers, exc_info=None):
        started[:] = [status]

    def call():
        result = app(dict(environ, **{"wsgi.input": io.BytesIO(body)}), start_response)
        data = b"".join(result)
        if hasattr(result, "close"):
            result.close()
        return data

    answer = call()
    if started != ["200 OK"] or (json.loads(answer) if isinstance(expected, dict) else answer) != expected:
        raise SystemExit(f"{case}: {started} {answer!r}")

    def base():
        return dict(environ, **{"wsgi.input": io.BytesIO(body)})

    def took(function):
        start = time.perf_counter_ns()
        for _ in range(calls):
            function()
        return (time.perf_counter_ns() - start) / calls

    took(call)
    # The time to create the environ is subtracted, because it is the server's work.
    return min(took(call) for _ in range(rounds)) - min(took(base) for _ in range(rounds))


def main():
    app = globals()[sys.argv[1]]()
    for line in sys.stdin:
        case, rounds, calls = line.split()
        print(measure(app, case, int(rounds), int(calls)), flush=True)


if __name__ == "__main__":
    main()

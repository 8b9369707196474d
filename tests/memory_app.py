"""Handles a million requests of ten kinds, and prints by how many KiB the process has grown since the first
tenth of them.

    memory_app.py [REQUESTS]
"""
import gc
import io
import logging
import sys
import tempfile

from poorwsgi import Application, abort, redirect, state
from poorwsgi.response import GeneratorResponse, JSONResponse

logging.disable()
BOUNDARY = "----boundary"
FORM = b"name=Anna&age=42&note=" + b"x" * 100
UPLOAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n" + "x" * 10_000 + f"\r\n--{BOUNDARY}--\r\n"
).encode()


def build():
    app = Application("memory")
    root = tempfile.mkdtemp()
    with open(f"{root}/file.txt", "wb") as file:
        file.write(b"x" * 1000)
    app.document_root = root

    @app.route("/hello")
    def hello(req):
        return "Hello world"

    @app.route("/user/<name:word>/<age:int>")
    def user(req, name, age):
        req.note = req  # a cycle
        return {"name": name, "age": age}

    @app.route("/form", method=state.METHOD_POST)
    def form(req):
        return req.form.getfirst("name")

    @app.route("/upload", method=state.METHOD_POST)
    def upload(req):
        return str(len(req.form["file"].file.read()))

    @app.route("/error")
    def error(req):
        raise ValueError(req)

    @app.route("/stop")
    def stop(req):
        redirect("/hello")

    @app.route("/stream")
    def stream(req):
        return GeneratorResponse(b"%d" % number for number in range(3))

    @app.route("/object")
    def made(req):
        response = JSONResponse(args=req.args, cookies=str(req.cookies), agent=req.headers.get("User-Agent"))
        response.headers["X-Made"] = "yes"
        response.request = req
        return response

    @app.after_response()
    def after(req, response):
        return response

    @app.http_state(state.HTTP_GONE)
    def gone(req, **kwargs):
        return "gone"

    app.set_route("/gone", lambda req: abort(state.HTTP_GONE))
    return app


def requests():
    """The requests, each as a pair: an environ without wsgi.input, and the body."""
    def get(path, **more):
        return {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "localhost", "SERVER_PORT": "80",
                "wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1"} | more, b""

    def post(path, kind, body):
        environ, _ = get(path, REQUEST_METHOD="POST", CONTENT_TYPE=kind, CONTENT_LENGTH=str(len(body)))
        return environ, body

    return [
        get("/hello"), get("/user/anna/42"), get("/file.txt"), get("/nowhere"), get("/error"), get("/stop"),
        get("/stream"), get("/object", QUERY_STRING="a=1&a=2", HTTP_COOKIE="a=1; b=2", HTTP_USER_AGENT="test"),
        post("/form", "application/x-www-form-urlencoded", FORM),
        post("/upload", f"multipart/form-data; boundary={BOUNDARY}", UPLOAD),
    ]


def resident():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    app, kinds = build(), requests()

    def call(number):
        for _ in range(number // len(kinds)):
            for environ, body in kinds:
                result = app(environ | {"wsgi.input": io.BytesIO(body)}, lambda *args: None)
                for _ in result:
                    pass
                getattr(result, "close", int)()

    call(count // 10)
    before = resident()
    call(count)
    print(resident() - before)


if __name__ == "__main__":
    main()

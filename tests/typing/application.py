"""An application with type annotations, which mypy --strict has to accept; test_typing.py also calls it.

A comment "type: ignore" marks a line in which mypy has to find an error: mypy reports unused ignores.
"""
from __future__ import annotations

from wsgiref.types import StartResponse, WSGIEnvironment

from poorwsgi import Application, abort, redirect, state
from poorwsgi.headers import Headers
from poorwsgi.request import Request, SimpleRequest
from poorwsgi.response import BaseResponse, FileResponse, GeneratorResponse, HTTPException, JSONResponse, Response
from poorwsgi.results import hbytes, not_found
from poorwsgi.session import PoorSession, Session
from poorwsgi.testing import Client

app = Application("typed")
app.secret_key = "a long secret"
app.auto_form = True
app.read_timeout = 2.5


class Page(Response):
    """A response class with an additional method."""

    def __init__(self, title: str, status_code: int = state.HTTP_OK) -> None:
        super().__init__(f"<title>{title}</title>", status_code=status_code)

    def seal(self, key: str) -> None:
        self.add_header("X-Seal", key)


@app.route("/")
def index(req: Request) -> Page:
    name = req.args.getfirst("name", "nobody", str)
    page = Page(f"Hello {name}")
    page.seal(req.hostname)
    return page


@app.route("/user/<number:int>", method=state.METHOD_GET | state.METHOD_POST)
def user(req: Request, number: int) -> tuple[dict[str, int], str]:
    return {"number": number, "length": max(req.content_length, 0)}, "application/json"




# A decorator returns the function unchanged.
def again(req: Request) -> tuple[dict[str, int], str]:
    return user(req, 1)


app.set_route("/again", again)


@app.route("/stream")
def stream(_: Request) -> GeneratorResponse:
    return GeneratorResponse((word.encode() for word in ("a", "b")), headers=[("X-A", "b")])


@app.route("/login")
def login(req: Request) -> Response:
    session = PoorSession(app.secret_key or "")
    session.load(req.cookies)
    session.data["visits"] = 1
    response = Response(headers=Headers({"X-A": "b"}))
    session.header(response)
    return response


@app.route("/leave")
def leave(_: Request) -> None:
    redirect("/")


@app.before_response()
def sign(req: SimpleRequest) -> None:
    if req.user_agent == "bad":
        abort(state.HTTP_FORBIDDEN)


@app.after_response()
def count(_: SimpleRequest, response: BaseResponse) -> BaseResponse:
    value, unit = hbytes(response.content_length)
    response.add_header("X-Size", f"{value:.0f} {unit}B")
    return response


@app.http_state(state.HTTP_NOT_FOUND)
def missing(req: Request, **kwargs: object) -> BaseResponse:
    return not_found(req, error=kwargs.get("error"))


@app.error_handler(ZeroDivisionError)
def zero(req: Request, error: ZeroDivisionError) -> JSONResponse:
    return JSONResponse(path=req.path, error=str(error), status_code=state.HTTP_BAD_REQUEST)


def status(error: HTTPException) -> int:
    response = error.response
    return response.status_code if response else error.status_code


def told(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["SCRIPT_NAME"].encode()]


app.mount("/told", told)
app.mount("/inner", Application("typed, inner"))


def requests() -> list[str]:
    client = Client(app, auth=("ann", "drop"), follow_redirects=True)
    photo = ("cat.png", b"...", "image/png")
    response = client.post("/form", data={"a": ["1", "2"]}, files={"photo": photo}, headers={"X-A": "b"})
    with client.stream("GET", "/stream", params=[("a", 1)], auth=None) as streamed:
        blocks = [block.decode() for block in streamed.iter_bytes()]
    with client.session() as session:
        session.data["visits"] = 1
    with client.session(Session(max_age=60)) as plain:
        plain.data = "ann"
    client.sleep(60.5)
    return [response.text, response.headers["Content-Type"], *response.headers.get_all("Vary"), *client.cookies, *blocks]


def slips(req: Request) -> None:
    Client(app).get("/", colour="red")  # type: ignore[call-arg]
    Client(app).post("/", data=5)  # type: ignore[arg-type]
    Response(5)  # type: ignore[arg-type]
    Response(headers=5)  # type: ignore[arg-type]
    FileResponse(b"/etc/passwd")  # type: ignore[arg-type]
    GeneratorResponse(["text"])  # type: ignore[list-item]
    app.set_route("/x", "not callable")  # type: ignore[arg-type]
    app.mount("/x", slips)  # type: ignore[arg-type]
    app.debug = "on"  # type: ignore[assignment]
    app.name = "other"  # type: ignore[misc]
    req.method = "GET"  # type: ignore[misc]
    req.referer.lower()  # type: ignore[union-attr]
    req.nothing  # type: ignore[attr-defined]
    state.HTTP_OK = 201  # type: ignore[misc]
    abort("404")  # type: ignore[arg-type]

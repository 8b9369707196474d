"""Every example runs, and answers as its text says."""
import contextlib
import functools
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import FORM, authorization, port_of
from servers import SERVERS, Client

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
JSON = {"Content-Type": "application/json"}


@functools.cache  # an application of one name can be created only once in a process
def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=SERVERS)
def example(request):
    """Yields a function that serves an example and returns a client."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(lambda name: Client(stack.enter_context(SERVERS[request.param](load(name).app))))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "background"])
def test_each_runs_on_its_own(name):
    command = [sys.executable, EXAMPLES / f"{name}.py", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert Client(port_of(line))("/").status < 500
        finally:
            process.terminate()
        assert process.wait(30) == 0


def test_background():
    output = subprocess.check_output(
        [sys.executable, EXAMPLES / "background.py"], stderr=subprocess.DEVNULL, text=True, timeout=60)
    assert output.splitlines() == ['{"count": 1}', '{"count": 2}', '{"count": 3}']


def test_hello(example):
    ask = example("hello")
    assert ask("/").text == "Hello world\n"
    assert ask("/?name=Ann").text == "Hello Ann\n"


@pytest.mark.parametrize("target, expected", [
    ("/user/ann/42", {"name": "ann", "in ten years": 52}),
    ("/colour/ff8000", {"red": 255, "green": 128, "blue": 0}),
    ("/day/2026-11-23", {"weekday": "Monday"}),
    ("/12-5", {"result": 7}),
    ("/mirror?a=b", {"method": "GET", "path": "/mirror", "query": "a=b", "rule": "/mirror"}),
])
def test_routes(example, target, expected):
    assert example("routes")(target).json == expected


def test_routes_that_do_not_fit(example):
    ask = example("routes")
    for target in ("/user/ann/old", "/colour/red", "/day/2026-13-01", "/12*5"):
        assert ask(target).status == 404
    assert ask("/user/ann", "DELETE").status == 204
    assert ask("/user/ann").status == 405
    assert ask("/echo", "POST", "a").json["method"] == "POST"


def test_forms(example):
    ask = example("forms")
    assert "<form" in ask("/").text
    assert ask("/", "POST", "name=ann&age=42", FORM).text == "<p>ann, 42"
    assert ask("/", "POST", "name=ann&age=old", FORM).status == 400
    body = (
        b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\n<ann>\r\n'
        b'--B\r\nContent-Disposition: form-data; name="picture"; filename="cat.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + bytes(100_000) + b"\r\n--B--\r\n"
    )
    answer = ask("/", "POST", body, {"Content-Type": "multipart/form-data; boundary=B"})
    assert answer.text == "<p>&lt;ann&gt;, 0<p>cat.jpg, image/jpeg, 100000 bytes"


def test_json_api(example):
    ask = example("json_api")
    answer = ask("/tasks", "POST", '{"title": "Buy milk"}', JSON)
    assert answer.status == 201
    task = ask(answer.headers["Location"]).json
    assert task["title"] == "Buy milk"
    assert task in ask("/tasks").json
    assert ask("/squares/4").json == {"squares": [0, 1, 4, 9]}
    assert (ask("/tasks/999").status, ask("/tasks/999").json) == (404, {"error": "/tasks/999 is not here"})
    for wrong in ("{}", "[]", '{"title": 1}', "{"):
        answer = ask("/tasks", "POST", wrong, JSON)
        assert (answer.status, list(answer.json)) == (400, ["error"])


def test_sessions(example):
    ask = example("sessions")
    assert ask("/").headers["Location"] == "/login"
    assert ask("/login").status == 200
    assert ask("/login", "POST", "name=ann&password=no", FORM).status == 403
    answer = ask("/login", "POST", "name=ann&password=drop", FORM)
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert ask("/", headers={"Cookie": cookie}).text == "Welcome ann\n"
    assert ask("/", headers={"Cookie": cookie[:-4]}).headers["Location"] == "/login"
    assert re.search("Max-Age=(-1|0)", ask("/logout", "POST").headers["Set-Cookie"])


def test_digest(example):
    ask = example("digest")
    assert ask("/", headers=authorization(ask, "/", "ben", "drop")).text == "Welcome ben\n"
    assert ask("/", headers=authorization(ask, "/", "ben", "wrong")).status == 401
    assert ask("/ann", headers=authorization(ask, "/ann", "ben", "drop")).status == 401
    assert ask("/ann", headers=authorization(ask, "/ann", "ann", "drop")).text == "Ann's page\n"


def test_streaming(example, monkeypatch):
    ask = example("streaming")
    monkeypatch.setattr(load("streaming"), "PAUSE", 0)
    assert len(ask("/clock").text.splitlines()) == 5
    assert ask("/table.csv").text.endswith("99999,9999800001\r\n")
    assert ask("/length", "PUT", bytes(200_000)).json == {"bytes": 200_000}


def test_document_root(example):
    ask = example("document_root")
    source = (EXAMPLES / "hello.py").read_bytes()
    assert "hello.py" in ask("/").text
    assert ask("/hello.py").body == source
    answer = ask("/hello.py", headers={"Range": "bytes=0-9"})
    assert (answer.status, answer.body) == (206, source[:10])
    assert ask("/../Makefile").status == 404
    assert ask("/download").headers["Content-Disposition"] == 'attachment; filename="example.py"'


@pytest.mark.parametrize("target, method, status, text", [
    ("/account/ann", "GET", 404, "Nobody here is called ann.\n"),
    ("/secret", "GET", 404, "/secret is not here.\n"),
    ("/nowhere", "GET", 404, "/nowhere is not here.\n"),
    ("/taken", "GET", 409, "It belongs to ann.\n"),
    ("/broken", "GET", 500, "That should not have happened.\n"),
    ("/x", "PUT", 405, "Nothing can be put at /x.\n"),
])
def test_errors(example, target, method, status, text):
    answer = example("errors")(target, method)
    assert (answer.status, answer.text) == (status, text)


def test_hooks(example):
    ask = example("hooks")
    refused = ask("/")
    assert (refused.status, len(refused.headers["X-Request-Id"])) == (403, 32)
    answer = ask("/", headers={"X-Api-Key": "secret"})
    assert answer.text == f"Request {answer.headers['X-Request-Id']}\n"

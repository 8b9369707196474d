"""Every example runs, and answers as its text says."""
import contextlib
import functools
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from servers import SERVERS, Client, port_of, to_server

from poorwsgi import testing

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@functools.cache  # an application of one name can be created only once in a process
def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=SERVERS)
def example(request):
    """Yields a function that serves an example and returns a new client."""
    with contextlib.ExitStack() as stack:
        port = functools.cache(lambda name: stack.enter_context(SERVERS[request.param](load(name).app)))
        yield lambda name: testing.Client(to_server(port(name)))


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


@pytest.mark.parametrize("name", [name for name in NAMES if name != "background"])
def test_each_names_a_command_of_the_package(name):
    assert f"\n    poorwsgi run {name}:app " in load(name).__doc__


@pytest.mark.parametrize("name", [name for name in NAMES if name != "background"])
def test_host_and_port_in_two_arguments_are_refused_in_words(name):
    command = [sys.executable, EXAMPLES / f"{name}.py", "127.0.0.1", "8080"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        'ValueError: "127.0.0.1" is not an address; expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080')
    assert f"\n    python {name}.py 127.0.0.1:8080 " in load(name).__doc__


def test_a_form_takes_a_file_of_20_mb():
    command = [sys.executable, EXAMPLES / "forms.py", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            client = testing.Client(to_server(port_of(process.stdout.readline())))
            response = client.post("/", data={"name": "ann"}, files={"picture": ("cat.jpg", bytes(20_000_000))})
        finally:
            process.terminate()
    assert (response.status, response.text) == (200, "<p>ann, 0<p>cat.jpg, image/jpeg, 20000000 bytes")


def test_background():
    output = subprocess.check_output(
        [sys.executable, EXAMPLES / "background.py"], stderr=subprocess.DEVNULL, text=True, timeout=60)
    assert output.splitlines() == ['{"count": 1}', '{"count": 2}', '{"count": 3}']


def test_hello(example):
    client = example("hello")
    assert client.get("/").text == "Hello world\n"
    assert client.get("/", params={"name": "Ann"}).text == "Hello Ann\n"


@pytest.mark.parametrize("target, expected", [
    ("/user/ann/42", {"name": "ann", "in ten years": 52}),
    ("/colour/ff8000", {"red": 255, "green": 128, "blue": 0}),
    ("/day/2026-11-23", {"weekday": "Monday"}),
    ("/12-5", {"result": 7}),
    ("/mirror?a=b", {"method": "GET", "path": "/mirror", "query": "a=b", "rule": "/mirror"}),
])
def test_routes(example, target, expected):
    assert example("routes").get(target).json() == expected


def test_routes_that_do_not_fit(example):
    client = example("routes")
    for target in ("/user/ann/old", "/colour/red", "/day/2026-13-01", "/12*5"):
        assert client.get(target).status == 404
    assert client.delete("/user/ann").status == 204
    assert client.get("/user/ann").status == 405
    assert client.post("/echo", data="a").json()["method"] == "POST"


def test_forms(example):
    client = example("forms")
    assert "<form" in client.get("/").text
    assert client.post("/", data={"name": "ann", "age": 42}).text == "<p>ann, 42"
    assert client.post("/", data={"name": "ann", "age": "old"}).status == 400
    answer = client.post("/", data={"name": "<ann>"}, files={"picture": ("cat.jpg", bytes(100_000))})
    assert answer.text == "<p>&lt;ann&gt;, 0<p>cat.jpg, image/jpeg, 100000 bytes"


def test_json_api(example):
    client = example("json_api")
    answer = client.post("/tasks", json={"title": "Buy milk"})
    assert answer.status == 201
    task = client.get(answer.headers["Location"]).json()
    assert task["title"] == "Buy milk"
    assert task in client.get("/tasks").json()
    assert client.get("/squares/4").json() == {"squares": [0, 1, 4, 9]}
    missing = client.get("/tasks/999")
    assert (missing.status, missing.json()) == (404, {"error": "/tasks/999 is not here"})
    for wrong in ("{}", "[]", '{"title": 1}', "{"):
        answer = client.post("/tasks", data=wrong, headers={"Content-Type": "application/json"})
        assert (answer.status, list(answer.json())) == (400, ["error"])


def test_sessions(example):
    client = example("sessions")
    assert client.get("/").headers["Location"] == "/login"
    assert client.get("/login").status == 200
    assert client.post("/login", data={"name": "ann", "password": "no"}).status == 403
    assert client.post("/login", data={"name": "ann", "password": "drop"}, follow_redirects=True).text == "Welcome ann\n"
    cookie = client.cookies["SESSID"]
    assert client.get("/", cookies={"SESSID": cookie[:-4]}).headers["Location"] == "/login"
    client.post("/logout")
    assert dict(client.cookies) == {}
    assert client.get("/").headers["Location"] == "/login"


def test_digest(example):
    client = example("digest")
    assert client.get("/", auth=("ben", "drop")).text == "Welcome ben\n"
    assert client.get("/", auth=("ben", "wrong")).status == 401
    assert client.get("/ann", auth=("ben", "drop")).status == 401
    assert client.get("/ann", auth=("ann", "drop")).text == "Ann's page\n"


def test_streaming(example, monkeypatch):
    client = example("streaming")
    monkeypatch.setattr(load("streaming"), "PAUSE", 0)
    assert len(client.get("/clock").text.splitlines()) == 5
    assert client.get("/table.csv").text.endswith("99999,9999800001\r\n")
    assert client.put("/length", data=bytes(200_000)).json() == {"bytes": 200_000}


def test_document_root(example):
    client = example("document_root")
    source = (EXAMPLES / "hello.py").read_bytes()
    assert "hello.py" in client.get("/").text
    assert client.get("/hello.py").content == source
    answer = client.get("/hello.py", headers={"Range": "bytes=0-9"})
    assert (answer.status, answer.content) == (206, source[:10])
    assert client.get("/../Makefile").status == 404
    assert client.get("/download").headers["Content-Disposition"] == 'attachment; filename="example.py"'


@pytest.mark.parametrize("target, method, status, text", [
    ("/account/ann", "GET", 404, "Nobody here is called ann.\n"),
    ("/secret", "GET", 404, "/secret is not here.\n"),
    ("/nowhere", "GET", 404, "/nowhere is not here.\n"),
    ("/taken", "GET", 409, "It belongs to ann.\n"),
    ("/broken", "GET", 500, "That should not have happened.\n"),
    ("/x", "PUT", 405, "Nothing can be put at /x.\n"),
])
def test_errors(example, target, method, status, text):
    answer = example("errors").request(method, target)
    assert (answer.status, answer.text) == (status, text)


def test_hooks(example):
    client = example("hooks")
    refused = client.get("/")
    assert (refused.status, len(refused.headers["X-Request-Id"])) == (403, 32)
    answer = client.get("/", headers={"X-Api-Key": "secret"})
    assert answer.text == f"Request {answer.headers['X-Request-Id']}\n"

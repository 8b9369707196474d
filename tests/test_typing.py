"""The stubs describe the package for type checkers, with mypy --strict."""
import importlib.util
import pathlib
import subprocess
import sys

import pytest
from wsgi_call import ask

HERE = pathlib.Path(__file__).parent
APPLICATION = HERE / "typing" / "application.py"


def test_mypy_accepts_what_is_right_and_finds_what_is_not():
    command = [sys.executable, "-m", "mypy", "--config-file", HERE.parent / "pyproject.toml", APPLICATION]
    run = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout


@pytest.fixture(scope="module")
def app():
    spec = importlib.util.spec_from_file_location("typed_application", APPLICATION)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/", "200 OK", "<title>Hello nobody</title>"),
        ("/user/5", "200 OK", '{"number": 5, "length": 0}'),
        ("/again", "200 OK", '{"number": 1, "length": 0}'),
        ("/stream", "200 OK", "ab"),
        ("/login", "200 OK", ""),
        ("/leave", "302 Found", ""),
        ("/told", "200 OK", "/told"),
    ],
)
def test_the_example_says_the_truth(app, path, status, text):
    """The code that mypy accepts also runs."""
    answer = ask(app, path)
    assert (answer.status, answer.text) == (status, text)

"""The original's unchanged examples give the same pages as with the original, also on servers."""
import contextlib
import pathlib
import subprocess
import sys
import urllib.parse

import pytest
from departures import ORIGINAL
from servers import SERVERS, Client

EXAMPLES = sorted(path for path in (ORIGINAL / "examples").glob("*.py"))


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request, new_pair):
    path = str(request.param)
    if lacks := new_pair.original.ask([("examples.missing", (path,))])[0]:
        assert lacks in ("jwt", "openapi_core", "wsocket")
        pytest.skip(f"this example needs {lacks}")
    return path


def test_there_are_examples():
    assert EXAMPLES


def test_pages(new_pair, example):
    assert new_pair.same("examples.pages", example)


@contextlib.contextmanager
def served(example, server):
    script = pathlib.Path(__file__).parent / "serve_example.py"
    with subprocess.Popen([sys.executable, "-W", "ignore", script, example, server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(30)


@pytest.mark.parametrize("server", SERVERS)
def test_served(new_pair, example, server):
    pages = new_pair.original.ask([("examples.pages", (example,))])[0]
    with served(example, server) as port:
        for page, (status, _, location, content_type) in pages.items():
            answer = Client(port)(urllib.parse.quote(page))
            assert (page, answer.status, answer.headers["Location"]) == (page, int(status[:3]), location)
            if answer.status == 200:
                assert answer.headers["Content-Type"] == content_type

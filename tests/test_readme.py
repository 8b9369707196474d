"""The Python code of the README runs as it stands."""
import re
from pathlib import Path

import pytest
from servers import SERVERS, Client

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture(scope="module")
def app():
    (code,) = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    names = {"__name__": "hello"}
    exec(compile(code, README, "exec"), names)
    return names["app"]


@pytest.mark.parametrize("server", SERVERS)
def test_hello_world(app, server):
    with SERVERS[server](app) as port:
        ask = Client(port)
        assert ask("/").text == "Hello world"
        assert ask("/user/ann/42").json == {"name": "ann", "age": 42}


def test_relative_links_lead_somewhere():
    for document in (README, *sorted((README.parent / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"

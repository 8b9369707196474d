"""ARCHITECTURE.md leads through the code: each file that it names exists, and contains the names that it
mentions for the file."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PREFIXES = {crate: f"crates/poorwsgi-{crate}/src/" for crate in ("server", "core", "python", "calls")}
FILE = re.compile(r"`(?:(server|core|python|calls):|(crates/[\w/-]+/))([\w/.]+\.rs)`")


def ways():
    """The file of each mention, and the names in brackets after it."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    text = text[text.index("## Four ways through the code"):text.index("## The server")]
    mentions = list(FILE.finditer(text))
    for mention, following in zip(mentions, [*mentions[1:], None]):
        after = text[mention.end():following.start() if following else None]
        bracketed = re.match(r"[,\s]*\(?((?:[,\s]*`[\w:]+`)+)", after)
        names = re.findall(r"`([\w:]+)`", bracketed[1]) if bracketed else []
        yield (PREFIXES.get(mention[1]) or mention[2]) + mention[3], names


@pytest.mark.parametrize("path, names", [pytest.param(*each, id=each[0]) for each in ways()])
def test_a_step_is_where_it_is_said_to_be(path, names):
    text = (ROOT / path).read_text()
    for name in names:
        assert re.search(rf"\b(?:fn|struct|enum|trait|type) {name.rpartition('::')[2]}\b|\b{name.rpartition('::')[2]}\(", text), name


def test_the_ways_name_files_and_names():
    steps = list(ways())
    assert len(steps) > 40 and sum(len(names) for _, names in steps) > 25

"""The original's tests and docstrings that do not hold for us on purpose, as departures.toml lists them.

As a pytest plugin (`-p departures`) it marks the listed tests, so that one that passes is an error as well.
"""
import pathlib
import sysconfig
import tomllib

import pytest

# where the Makefile puts the original, and builds an environment for it
ORIGINAL = pathlib.Path(__file__).parent.parent.parent / ".cache" / "original"
LIST = tomllib.loads((pathlib.Path(__file__).parent / "departures.toml").read_text())


def reasons(kind):
    """The reason of each entry of a kind: "tests" or "doctests"."""
    return {name: departure["reason"] for departure in LIST.get("departure", ()) for name in departure.get(kind, ())}


PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "differences.md"
# what the rows of its tables have in their first column
ROWS = [line.split("|")[1].strip() for line in PAGE.read_text().replace("\\|", "\0").splitlines() if line.startswith("| ") and not line.startswith("| Before |")]


def on_the_page(words):
    """Whether the page of differences has a row that says these words of the original."""
    return bool(words.strip()) and any(words in row for row in ROWS)


def differs(row):
    """Says that what is compared next may differ, because the page says so."""
    if not on_the_page(row):
        pytest.fail(f"docs/differences.md has no row with {row!r} in its first column", pytrace=False)


def ours():
    """The package under test; an error unless it is the installed wheel."""
    import poorwsgi
    from poorwsgi import _poorwsgi  # the original has no such module

    installed = pathlib.Path(sysconfig.get_path("purelib"))
    for module in (poorwsgi, _poorwsgi):
        assert installed in pathlib.Path(module.__file__).parents, f"{module.__file__} is not the installed wheel"
    return poorwsgi


def pytest_sessionstart():
    ours()


def pytest_collection_modifyitems(config, items):
    if not (config.rootpath / "source").is_dir():
        return  # our own tests in tests/compat
    unused = reasons("tests")
    for item in items:
        for name in (item.nodeid, item.nodeid.partition("[")[0]):
            if reason := unused.get(name):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    seen = {name for item in items for name in (item.nodeid, item.nodeid.partition("[")[0])}
    unknown = sorted(set(unused) - seen)
    if unknown and config.args == ["tests"]:
        raise pytest.UsageError(f"departures.toml lists tests that do not exist: {', '.join(unknown)}")

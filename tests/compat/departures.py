"""The original's tests and docstrings that deliberately do not hold for our package, as departures.toml lists
them.

As a pytest plugin (`-p departures`), it marks the listed tests as expected failures; a listed test that
passes is an error.
"""
import pathlib
import sysconfig
import tomllib

import pytest

# The folder into which the Makefile puts the original, with a virtual environment for it.
ORIGINAL = pathlib.Path(__file__).parent.parent.parent / ".cache" / "original"
LIST = tomllib.loads((pathlib.Path(__file__).parent / "departures.toml").read_text())


def reasons(kind):
    """The reason of each entry of a kind: "tests" or "doctests"."""
    return {name: departure["reason"] for departure in LIST.get("departure", ()) for name in departure.get(kind, ())}


PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "differences.md"
# The first column of each row of its tables.
ROWS = [line.split("|")[1].strip() for line in PAGE.read_text().replace("\\|", "\0").splitlines() if line.startswith("| ") and not line.startswith("| Before |")]


def on_the_page(words):
    """Whether the page of differences has a row with these words in its first column."""
    return bool(words.strip()) and any(words in row for row in ROWS)


def differs(row):
    """Allows the next comparison to differ, because a row of the page says so; fails if there is no such
    row."""
    if not on_the_page(row):
        pytest.fail(f"docs/differences.md has no row with {row!r} in its first column", pytrace=False)


def ours():
    """The package under test. Asserts that it is the installed wheel."""
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

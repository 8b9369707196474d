"""The modules of the binding and of the server depend on each other without a cycle."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

CRATES = Path(__file__).parents[1] / "crates"


def needs(crate: str) -> dict[str, set[str]]:
    """The top-level modules that each top-level module names."""
    source = CRATES / crate / "src"
    modules: dict[str, set[str]] = {}
    for file in source.rglob("*.rs"):
        module = file.relative_to(source).parts[0].removesuffix(".rs")
        # Comments and tests may name anything.
        code = re.sub("//.*", "", file.read_text(encoding="utf-8").partition("#[cfg(test)]\nmod tests")[0])
        assert "crate::{" not in code, f"{file}: one module for each use, or it is not seen here"
        modules.setdefault(module, set()).update(set(re.findall(r"\bcrate::(\w+)", code)) - {module})
    return modules


@pytest.mark.parametrize("crate", ["poorwsgi-python", "poorwsgi-server"])
def test_no_circle(crate):
    TopologicalSorter(needs(crate)).prepare()


def test_exceptions_need_no_other_module_of_the_binding():
    assert needs("poorwsgi-python")["exceptions"] == set()

"""The modules of the binding build on each other, without a circle."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "crates/poorwsgi-python/src"


def needs() -> dict[str, set[str]]:
    """The top-level modules that each top-level module names."""
    modules: dict[str, set[str]] = {}
    for file in SOURCE.rglob("*.rs"):
        module = file.relative_to(SOURCE).parts[0].removesuffix(".rs")
        code = re.sub("//.*", "", file.read_text(encoding="utf-8"))
        assert "crate::{" not in code, f"{file}: one module for each use, or it is not seen here"
        modules.setdefault(module, set()).update(set(re.findall(r"\bcrate::(\w+)", code)) - {module})
    return modules


def test_no_circle():
    TopologicalSorter(needs()).prepare()


def test_exceptions_are_the_ground_floor():
    assert needs()["exceptions"] == set()

"""The files of a crate depend on each other without a cycle, and so do the modules of the binding and of the server."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from rust_source import CRATES, NAMES, Crate, cycles

#: Cycles that are allowed, each a set of files.
CYCLES = {
    # Tables are generic over the language of their handlers, and the functions of a language take its tables. By
    # default, the steps of a language are those of the pipeline, which are generic over the language.
    "poorwsgi-core": [
        {"dispatch", "dispatch/answer", "dispatch/debug", "dispatch/recover", "dispatch/target", "tables"},
    ],
    # A request holds the tables of its application, tables hold handlers, and a handler takes a request.
    "poorwsgi": [{"forms", "language", "request"}],
}


def needs(crate: str) -> dict[str, set[str]]:
    return Crate(CRATES / crate / "src").needs()


def modules(crate: str) -> dict[str, set[str]]:
    """The top-level modules that each top-level module needs."""
    found: dict[str, set[str]] = {}
    for file, needed in needs(crate).items():
        module = file.partition("/")[0]
        found.setdefault(module, set()).update({other.partition("/")[0] for other in needed} - {module, "lib"})
    return found


@pytest.mark.parametrize("crate", NAMES)
def test_no_file_needs_one_that_needs_it(crate):
    assert cycles(needs(crate)) == CYCLES.get(crate, [])


@pytest.mark.parametrize("crate", ["poorwsgi-python", "poorwsgi-server"])
def test_no_module_needs_one_that_needs_it(crate):
    TopologicalSorter(modules(crate)).prepare()


def test_exceptions_need_no_other_module_of_the_binding():
    assert modules("poorwsgi-python")["exceptions"] == set()


@pytest.mark.parametrize(("uses", "text"), [
    ("use crate::other::Thing;", ""), ("use super::other::{self, Thing};", ""), ("use super::{other, third};", "other::thing();"),
    ("use super::Shown;", ""), ("", "crate::other::Thing::new()"), ("use super::other as renamed;", "renamed::thing()"),
    ("pub(crate) use crate::other::Thing;", ""), ("use super::thing;", ""),
])
def test_a_ring_is_seen_however_a_name_is_taken(tmp_path: Path, uses: str, text: str):
    for name, content in {
        "lib.rs": "mod folder;",
        "folder/mod.rs": "mod user;\nmod other;\npub use other::{Shown, thing};\n// use user::Nothing;",
        "folder/other.rs": "use super::user::call;\nstruct Thing;\npub struct Shown;\npub fn thing() {}",
        "folder/user.rs": f"{uses.replace('crate::', 'crate::folder::')}\nfn call() {{ {text.replace('crate::', 'crate::folder::')} }}\n"
                          "#[cfg(test)]\nmod tests {\n    use super::super::Nothing;\n}",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert cycles(Crate(tmp_path).needs()) == [{"folder/other", "folder/user"}]

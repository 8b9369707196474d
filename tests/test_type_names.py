"""A name stands for one type, also where the types are private or of tests."""
import collections

import pytest
from rust_source import CRATES, NAMES, code, types

#: What a door has of its own for a thing of the engine or the server, under the same name.
VIEWS = {
    "Application", "ContentRange", "Error", "ErrorType", "FieldStorage", "FormLimits", "Headers", "PathArg", "Request", "Route",
    "Server", "Session",
}


def files_of_types(crate):
    files = collections.defaultdict(list)
    for path in sorted((CRATES / crate / "src").rglob("*.rs")):
        for name in types(code(path)):
            files[name].append(str(path.relative_to(CRATES)))
    assert len(files) > 10
    return files


@pytest.mark.parametrize("crate", NAMES)
def test_a_name_is_that_of_one_type(crate):
    assert {name: paths for name, paths in files_of_types(crate).items() if len(paths) > 1} == {}


def test_crates_share_only_the_names_of_the_same_thing():
    crates = collections.defaultdict(list)
    for crate in NAMES:
        for name in files_of_types(crate):
            crates[name].append(crate)
    assert {name for name, names in crates.items() if len(names) > 1} == VIEWS


def test_each_kind_of_type_is_seen():
    text = """
pub(crate) struct One;
enum Two {}
pub type Three = u8;
    pub(super) trait Four {
        type Not;
"""
    assert types(text) == ["One", "Two", "Three", "Four"]

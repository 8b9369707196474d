"""Within a crate a name stands for one type, also where both are private or one is of a test."""
import pytest
from rust_source import CRATES, NAMES, code, types


@pytest.mark.parametrize("crate", NAMES)
def test_a_name_is_that_of_one_type(crate):
    files: dict[str, list[str]] = {}
    for path in sorted((CRATES / crate / "src").rglob("*.rs")):
        for name in types(code(path)):
            files.setdefault(name, []).append(str(path.relative_to(CRATES)))
    assert len(files) > 10
    assert {name: paths for name, paths in files.items() if len(paths) > 1} == {}


def test_each_kind_of_type_is_seen():
    text = """
pub(crate) struct One;
enum Two {}
pub type Three = u8;
    pub(super) trait Four {
        type Not;
"""
    assert types(text) == ["One", "Two", "Three", "Four"]

"""The surface of the Rust door: each item that a Rust user may import has an example that is compiled."""

import pathlib
import re

import pytest

CRATES = pathlib.Path(__file__).resolve().parent.parent / "crates"
DOOR = CRATES / "poorwsgi" / "src"
SOURCES = [path.read_text() for crate in ("poorwsgi", "poorwsgi-core") for path in sorted((CRATES / crate / "src").rglob("*.rs"))]


def exported():
    """The names that lib.rs and request.rs re-export, one by one."""
    text = (DOOR / "lib.rs").read_text() + (DOOR / "request.rs").read_text()
    for group, single in re.findall(r"pub use [\w:]+::(?:\{([^}]*)\}|(\w+));", text):
        yield from (name.strip() for name in (group or single).split(",") if name.strip())


def documentation(name):
    """The doc comments of what has this name, those of the file of a module included."""
    item = rf"pub (?:async |const )*(?:struct|enum|trait|fn|type|const) {name}\b"
    comments = [comment for text in SOURCES for comment in re.findall(rf"((?:^ *///.*\n)+)(?:^ *#\[.*\n)*^ *{item}", text, re.M)]
    module = [path for crate in ("poorwsgi", "poorwsgi-core") for path in (CRATES / crate / "src").rglob("*.rs")
              if path.stem == name or path.name == "mod.rs" and path.parent.name == name]
    return comments + ["".join(re.findall(r"^//!.*\n", path.read_text(), re.M)) + path.read_text() for path in module]


@pytest.mark.parametrize("name", sorted(set(exported()) - {"marker"}))
def test_an_item_has_an_example(name):
    comments = documentation(name)
    assert comments, "no documentation was found"
    assert any("```" in comment for comment in comments)

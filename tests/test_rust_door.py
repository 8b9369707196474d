"""The surface of the Rust door: each item that a Rust user may import has an example that is compiled."""

import pathlib
import re

import pytest

CRATES = pathlib.Path(__file__).resolve().parent.parent / "crates"
DOOR, CORE = CRATES / "poorwsgi" / "src", CRATES / "poorwsgi-core" / "src"


def exported():
    """Each name that lib.rs and request.rs export, with the module that defines it."""
    for path in (DOOR / "lib.rs", DOOR / "request.rs"):
        text = path.read_text()
        yield from ((path, name) for name in re.findall(r"^ *pub mod (\w+)", text, re.M))
        for module, group, single in re.findall(r"^ *pub use ([\w:]+)::(?:\{([^}]*)\}|(\w+));", text, re.M):
            yield from ((directory(module), name) for name in re.findall(r"\w+", group or single))


def directory(module):
    """The path of a module's files: a directory, or the path of the only file without its suffix."""
    first, *rest = module.split("::")
    return CORE.joinpath(*rest) if first == "poorwsgi_core" else DOOR.joinpath(first, *rest)


def documentation(place, name):
    """The doc comments of the items with this name; the macro `callable!` declares some of them."""
    files = [path for path in (place, place.with_suffix(".rs"), *place.rglob("*.rs")) if path.is_file()]
    kinds = "struct|enum|trait|fn|type|mod"
    declared = (rf"((?:^ *///.*\n)+)(?:^#\[.*\n)*^pub (?:async |const )*(?:{kinds}) {name}\b",
                rf"^callable! \{{\n((?:^ *///.*\n)+)^ *{name}<")
    for text in map(pathlib.Path.read_text, files):
        for pattern in declared:
            yield from re.findall(pattern, text, re.M)
    parent = DOOR if place.suffix else place
    for path in (parent / f"{name}.rs", parent / name / "mod.rs"):
        if path.is_file():
            yield "".join(re.findall(r"^//!.*\n", path.read_text(), re.M))


def has_example(comment):
    """Whether a comment has code that is compiled and imports by the public path."""
    mark = r"(?: *//[/!])"
    blocks = re.findall(rf"^{mark} ```(.*)\n((?:^{mark}(?! ```).*\n)*)^{mark} ```\n", comment, re.M)
    return any(kind in ("", "no_run") and re.search(r"\bpoorwsgi::", code) for kind, code in blocks)


@pytest.mark.parametrize(("place", "name"), [pytest.param(*item, id=item[1]) for item in exported()])
def test_an_item_has_an_example(place, name):
    comments = list(documentation(place, name))
    assert comments, "no documentation was found"
    assert any(map(has_example, comments))

"""The surface of the Rust door: what a Rust user may import has an example that is compiled, and it mentions only types
that the user may import as well."""

import pathlib
import re
import subprocess

import pytest
from rust_source import CRATES, Crate, types, without_tests

DOOR, CORE = CRATES / "poorwsgi" / "src", CRATES / "poorwsgi-core" / "src"


#: The files that say what a user may import: those of the crate, and those of its public folders. The folders that are
#: not public are listed because lib.rs exports from them: what they make public must have an example as well.
EXPORTING = [DOOR / "lib.rs", DOOR / "request.rs", *(
    DOOR / folder / "mod.rs" for folder in ("extract", "handler", "into_response", "sse", "testing")
)]
KINDS = "struct|enum|trait|fn|type|mod"


def exported():
    """Each name that these files export, with the module that defines it."""
    for path in EXPORTING:
        text = path.read_text()
        kinds = "mod" if path.parent == DOOR else KINDS
        yield from ((path, name) for name in re.findall(rf"^(?:pub (?:{kinds})| +pub mod) (\w+)", text, re.M))
        for module, group, single in re.findall(r"^ *pub use ([\w:]+)::(?:\{([^}]*)\}|(\w+));", text, re.M):
            yield from ((directory(path, module), name) for name in re.findall(r"\w+", group or single))


def directory(path, module):
    """The path of a module's files, as a file names it: a directory, or the path of the only file without its suffix."""
    first, *rest = module.removeprefix("crate::").split("::")
    root = DOOR if module.startswith("crate::") else path.parent
    return CORE.joinpath(*rest) if first == "poorwsgi_core" else root.joinpath(first, *rest)


def documentation(place, name):
    """The doc comments of the items with this name; the macro `callable!` declares some of them."""
    files = [path for path in (place, place.with_suffix(".rs"), *place.rglob("*.rs")) if path.is_file()]
    declared = (rf"((?:^ *///.*\n)+)(?:^ *#\[.*\n(?:(?:^ .*\n)+^\)\]\n)?)*^ *pub (?:async |const )*(?:{KINDS}) {name}\b",
                rf"^callable! \{{\n((?:^ *///.*\n)+)^ *{name}<")
    for text in map(pathlib.Path.read_text, files):
        for pattern in declared:
            yield from re.findall(pattern, text, re.M)
    parent = place.parent if place.suffix else place
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


#: The semicolon of an array's type does not end a signature.
SIGNATURE = r"fn (\w+)((?:[^;{]|; \w+\])*)"
#: What a user sees of each kind of item.
PARTS = {
    "impl": re.compile(rf"^    pub (?:async |const )*{SIGNATURE}", re.M),
    "pub trait": re.compile(rf"^    #\[doc\(hidden\)\]\n.*|^    (?:async |const )*{SIGNATURE}", re.M),
    "pub struct": re.compile(r"^    pub (\w+)(: .*)", re.M),
    "pub enum": re.compile(r"^    (\w+)(.*(?:\n {8}.*)*)", re.M),
}
ITEM = re.compile(rf"^({'|'.join(PARTS)})(?:<[^{{;]*?>)? (?:dyn )?(\w+)([^{{;]*)\{{\n(.*?)^\}}", re.M | re.S)
#: A type; the path of a type of another crate, such as `http::Response`, begins with a lowercase name.
TYPE = re.compile(r"(?<![\w:])(?:(?:crate|super)::(?:\w+::)*)?([A-Z]\w*)")


def parts(text):
    """The public methods, fields and variants of the types of a text: the type, the part, and the types that it mentions."""
    for kind, item, generics, body in ITEM.findall(text):
        if kind != "impl" or " for " not in generics:
            yield from ((item, name, set(TYPE.findall(rest))) for name, rest in PARTS[kind].findall(body) if name)


def visible():
    """The types that a Rust user may import: those exported by name, and those of the modules exported by name."""
    for place, name in exported():
        yield name
        for path in (place / f"{name}.rs", place / name / "mod.rs"):
            if path.is_file():
                yield from re.findall(r"^ *pub (?:struct|enum|trait|type) (\w+)", without_tests(path), re.M)


def test_what_is_visible_mentions_only_types_that_are_exported():
    shown, found, seen = set(visible()), {}, set()
    files = [file for crate in (DOOR, CORE) for file in Crate(crate).files.values()]
    ours = {name for file in files for name in types(file.text)}
    for file in files:
        theirs = {alias for alias, path, _ in file.uses if path[0] in ("std", "http", "serde_json", "bytes")}
        for item, name, mentioned in parts(file.text):
            seen |= {item} & shown
            if item in shown and (hidden := mentioned & ours - shown - theirs):
                found[f"{item}::{name}"] = hidden
    assert found == {}
    assert len(seen) > 50


def test_what_a_user_may_only_read_has_no_methods_that_change_it():
    """A user gets the router of an application, its routes and its filters by shared references."""
    methods = [
        (f"{item}::{name}", rest)
        for path in (CORE / "routing").glob("*.rs") for kind, item, _, body in ITEM.findall(without_tests(path))
        if kind == "impl" for name, rest in PARTS[kind].findall(body)
    ]
    assert {"Router::static_routes", "Filters::get", "Registration::rule"} < {name for name, _ in methods}
    assert [name for name, rest in methods if re.search(r"&(?:'\w+ )?mut self", rest)] == []


def test_each_kind_of_part_is_seen():
    text = """
impl<T: AsRef<str>> Shown<T>
where
    T: Clone,
{
    pub const fn one(&self) -> [u8; 3] {
        Hidden::default()
    }

    pub async fn two(
        self,
        other: Other<&Hidden>,
    ) -> Self {}

    pub fn three(self) -> http::Hidden {}

    pub(crate) fn four(self) -> Hidden {}

    fn five(hidden: Hidden) {}
}

impl From<Hidden> for Shown {
    fn from(hidden: Hidden) -> Self {}
}

impl dyn Seen + '_ {
    pub fn six(&self, hidden: Hidden) {}
}

pub trait Seen: Sized {
    fn seven(&self) -> crate::some::Hidden;

    #[doc(hidden)]
    fn eight(&self, hidden: Hidden) {}
}

pub struct Shown<T> {
    pub nine: Vec<Hidden>,
    ten: Hidden,
}

pub enum Kind {
    Eleven,
    Twelve(Hidden),
    Thirteen {
        hidden: Hidden,
    },
}
"""
    assert [(name, "Hidden" in mentioned) for _, name, mentioned in parts(text)] == [
        ("one", False), ("two", True), ("three", False), ("six", True), ("seven", True), ("nine", True),
        ("Eleven", False), ("Twelve", True), ("Thirteen", True),
    ]


def test_each_example_answers_head():
    """A route of the examples that answers GET answers HEAD, too."""
    lines = [line for path in CRATES.glob("poorwsgi/examples/**/*.rs") for line in path.read_text().splitlines()]
    methods = [line for line in lines if re.search(r"\bMETHOD_GET\b", line) and not line.startswith("use ")]
    assert len(methods) >= 10
    assert [line for line in methods if "METHOD_HEAD" not in line] == []


def test_the_scheduler_is_compiled_only_for_plain_handlers():
    def crates(*options):
        tree = ["cargo", "tree", "--locked", "--offline", "-p", "poorwsgi", "-e", "normal", "--prefix", "none", *options]
        output = subprocess.run(tree, cwd=CRATES.parent, check=True, capture_output=True, text=True).stdout
        return {line.split()[0] for line in output.splitlines() if line}

    features = "digest,forms,pages,sealed-sessions,server,testing"
    assert "poorwsgi-calls" in crates()
    assert "poorwsgi-calls" not in crates("--no-default-features", "--features", features)

"""The source of a crate: which files it has, and from which of them each file takes names."""
# The paths of Rust as far as our crates use them: no macro writes a path to another file, apart from re-exports.
import re
from collections.abc import Iterator
from pathlib import Path

CRATES = Path(__file__).parents[1] / "crates"
NAMES = ["poorwsgi", "poorwsgi-calls", "poorwsgi-core", "poorwsgi-server", "poorwsgi-python"]

Name = tuple[str, ...]  # of a module, from the root of its crate, or a path in the code

_DEFINED = re.compile(r"\b(?:struct|enum|union|trait|type|fn|const|static|mod|macro_rules!)\s+(?:mut\s+)?(\w+)")
_USE = re.compile(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
#: An alias within an impl or a trait is its associated type, which has its name from the trait.
_TYPE = re.compile(r"^\s*(?:pub\S* )?(?:struct|enum|trait|union) (\w+)|^(?:pub\S* )?type (\w+)", re.MULTILINE)
_TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[.*\]\n)*(?:pub\S* )?mod tests \{", re.MULTILINE)
_PATH = re.compile(r"(?<![\w:])\w+(?:::\w+)+")


def code(file: Path) -> str:
    """The text of a file without its comments."""
    return re.sub("//.*", "", file.read_text(encoding="utf-8"))


def without_tests(file: Path) -> str:
    """The text of a file without its comments and its tests."""
    return _TESTS.split(code(file), maxsplit=1)[0]


def types(text: str) -> list[str]:
    """The types that a text defines."""
    return [item or alias for item, alias in _TYPE.findall(text)]


class File:
    """A file of a crate, without its tests."""

    def __init__(self, name: Name, path: Path) -> None:
        text = without_tests(path)
        self.name = name
        self.text = _USE.sub("", text)
        self.defined = set(_DEFINED.findall(self.text))
        self.uses = [(*leaf, bool(public)) for public, tree in _USE.findall(text) for leaf in _leaves(tree)]

    def names(self, name: str) -> bool:
        """Whether the code has this name, other than for a field, a method or a function of its own."""
        return bool(re.search(rf"(?<!fn )(?<!mod )(?<!\.)\b{name}\b(?!: )", self.text))


def _leaves(tree: str, before: Name = ()) -> Iterator[tuple[str, Name]]:
    """The paths of a `use`, each with the name that it gives."""
    head, brace, rest = " ".join(tree.split()).partition("{")
    if not brace:
        path, _, alias = head.strip().partition(" as ")
        names = (*before, *path.split("::"))
        names = names[:-1] if names[-1] == "self" else names
        yield alias or names[-1], names
        return
    before = (*before, *filter(None, head.split("::")))
    depth, branch = 0, ""
    for letter in rest.rstrip().removesuffix("}") + ",":
        depth += (letter == "{") - (letter == "}")
        if letter != "," or depth:
            branch += letter
        elif branch.strip():
            yield from _leaves(branch.strip(), before)
            branch = ""


class Crate:
    """The files of a crate."""

    def __init__(self, source: Path) -> None:
        self.files: dict[Name, File] = {}
        for path in source.rglob("*.rs"):
            name = path.relative_to(source).with_suffix("").parts
            if name[0] != "bin" and name[-1] != "tests":
                name = name[:-1] if name[-1] in ("mod", "lib") else name
                self.files[name] = File(name, path)

    def needs(self) -> dict[str, set[str]]:
        """From which other files each takes names. A file does not need what it only re-exports from its folder."""
        shown = {name: "/".join(name) or "lib" for name in self.files}
        return {
            shown[file.name]: {shown[needed] for needed in self._needed(file) if needed != file.name}
            for file in self.files.values()
        }

    def _needed(self, file: File) -> Iterator[Name]:
        for alias, path, is_public in file.uses:
            if alias == "*":
                assert not list(self._find(file, path[:-1])), f"{file.name}: name what is taken, or it is not seen here"
            found = {name for name, rest in self._find(file, path) if rest}
            if is_public and not file.names(alias):
                found = {name for name in found if name[:len(file.name)] != file.name}
            yield from found
        for path in map(str, _PATH.findall(file.text)):
            yield from (name for name, rest in self._find(file, tuple(path.split("::"))) if rest)

    def _find(self, file: File, path: Name, seen: frozenset[tuple[Name, Name]] = frozenset()) -> Iterator[tuple[Name, Name]]:
        """The files in which a path ends, and what of the path is left there: nothing for a module itself."""
        if not path or (file.name, path) in seen:
            return
        seen |= {(file.name, path)}
        first, *rest = path
        roots = {"crate": (), "self": file.name, "super": file.name[:-1]}
        child = (*file.name, first)
        if first in roots or child in self.files:
            yield from self._walk(roots.get(first, child), tuple(rest), seen)
        else:
            for alias, used, _ in file.uses:
                if alias == first != used[0]:
                    yield from self._find(file, (*used, *rest), seen)

    def _walk(self, name: Name, rest: Name, seen: frozenset[tuple[Name, Name]]) -> Iterator[tuple[Name, Name]]:
        while rest and rest[0] == "super":
            name, rest = name[:-1], rest[1:]
        while rest and (*name, rest[0]) in self.files:
            if len(rest) == 1:  # a function may have the name of its module
                yield from self._renamed(name, rest, seen)
            name, rest = (*name, rest[0]), rest[1:]
        file = self.files[name]
        if not rest or rest[0] in file.defined:
            yield name, rest
            return
        found = list(self._renamed(name, rest, seen))
        # Otherwise a macro has made it, or in the root a module within a file.
        yield from found or ([(name, rest)] if name else [])

    def _renamed(self, name: Name, rest: Name, seen: frozenset[tuple[Name, Name]]) -> Iterator[tuple[Name, Name]]:
        """What a name is that a module has from elsewhere."""
        for alias, used, _ in self.files[name].uses:
            if alias == rest[0]:
                yield from self._find(self.files[name], (*used, *rest[1:]), seen)


def cycles(needs: dict[str, set[str]]) -> list[set[str]]:
    """The largest sets in which each needs each other, directly or not."""
    reached = {name: set(needed) for name, needed in needs.items()}
    for middle in needs:
        for name, found in reached.items():
            if middle in found:
                found |= reached[middle]
    sets = {frozenset(other for other in found if name in reached[other]) for name, found in reached.items() if name in found}
    return sorted((set(cycle) for cycle in sets), key=sorted)

"""The examples in the original's docstrings, run with our modules."""
import ast
import doctest
import importlib

import pytest
from departures import ORIGINAL, reasons

DEPARTURES = reasons("doctests")


def examples():
    """Each docstring with an example: its name, `module.object`, and the text."""
    for path in sorted((ORIGINAL / "source").glob("*.py")):
        module = "poorwsgi" if path.stem == "__init__" else f"poorwsgi.{path.stem}"
        tree = ast.parse(path.read_text())
        imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)) and not (getattr(node, "module", "") or "").startswith("poorwsgi")]
        names = ast.unparse(ast.Module(imports, []))
        for name, text in of_node(tree, path.stem):
            yield module, name, text, names


def of_node(node, name):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    if isinstance(node, documented) and ">>>" in (text := ast.get_docstring(node) or ""):
        yield name, text
    for child in ast.iter_child_nodes(node):
        if isinstance(child, documented):
            yield from of_node(child, f"{name}.{child.name}")


EXAMPLES = list(examples())


def run(module, name, text, imports):
    """Runs the examples of a docstring, which may use what its module imports from the standard library;
    returns the failures."""
    namespace = {}
    exec(imports, namespace)
    namespace |= vars(importlib.import_module(module))
    test = doctest.DocTestParser().get_doctest(text, namespace, name, None, 0)
    report = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    return "".join(report)


def test_there_are_examples():
    assert EXAMPLES
    assert not set(DEPARTURES) - {name for _, name, *_ in EXAMPLES}


@pytest.mark.parametrize(("module", "name", "text", "imports"), EXAMPLES, ids=[name for _, name, *_ in EXAMPLES])
def test_example(module, name, text, imports):
    report = run(module, name, text, imports)
    if reason := DEPARTURES.get(name):
        assert report, f"departures.toml lists an example that holds: {name}: {reason}"
    elif report:
        pytest.fail(report, pytrace=False)

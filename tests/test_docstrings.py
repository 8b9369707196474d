"""What help() shows: every public name has a docstring, and the examples in it are true."""
import datetime
import doctest
import importlib
import inspect

import pytest

from poorwsgi import Application

MODULES = ["", ".fieldstorage", ".headers", ".openapi_wrapper", ".request", ".response", ".results", ".server", ".state", ".testing", ".wsgi"]


def public(module):
    """Each public class, function, method and property of a module, by its name."""
    for name, value in vars(module).items():
        if name.startswith("_") or not getattr(value, "__module__", "").startswith("poorwsgi"):
            continue
        yield name, value
        if inspect.isclass(value):
            for attribute, member in vars(value).items():
                if not attribute.startswith("_"):
                    yield f"{name}.{attribute}", member


@pytest.fixture(scope="module", params=MODULES)
def module(request):
    return importlib.import_module("poorwsgi" + request.param)


def test_every_public_name_is_explained(module):
    missing = [name for name, value in public(module) if not inspect.getdoc(value)]
    assert missing == []


def test_examples_are_true(module, name):
    def handler(req, *args):
        return "x"

    runner, parser = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS), doctest.DocTestParser()
    app = Application(name)
    names = {"datetime": datetime.datetime, **vars(module), "app": app, "user": handler, "page": handler}
    for number, (owner, value) in enumerate(public(module)):
        text = (inspect.getdoc(value) or "").replace('Application("hello")', f'Application("{name} {number}")')
        runner.run(parser.get_doctest(text, dict(names), owner, None, None))
    assert runner.failures == 0

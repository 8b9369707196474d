"""The original's example applications."""
import functools
import importlib.util
import os
import pathlib
import types

from probes.request import environ_of
from probes.wsgi import ALWAYS
from worker import attempt

# Fields that our pages and sessions add, and those of the server.
LEFT_OUT = ALWAYS | {"content-length", "content-security-policy", "vary", "transfer-encoding"}


@functools.cache
def load(path):
    """Imports an example's module as a WSGI server does; if a package is missing, returns the package's
    name."""
    path = pathlib.Path(path)
    os.chdir(path.parent)
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        if error.name.startswith("poorwsgi"):
            raise
        return error.name
    return module


def missing(path):
    """The package that an example needs and that is not installed, or None."""
    found = load(path)
    return None if isinstance(found, types.ModuleType) else found


def pages(path):
    """The pages of an example: for each static path, the status and the Location."""
    app = load(path).application
    return {page: attempt(page_of, app, page) for page, table in app.routes.items() if 2 in table}


def page_of(app, page):
    started = []
    environ = {"PATH_INFO": page.encode().decode("latin-1"), "REMOTE_ADDR": "127.0.0.1", "wsgi.multithread": False, "wsgi.multiprocess": False}
    content = app(environ_of(environ), lambda *arguments: started.append(arguments))
    for _ in content:
        pass
    (status, headers), = started
    names = sorted({name.title() for name, _ in headers if name.lower() not in LEFT_OUT})
    return status, names if status[:3] not in ("204", "304") else None, dict(headers).get("Location"), dict(headers).get("Content-Type")

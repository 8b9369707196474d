"""PoorWSGI: a small web framework, with a Rust engine.

    from poorwsgi import Application

    app = Application("hello")

    @app.route("/")
    def hello(req):
        return "Hello world"

``app`` is a WSGI callable for any server; ``poorwsgi.server.run`` serves it on the built-in one.
"""
from poorwsgi import _alone  # noqa: F401 - first of all
from poorwsgi import _misspelt  # noqa: F401 - changes Application
from poorwsgi._poorwsgi import Application, abort, make_response, redirect

__all__ = ["Application", "abort", "make_response", "redirect"]


def __getattr__(name):
    # PoorWSGI's package imports its modules, so applications may use poorwsgi.state.HTTP_OK without an import
    # of their own. Here they are imported at the first access, which keeps the start quick.
    if name in ("fieldstorage", "headers", "request", "response", "results", "session", "state", "wsgi"):
        import importlib

        return importlib.import_module(f"poorwsgi.{name}")
    raise AttributeError(f"module 'poorwsgi' has no attribute {name!r}")

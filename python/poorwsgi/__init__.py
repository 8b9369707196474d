"""PoorWSGI: a small web framework, with a Rust engine.

    from poorwsgi import Application

    app = Application("hello")

    @app.route("/")
    def hello(req):
        return "Hello world"

``app`` is a WSGI callable for any server; ``poorwsgi.server.run`` serves it on the built-in one.
"""
from poorwsgi import _alone  # noqa: F401 - first of all
from poorwsgi._poorwsgi import Application, abort, make_response, redirect

__all__ = ["Application", "abort", "make_response", "redirect"]

"""A little file drop: pages, session and digest login, uploads, downloads with ranges, a JSON API, a streamed page,
errors to try, and the debug page.

    poorwsgi run examples.demo:app --max-body 64M       # on the built-in server, in the folder above examples
    make run                                            # the same, where the package is not installed
    gunicorn examples.demo:app                          # on any WSGI server

It keeps its files in the directory that DEMO_DIRECTORY names, or else in one that is removed at the end. A server with
several worker processes needs that, and a DEMO_SECRET_KEY which they share.
"""
from . import api, drop, errors, login, pages  # noqa: F401 - each of them adds its routes
from .application import app

__all__ = ["app"]

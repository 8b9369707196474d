"""The built-in HTTP/1.1 server."""
from poorwsgi._poorwsgi import run

__all__ = ["run"]

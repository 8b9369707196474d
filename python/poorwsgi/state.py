"""Request methods, as bits that are joined by ``|``."""
from poorwsgi._poorwsgi import (
    METHOD_ALL,
    METHOD_CONNECT,
    METHOD_DELETE,
    METHOD_GET,
    METHOD_GET_POST,
    METHOD_HEAD,
    METHOD_OPTIONS,
    METHOD_PATCH,
    METHOD_POST,
    METHOD_PUT,
    METHOD_TRACE,
)

__all__ = [
    "METHOD_ALL",
    "METHOD_CONNECT",
    "METHOD_DELETE",
    "METHOD_GET",
    "METHOD_GET_POST",
    "METHOD_HEAD",
    "METHOD_OPTIONS",
    "METHOD_PATCH",
    "METHOD_POST",
    "METHOD_PUT",
    "METHOD_TRACE",
]

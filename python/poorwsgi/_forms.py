"""The classes of ``Request.args``, ``form`` and ``json`` that are also a dict or a list, and PoorWSGI's
function FieldStorage.

Written in Python, because a Rust class cannot have two base classes. The work is done in Rust: by
FieldStorageInterface, which reads values through ``in`` and ``[]``, and by the parsers.
"""
import warnings

from poorwsgi._poorwsgi import (
    CachedInput,
    FieldStorageInterface,
    FieldStorageParser,
    Request,
    _convert,
    _missing,
    parse_args,
    parse_json_request,
)
from poorwsgi.state import deprecated

__all__ = ["Args", "CachedInput", "EmptyForm", "FieldStorage", "JsonDict", "JsonList", "parse_json_request"]


def _no_value(self, key):
    """Raises KeyError, which is a 400 if nobody catches it: the client has not sent the value."""
    _missing(key)


class EmptyForm(dict, FieldStorageInterface):
    """A form without fields: its methods return the default."""

    __missing__ = _no_value

    def getvalue(self, key, default=None, func=None):
        """Returns default."""
        return default

    def getfirst(self, key, default=None, func=None, fce=None):
        """Returns default. fce is a deprecated name of func."""
        _one_of(func, fce)
        return default

    def getlist(self, key, default=None, func=None, fce=None):
        """Returns default, or an empty list. fce is a deprecated name of func."""
        _one_of(func, fce)
        return default or []


class Args(dict, FieldStorageInterface):
    """The arguments of a query, as a dict. The value of a key that occurs once is a str, that of a key that
    occurs several times a list of str.

    req is a request, or any object with a query. keep_blank_values says whether an argument with an empty
    value is kept. With strict_parsing, an argument without "=" raises HTTPException(400). More arguments than
    the form_limits.fields of req.app (1000 by default) raise HTTPException(413).

    A missing argument is a KeyError; func of getfirst and the like raises what it raises for a value that it
    does not take. Where nobody catches the exception, the client gets a 400.
    """

    __missing__ = _no_value

    def __init__(self, req, keep_blank_values=0, strict_parsing=0):
        super().__init__(parse_args(req.query, keep_blank_values, strict_parsing, getattr(req, "app", None)))


class JsonDict(dict, FieldStorageInterface):
    """A JSON object: a dict that can be read like a form. A missing member is a KeyError, which is a 400 if
    nobody catches it."""

    __missing__ = _no_value


class JsonList(list):
    """A JSON array: a list that can be read like a form. Its items are the values of every name."""

    def getvalue(self, key=None, default=None, func=None):
        """Returns func applied to the first item; default if the list is empty."""
        if not self:
            return default
        return _convert(func, key, self[0]) if func else self[0]

    def getfirst(self, key=None, default=None, func=None, fce=None):
        """The same as getvalue. fce is a deprecated name of func."""
        return self.getvalue(key, default, _one_of(func, fce))

    def getlist(self, key, default=None, func=None, fce=None):
        """Returns func applied to each item, as a list; if there is none, default, or an empty list. fce is a
        deprecated name of func."""
        func = _one_of(func, fce)
        if not self:
            return default or []
        return [_convert(func, key, item) for item in self] if func else list(self)


@deprecated("use FieldStorageParser")
def FieldStorage(  # noqa: N802 - PoorWSGI's name
    req=Request,
    headers=None,
    keep_blank_values=0,
    strict_parsing=0,
    encoding="utf-8",
    errors="replace",
    max_num_fields=None,
    separator="&",
    file_callback=None,
):
    """Parses the form in the body of a request with a FieldStorageParser, which has the same arguments."""
    parser = FieldStorageParser(
        req.input,
        req.headers if headers is None else headers,
        keep_blank_values=keep_blank_values,
        strict_parsing=strict_parsing,
        encoding=encoding,
        errors=errors,
        max_num_fields=max_num_fields,
        separator=separator,
        file_callback=file_callback,
    )
    return parser.parse()


def _one_of(func, fce):
    if fce is None:
        return func
    warnings.warn("the argument fce is deprecated: use func", DeprecationWarning, stacklevel=3)
    return fce


for _public in (EmptyForm, Args, JsonDict, JsonList, FieldStorage):
    _public.__module__ = "poorwsgi.request"

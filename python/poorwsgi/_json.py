"""JSON that is encoded while its members are generated.

Written in Python, because simplejson and the encoder of the standard library are written in Python.
"""
from itertools import chain, islice
from json import JSONEncoder


def iterencode(members):
    """Yields the text of a JSON object in pieces. Members may be iterables, which become arrays."""
    try:
        from simplejson import JSONEncoder as StreamingEncoder
    except ImportError:
        return _Encoder().iterencode(members)
    return StreamingEncoder(iterable_as_array=True).iterencode(members)


class _Encoder(JSONEncoder):
    def default(self, o):
        if isinstance(o, bytes):  # simplejson encodes bytes as text, too
            return o.decode()
        try:
            items = iter(o)
        except TypeError:
            return super().default(o)
        first = list(islice(items, 1))
        return _Array(chain(first, items)) if first else []


class _Array(list):
    """An iterator that the encoder takes for a list, which it writes item by item."""

    def __init__(self, items):
        super().__init__((None,))  # the encoder does not iterate over an empty list
        self._items = items

    def __iter__(self):
        return self._items

"""JSON that is written while its members are made.

Python, because simplejson and the encoder of the standard library are.
"""
from itertools import chain, islice
from json import JSONEncoder


def iterencode(members):
    """The pieces of a JSON object whose members may be iterables, which become arrays."""
    try:
        from simplejson import JSONEncoder as StreamingEncoder
    except ImportError:
        return _Encoder().iterencode(members)
    return StreamingEncoder(iterable_as_array=True).iterencode(members)


class _Encoder(JSONEncoder):
    def default(self, o):
        if isinstance(o, bytes):  # text, as to simplejson
            return o.decode()
        try:
            items = iter(o)
        except TypeError:
            return super().default(o)
        first = list(islice(items, 1))
        return _Array(chain(first, items)) if first else []


class _Array(list):
    """A list to the encoder, which writes lists item by item; the items come from an iterator."""

    def __init__(self, items):
        super().__init__((None,))  # one that is empty is not iterated over
        self._items = items

    def __iter__(self):
        return self._items

"""JSON of a handler's data: the same text, or the same error, as json.dumps."""
import collections
import enum
import json
import random
import sys

import pytest

from poorwsgi.response import JSONResponse, make_response


class Number(int):
    def __repr__(self):
        return "a number"


class Text(str):
    pass


class Colour(enum.IntEnum):
    RED = 1


ODD = [
    {}, [], [[]], {"a": {}}, {"a": [1, (2, 3), ()]}, {"": ""}, {"a": None, "b": True, "c": False},
    {1: 2, 1.5: 3, None: 4, True: 5}, {"big": 1 << 70, "small": -(1 << 63), "large": (1 << 63) - 1},
    {"f": [0.1, 1e22, 1e16, 1e-7, -0.0, 3.0, 1e308, 5e-324]}, {"n": [float("nan"), float("inf"), -float("inf")]},
    {"t": "".join(map(chr, range(0x100)))}, {"t": "ž漢😀\u2028\ufffd\x7f"}, {"\ud800": "\udfff"}, {"ž\n": "\\\"/"},
    {"s": [Number(1), Text("text"), Colour.RED]}, {Text("key"): 1}, collections.OrderedDict(a=1), {"d": collections.OrderedDict(b=2)},
]


@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
def test_it_is_the_text_of_json_dumps(data):
    assert make_response(data).data == json.dumps(data).encode()
    assert JSONResponse(data).data == json.dumps(data).encode()


@pytest.mark.parametrize("data", [{"a": object()}, {"a": {1, 2}}, {(1, 2): 3}, {"a": b"bytes"}, [1, [2, [object()]]]])
def test_what_is_no_json_is_the_error_of_json_dumps(data):
    with pytest.raises(TypeError) as theirs:
        json.dumps(data)
    with pytest.raises(TypeError) as ours:
        JSONResponse(data)
    assert str(ours.value) == str(theirs.value)


def test_what_contains_itself_or_is_too_deep_is_an_error():
    data = {}
    data["a"] = [data]
    with pytest.raises(ValueError, match="Circular"):
        JSONResponse(data)
    deep = []
    for _ in range(1_000_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        JSONResponse([deep])
    deep = []
    for _ in range(60):
        deep = [deep]
    assert make_response([deep]).data == json.dumps([deep]).encode()


def test_generated_data():
    source = random.Random(42)

    def value(depth):
        kind = source.randrange(9 if depth else 6)
        if kind == 0:
            return "".join(chr(source.choice([*range(0x250), 0x2028, 0x1F600])) for _ in range(source.randrange(8)))
        if kind == 1:
            return source.randrange(-1 << 65, 1 << 65)
        if kind == 2:
            return source.uniform(-1, 1) * 10 ** source.randrange(-30, 30)
        if kind < 6:
            return source.choice([None, True, False])
        if kind == 6:
            return [value(depth - 1) for _ in range(source.randrange(4))]
        if kind == 7:
            return tuple(value(depth - 1) for _ in range(source.randrange(4)))
        return {str(value(0)): value(depth - 1) for _ in range(source.randrange(4))}

    for _ in range(2000):
        data = {"data": value(5)}
        assert make_response(data).data == json.dumps(data).encode()

"""poorwsgi.state: constants, versions and the decorator for what is deprecated."""
import http
import inspect

import pytest

from poorwsgi import state
from poorwsgi.state import deprecated


def constants(prefix):
    return {name: value for name, value in vars(state).items() if name.startswith(prefix)}


def test_status_codes_are_those_of_http():
    codes = constants("HTTP_")
    assert len(codes) == 65
    assert all(100 <= code <= 599 for code in codes.values())
    assert len(set(codes.values())) == len(codes)
    ours = {"HTTP_CONNECTION_CLOSED_WITHOUT_RESPONSE", "HTTP_CLIENT_CLOSED_REQUEST", "HTTP_NETWORK_CONNECT_TIMEOUT_ERROR"}
    assert {code for name, code in codes.items() if name not in ours} <= set(http.HTTPStatus)
    assert (state.HTTP_OK, state.HTTP_NOT_FOUND, state.DECLINED) == (200, 404, 0)


def test_methods_are_bits():
    assert state.methods == {
        "HEAD": 1, "GET": 2, "POST": 4, "PUT": 8, "DELETE": 16, "TRACE": 32, "OPTIONS": 64, "CONNECT": 128, "PATCH": 256,
    }
    assert state.sorted_methods == list(state.methods.items())
    for name, bit in state.methods.items():
        assert getattr(state, f"METHOD_{name}") == bit
    assert state.METHOD_GET_POST == state.METHOD_HEAD | state.METHOD_GET | state.METHOD_POST
    assert sum(state.methods.values()) == state.METHOD_ALL


def test_version_is_the_compatible_one():
    assert tuple(int(part) for part in state.__version__.split(".")) == (2, 8, 1)
    assert state.__date__.endswith("2026")


class TestDeprecated:
    def test_a_call_warns_where_it_is_made(self):
        @deprecated("use new()")
        def old(one, two=2):
            """What it does."""
            return one, two

        with pytest.warns(DeprecationWarning, match=r"old is deprecated: use new\(\)") as caught:
            assert old(1) == (1, 2)
        assert caught[0].filename == __file__
        assert (old.__name__, old.__doc__) == ("old", "What it does.")
        assert str(inspect.signature(old)) == "(one, two=2)"

    def test_without_a_reason(self):
        with pytest.warns(DeprecationWarning, match="len is deprecated$"):
            assert deprecated()(len)("abc") == 3

    def test_methods_and_properties(self):
        class Thing:
            @deprecated("m")
            def method(self):
                return self

            @property
            @deprecated("inner")
            def inner(self):
                return self

            @deprecated("outer")
            @property
            def outer(self):
                return self

        thing = Thing()
        for read in (thing.method, lambda: thing.inner, lambda: thing.outer):
            with pytest.warns(DeprecationWarning, match="is deprecated"):
                assert read() is thing

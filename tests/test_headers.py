"""poorwsgi.headers: the map of header fields, and parsing of their values."""
import copy
import gc
import pickle
import weakref
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from poorwsgi.headers import (
    HEADER_DATETIME_FORMAT,
    ContentRange,
    Headers,
    _parseparam,
    datetime_to_http,
    http_to_datetime,
    http_to_time,
    parse_header,
    parse_negotiation,
    parse_range,
    render_negotiation,
    time_to_http,
)

CONTROLS = [chr(code) for code in (*range(9), *range(10, 32), 127)]


class TestMapping:
    @pytest.mark.parametrize("given", [
        {"X-A": "1", "x-b": "2"}, [("X-A", "1"), ("x-b", "2")], (("X-A", "1"), ["x-b", "2"]),
        {"X-A": "1", "x-b": "2"}.items(), Headers({"X-A": "1", "x-b": "2"}), iter([("X-A", "1"), ("x-b", "2")]),
    ])
    def test_whatever_has_pairs_makes_headers(self, given):
        assert Headers(given).items() == (("X-A", "1"), ("x-b", "2"))

    @pytest.mark.parametrize("given", [None, [], (), {}, set()])
    def test_nothing_makes_empty_headers(self, given):
        assert not Headers(given)
        assert Headers(given).items() == ()

    def test_one_pair_is_one_header(self):
        assert Headers(("X-A", "v")).items() == (("X-A", "v"),)
        assert Headers(("ab", "cd")).items() == (("ab", "cd"),)
        assert Headers({("X-A", "v")}).items() == (("X-A", "v"),)

    @pytest.mark.parametrize("given", ["Value", b"Value", 5, {"a": None}, {"a": 1}, {b"a": "b"}, [("a", b"b")]])
    def test_other_types_are_refused(self, given):
        with pytest.raises(TypeError):
            Headers(given)

    @pytest.mark.parametrize("given", [["ab", "cd"], [("a",)], [("a", "b", "c")], [()], ("ab",)])
    def test_what_is_no_pair_is_refused(self, given):
        with pytest.raises(ValueError, match="pair"):
            Headers(given)

    def test_names_without_case_in_their_spelling(self):
        headers = Headers([("X-pOOR", "1"), ("etag", '"e"')])
        assert headers["x-Poor"] == headers.get("X-POOR") == "1"
        assert "ETAG" in headers
        assert headers.names() == headers.keys() == ("X-pOOR", "etag")
        assert headers.values() == ("1", '"e"')
        assert list(headers) == list(headers.items())
        assert len(headers) == 2

    def test_a_name_that_is_missing(self):
        headers = Headers()
        with pytest.raises(KeyError, match="X-None"):
            headers["X-None"]
        assert headers.get("X-None") is None
        assert headers.get("X-None", default="d") == "d"
        assert headers.get_all("X-None") == ()
        assert "X-None" not in headers
        del headers["X-None"]

    def test_a_name_is_text(self):
        for use in (Headers().__getitem__, Headers().__contains__, Headers().get, Headers().get_all, Headers().__delitem__):
            with pytest.raises(TypeError, match="str"):
                use(5)

    def test_it_is_a_mapping(self):
        headers = Headers({"A": "1"})
        assert isinstance(headers, Mapping)
        assert headers == {"A": "1"} == headers
        assert headers == Headers([("A", "1")])
        assert headers != {"a": "1"}
        assert headers != [("A", "1")]
        match headers:
            case {"a": value}:
                assert value == "1"
            case _:
                pytest.fail("no match")
        with pytest.raises(TypeError, match="unhashable"):
            hash(headers)

    def test_repr_makes_equal_headers(self):
        headers = Headers([("Set-Cookie", "a"), ("Set-Cookie", "b")])
        assert repr(headers) == "Headers([('Set-Cookie', 'a'), ('Set-Cookie', 'b')])"
        assert repr(Headers()) == "Headers([])"

    @pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
    def test_copies_are_their_own(self, clone):
        headers = Headers([("A", "ř"), ("a", "2")])
        headers.note = ["mine"]
        other = clone(headers)
        assert other.items() == headers.items()
        assert other.note == ["mine"]
        other["A"] = "3"
        assert headers.get_all("a") == (Headers.iso88591("ř"), "2")


class TestSetting:
    def test_set_replaces_and_is_last(self):
        headers = Headers([("B", "1"), ("A", "0"), ("a", "2"), ("C", "3")])
        headers["A"] = "x"
        assert headers.items() == (("B", "1"), ("C", "3"), ("A", "x"))
        del headers["c"]
        assert headers.names() == ("B", "A")

    def test_setdefault(self):
        headers = Headers()
        assert headers.setdefault("X-A", "ž") == "ž"
        assert headers.setdefault("x-a", "2") == headers["X-A"] == Headers.iso88591("ž")

    def test_only_set_cookie_is_added_twice(self):
        headers = Headers()
        headers.add("Set-Cookie", "a=1")
        headers.add("set-cookie", "b=2")
        headers.add("X-A", "1")
        with pytest.raises(KeyError, match="x-a"):
            headers.add("x-a", "2")
        assert headers.get_all("SET-COOKIE") == ("a=1", "b=2")
        assert headers.get_all("X-A") == ("1",)

    def test_text_goes_out_as_the_characters_of_its_bytes(self):
        headers = Headers({"X-A": "café"})
        assert headers["X-A"] == "cafÃ©" == Headers.iso88591("café")
        assert Headers.utf8(headers["X-A"]) == "café"
        assert Headers.utf8("\x80") == "\x80"
        assert Headers.utf8("ř") == "ř"
        assert Headers(headers)["X-A"] == "cafÃ©"

    @pytest.mark.parametrize("value", ["\ud800", *CONTROLS, "a\r\nSet-Cookie: b"])
    def test_values_that_would_break_the_message_are_refused(self, value):
        headers = Headers({"X-A": "1"})
        for change in (
            lambda: Headers({"X-A": value}),
            lambda: headers.__setitem__("X-B", value),
            lambda: headers.setdefault("X-B", value),
            lambda: headers.add("X-B", value),
            lambda: headers.add_header("X-B", value),
            lambda: headers.add_header("X-B", "a", b=value),
            lambda: headers.add_header("X-B", [(value, 1)]),
        ):
            with pytest.raises(ValueError, match=r"control character|surrogate"):
                change()
        assert headers.items() == (("X-A", "1"),)

    @pytest.mark.parametrize("name", ["", "a b", "a:b", "a\n", "ř", "a\0"])
    def test_names_are_tokens(self, name):
        headers = Headers()
        for change in (
            lambda: Headers([(name, "v")]),
            lambda: headers.__setitem__(name, "v"),
            lambda: headers.add(name, "v"),
            lambda: headers.add_header(name, "v"),
        ):
            with pytest.raises(ValueError, match="token"):
                change()

    def test_a_value_is_needed(self):
        headers = Headers()
        for change in (
            lambda: headers.__setitem__("A", None), lambda: headers.setdefault("A", None),
            lambda: headers.add("A", None), lambda: headers.add_header("A"),
        ):
            with pytest.raises(ValueError, match="value"):
                change()
        for change in (lambda: headers.__setitem__("A", 5), lambda: headers.add_header("A", b"v")):
            with pytest.raises(TypeError, match="str"):
                change()

    def test_headers_of_a_request_are_taken_as_they_are(self):
        received = [("X-Raw", "cafÃ©"), ("X-Raw", "a\nb\0"), ("X Bad", "v"), ("X-Wide", "ř")]
        headers = Headers(received, strict=False)
        assert headers.get_all("X-Raw") == ("cafÃ©", "a b ")
        assert Headers.utf8(headers["X-Wide"]) == "ř"
        assert headers.names() == ("X-Raw", "X-Raw", "X-Wide")


class TestAddHeader:
    @pytest.mark.parametrize(("value", "options", "line"), [
        ("attachment", {"filename": "image.png"}, 'attachment; filename="image.png"'),
        ("v", {"a_b": 'x"y\\z', "c": None, "d": ""}, 'v; a-b="x\\"y\\\\z"; c; d'),
        (None, {"key": "value"}, 'key="value"'),
        ("", {}, ""),
        ((("gzip", 1.0), ("identity", 0.5), ("*", 0)), {}, "gzip;q=1.0, identity;q=0.5, *;q=0"),
        ([("gzip",), ("br", 0.5)], {}, "gzip, br;q=0.5"),
        ("attachment", {"filename": "účet.pdf"}, "attachment; filename*=UTF-8''%C3%BA%C4%8Det.pdf"),
    ])
    def test_value_and_parameters(self, value, options, line):
        headers = Headers()
        headers.add_header("X-A", value, **options)
        assert headers["X-A"] == line

    def test_it_adds(self):
        headers = Headers({"A": "1"})
        headers.add_header("a", "2")
        assert headers.get_all("A") == ("1", "2")

    def test_parameters_are_text(self):
        with pytest.raises(TypeError, match="str"):
            Headers().add_header("A", "v", b=5)


class TestSubclass:
    class Upper(Headers):
        def __init__(self, note, headers):
            super().__init__(headers)
            self.note = note

        def __getitem__(self, name):
            return super().__getitem__(name).upper()

    def test_overridden_methods_are_used(self):
        headers = self.Upper("n", {"a": "b"})
        assert (headers.note, headers["A"], headers.get("A"), headers.get("B", 1)) == ("n", "B", "B", 1)
        assert "a" in headers
        assert "b" not in headers

    def test_headers_of_a_subclass_are_what_its_items_are(self):
        class Signed(Headers):
            def items(self):
                return (*super().items(), ("X-Signed", "yes"))

        assert Headers(Signed({"A": "ř"})).items() == (("A", Headers.iso88591("ř")), ("X-Signed", "yes"))

    def test_a_cycle_is_collected(self):
        headers = self.Upper(None, {})
        headers.note = headers
        gone = weakref.ref(headers)
        del headers
        gc.collect()
        assert gone() is None


class TestParameters:
    @pytest.mark.parametrize(("line", "value", "options"), [
        ("text/html", "text/html", {}),
        (" a ; B = c ", "a", {"b": "c"}),
        ('form-data; name="a;b"', "form-data", {"name": "a;b"}),
        ('a;b="x\\"y"', "a", {"b": 'x"y'}),
        ("a; b; ;c=d=e", "a", {"c": "d=e"}),
        ("a;b=1;B=2", "a", {"b": "2"}),
        ("", "", {}),
    ])
    def test_parse_header(self, line, value, options):
        assert parse_header(line) == (value, options)

    def test_parseparam(self):
        assert list(_parseparam(';a;b="x;y" ; c')) == ["a", 'b="x;y"', "c"]
        assert list(_parseparam("a;b")) == []


class TestNegotiation:
    @pytest.mark.parametrize(("value", "choices"), [
        ("gzip;q=1.0, identity;q=0.5, *;q=0", [("gzip", 1.0), ("identity", 0.5), ("*", 0.0)]),
        ("text/html;level=1, text/html;level=2; q=0.5", [("text/html;level=1", 1.0), ("text/html;level=2", 0.5)]),
        ("br;q=bad", [("br", 1.0)]),
        ("br;q=7, gzip;q=-1", [("br", 1.0), ("gzip", 0.0)]),
    ])
    def test_parse(self, value, choices):
        assert parse_negotiation(value) == choices

    def test_render(self):
        assert render_negotiation([("gzip", 1.0), ["br"], ("*", 0)]) == "gzip;q=1.0, br, *;q=0"
        for bad in ([("a", 1, 2)], [()]):
            with pytest.raises(ValueError, match="choice"):
                render_negotiation(bad)


class TestRange:
    @pytest.mark.parametrize(("value", "ranges"), [
        ("bytes=0-499", {"bytes": [(0, 499)]}),
        ("bytes=-500", {"bytes": [(None, 500)]}),
        ("bytes=9500-", {"bytes": [(9500, None)]}),
        ("chunks=500-600, 601-999,-", {"chunks": [(500, 600), (601, 999)]}),
        ("invalid", {}),
        ("invalid=a-b", {"invalid": []}),
        (f"bytes={10**30}-", {"bytes": [(2**64 - 1, None)]}),
    ])
    def test_parse(self, value, ranges):
        assert parse_range(value) == ranges

    def test_content_range(self):
        assert str(ContentRange(1, 2)) == "bytes 1-2/*"
        assert str(ContentRange(1, 2, 10)) == "bytes 1-2/10"
        assert str(ContentRange(2, 5, units="lines")) == "lines 2-5/*"
        content_range = ContentRange()
        content_range.end, content_range.full = 9, 10
        assert str(content_range) == "bytes 0-9/10"


class TestDates:
    EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
    EPOCH_HTTP = "Thu, 01 Jan 1970 00:00:00 GMT"

    @pytest.mark.parametrize("value", [
        EPOCH, datetime(1970, 1, 1, 0, 0, 0, 999999), date(1970, 1, 1),
        datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    ])
    def test_datetime_to_http(self, value):
        assert datetime_to_http(value) == self.EPOCH_HTTP

    def test_the_format_is_the_same(self):
        moment = datetime(2026, 6, 20, 12, 34, 56)
        assert datetime_to_http(moment) == moment.strftime(HEADER_DATETIME_FORMAT)

    @pytest.mark.parametrize(("value", "text"), [
        (0, EPOCH_HTTP), (0.9, EPOCH_HTTP), ("0", EPOCH_HTTP), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
    ])
    def test_time_to_http(self, value, text):
        assert time_to_http(value) == text

    def test_now(self):
        assert http_to_datetime(time_to_http()).year >= 2026

    def test_times_that_no_date_can_say(self):
        for value in (253402300800, float("nan"), "now"):
            with pytest.raises(ValueError):  # noqa: PT011
                time_to_http(value)
        with pytest.raises(OverflowError):
            time_to_http(10**30)

    @pytest.mark.parametrize(("text", "seconds"), [
        (EPOCH_HTTP, 0), ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777), ("Sun Nov  6 08:49:37 1994", 784111777),
        ("Fri, 01 Jan 1960 00:00:00 GMT", -315619200),
    ])
    def test_from_http(self, text, seconds):
        assert http_to_time(text) == seconds
        assert http_to_datetime(text) == self.EPOCH + timedelta(seconds=seconds)
        assert http_to_datetime(text).tzinfo is UTC

    def test_what_is_no_date(self):
        for text in ("", "yesterday", "Thu, 01 Jan 1970 00:00:60 GMT"):
            with pytest.raises(ValueError, match="HTTP date"):
                http_to_time(text)
            with pytest.raises(ValueError, match="HTTP date"):
                http_to_datetime(text)
        with pytest.raises(TypeError):
            http_to_time(None)


@pytest.mark.parametrize("choices", [[("text/html", 1.0), ("*/*", 0.5)], (("text/html", 1.0), ("*/*", 0.5))])
def test_choices_are_a_value(choices):
    headers = Headers()
    headers["Accept"] = choices
    headers.add("Accept-Charset", choices)
    assert headers.setdefault("Accept-Language", choices) is choices
    assert set(headers.values()) == {"text/html;q=1.0, */*;q=0.5"}
    assert headers.setdefault("Accept", "x") == "text/html;q=1.0, */*;q=0.5"
    with pytest.raises(KeyError):
        headers.add("Accept", choices)
    for broken in ([(1, 2, 3)], [("a\r\nb", 1)]):
        with pytest.raises(ValueError):
            headers["Accept"] = broken
    assert len(headers) == 3


@pytest.mark.parametrize("text", ["Sun, 6 Nov 1994 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT", "sun, 06 NOV 1994 8:49:37 gmt", "Sun,  06 Nov  1994 08:49:37 GMT"])
def test_a_date_that_is_carelessly_written_is_read(text):
    assert http_to_time(text) == 784111777
    assert http_to_datetime(text) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_content_range_is_copied(copied):
    one = ContentRange(1, 2, 3, "lines")
    one.note = ["mine"]
    other = copied(one)
    assert (str(other), other.note, type(other)) == ("lines 1-2/3", ["mine"], ContentRange)
    other.start = 0
    assert str(one) == "lines 1-2/3"

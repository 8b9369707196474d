"""poorwsgi.headers."""
import pytest

PARAMETERS = (
    "", "text/html", "text/html; charset=utf-8", "text/html;charset=utf-8", "TEXT/html ; Charset = UTF-8", "a; b", "a; b=", "a; =b",
    'form-data; name="x"', 'form-data; name="x; y"', r'form-data; name="x\"y"', r'form-data; name="a\\b"', 'form-data; name="x',
    'form-data; name=x"', 'form-data; name=""', "form-data; name=x; name=y", 'attachment; filename="a.txt"; size=3', ";", ";;a=b", "a;b;c=d",
    'form-data; filename="C:\\dir\\file.txt"', "a; filename*=UTF-8''x%20y", "a; x='y'", "a;\tx=y\t", "a; x=y=z", 'a; x="y=z;w"; v=1',
    'bytes="0-1"', "Digest username=\"x\"", "a; \u00e9=\u00fc", 'a; x="\u0161"', "  a  ; b=c", 'a; x="1"2"3"',
)
NEGOTIATIONS = (
    "", "text/html", "text/html,application/xml", "text/html;q=0.8,*/*;q=0.1", "*", "en, cs;q=0.9, *;q=0.1",
    "text/html;level=1;q=0.3", "a;q=0.001", "a;q=1", "a;q=0.5,a;q=0.7", "utf-8,iso-8859-1;q=0.2,*;q=0.1",
    "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
)
RANGES = (
    "", "bytes=0-1", "bytes=0-", "bytes=-5", "bytes=0-1,3-4", "bytes=0-1, 3-4", "chars=1-2", "bytes", "bytes=", "bytes=-",
    "bytes=a-b", "bytes=0-1;lines=2-3", "bytes=1", "bytes=0-1,", "bytes=00-01",
)
DATES = (
    "Sun, 20 Oct 1985 01:21:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 29 Feb 2016 23:59:59 GMT", "Mon, 01 Jan 1900 00:00:00 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT", "sun, 06 nov 1994 08:49:37 gmt", "SUN, 06 NOV 1994 08:49:37 GMT",
    "Sun,  06   Nov 1994\t08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08:9:7 GMT", "Mon, 6 Jan 1600 8:9:7 gmt",
    "Sun, 006 Nov 1994 08:49:37 GMT", "Sun, 0 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Sun 06 Nov 1994 08:49:37 GMT", "Son, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT x", "Sun, 06 November 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 0000 08:49:37 GMT", "Sun, 29 Feb 1995 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37:00 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
    "", "yesterday", "Sun, 20 Oct 1985 01:21:00 UTC", "Sun, 20 Oct 1985 25:21:00 GMT", "Sun, 31 Feb 1985 01:21:00 GMT", "1985-10-20",
)
INITIAL = (
    None, [], (), {}, [("X-A", "1")], (("X-A", "1"), ("X-B", "2")), {"X-A": "1", "x-b": "2"}, {("X-A", "1")}, [["X-A", "1"]],
    [("X-A", "1"), ("x-a", "2")], [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], 5, "X-A: 1",
    [("X-A",)], [("X-A", "1", "2")],
)
STEPS = (
    ("set", "X-A", "9"), ("set", "x-a", "9"), ("set", "X-N", "new"), ("get_item", "X-A"), ("get_item", "x-a"), ("get_item", "none"),
    ("get", "X-A"), ("get", "none", "d"), ("get_all", "X-A"), ("get_all", "Set-Cookie"), ("get_all", "none"), ("del", "x-a"), ("del", "none"),
    ("in", "X-A"), ("in", "x-a"), ("in", "none"), ("len",), ("iter",), ("names",), ("keys",), ("values",), ("items",), ("setdefault", "X-A", "d"),
    ("setdefault", "X-D", "d"), ("add", "X-A", "2"), ("add", "x-b", "3"), ("add", "Set-Cookie", "c=3"), ("set", "X-U", "\u017elu\u0165"),
    ("add_header", "X-C", "v"), ("add_header", "X-A", "v"), ("add_header_with", "Content-Disposition", "attachment", {"filename": "a b.txt"}),
    ("add_header_with", "X-P", None, {"max_age": "5", "flag": None}), ("add_header", "Accept", [("text/html", 1.0), ("text/plain", 0.5)]),
    ("set", "X-I", 5), ("set", 5, "x"), ("add_header", "X-N"),
    ("set", "Accept", [("text/html", 1.0), ("text/plain", 0.5)]), ("set", "X-A", (("gzip", 1.0), ("*",))), ("set", "X-E", []), ("set", "X-M", None),
    ("setdefault", "Accept-Language", [("cs", 1.0), ("en", 0.5)]), ("setdefault", "X-A", [("cs", 1.0)]), ("setdefault", "X-S", None),
    ("add", "Accept-Encoding", [("gzip", 1.0)]), ("add", "X-A", [("gzip", 1.0)]), ("add", "X-T", None),
)


@pytest.mark.parametrize("line", PARAMETERS)
def test_parameters(pair, line):
    pair.same("headers.call", "parse_header", line)
    pair.same("headers.lazy", "_parseparam", line)


@pytest.mark.parametrize("value", NEGOTIATIONS)
def test_negotiation(pair, value):
    pair.same("headers.call", "parse_negotiation", value)


@pytest.mark.parametrize("value", [[], [("a", 1.0)], [("gzip", 1.0), ("*", 0.5)], [("a", 1)], [("a", 0.001)], [("a",)], [("a", "x")]])
def test_rendered_negotiation(pair, value):
    pair.same("headers.call", "render_negotiation", value)


@pytest.mark.parametrize("value", RANGES)
def test_range(pair, value):
    pair.same("headers.call", "parse_range", value)


@pytest.mark.parametrize("arguments", [(), (1, 2), (0, 0, 5), (0, 9, "*", "lines"), ("a", "b")])
def test_content_range(pair, arguments):
    pair.same("headers.content_range", *arguments)


@pytest.mark.parametrize("value", DATES)
def test_dates_in(pair, value):
    pair.same("headers.call", "http_to_datetime", value)
    pair.same("headers.call", "http_to_time", value)


@pytest.mark.parametrize("parts", [(1985, 10, 20, 1, 21), (2016, 2, 29, 23, 59, 59), (1970, 1, 1), (2038, 1, 19, 3, 14, 8), (2000, 1, 1, 0, 0, 0, 999999)])
def test_dates_out(pair, parts):
    pair.same("headers.date", *parts)
    pair.same("headers.naive_date", *parts)


@pytest.mark.parametrize("value", [0, 1.9, 482633283, -1, 1e10, "0", 2**40])
def test_times_out(pair, value):
    pair.same("headers.call", "time_to_http", value)


def test_values_of_utf8(pair):
    pair.same("headers.operations", [("X-A", "\u017elu\u0165")], True, STEPS)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("initial", INITIAL)
def test_the_map(pair, initial, strict):
    pair.same("headers.operations", initial, strict, [])
    for step in STEPS:
        pair.same("headers.operations", initial, strict, [step])
    pair.same("headers.operations", initial, strict, STEPS)

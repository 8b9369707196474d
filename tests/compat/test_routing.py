"""Which handler is called for a request, and with which arguments."""
import pytest

HEAD, GET, POST, PUT, DELETE, OPTIONS, PATCH, ALL = 1, 2, 4, 8, 16, 64, 256, 511
PATHS = ("/", "", "/a", "/a/", "/a/b", "/A", "//a", "/a/1", "/a/-1", "/a/1.5", "/a/x", "/a/\u017e".encode().decode("latin-1"), "/a/x/y", "/b", "/a b", "/a/0",
         "/a/1e5", "/a/2024-01-02", "/a/ff", "/a/FF", "/a/word_1", "/a/x-y", "/a/x.y", "/a/%41", "/a/00012")
METHODS = ("GET", "HEAD", "POST", "PUT")

TABLES = {
    "nothing": [],
    "one route": [("route", "/a")],
    "the root": [("route", "/")],
    "routes of several methods": [("route", "/a", GET), ("route", "/a", POST), ("route", "/a/b", ALL)],
    "a route set twice": [("route", "/a"), ("route", "/a")],
    "text": [("route", "/a/<name>")],
    "word": [("route", "/a/<name:word>")],
    "int": [("route", "/a/<number:int>")],
    "float": [("route", "/a/<number:float>")],
    "hex": [("route", "/a/<number:hex>")],
    "date": [("route", "/a/<day:date>")],
    "datetime": [("route", "/a/<day:datetime>")],
    "uuid": [("route", "/a/<name:uuid>")],
    "re": [("route", "/a/<name:re:[a-z]+>")],
    "filter in capitals": [("route", "/a/<number:INT>")],
    "two groups": [("route", "/<first>/<second>")],
    "two groups with filters": [("route", "/<first:word>/<second:int>", GET | POST)],
    "first that matches": [("route", "/a/<number:int>"), ("route", "/a/<name:word>"), ("route", "/a/<rest:re:.*>")],
    "static before patterns": [("route", "/a/<name>"), ("route", "/a/b")],
    "text around": [("route", "/a/x<name>y")],
    "no filter of that name": [("route", "/a/<name:none>")],
    "a bad expression": [("route", "/a/<name:re:*>")],
    "own filter": [("set_filter", "own", "[xy]"), ("route", "/a/<name:own>")],
    "own filter with a converter": [("set_filter", "upper", r"\w+", str.upper), ("route", "/a/<name:upper>")],
    "own filter with its colon": [("set_filter", ":own", "[xy]"), ("route", "/a/<name:own>")],
    "regular": [("regular_route", r"/a/(?P<name>\w+)$")],
    "regular without names": [("regular_route", r"/a/(\w+)$")],
    "regular without an end": [("regular_route", r"/a")],
    "regular with look-around": [("regular_route", r"/a/(?!x)(?P<name>\w+)$")],
    "regular with a back-reference": [("regular_route", r"/(?P<name>a)/?(?P=name)?$")],
    "regular with converters": [("set_regular_route", r"/a/(?P<number>\d+)$", GET, (("number", int),))],
    "regular with a rule": [("set_regular_route", r"/a/(?P<number>\d+)$", GET, (("number", int),), "/a/<number>")],
    "default": [("default",)],
    "default of a method": [("default", POST)],
    "default beside a route": [("route", "/a"), ("default", ALL)],
    "set_default": [("set_default", GET)],
    "pop_default": [("default", GET | POST), ("pop_default", GET), ("pop_default", GET)],
    "pop_route": [("route", "/a", GET | POST), ("pop_route", "/a", GET)],
    "pop_route of what is not there": [("pop_route", "/none", GET)],
    "pop_route of a pattern": [("route", "/a/<name>", GET | POST), ("pop_route", "/a/<name>", GET)],
    "pop_regular_route": [("regular_route", r"/a/(\w+)$", GET | POST), ("pop_regular_route", r"/a/(\w+)$", GET)],
    "pop_regular_route of what is not there": [("pop_regular_route", r"/a/(\w+)$", GET)],
    "is_route": [("route", "/a"), ("route", "/a/<name>"), ("is_route", "/a"), ("is_route", "/a/<name>"), ("is_route", "/none"), ("is_route", "/a/x")],
    "is_regular_route": [("regular_route", r"/a/(\w+)$"), ("is_regular_route", r"/a/(\w+)$"), ("is_regular_route", r"/none")],
    "a flag within": [("route", "/a/<name:re:(?i)x>")],
    "all methods but one": [("route", "/a", ~GET), ("regular_route", "/a/x$", -1), ("default", ~(GET | POST)), ("set_default", ~GET)],
    "set_route": [("set_route", "/a"), ("set_route", "/a/<number:int>", POST)],
}
# Expressions that Python's `re` accepts or refuses; in lower case, because the original lower-cases them.
EXPRESSIONS = (r"(?i)x", r"\p{l}", r"\z", r"a{,3}", r"(?x: a b)", r"x++", r"[[:alpha:]]", r"[a-c&&b]", r"(?<n>x)", r"\k<n>", r"(?#note)x", r"\x{61}", r"\h", r"x{2}?",
               r"\d+", r"[a-z]+", r"\w+", r"x|y", r"(x|y)", r"[0-9]{1,3}", r".*", r"[^/]+", r"x(?=y)y", r"(?i:x)", r"\d+(\.\d+)?")


def ask(table):
    # If a pattern lacks the method, the original answers 404 and ours 405: an entry of differences.py.
    methods = METHODS if all("<" not in step[1] and "regular" not in step[0] for step in table if len(step) > 1 and isinstance(step[1], str)) else ("GET",)
    if any(step[0].startswith("pop_") or step == ("set_route", "/a/<number:int>", POST) for step in table):
        methods = ("POST",)
    return [(method, path) for method in methods for path in PATHS]


@pytest.mark.parametrize("name", TABLES)
def test_table(pair, name):
    pair.same("wsgi.routing", TABLES[name], ask(TABLES[name]))


@pytest.mark.parametrize("name", TABLES)
def test_rule_before_the_hooks(pair, name):
    if name not in ("no filter of that name", "a bad expression", "pop_route of what is not there", "pop_regular_route of what is not there", "pop_default"):
        pair.same("wsgi.rules", TABLES[name], ask(TABLES[name]))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_of_a_route(pair, expression):
    pair.same("wsgi.routing", [("route", f"/a/<name:re:{expression}>")], ask([("route", "<")]))

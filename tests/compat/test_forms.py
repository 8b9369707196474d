"""Queries, forms and JSON."""
import pytest

URLENCODED = "application/x-www-form-urlencoded"
TEXTS = (
    "", "a=1", "a=1&b=2", "a=1&a=2", "a=1&a=2&a=3&b=x", "a=%31%20+x", "%C5%BE=%C5%A1", "a=%", "a=%zz", "a=1;b=2", "a", "=1", "&&a=1&&", "a==1", "a=1=2", "b=%00", "a=%FF",
    "a=x%26y", "a=x%3Dy", "+a=1", "a[]=1&a[]=2", "a=1&A=2",
)
MULTIPART = "multipart/form-data; boundary=xyz"


def part(name=None, content=b"", filename=None, extra=b""):
    disposition = b"form-data" + (f'; name="{name}"'.encode() if name is not None else b"") + (f'; filename="{filename}"'.encode() if filename is not None else b"")
    return b"--xyz\r\nContent-Disposition: " + disposition + b"\r\n" + extra + b"\r\n" + content + b"\r\n"


END = b"--xyz--\r\n"
BODIES = {
    "one field": part("a", b"1") + END,
    "two fields": part("a", b"1") + part("b", b"2") + END,
    "a field twice": part("a", b"1") + part("a", b"2") + END,
    "empty field": part("a", b"") + END,
    "field with line ends": part("a", b"x\r\ny\nz\r") + END,
    "field that ends with line ends": part("a", b"x\r\n\r\n") + END,
    "field of UTF-8": part("a", "\u017elu\u0165".encode()) + END,
    "field that is not UTF-8": part("a", b"\xff\xfe") + END,
    "name in UTF-8": part("\u017e", b"1") + END,
    "field with a type": part("a", b"1", extra=b"Content-Type: text/plain; charset=utf-8\r\n") + END,
    "file": part("file", b"content", "f.txt", b"Content-Type: text/plain\r\n") + END,
    "file and field": part("file", b"content", "f.txt", b"Content-Type: text/plain\r\n") + part("a", b"1") + END,
    "binary file": part("file", bytes(range(256)) * 4, "f.bin", b"Content-Type: application/octet-stream\r\n") + END,
    "empty file": part("file", b"", "f.txt") + END,
    "no file chosen": part("file", b"", "", b"Content-Type: application/octet-stream\r\n") + END,
    "two files": part("file", b"one", "1.txt") + part("file", b"two", "2.txt") + END,
    "large field": part("a", b"0123456789" * 2000) + END,
    "large file": part("file", b"0123456789\n" * 20000, "f.txt") + END,
    "nothing": END,
    "no name": part(None, b"1") + part("a", b"2") + END,
    "text before": b"preamble\r\n" + part("a", b"1") + END,
    "text after": part("a", b"1") + END + b"epilogue\r\n",
    "a line like the boundary": part("a", b"--xy\r\n--xyzz\r\n-") + END,
    "no line end at the end": part("a", b"1") + b"--xyz--",
    "length in a part": part("a", b"12345", extra=b"Content-Length: 5\r\n") + END,
    "other headers": part("a", b"1", extra=b"X-Other: v\r\n") + END,
    "blanks after the boundary": part("a", b"1").replace(b"--xyz\r\n", b"--xyz  \r\n") + END,
    "line ends of Unix": (part("a", b"1") + part("b", b"2") + END).replace(b"\r\n", b"\n"),
    "mixed": part("a", b"1") + END,
}
JSON = (
    b"{}", b"[]", b"null", b"true", b"false", b"0", b"-0", b"1.5", b"1e5", b"1E400", b'""', b'"\\u017e"', b'"\\ud83d\\ude00"', b'"\\ud800"', b'{"a":1}', b'{"a":1,"a":2}',
    b'{"a":{"b":[1,2,{"c":null}]}}', b"[1,2,3]", b" [1 , 2 ] ", b'{"a":[1]}', b'{"":1}', b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b"12345678901234567890123", b"1.0", b"0.1",
    b"{", b"[1,]", b"{'a':1}", b'{"a"}', b"01", b"+1", b"1.", b".5", b"nul", b'"\t"', b'"\\x"', b"\xef\xbb\xbf{}", b"\xff", b"", b" ", b"[1] 2", b'"\\u00e9"', b'"\xc5\xbe"', b"\x00",
    b'{"a":"1","b":["x","y"]}', b"[[[[]]]]", b"1e-400", b"123456789.123456789012345678", b'"a\\/b"', b"-", b"[", b'"', b"tru", b"[1 2]", b'{"a":1 "b":2}', b"{1:2}", b"//c\n1",
)


@pytest.mark.parametrize("size", [0, 8192, 300_000])
def test_where_files_are_kept(pair, size):
    pair.same("forms.kept", size)


@pytest.mark.parametrize("text", TEXTS)
def test_query(pair, text):
    pair.same("forms.query", text)
    pair.same("forms.args", text, 0, 0)


@pytest.mark.parametrize("text", [text for text in TEXTS if text not in ("a", "&&a=1&&", "=1")])
def test_query_with_blanks(pair, text):
    pair.same("forms.query", text, {"keep_blank_values": 1})
    pair.same("forms.args", text, 1, 0)


@pytest.mark.parametrize("text", [text for text in TEXTS if text not in ("a", "&&a=1&&")])
def test_strict_query(pair, text):
    pair.same("forms.args", text, 0, 1)


@pytest.mark.parametrize("text", TEXTS)
def test_urlencoded_form(pair, text):
    pair.same("forms.form", URLENCODED, text.encode())
    pair.same("forms.form", URLENCODED + "; charset=utf-8", text.encode())


@pytest.mark.parametrize("name", BODIES)
def test_multipart_form(pair, name):
    pair.same("forms.form", MULTIPART, BODIES[name])


@pytest.mark.parametrize("name", BODIES)
def test_parser_by_hand(pair, name):
    pair.same("forms.parser", MULTIPART, BODIES[name], {})


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("body", [b"", b"rubbish", BODIES["two fields"].replace(b"xyz", b"other"), b"\r\n--xy\r\n"])
def test_parser_by_hand_without_the_boundary(pair, body, length):
    pair.same("forms.parser", MULTIPART, body, {}, length)


@pytest.mark.parametrize("name", BODIES)
def test_function_by_hand(pair, name):
    pair.same("forms.by_hand", MULTIPART, BODIES[name])


@pytest.mark.parametrize("name", ["file", "binary file", "empty file", "no file chosen", "two files", "file and field", "large file", "one field"])
def test_callback(pair, name):
    pair.same("forms.upload", MULTIPART, BODIES[name])


@pytest.mark.parametrize("content_type", ['multipart/form-data; boundary="xyz"', "multipart/form-data;boundary=xyz; x=y",
                                          "multipart/mixed; boundary=xyz", "text/plain"])
def test_content_type(pair, content_type):
    pair.same("forms.form", content_type, BODIES["two fields"])


@pytest.mark.parametrize("options", [{"max_num_fields": 1}, {"max_num_fields": 2}, {"encoding": "latin-1"}, {"errors": "strict"}, {"strict_parsing": 1}, {"separator": ";"}])
@pytest.mark.parametrize("case", [(URLENCODED, b"a=1&b=2"), (URLENCODED, b"a=%FF;b=2"), (MULTIPART, BODIES["two fields"]), (MULTIPART, BODIES["field that is not UTF-8"])])
def test_options_of_the_parser(pair, case, options):
    pair.same("forms.parser", *case, options)


def test_empty_form(pair):
    pair.same("forms.empty")


@pytest.mark.parametrize("raw", JSON)
def test_json(pair, raw):
    pair.same("forms.json_value", raw)


@pytest.mark.parametrize("values", [[], [1], [1, 2], ["a"], [None], [{"a": 1}]])
def test_json_list(pair, values):
    pair.same("forms.json_list", values)

"""All response classes, and make_response."""
import pytest

NO, JSON = (), {"a": 1}
RESPONSES = [
    ("BaseResponse", (), {}), ("BaseResponse", ("text/plain",), {}), ("BaseResponse", ("", {"X-A": "1"}, 404), {}),
    ("Response", (), {}), ("Response", ("text",), {}), ("Response", (b"bytes",), {}), ("Response", ("\u017e",), {}), ("Response", ("x", "text/plain"), {}),
    ("Response", ("x", "text/plain", {"X-A": "1"}, 201), {}), ("Response", (), {"headers": [("X-A", "1"), ("X-A", "2")]}), ("Response", (5,), {}),
    ("Response", ("x",), {"headers": {"Content-Type": "text/plain"}}), ("Response", ("x",), {"content_type": ""}),
    ("Response", ("x",), {"headers": {"X-U": "\u017e"}}), ("Response", ("x",), {"status_code": 418}),
    ("Response", ("x",), {"headers": ()}), ("Response", ("x",), {"status_code": "200"}),
    ("PartialResponse", ("0123456789",), {}), ("PartialResponse", ("0123",), {"headers": {"X-A": "1"}}),
    ("JSONResponse", (), {}), ("JSONResponse", (JSON,), {}), ("JSONResponse", ([1, 2],), {}), ("JSONResponse", (), {"a": 1, "b": "\u017e"}),
    ("JSONResponse", ({"a": "\u017e"}, ""), {}), ("JSONResponse", (JSON, "utf-8", {"X-A": "1"}, 201), {}), ("JSONResponse", ("text",), {}),
    ("JSONResponse", ({"b": 1, "a": 2},), {"encoder_kwargs": {"sort_keys": True, "indent": 2}}), ("JSONResponse", (False,), {}), ("JSONResponse", (0,), {}),
    ("JSONResponse", ({},), {}), ("JSONResponse", ([],), {}), ("JSONResponse", ({1: 2, None: 3, True: 4, 1.5: 5},), {}), ("JSONResponse", (1e300,), {}),
    ("JSONResponse", (JSON,), {"b": 2}), ("JSONResponse", ([1],), {"b": 2}), ("JSONResponse", (b"x",), {}), ("JSONResponse", ("an object",), {}),
    ("TextResponse", ("text",), {}), ("TextResponse", ("\u017e", "utf-8", {"X-A": "1"}, 201), {}), ("TextResponse", ("x", ""), {}), ("TextResponse", (b"x",), {}),
    ("FileObjResponse", ("a file",), {}), ("FileObjResponse", ("a file", "text/plain"), {}), ("FileObjResponse", ("a file", None, {"X-A": "1"}, 201), {}),
    ("FileObjResponse", (b"x",), {}), ("FileResponse", ("a file name", "text/x"), {}),
    ("GeneratorResponse", ("a generator",), {}), ("GeneratorResponse", ("a list of bytes", "text/plain"), {}), ("GeneratorResponse", ("an empty generator",), {}),
    ("GeneratorResponse", ("a generator",), {"content_length": 11, "status_code": 201, "headers": {"X-A": "1"}}),
    ("StrGeneratorResponse", ("a generator of text",), {}), ("StrGeneratorResponse", ("a generator of text", "text/plain"), {}),
    ("NoContentResponse", (), {}), ("EmptyResponse", (), {}), ("EmptyResponse", (200,), {}), ("Declined", (), {}),
    ("RedirectResponse", ("/x",), {}), ("RedirectResponse", ("/x", 301), {}), ("RedirectResponse", ("/x", True), {}), ("RedirectResponse", ("/x", 302, "text"), {}),
    ("RedirectResponse", ("/x", 303, b"bytes", {"X-A": "1"}), {}), ("RedirectResponse", ("/x",), {"permanent": True}), ("RedirectResponse", ("/\u017e",), {}),
    ("RedirectResponse", ("http://example.org/?a=1&b=2", 302), {}), ("RedirectResponse", ("/x", 200), {}),
    ("make_response", ("text",), {}), ("make_response", (b"bytes",), {}), ("make_response", (JSON,), {}), ("make_response", ([1, 2],), {}),
    ("make_response", ("a generator",), {}), ("make_response", ("a list of bytes",), {}), ("make_response", ("a response",), {}), ("make_response", (None,), {}),
    ("make_response", (None, "text/plain", None, 204), {}), ("make_response", ("x", "text/plain", {"X-A": "1"}, 201), {}), ("make_response", ("an object",), {}),
    ("make_response", (5,), {}), ("make_response", (JSON, "application/problem+json"), {}), ("make_response", ({},), {}), ("make_response", ("",), {}),
    ("make_response", (("x", "text/plain"),), {}), ("make_response", (True,), {}), ("make_response", (1.5,), {}), ("make_response", (JSON, "text/plain"), {}),
    ("make_response", (["a", {"b": 1}],), {}), 
    ("make_response", ("a dictionary with an object",), {}), ("make_response", (None, 204), {}), ("make_response", (JSON, 201), {}), ("make_response", ([1], 404), {}),
    ("make_response", ("x", 204), {}), ("make_response", (b"x", ""), {}), ("make_response", ("x", ""), {"headers": {"X-A": "1"}}), ("make_response", ("a generator", ""), {}),
    ("make_response", ("x",), {"status_code": 600}), ("make_response", ("x",), {"headers": 5}), ("make_response", (JSON, "text/plain", None, 999), {}),
    ("BaseResponse", ("", {"Link": "</a>"}, 103), {}), ("Response", ("x",), {"status_code": 421}), ("JSONResponse", (JSON,), {"status_code": 425}),
    ("make_response", ("x",), {"status_code": 404}), ("make_response", (JSON, "application/json", {"X-A": "1"}, 201), {}),
]
STEPS = {
    "add_header": [("add_header", "X-B", "2"), ("add_header", "X-B", "3"), ("header", "X-B", "4")],
    "add_header with parameters": [("add_header_with", "Content-Disposition", "attachment", {"filename": "a.txt"})],
    "status_code": [("set status_code", 404), ("set status_code", 299)],
    "headers": [("set headers", {"X-C": "5"}), ("set headers", None), ("set headers", [("X-D", "6")])],
    "content_type": [("set content_type", "text/x")],
}
RANGES = ({(0, 1)}, ((2, 4),), [[2, 4]], "a generator of ranges", [(0, 1), (0, 1)], (), [(0, 1)], [(2, 4)], [(5, None)], [(None, 3)], [(0, 9)], [(9, 9)], [(0, None)], [], [(3, 100)])
RANGED = [("Response", ("0123456789",), {}), ("FileObjResponse", ("a file",), {}),
          ("GeneratorResponse", ("a generator",), {"content_length": 11}), ("JSONResponse", ({"abc": 123456},), {}), ("TextResponse", ("0123456789",), {})]


@pytest.mark.parametrize(("name", "arguments", "keywords"), RESPONSES)
def test_response(pair, name, arguments, keywords):
    pair.same("response.build", name, arguments, keywords)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize(("name", "arguments", "keywords"), [each for each in RESPONSES if each[0] not in ("NoContentResponse", "EmptyResponse", "FileResponse") and each[1][:1] != (None,)][::3])
def test_changed_response(pair, name, arguments, keywords, steps):
    pair.same("response.build", name, arguments, keywords, STEPS[steps])


@pytest.mark.parametrize("text", ["more", b"more", "\u017e", 5, bytearray(b"more"), "a memoryview", None])
def test_written(pair, text):
    pair.same("response.build", "Response", (), {}, [("write", text), ("write", text)])


@pytest.mark.parametrize("ranges", RANGES)
@pytest.mark.parametrize(("name", "arguments", "keywords"), RANGED)
def test_one_range(pair, name, arguments, keywords, ranges):
    pair.same("response.build", name, arguments, keywords, [("make_partial", ranges)])


@pytest.mark.parametrize("arguments", [([(0, 9)],), ([(0, 9)], "bytes", 20), ([(10, 19)], "bytes", "*"), ([(2, 4)], "lines", 9)])
def test_own_range(pair, arguments):
    pair.same("response.build", "PartialResponse", ("0123456789",), {}, [("make_range", *arguments)])


@pytest.mark.parametrize(("code", "reason"), [(555, "Out of Paper"), (299, "Well"), (700, "Beyond")])
def test_status_of_the_application(pair, code, reason):
    pair.same("response.own_status", code, reason)


@pytest.mark.parametrize("arguments", [
    {"etag": 'W/"x"'}, {"content_location": "/x"}, {"date": 0}, {"date": "Thu, 01 Jan 1970 00:00:00 GMT"}, {"vary": "Accept"}, {}, {"etag": "x", "vary": "y"},
])
def test_not_modified_wants_a_header(pair, arguments):
    original, ours = pair.differ("`NoContentResponse` and `NotModifiedResponse` drop", "response.build", "NotModifiedResponse", (), arguments)
    assert (original[0], original[2]["headers"] if original[0] != "raises" else None) == (ours[0], ours[2]["headers"] if ours[0] != "raises" else None)


@pytest.mark.parametrize("arguments", [(404,), ("a response",), (500,), (304,), (401,)])
def test_exception(pair, arguments):
    pair.same("response.exception", *arguments)


@pytest.mark.parametrize("call", [("abort", 404), ("abort", 500), ("redirect", "/x"), ("redirect", "/x", 301), ("redirect", "/x", True, "text"), ("abort", "x")])
def test_raised(pair, call):
    pair.same("response.raised", *call)


@pytest.mark.parametrize("extension", ["py", "txt", "html", "js", "css", "json", "xml", "svg", "png", "jpg", "gif", "ico", "pdf", "zip", "gz", "tar.gz", "csv", "md", "woff", "woff2",
                                       "mp4", "wasm", "mjs", "bin", "unknown", "c", "sh", "yaml", "log", "JPG", ""])
def test_media_type_of_a_file(pair, extension):
    pair.same("response.media_type", extension)


def test_media_type_that_the_application_knows(pair):
    pair.same("response.media_type", "own-type", "application/x-own")

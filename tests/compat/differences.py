"""The deliberate differences: for a row of docs/differences.md, an input, the original's answer and ours.

Everything else in this folder asserts that both give the same answer. An entry begins with words of the first
column of the row; it names a probe and its arguments, and the path of the part of the answer that differs.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Difference:
    row: str
    probe: str
    arguments: tuple
    original: object
    ours: object
    part: tuple = ()


def answers(row, probe, *cases, part=()):
    """Several inputs for one row: each is `(arguments, original, ours)`."""
    return [Difference(row, probe, arguments, original, ours, part) for arguments, original, ours in cases]


def raises(*bases):
    return ("raises", [*bases, "Exception"])


BAD_JSON = ({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "1"}, b"{")
BAD_REQUEST = ("raises", ["HTTPException", "Exception"], 400, ["error"])
CHUNKED = {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": "text/plain"}
FORM = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "5"}

NESTED = (b'--xyz\r\nContent-Disposition: form-data; name="n"\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n'
          b'--in\r\nContent-Disposition: form-data; name="i"\r\n\r\n1\r\n--in--\r\n'
          b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n--xyz--\r\n')


def upload(name):
    return f'--xyz\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n1\r\n--xyz--\r\n'.encode()


DIFFERENCES = [
    # header values
    *answers("`text/html; q=0.5`, with a space", "headers.call",
             (("parse_negotiation", "gzip;q=1.0,identity; q=0.5"), [("gzip", 1.0), ("identity; q=0.5", 1.0)], [("gzip", 1.0), ("identity", 0.5)])),
    *answers("An empty item of `Accept`", "headers.call",
             (("parse_negotiation", ","), [("", 1.0), ("", 1.0)], [("", 1.0)]),
             (("parse_negotiation", "a,,b"), [("a", 1.0), ("", 1.0), ("b", 1.0)], [("a", 1.0), ("b", 1.0)])),
    *answers("`parse_header` takes", "headers.call",
             (("parse_header", r'a; x="\\"; y="z"'), ("a", {"x": '"; y="z'}), ("a", {"x": "\\", "y": "z"}))),
    *answers("`parse_range` gives ranges like", "headers.call",
             (("parse_range", "bytes=10-5"), {"bytes": [(10, 5)]}, {"bytes": []}),
             (("parse_range", "bytes = 0-1"), {"bytes ": [(0, 1)]}, {"bytes": [(0, 1)]}),
             (("parse_range", "=0-1"), {"": [(0, 1)]}, {}),
             (("parse_range", "bytes=0-1-2"), {"bytes": [(0, 1), (None, 2)]}, {"bytes": []})),
    *answers("`ContentRange(1, 2, None)`", "headers.content_range", ((1, 2, None), "bytes 1-2/None", "bytes 1-2/*")),

    *answers("`headers[\"X-A\"] = None` raises, and the header is gone", "headers.operations",
             (([("X-A", "1")], True, [("set", "X-A", None)]), [], [("X-A", "1")]), part=(0, 1, 1)),
    *answers("`Headers` takes names that are no tokens", "headers.operations",
             (([("X-\u017d", "1")], True, []), ([[("X-\u00c5\u00bd", "1")]], "tuple"), raises("ValueError")),
             (([("X-\u017d", "1")], False, []), ([[("X-\u017d", "1")]], "tuple"), ([[]], "tuple"))),

    *answers("`Headers(…, strict=False)` keeps", "headers.operations",
             (([("X-A", "\u017e")], False, []), ([[("X-A", "\u017e")]], "tuple"), ([[("X-A", "\u00c5\u00be")]], "tuple"))),

    # requests
    *answers("`headers` has a name that is not ASCII", "request.full",
             (({"CONTENT_LENGTH": ""},), [("Content-Length", "")], []), part=("headers",)),
    *answers("`construct_url` takes any text", "request.url",
             (({"HTTP_HOST": "example.org"}, "x"), "http://example.orgx", "http://example.org/x")),
    *answers("`Bearer` without more", "request.full",
             (({"HTTP_AUTHORIZATION": "Bearer"},), "Beare", "Bearer"), part=("authorization", "type")),
    *answers("`Transfer-Encoding: Chunked`", "request.full",
             (({"REQUEST_METHOD": "PUT", "HTTP_TRANSFER_ENCODING": "Chunked"},), False, True), part=("is_chunked",)),
    *answers("`a.b=c`, is cut", "request.full",
             (({"HTTP_AUTHORIZATION": "Bearer a.b=c"},), {"type": "Bearer", "b": "c"}, {"type": "Bearer", "a.b": "c"}), part=("authorization",)),
    *answers("chunk extensions are an error", "request.reads",
             ((CHUNKED, b"5;x=y\r\nhello\r\n0\r\n\r\n", {}, [("read_chunk",)]), [raises("ValueError")], [b"hello"])),
    *answers("`read(n)` after a part was read", "request.reads",
             (({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "5"}, b"line one", {"auto_data": False}, [("read", 3), ("read",)]),
              [b"lin", b"e one"], [b"lin", b"e "])),
    *answers("A blank value that is kept is `None`", "request.full",
             ((FORM, b"a=&b=", {"keep_blank_values": 1}), {"a": [], "b": []}, {"a": [""], "b": [""]}), part=("form", 1)),
    *answers("Bad JSON, or a form that cannot be parsed", "request.built",
             (BAD_JSON, BAD_REQUEST, ("built", BAD_REQUEST))),

    # routing
    *answers("a group without a name, is a path", "wsgi.routing",
             (([("route", "/a/<:int>")], []), "handler 0", raises("ValueError")), part=(0, 0)),
    *answers("`<name:re:[>` an `re.error`", "wsgi.routing",
             (([("route", "/a/<name:re:[>")], []), raises("error"), raises("ValueError")), part=(0, 0)),
    *answers("Named groups inside `:re:`", "wsgi.routing",
             (([("route", "/a/<name:re:(?P<in>x)>")], []), raises("error"), "handler 0"), part=(0, 0)),
    *answers("A path of a pattern, but not with this method", "wsgi.status",
             (([("route", "/a/<name>")], "PUT", "/a/x"), ("404 Not Found", None), ("405 Method Not Allowed", "HEAD, GET")),
             (([("regular_route", "/a")], "POST", "/a"), ("404 Not Found", None), ("405 Method Not Allowed", "HEAD, GET"))),
    *answers("405 without `Allow`", "wsgi.status",
             (([("route", "/a")], "PUT", "/a"), ("405 Method Not Allowed", None), ("405 Method Not Allowed", "HEAD, GET"))),

    *answers("`OPTIONS` of a path without groups", "wsgi.status",
             (([("route", "/a"), ("default", 64)], "OPTIONS", "/a"), "405 Method Not Allowed", "200 OK"), part=(0,)),

    # mistakes of the client
    *answers("A value that `getfirst`, `getvalue` or `getlist` cannot convert", "dispatch.mistake",
             (("value",), ("500 Internal Server Error", ["ValueError", True]), ("400 Bad Request", ["ValueError", True])),
             (("missing",), ("500 Internal Server Error", ["KeyError", True]), ("400 Bad Request", ["KeyError", True])),
             (("empty form",), ("500 Internal Server Error", ["KeyError", True]), ("400 Bad Request", ["KeyError", True]))),
    *answers("`FileResponse` of a file that is not there", "dispatch.mistake",
             (("file",), ("500 Internal Server Error", ["OSError", True]), ("404 Not Found", ["FileNotFoundError", True])),
             (("folder",), ("500 Internal Server Error", ["IsADirectoryError", True]), ("404 Not Found", ["IsADirectoryError", True]))),
    *answers("`FileResponse` of a file that is not there", "response.build",
             (("FileResponse", ("no file name",), {}), ["OSError", "Exception"], ["FileNotFoundError", "OSError", "Exception"]),
             part=(1,)),
    *answers("A session cookie that does not open", "dispatch.mistake",
             (("session",), ("500 Internal Server Error", ["SessionError", True]), ("400 Bad Request", ["SessionError", True]))),
    *answers("The answer of a state handler to a 401 or 405", "dispatch.state_fields",
             ((405, {}), (b"[]", []), (b"[]", ["Allow"])),
             ((401, {}), (b"['realm']", []), (b"['realm']", ["WWW-Authenticate"]))),
    *answers("The built-in pages are HTML for every client", "dispatch.page_for",
             (("application/json",), "text/html; charset=utf-8", "application/problem+json")),

    # responses
    *answers("`Response(None)` is an `AssertionError`", "response.build",
             (("Response", (None,), {}), "raises", "Response"), part=(0,)),
    *answers("A response's own `Transfer-Encoding`", "response.build",
             (("Response", ("x",), {"headers": {"Transfer-Encoding": "chunked"}}), [("Content-Length", "1"), ("Content-Type", "text/html; charset=utf-8"),
              ("Transfer-Encoding", "chunked")], [("Content-Length", "1"), ("Content-Type", "text/html; charset=utf-8")]), part=(3, 1)),
    *answers("`0-0` sends everything", "response.build",
             (("Response", ("abc",), {}, [("make_partial", [(0, 0)])]), b"abc", b"a"), part=(3, 2)),
    *answers("A status that does not exist", "response.build",
             (("Response", ("x",), {"status_code": 600}), raises("KeyError", "LookupError"), raises("ValueError"))),
    *answers("A `Content-Length` that is not that of the content", "response.build",
             (("Response", ("x",), {"headers": {"Content-Length": "77"}}),
              ("200 OK", [("Content-Length", "77"), ("Content-Type", "text/html; charset=utf-8")], b"x"), raises("ValueError")), part=(3,)),
    *answers("`redirect(…, status_code=False)` fails", "response.build",
             (("RedirectResponse", ("/x", False), {}), raises("KeyError", "LookupError")[0], "RedirectResponse"), part=(0,)),
    *answers("`Accept-Ranges` comes with a 404", "response.accept_ranges",
             (([("set status_code", 404)],), ["bytes"], []),
             (([("set headers", [("X-A", "1")])],), [], ["bytes"]),
             (([("make_partial", [])],), ["bytes", "bytes"], ["bytes"])),
    *answers("`abort(200)`", "response.exception",
             ((200,), "204 No Content", "200 OK"), part=(2, 0)),
    *answers("`NoContentResponse` and `NotModifiedResponse` drop", "response.build",
             (("NoContentResponse", (), {"headers": {"X-A": "1", "Content-Length": "5"}}), ("204 No Content", [], b""), ("204 No Content", [("X-A", "1")], b"")),
             (("NotModifiedResponse", (), {"etag": "x", "vary": "Accept"}), ("304 Not Modified", [], b""), ("304 Not Modified", [("Vary", "Accept")], b"")),
             part=(3,)),

    # dispatch
    *answers('`Response("abc").write("x")` overwrites', "dispatch.after_sees", ((), b" more", b"text more"), part=(0, 2)),
    *answers("`pop_after_response` looks in the wrong list", "dispatch.popped",
             (("after_request",), [raises("ValueError"), raises("ValueError")], [None, raises("ValueError")]), part=(1,)),
    *answers("Symbolic links below the document root lead anywhere", "dispatch.linked_files",
             ((False, "/relative/a.txt"), "200 OK", "404 Not Found"), ((False, "/absolute/a.txt"), "200 OK", "404 Not Found"),
             ((False, "/file.txt"), "200 OK", "404 Not Found"), part=(0,)),
    *answers("`/d/../f` is `/f`", "dispatch.files",
             (({}, [("GET", "/folder/../a.txt")]), "200 OK", "404 Not Found"), part=(("GET", "/folder/../a.txt"), 0)),
    *answers("The index of a directory is a 500", "dispatch.files",
             (({"document_index": True}, [("GET", "/folder/")]), "500 Internal Server Error", "200 OK"), part=(("GET", "/folder/"), 0)),

    # forms
    *answers("A strict query that is broken", "forms.args", (("a", 0, 1), raises("ValueError"), BAD_REQUEST)),
    *answers("multipart without a boundary is a 500", "forms.form",
             (("multipart/form-data", b"--xyz--"), raises("ValueError"), BAD_REQUEST)),
    *answers("A form's media type in capitals is no form", "forms.form",
             (("APPLICATION/X-WWW-FORM-URLENCODED", b"a=1"), [], ["a"]), part=(0, "keys")),
    *answers("fields of a URL-encoded form have no `type`", "forms.attributes",
             (("type",), ("raises", "misuse"), "text/plain"), (("length",), ("raises", "misuse"), 1)),
    *answers("multipart without a boundary is a 500", "forms.form",
             (("multipart/form-data; boundary=", b"--xyz--"), raises("ValueError"), BAD_REQUEST)),
    *answers("`getfirst` of an empty list", "forms.json_value",
             ((b'{"a": []}',), raises("IndexError", "LookupError"), None), part=(2, ("a", "getfirst"))),

    *answers("JSON is decoded by any codec", "forms.json_value",
             ((b"1", "idna"), ("int", 1, None), BAD_REQUEST), ((b"1", "koi8-r"), ("int", 1, None), BAD_REQUEST)),

    # sessions
    *answers("`session.header(Headers())` adds nothing", "session.header",
             (("plain", "text", {}, False, "empty headers"), [], ["Set-Cookie"]), part=(3,)),

    # digest
    *answers("blank lines are errors", "digest.file",
             (("user:Zone:abc\n\n", [("load",)]), [raises("ValueError")], [None]), part=(0,)),
    *answers("`PasswordMap.delete` makes empty realms", "digest.file",
             (("", [("delete", "None", "user")]), {"None": {}}, {}), part=(1,)),

    # routes
    *answers("are lower-cased", "wsgi.status",
             (([("route", r"/a/<x:re:\D+>")], "GET", "/a/b"), "404 Not Found", "200 OK"), part=(0,)),
    *answers("A pattern ends in `$`", "wsgi.status", (([("route", "/a/<x:int>")], "GET", "/a/1\n"), "200 OK", "404 Not Found"), part=(0,)),
    *answers("Text around the groups of `route()`", "wsgi.status", (([("route", "/a.b/<x>")], "GET", "/axb/1"), "200 OK", "404 Not Found"), part=(0,)),
    *answers("An unknown method (`BREW`)", "wsgi.status", (([("route", "/a")], "BREW", "/a"), "200 OK", "501 Not Implemented"), part=(0,)),
    *answers("A converter that fails", "wsgi.status",
             (([("route", "/a/<x:int>")], "GET", "/a/" + "9" * 5000), "500 Internal Server Error", "404 Not Found"), part=(0,)),

    # what goes out
    *answers("`return []` is a 500", "response.build", (("make_response", ([],), {}), "raises", "JSONResponse"), part=(0,)),
    *answers("CR, LF or NUL in header values", "response.build",
             (("Response", ("x",), {"headers": {"X-A": "a\r\nb"}}), "Response", "raises"), (("RedirectResponse", ("/x\r\ny",), {}), "RedirectResponse", "raises"), part=(0,)),
    *answers("Headers as one pair", "response.build",
             (("Response", ("x",), {"headers": ("X-A", "v")}), "raises", "Response"), part=(0,)),
    *answers("a range beyond the end is 206", "response.build",
             (("Response", ("0123456789",), {}, [("make_partial", [(20, 30)])]), "206 Partial Content", "raises"), part=(3, 0)),
    *answers("Responses to HEAD, and 204 and 304, carry a body", "wsgi.raw", (("HEAD",), b"text", b""), part=(2,)),
    *answers("Responses to HEAD, and 204 and 304, carry a body", "wsgi.raw", (("GET", {"PATH_INFO": "/204"}), b"text", b""), part=(2,)),
    *answers("`X-Powered-By: Poor WSGI for Python`", "wsgi.raw", (("GET",), "Poor WSGI for Python", "PoorWSGI"), part=(1, "X-Powered-By")),

    # what comes in
    *answers("`Content-Length: x`, `Host: name:x`: 500", "wsgi.raw",
             (("POST", {"CONTENT_LENGTH": "x"}), "500 Internal Server Error", "400 Bad Request"), (("GET", {"PATH_INFO": None}), "raises", "400 Bad Request"), part=(0,)),
    *answers("`Content-Length: x`, `Host: name:x`: 500", "request.simple", (({"HTTP_HOST": "a:x"},), raises("ValueError"), BAD_REQUEST), part=("host_port",)),
    *answers("A `Host` with an IPv6 address", "request.url", (({"HTTP_HOST": "[::1]:80"}, "/x"), raises("ValueError"), "http://[::1]/x")),
    *answers("A malformed cookie drops all cookies", "request.full",
             (({"HTTP_COOKIE": "a=1; b\x01=2; c=3"},), {"a": ("1", "1")}, {"a": ("1", "1"), "c": ("3", "3")}), part=("cookies", 1)),
    *answers("`q=0` counts as accepted", "request.full", (({"HTTP_ACCEPT": "text/html;q=0"},), True, False), part=("accept_html",)),
    *answers("Fields after a nested multipart are lost", "forms.form", (("multipart/form-data; boundary=xyz", NESTED), ["n"], ["n", "a"]), part=(0, "keys")),

    # files
    *answers("An uploaded file of more than 8 KiB is on disk", "forms.kept",
             ((65536,), (True, 65536, 65536), (False, 65536, 65536))),
    *answers("`.git/config` is served", "dispatch.files", (({}, [("GET", "/.hidden")]), "200 OK", "404 Not Found"), part=(("GET", "/.hidden"), 0)),
    *answers("`Range` and conditions are ignored for files", "dispatch.file_with",
             (({"HTTP_RANGE": "bytes=0-1"},), ("200 OK", b"content of a.txt"), ("206 Partial Content", b"co"))),

    # rules, settings and statuses
    *answers("`/<user-id>`, whose name is none", "wsgi.routing", (([("route", "/<user-id>")], []), "handler 0", raises("ValueError")),
             (([("route", "/<1a>")], []), raises("error"), raises("ValueError")), part=(0, 0)),
    *answers("`\\N{…}` is a character by its name", "wsgi.routing", (([("regular_route", r"/\N{DIGIT ONE}")], []), "handler 0", raises("error")), part=(0, 0)),
    *answers("A `$` in an expression", "wsgi.status", (([("regular_route", "/a$")], "GET", "/a\n"), "200 OK", "404 Not Found"), part=(0,)),
    *answers("or a setting", "digest.setting", (("read_timeout", "x"), None, raises("ValueError")), (("auth_timeout", -1), None, raises("ValueError")), part=(0,)),
    *answers("`abort(410)`", "dispatch.aborted", ((410,), "501 Not Implemented", "410 Gone"), ((418,), "501 Not Implemented", "418 I'm a teapot")),
    *answers("`results.default_states` can be changed", "dispatch.changed_page", ((), "200 OK", "misuse"), part=(1,)),

    *answers("can be copied (`copy.copy`, `copy.deepcopy`)", "surface.copied_body", (("response",), b"x", ("raises", "misuse")), (("field",), "1", ("raises", "misuse")),
             (("request",), "/", ("raises", "misuse")), (("application",), False, ("raises", "misuse")),
             (("deep application",), False, ("raises", "misuse")), (("session",), {}, ("raises", "misuse"))),

    # what comes in, and how much of it
    *answers("`Application/JSON` no JSON", "request.full",
             (({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "Application/JSON", "CONTENT_LENGTH": "3"}, b"[1]"), {}, [1]), part=("json",)),
    *answers("A body that is no multipart and ends too early", "wsgi.raw",
             (("POST", {"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "5"}), "200 OK", "400 Bad Request"),
             (("POST", {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "5"}), "200 OK", "400 Bad Request"), part=(0,)),
    *answers("A quoted cookie with an escaped control character", "request.full",
             (({"HTTP_COOKIE": r'a="x\012"; b=1'},), {"a": ("x\n", r'"x\012"'), "b": ("1", "1")}, {"b": ("1", "1")}), part=("cookies", 1)),
    *answers("`file_callback` gets the file name as the client sent it", "forms.upload",
             (("multipart/form-data; boundary=xyz", upload(".hidden")), [".hidden"], ["hidden"]),
             (("multipart/form-data; boundary=xyz", upload("x:y")), ["x:y"], ["x_y"]),
             (("multipart/form-data; boundary=xyz", upload("con")), ["con"], ["_con"]), part=(0,)),
    *answers("A file of the callback stays open", "forms.closed", ((), False, True)),

    # what goes out
    *answers("An empty response has no `Content-Length`", "wsgi.raw", (("GET", None, ""), "none", "0"), part=(1, "Content-Length")),
    *answers("`make_partial` cuts the answer to a request of any method", "dispatch.part_for",
             (("POST",), "206 Partial Content", "200 OK"), (("PUT",), "206 Partial Content", "200 OK")),
    *answers("A destroyed session's cookie", "session.destroyed", ((), False, True)),

    # sessions and login
    *answers("is a `KeyError`, and is set all the same", "digest.setting",
             (("auth_algorithm", "SHA-1"), "SHA-1", "MD5-sess"), part=(1,)),

    # mistakes
    *answers("An `async def` function as handler", "mistakes.registered",
             *(((kind,), None, ("raises", "misuse")) for kind in ("handler", "before", "after", "state", "error", "default"))),
    *answers("A status or an exception type given as text", "mistakes.registered",
             (("name of a status",), None, ("raises", "misuse")), (("name of an error",), None, ("raises", "misuse")),
             (("large status",), None, raises("ValueError"))),
    *answers("`check_digest` without parentheses", "mistakes.registered",
             (("check_digest without parentheses",), None, ("raises", "misuse")), (("check_digest of a number",), None, ("raises", "misuse"))),
    *answers("Likely mistakes are accepted in silence", "mistakes.warned",
             (("no method",), ([], "405 Method Not Allowed"), (["UserWarning"], "405 Method Not Allowed")),
             *(((kind,), ([], status), (["UserWarning"], status)) for kind, status in {
                 "no slash": "404 Not Found", "braces": "200 OK", "twice": "201 Created", "unknown status": "404 Not Found",
                 "misspelt": "404 Not Found", "short key": "404 Not Found", "no root": "404 Not Found"}.items())),
    *answers("What a before hook returns", "mistakes.logged",
             (("before hook",), (["200 OK"] * 2, []), (["200 OK"] * 2, ["WARNING"])),
             (("status",), (["204 No Content"] * 2, []), (["204 No Content"] * 2, ["WARNING"])),
             (("login",), (["401 Unauthorized"] * 2, []), (["401 Unauthorized"] * 2, ["ERROR"]))),
    *answers("An after hook that returns None", "mistakes.returned", (("after hook",), "204 No Content", "500 Internal Server Error")),
    *answers("A set of texts, a `bytearray`", "mistakes.returned",
             *(((kind,), "raises", "500 Internal Server Error") for kind in ("set", "frozenset", "bytearray", "memoryview"))),
]

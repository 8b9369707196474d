"""Where the original and we answer differently on purpose: the reason, the input, the original's answer and ours.

Everything else in this folder asserts that both answer the same. An entry names a probe and its arguments, and a path into
the answer where only a part of it is meant.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Difference:
    reason: str
    probe: str
    arguments: tuple
    original: object
    ours: object
    part: tuple = ()


def answers(reason, probe, *cases, part=()):
    """Several inputs of one reason: each `(arguments, original, ours)`."""
    return [Difference(reason, probe, arguments, original, ours, part) for arguments, original, ours in cases]


def raises(*bases):
    return ("raises", [*bases, "Exception"])


BAD_JSON = ({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "1"}, b"{")
BAD_REQUEST = ("raises", ["HTTPException", "Exception"], 400, ["error"])
CHUNKED = {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": "text/plain"}
FORM = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "5"}

NESTED = (b'--xyz\r\nContent-Disposition: form-data; name="n"\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n'
          b'--in\r\nContent-Disposition: form-data; name="i"\r\n\r\n1\r\n--in--\r\n'
          b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n--xyz--\r\n')

DIFFERENCES = [
    # header values
    *answers("Blanks around `q` are allowed by RFC 9110.", "headers.call",
             (("parse_negotiation", "gzip;q=1.0,identity; q=0.5"), [("gzip", 1.0), ("identity; q=0.5", 1.0)], [("gzip", 1.0), ("identity", 0.5)])),
    *answers("Empty items of a list do not count (RFC 9110).", "headers.call",
             (("parse_negotiation", ","), [("", 1.0), ("", 1.0)], [("", 1.0)]),
             (("parse_negotiation", "a,,b"), [("a", 1.0), ("", 1.0), ("b", 1.0)], [("a", 1.0), ("b", 1.0)])),
    *answers("A backslash makes the sign after it an ordinary one (RFC 9110).", "headers.call",
             (("parse_header", r'a; x="\\"; y="z"'), ("a", {"x": '"; y="z'}), ("a", {"x": "\\", "y": "z"}))),
    *answers("A range that no client may send is no range.", "headers.call",
             (("parse_range", "bytes=10-5"), {"bytes": [(10, 5)]}, {"bytes": []}),
             (("parse_range", "bytes = 0-1"), {"bytes ": [(0, 1)]}, {"bytes": [(0, 1)]}),
             (("parse_range", "=0-1"), {"": [(0, 1)]}, {}),
             (("parse_range", "bytes=0-1-2"), {"bytes": [(0, 1), (None, 2)]}, {"bytes": []})),
    *answers("An unknown length is `*`, as in RFC 9110.", "headers.content_range", ((1, 2, None), "bytes 1-2/None", "bytes 1-2/*")),

    *answers("A name of a header is a token of RFC 9110.", "headers.operations",
             (([("X-\u017d", "1")], True, []), ([[("X-\u00c5\u00bd", "1")]], "tuple"), raises("ValueError")),
             (([("X-\u017d", "1")], False, []), ([[("X-\u017d", "1")]], "tuple"), ([[]], "tuple"))),

    *answers("A map never holds a value that WSGI cannot send.", "headers.operations",
             (([("X-A", "\u017e")], False, []), ([[("X-A", "\u017e")]], "tuple"), ([[("X-A", "\u00c5\u00be")]], "tuple"))),

    # requests
    *answers("A `Content-Length` without a value is none.", "request.full",
             (({"CONTENT_LENGTH": ""},), [("Content-Length", "")], []), part=("headers",)),
    *answers("The path starts with a slash, so that it never becomes part of the host name.", "request.url",
             (({"HTTP_HOST": "example.org"}, "x"), "http://example.orgx", "http://example.org/x")),
    *answers("A scheme without parameters keeps its last letter.", "request.full",
             (({"HTTP_AUTHORIZATION": "Bearer"},), "Beare", "Bearer"), part=("authorization", "type")),
    *answers("Transfer codings are compared without regard to case (RFC 9112).", "request.full",
             (({"REQUEST_METHOD": "PUT", "HTTP_TRANSFER_ENCODING": "Chunked"},), False, True), part=("is_chunked",)),
    *answers("The name of a parameter is a token, dots and all.", "request.full",
             (({"HTTP_AUTHORIZATION": "Bearer a.b=c"},), {"type": "Bearer", "b": "c"}, {"type": "Bearer", "a.b": "c"}), part=("authorization",)),
    *answers("Chunk extensions are allowed, and ignored (RFC 9112).", "request.reads",
             ((CHUNKED, b"5;x=y\r\nhello\r\n0\r\n\r\n", {}, [("read_chunk",)]), [raises("ValueError")], [b"hello"])),
    *answers("Nothing is read after the end of the body: on a real connection that waits for the next request.", "request.reads",
             (({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "5"}, b"line one", {"auto_data": False}, [("read", 3), ("read",)]),
              [b"lin", b"e one"], [b"lin", b"e "])),
    *answers("A blank value that is kept is an empty text.", "request.full",
             ((FORM, b"a=&b=", {"keep_blank_values": 1}), {"a": [], "b": []}, {"a": [""], "b": [""]}), part=("form", 1)),
    *answers("Bad JSON is told before the handler runs, or where it is read: not by the constructor.", "request.built",
             (BAD_JSON, BAD_REQUEST, ("built", BAD_REQUEST))),

    # routing
    *answers("A rule that can never match as it was meant is told when it is set.", "wsgi.routing",
             (([("route", "/a/<:int>")], []), "handler 0", raises("ValueError")), part=(0, 0)),
    *answers("A `>` in brackets belongs to the expression, so this rule has no end.", "wsgi.routing",
             (([("route", "/a/<name:re:[>")], []), raises("error"), raises("ValueError")), part=(0, 0)),
    *answers("An expression may have named groups of its own.", "wsgi.routing",
             (([("route", "/a/<name:re:(?P<in>x)>")], []), raises("error"), "handler 0"), part=(0, 0)),
    *answers("Another method than a pattern has is 405 with `Allow`, as for a static path.", "wsgi.status",
             (([("route", "/a/<name>")], "PUT", "/a/x"), ("404 Not Found", None), ("405 Method Not Allowed", "HEAD, GET")),
             (([("regular_route", "/a")], "POST", "/a"), ("404 Not Found", None), ("405 Method Not Allowed", "HEAD, GET"))),
    *answers("405 names the methods that are allowed.", "wsgi.status",
             (([("route", "/a")], "PUT", "/a"), ("405 Method Not Allowed", None), ("405 Method Not Allowed", "HEAD, GET"))),

    # responses
    *answers("Nothing is no content, as for a handler that returns nothing.", "response.build",
             (("Response", (None,), {}), "raises", "Response"), part=(0,)),
    *answers("How a message is framed is said by the server (PEP 3333).", "response.build",
             (("Response", ("x",), {"headers": {"Transfer-Encoding": "chunked"}}), [("Content-Length", "1"), ("Content-Type", "text/html; charset=utf-8"),
              ("Transfer-Encoding", "chunked")], [("Content-Length", "1"), ("Content-Type", "text/html; charset=utf-8")]), part=(3, 1)),
    *answers("The first byte alone is a range.", "response.build",
             (("Response", ("abc",), {}, [("make_partial", [(0, 0)])]), b"abc", b"a"), part=(3, 2)),
    *answers("A status that does not exist is a bad value.", "response.build",
             (("Response", ("x",), {"status_code": 600}), raises("KeyError", "LookupError"), raises("ValueError"))),
    *answers("A length that is not that of the content would let the client wait, or cut what it reads.", "response.build",
             (("Response", ("x",), {"headers": {"Content-Length": "77"}}),
              ("200 OK", [("Content-Length", "77"), ("Content-Type", "text/html; charset=utf-8")], b"x"), raises("ValueError")), part=(3,)),
    *answers("`False` for permanent is 302, as `True` is 301.", "response.build",
             (("RedirectResponse", ("/x", False), {}), raises("KeyError", "LookupError")[0], "RedirectResponse"), part=(0,)),
    *answers("`Accept-Ranges` is sent once, and with an answer that has the content.", "response.accept_ranges",
             (([("set status_code", 404)],), ["bytes"], []),
             (([("set headers", [("X-A", "1")])],), [], ["bytes"]),
             (([("make_partial", [])],), ["bytes", "bytes"], ["bytes"])),
    *answers("A status without an error page is an empty response of that status.", "response.exception",
             ((200,), "204 No Content", "200 OK"), part=(2, 0)),
    *answers("A response without content sends its headers, but those that its status forbids.", "response.build",
             (("NoContentResponse", (), {"headers": {"X-A": "1", "Content-Length": "5"}}), ("204 No Content", [], b""), ("204 No Content", [("X-A", "1")], b"")),
             (("NotModifiedResponse", (), {"etag": "x", "vary": "Accept"}), ("304 Not Modified", [], b""), ("304 Not Modified", [("Vary", "Accept")], b"")),
             part=(3,)),

    # dispatch
    *answers("What is written is added to the content.", "dispatch.after_sees", ((), b" more", b"text more"), part=(0, 2)),
    *answers("An after hook can be taken away.", "dispatch.popped",
             (("after_request",), [raises("ValueError"), raises("ValueError")], [None, raises("ValueError")]), part=(1,)),
    *answers("A link leads out of the document root only where the application says so.", "dispatch.linked_files",
             ((False, "/relative/a.txt"), "200 OK", "404 Not Found"), ((False, "/absolute/a.txt"), "200 OK", "404 Not Found"),
             ((False, "/file.txt"), "200 OK", "404 Not Found"), part=(0,)),
    *answers("Dots in a path leave it as it is: no way to a file.", "dispatch.files",
             (({}, [("GET", "/folder/../a.txt")]), "200 OK", "404 Not Found"), part=(("GET", "/folder/../a.txt"), 0)),
    *answers("The index of a directory is sent.", "dispatch.files",
             (({"document_index": True}, [("GET", "/folder/")]), "500 Internal Server Error", "200 OK"), part=(("GET", "/folder/"), 0)),

    # forms
    *answers("What a client sent wrong is 400, not an error of the application.", "forms.args", (("a", 0, 1), raises("ValueError"), BAD_REQUEST)),
    *answers("What a client sent wrong is 400, not an error of the application.", "forms.form",
             (("multipart/form-data", b"--xyz--"), raises("ValueError"), BAD_REQUEST)),
    *answers("Names of media types have no case (RFC 9110).", "forms.form",
             (("APPLICATION/X-WWW-FORM-URLENCODED", b"a=1"), [], ["a"]), part=(0, "keys")),
    *answers("Fields of all forms have the same attributes.", "forms.attributes",
             (("type",), ("raises", "misuse"), "text/plain"), (("length",), ("raises", "misuse"), 1)),
    *answers("A form without a boundary is 400 as well.", "forms.form",
             (("multipart/form-data; boundary=", b"--xyz--"), raises("ValueError"), BAD_REQUEST)),
    *answers("An empty list has no first item.", "forms.json_value",
             ((b'{"a": []}',), raises("IndexError", "LookupError"), None), part=(2, ("a", "getfirst"))),

    *answers("A client does not choose among all codecs of Python.", "forms.json_value",
             ((b"1", "idna"), ("int", 1, None), BAD_REQUEST), ((b"1", "koi8-r"), ("int", 1, None), BAD_REQUEST)),

    # sessions
    *answers("The cookie is put into headers that are empty so far, too.", "session.header",
             (("plain", "text", {}, False, "empty headers"), [], ["Set-Cookie"]), part=(3,)),

    # digest
    *answers("An empty line in a password file is no user.", "digest.file",
             (("user:Zone:abc\n\n", [("load",)]), [raises("ValueError")], [None]), part=(0,)),
    *answers("What is not there leaves nothing behind when it is deleted.", "digest.file",
             (("", [("delete", "None", "user")]), {"None": {}}, {}), part=(1,)),

    # routes
    *answers("An expression is taken as it is written.", "wsgi.status",
             (([("route", r"/a/<x:re:\D+>")], "GET", "/a/b"), "404 Not Found", "200 OK"), part=(0,)),
    *answers("A line end belongs to the path.", "wsgi.status", (([("route", "/a/<x:int>")], "GET", "/a/1\n"), "200 OK", "404 Not Found"), part=(0,)),
    *answers("What stands beside the groups of a rule is text.", "wsgi.status", (([("route", "/a.b/<x>")], "GET", "/axb/1"), "200 OK", "404 Not Found"), part=(0,)),
    *answers("An unknown method is not GET.", "wsgi.status", (([("route", "/a")], "BREW", "/a"), "200 OK", "501 Not Implemented"), part=(0,)),
    *answers("A path whose argument cannot be converted does not exist.", "wsgi.status",
             (([("route", "/a/<x:int>")], "GET", "/a/" + "9" * 5000), "500 Internal Server Error", "404 Not Found"), part=(0,)),

    # what goes out
    *answers("An empty list is an empty JSON array.", "response.build", (("make_response", ([],), {}), "raises", "JSONResponse"), part=(0,)),
    *answers("A line end in a header would begin another one.", "response.build",
             (("Response", ("x",), {"headers": {"X-A": "a\r\nb"}}), "Response", "raises"), (("RedirectResponse", ("/x\r\ny",), {}), "RedirectResponse", "raises"), part=(0,)),
    *answers("One pair is a list of headers, as the original's documentation has it.", "response.build",
             (("Response", ("x",), {"headers": ("X-A", "v")}), "raises", "Response"), part=(0,)),
    *answers("A range beyond the end is 416.", "response.build",
             (("Response", ("0123456789",), {}, [("make_partial", [(20, 30)])]), "206 Partial Content", "raises"), part=(3, 0)),
    *answers("HEAD has no content.", "wsgi.raw", (("HEAD",), b"text", b""), part=(2,)),
    *answers("204 has no content.", "wsgi.raw", (("GET", {"PATH_INFO": "/204"}), b"text", b""), part=(2,)),
    *answers("The name of the framework is its own.", "wsgi.raw", (("GET",), "Poor WSGI for Python", "PoorWSGI"), part=(1, "X-Powered-By")),

    # what comes in
    *answers("What a client sent wrong is 400.", "wsgi.raw",
             (("POST", {"CONTENT_LENGTH": "x"}), "500 Internal Server Error", "400 Bad Request"), (("GET", {"PATH_INFO": None}), "raises", "400 Bad Request"), part=(0,)),
    *answers("What a client sent wrong is 400, where the application asks for it.", "request.simple", (({"HTTP_HOST": "a:x"},), raises("ValueError"), BAD_REQUEST), part=("host_port",)),
    *answers("A host may be an IPv6 address.", "request.url", (({"HTTP_HOST": "[::1]:80"}, "/x"), raises("ValueError"), "http://[::1]/x")),
    *answers("A bad cookie leaves the good ones alone.", "request.full",
             (({"HTTP_COOKIE": "a=1; b\x01=2; c=3"},), {"a": ("1", "1")}, {"a": ("1", "1"), "c": ("3", "3")}), part=("cookies", 1)),
    *answers("`q=0` is a refusal.", "request.full", (({"HTTP_ACCEPT": "text/html;q=0"},), True, False), part=("accept_html",)),
    *answers("A form in a form ends where it ends.", "forms.form", (("multipart/form-data; boundary=xyz", NESTED), ["n"], ["n", "a"]), part=(0, "keys")),

    # files
    *answers("An uploaded file of up to 256 KiB is on disk when its descriptor is asked for, not before.", "forms.kept",
             ((65536,), (True, 65536, 65536), (False, 65536, 65536))),
    *answers("Hidden files are hidden.", "dispatch.files", (({}, [("GET", "/.hidden")]), "200 OK", "404 Not Found"), part=(("GET", "/.hidden"), 0)),
    *answers("A part of a file can be had.", "dispatch.file_with",
             (({"HTTP_RANGE": "bytes=0-1"},), ("200 OK", b"content of a.txt"), ("206 Partial Content", b"co"))),

    # sessions and login
    *answers("An algorithm that is not there is a bad value, and not kept.", "digest.setting",
             (("auth_algorithm", "SHA-1"), "SHA-1", "MD5-sess"), part=(1,)),
]

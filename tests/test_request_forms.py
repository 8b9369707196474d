"""The parsed query and body of a request: Args, forms, JSON, and the buffered input."""
import copy
import io
import json
import pickle
from types import SimpleNamespace

import pytest
from wsgi_call import ask

from poorwsgi import Application, state
from poorwsgi.fieldstorage import FieldStorage, FieldStorageInterface, FieldStorageParser
from poorwsgi.headers import Headers
from poorwsgi.request import Args, CachedInput, EmptyForm, JsonDict, JsonList, parse_json_request
from poorwsgi.request import FieldStorage as deprecated_field_storage
from poorwsgi.response import HTTPException

URLENCODED = "application/x-www-form-urlencoded"


def args(query, *options, **named):
    return Args(SimpleNamespace(query=query), *options, **named)


class TestArgs:
    @pytest.mark.parametrize(("query", "values"), [
        ("", {}), (None, {}), ("a=1", {"a": "1"}), ("a=1&b=2&a=3", {"a": ["1", "3"], "b": "2"}), ("a=&b", {}),
        ("a=1;b=2", {"a": "1;b=2"}), ("a=b=c&=x", {"a": "b=c", "": "x"}), ("a=%C5%99+%e9&%zz=1", {"a": "ř \ufffd", "%zz": "1"}),
    ])
    def test_a_repeated_key_has_a_list(self, query, values):
        assert args(query) == values

    def test_blank_values_are_kept_when_asked_for(self):
        assert args("a=&b", 1) == args("a=&b", keep_blank_values=True) == {"a": "", "b": ""}

    def test_an_argument_without_equals_sign_is_a_400_when_asked_for(self):
        with pytest.raises(HTTPException) as caught:
            args("a=1&b", strict_parsing=1)
        assert caught.value.status_code == 400

    def test_the_number_of_arguments_is_limited(self):
        assert len(args("&".join(f"a{number}=1" for number in range(1000)))) == 1000
        with pytest.raises(HTTPException) as caught:
            args("a=1&" * 1000 + "a=1")
        assert caught.value.status_code == 413

    def test_values(self):
        got = args("n=1&n=2&x=y")
        assert (got.getfirst("n", func=int), got.getlist("n", func=int)) == (1, [1, 2])
        assert (got.getvalue("n"), got.getvalue("x", func=str.upper)) == (["1", "2"], "Y")
        assert (got.getvalue("z", 5), got.getfirst("z", 5, int), got.getlist("z", (5,)), got.getlist("z")) == (5, 5, (5,), [])
        assert "x" in got
        assert got.get("z") is None

    def test_it_is_a_dict_and_a_form(self):
        assert isinstance(args(""), dict)
        assert isinstance(args(""), FieldStorageInterface)


class TestEmptyForm:
    def test_it_gives_defaults(self):
        form = EmptyForm()
        assert (form, bool(form), "a" in form) == ({}, False, False)
        assert (form.getvalue("a"), form.getvalue("a", 5, int), form.getvalue("a", default="5", func=int)) == (None, 5, "5")
        assert (form.getfirst("a"), form.getfirst("a", 5)) == (None, 5)
        assert (form.getlist("a"), form.getlist("a", (3, 4)), form.getlist("a", None)) == ([], (3, 4), [])
        assert isinstance(form, FieldStorageInterface)


class TestJson:
    @pytest.mark.parametrize("text", [
        "{}", "[]", '{"a": [1, {"b": null}]}', '"\\u010dře"', "1", "3.14", "true", "null", "NaN", "-Infinity", "1e999",
        '{"a": 1, "a": 2}', " [1 , 2]\n", '"\\ud800"', "123456789012345678901234567890", "1.0", "-0.0",
    ])
    def test_the_value_is_that_of_json_loads(self, text):
        value = parse_json_request(text.encode())
        assert repr(value) == repr(json.loads(text))
        assert type(value) is {dict: JsonDict, list: JsonList}.get(type(json.loads(text)), type(json.loads(text)))

    def test_charsets(self):
        assert parse_json_request(b'"\xe9"', "iso-8859-1") == "é"
        assert parse_json_request('{"a": "ř"}'.encode("utf-16"), charset="utf-16") == {"a": "ř"}
        assert parse_json_request(bytearray(b"[1]")) == [1]

    @pytest.mark.parametrize(("raw", "charset", "cause"), [
        (b"{", "utf-8", json.JSONDecodeError), (b"", "utf-8", json.JSONDecodeError), (b"\xef\xbb\xbf{}", "utf-8", json.JSONDecodeError),
        (b"\xff", "utf-8", UnicodeDecodeError), (b"1", "nope", LookupError), (b"1" * 5000, "utf-8", ValueError),
        (b"[" * 101 + b"]" * 101, "utf-8", ValueError), (b"[" * 100_000, "utf-8", ValueError),
        (("[" * 101).encode("utf-16"), "utf-16", ValueError), ("{}", "utf-8", TypeError), (io.BytesIO(b"{}"), "utf-8", TypeError),
    ])
    def test_anything_else_is_a_400_with_the_error(self, raw, charset, cause):
        with pytest.raises(HTTPException) as caught:
            parse_json_request(raw, charset)
        status, options = caught.value.args
        assert status == 400
        assert isinstance(options["error"], cause)
        assert caught.value.__cause__ is options["error"]

    def test_a_hundred_levels_are_not_too_deep(self):
        assert parse_json_request(b"[" * 100 + b"]" * 100)
        assert parse_json_request(b'["' + b"[" * 1000 + b'"]') == ["[" * 1000]

    def test_a_fault_is_logged_once(self, caplog):
        with pytest.raises(HTTPException):
            parse_json_request(b"\n[1,")
        assert [record.name for record in caplog.records] == ["poorwsgi"]
        assert "Expecting value" in caplog.text

    def test_an_object_reads_like_a_form(self):
        value = JsonDict(age=23, items=[1, 2], none=[])
        assert (value.getvalue("age"), value.getvalue("no"), value.getvalue("items")) == (23, None, [1, 2])
        assert (value.getfirst("items", func=str), value.getfirst("no", 1), value.getfirst("none", 1)) == ("1", 1, 1)
        assert (value.getlist("items", func=str), value.getlist("age"), value.getlist("no", (3,))) == (["1", "2"], [23], (3,))
        assert isinstance(value, FieldStorageInterface)

    def test_an_array_reads_like_a_form_of_one_name(self):
        value = JsonList([1, 2])
        assert (value.getvalue(), value.getvalue("any", func=str), value.getfirst("any")) == (1, "1", 1)
        assert (value.getlist("any"), value.getlist("any", func=str)) == ([1, 2], ["1", "2"])
        empty = JsonList()
        assert (empty.getvalue("any", 5, str), empty.getfirst(), empty.getlist("any"), empty.getlist("any", (1,))) == (
            5, None, [], (1,)
        )

    @pytest.mark.parametrize("form", [EmptyForm(), JsonList(), JsonList(["1"])])
    def test_the_old_name_of_func_warns(self, form):
        for get in (form.getfirst, form.getlist):
            with pytest.warns(DeprecationWarning, match="fce") as caught:
                assert get("a", [5], fce=int) in ([5], 1, [1])
            assert caught[0].filename == __file__


@pytest.mark.parametrize("form", [EmptyForm(), JsonDict(a=1), JsonList([1]), args("a=1")])
def test_forms_can_be_copied_and_pickled(form):
    for clone in (copy.copy(form), pickle.loads(pickle.dumps(form))):
        assert (clone, type(clone)) == (form, type(form))
    assert type(form).__module__ == "poorwsgi.request"


class TestDeprecatedFieldStorage:
    def test_it_parses_the_body_of_a_request(self):
        headers = Headers({"Content-Type": URLENCODED, "Content-Length": "9"})
        request = SimpleNamespace(input=io.BytesIO(b"a=1&b=&c="), headers=headers)
        with pytest.warns(DeprecationWarning, match="FieldStorageParser") as caught:
            form = deprecated_field_storage(request, keep_blank_values=1)
        assert caught[0].filename == __file__
        assert isinstance(form, FieldStorage)
        assert list(form) == ["a", "b", "c"]

    def test_headers_can_be_given(self):
        with pytest.warns(DeprecationWarning):
            form = deprecated_field_storage(SimpleNamespace(input=io.BytesIO(b"a=1;b=2")), headers=Headers(), separator=";")
        assert list(form) == ["a", "b"]


class Input(io.BytesIO):
    """Records how many bytes each read asks for."""

    def __init__(self, data, most=None):
        super().__init__(data)
        self.most, self.asked = most, []

    def read(self, size=-1):
        self.asked.append(size)
        return super().read(size if self.most is None else min(size, self.most))


class TestCachedInput:
    def test_it_reads_so_much_or_a_block(self):
        cached = CachedInput(Input(b"hello world"), 11, block_size=4)
        assert [cached.read(), cached.read(2), cached.read(100), cached.read()] == [b"hell", b"o ", b"world", b""]

    def test_nothing_beyond_the_size_is_read(self):
        file = Input(b"hello world")
        cached = CachedInput(file, 5)
        assert [cached.read(100), cached.read(), cached.readline()] == [b"hello", b"", b""]
        assert (file.asked, file.tell()) == ([5], 5)

    def test_lines_are_those_of_any_file(self):
        data = b"one\r\ntwo\n\n" + b"x" * 50 + b"\nlast"
        cached = CachedInput(Input(data), len(data), block_size=64)
        assert list(iter(cached.readline, b"")) == list(io.BytesIO(data))

    @pytest.mark.parametrize("most", [1, 3, 1000])
    def test_lines_of_limited_length(self, most):
        data = b"abcdefgh\r\nij\r\nk"
        cached = CachedInput(Input(data, most), len(data), block_size=5)
        assert [cached.readline(4), cached.readline(100), cached.readline(), cached.readline(), cached.readline()] == [
            b"abcd", b"efgh\r\n", b"ij\r\n", b"k", b"",
        ]

    def test_lines_and_blocks_take_turns(self):
        cached = CachedInput(Input(b"one\ntwo\nthree"), 13, block_size=6)
        assert [cached.readline(), cached.read(3), cached.readline(), cached.read()] == [b"one\n", b"two", b"\n", b"three"]

    def test_what_is_buffered_is_known(self):
        cached = CachedInput(Input(b"CDEFG"), 10)
        cached._CachedInput__buffer = b"AB"
        assert (cached.read(5), cached._CachedInput__buffer, cached._CachedInput__todo) == (b"ABCDE", b"", 7)
        cached._CachedInput__buffer, cached._CachedInput__todo = b"xyz", 0
        assert [cached.readline(), cached.read()] == [b"xyz", b""]
        assert cached.block_size == 32768

    def test_a_body_that_ends_early_is_a_timeout_for_lines_and_nothing_waits(self):
        file = Input(b"abc")
        cached = CachedInput(file, 10, timeout=1000)
        for _ in range(2):
            with pytest.raises(TimeoutError, match="7 bytes are missing"):
                cached.readline()
        assert len(file.asked) == 3
        assert [cached.read(2), cached.read(4), cached.read(4), cached.read()] == [b"ab", b"c", b"", b""]

    def test_a_form_in_a_body_that_ends_early_is_none(self):
        for content_type in (URLENCODED, "multipart/form-data; boundary=B", "text/plain"):
            headers = Headers({"Content-Type": content_type, "Content-Length": "10"})
            with pytest.raises(TimeoutError, match="7 bytes are missing"):
                FieldStorageParser(CachedInput(Input(b"a=1"), 10), headers).parse()

    def test_without_a_known_size_it_is_read_to_the_end(self):
        cached = CachedInput(Input(b"one\ntwo"), -1, timeout=None)
        assert [cached.readline(), cached.read(), cached.read()] == [b"one\n", b"two", b""]

    def test_errors_of_the_file_pass_unchanged(self):
        class Broken:
            def read(self, size):
                raise ConnectionResetError("gone")

        with pytest.raises(ConnectionResetError, match="gone"):
            CachedInput(Broken(), 5).read()

    def test_the_file_is_binary(self):
        with pytest.raises(ValueError, match="should return bytes"):
            CachedInput(io.StringIO("abc"), 3).read()


class TestInAnApplication:
    """The forms of requests: what handlers get, and where errors go."""

    UPLOAD = (
        b"--B\r\nContent-Disposition: form-data; name=title\r\n\r\nMe\r\n"
        b'--B\r\nContent-Disposition: form-data; name=file; filename="C:\\me.txt"\r\n\r\none\ntwo\r\n--B--\r\n'
    )

    @pytest.fixture
    def app(self, name):
        app = Application(name)

        @app.route("/", method=state.METHOD_ALL)
        def handler(req):
            form = req.form
            return {
                "form": type(form).__name__, "json": type(req.json).__name__, "keys": list(form),
                "values": {key: str(form.getvalue(key)) for key in form}, "read": getattr(form, "bytes_read", None),
            }

        return app

    def post(self, app, body, content_type):
        return ask(app, "/", "POST", body, CONTENT_TYPE=content_type)

    def test_a_form_is_read_before_the_handler(self, app):
        app.keep_blank_values = True
        got = json.loads(self.post(app, b"a=1&a=2&b=", URLENCODED).text)
        assert got == {
            "form": "FieldStorage", "json": "EmptyForm", "keys": ["a", "b"], "values": {"a": "['1', '2']", "b": ""}, "read": 10,
        }

    def test_without_a_form_there_is_an_empty_one(self, app):
        assert json.loads(ask(app, "/").text)["form"] == "EmptyForm"

    @pytest.mark.parametrize("data_size", [0, 65365])
    def test_an_upload_goes_to_the_callback(self, app, data_size):
        names, sink = [], io.BytesIO()
        app.data_size = data_size
        app.file_callback = lambda name: names.append(name) or sink
        got = json.loads(self.post(app, self.UPLOAD, "multipart/form-data; boundary=B").text)
        assert got["values"] == {"title": "Me", "file": "b'one\\ntwo'"}
        assert (names, sink.closed, got["read"]) == (["me.txt"], True, len(self.UPLOAD))

    @pytest.mark.parametrize("data_size", [0, 65365])
    def test_errors_of_the_callback_reach_the_error_handlers(self, app, data_size):
        class NoAlbum(Exception):
            pass

        def refuse(name):
            raise NoAlbum(name)

        app.data_size = data_size
        app.file_callback = refuse

        @app.error_handler(NoAlbum)
        def no_album(req, error):
            return f"no album for {error}", "text/plain", {}, 409

        answer = self.post(app, self.UPLOAD, "multipart/form-data; boundary=B")
        assert (answer.status[:3], answer.text) == ("409", "no album for me.txt")

    @pytest.mark.parametrize(("body", "content_type", "status", "text"), [
        (b"--B\r\nnonsense\r\n", "multipart/form-data; boundary=B", "400", "colon"),
        (b"a=1&" * 1001, URLENCODED, "413", "1000"),
        (b"{", "application/json", "400", "Expecting"),
    ])
    def test_what_cannot_be_read_is_answered_with_its_status(self, app, body, content_type, status, text):
        answer = self.post(app, body, content_type)
        assert answer.status.startswith(status)
        assert status == "413" or text in answer.text

    def test_bad_arguments_are_a_400(self, app):
        app.strict_parsing = True

        @app.route("/args")
        def arguments(req):
            return dict(req.args)

        assert ask(app, "/args", QUERY_STRING="a").status.startswith("400")
        assert json.loads(ask(app, "/args", QUERY_STRING="a=1&a=2").text) == {"a": ["1", "2"]}


@pytest.mark.parametrize(("kind", "body"), [
    ("application/json", b"{"), ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(2000))),
])
def test_a_body_that_was_refused_is_refused_again(name, kind, body):
    """If a hook accesses the form and ignores the error, the handler must not get an empty form."""
    app, seen = Application(name), []

    @app.before_response()
    def look(req):
        try:
            seen.append(req.json if "json" in kind else req.form)
        except Exception as error:
            seen.append(error)

    app.route("/", method=state.METHOD_POST)(lambda req: "reached")
    answer = ask(app, "/", "POST", body, CONTENT_TYPE=kind)
    assert answer.status[:3] == ("400" if "json" in kind else "413")
    assert isinstance(seen[0], Exception)


def test_a_form_of_a_request_without_its_boundary_is_400(name):
    app = Application(name)
    app.set_route("/", lambda req: "never", 4)
    body = b"--Other\r\n\r\nv\r\n--Other--"
    assert ask(app, "/", "POST", body, CONTENT_TYPE="multipart/form-data; boundary=B").status == "400 Bad Request"

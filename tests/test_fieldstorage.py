"""poorwsgi.fieldstorage: fields and forms, and their parsing."""
import gzip
import io
import os
import subprocess
import zipfile

import pytest
from bodies import MULTIPART, URLENCODED, multipart, parse, part

from poorwsgi.fieldstorage import FieldStorage, FieldStorageInterface, FieldStorageParser, valid_boundary
from poorwsgi.headers import Headers

KILO = 1024


def form_of(*pairs):
    form = FieldStorage()
    form.list = [FieldStorage(name, value) for name, value in pairs]
    return form


class TestField:
    def test_what_it_holds(self):
        field = FieldStorage("name", "Ada")
        assert (field.name, field.value, field.filename, field.file, field.list) == ("name", "Ada", None, None, [])
        assert FieldStorage().value is None
        assert FieldStorage("name", "").value == ""
        assert (bool(field), bool(FieldStorage("name", "")), bool(FieldStorage("name"))) == (True, False, False)
        assert repr(field) == "FieldStorage(name, Ada)"

    def test_only_a_parsed_field_knows_more(self):
        for name in ("type", "type_options", "disposition", "disposition_options", "length", "bytes_read"):
            with pytest.raises(AttributeError, match=name):
                getattr(FieldStorage("name", "Ada"), name)

    def test_attributes_can_be_set(self):
        field = FieldStorage("name", "Ada")
        field.name, field.filename, field.type, field.note = "other", "x.txt", "text/css", 5
        assert (field.name, field.filename, field.type, field.note) == ("other", "x.txt", "text/css", 5)
        with pytest.raises(AttributeError):
            field.value = "other"

    @pytest.mark.parametrize("file", [io.StringIO("text"), io.BytesIO(b"text")])
    def test_the_value_of_a_file_is_its_content(self, file):
        content = file.getvalue()
        field = FieldStorage("file")
        field.file = file
        file.read()
        assert field.value == field.value == content
        assert file.tell() == 0
        assert field
        with field as entered:
            assert entered is field
        assert file.closed

    def test_fields_by_name(self):
        form = form_of(("a", "1"), ("b", ""), ("a", "2"), (None, "n"))
        assert list(form) == list(form.keys()) == ["a", "b", None]
        assert (len(form), bool(form), form.value) == (3, True, form.list)
        assert "a" in form
        assert "c" not in form
        assert form["b"] is form.list[1]
        assert form["a"] == [form.list[0], form.list[2]]
        with pytest.raises(KeyError, match="c"):
            form["c"]

    def test_values_by_name(self):
        form = form_of(("a", "1"), ("b", ""), ("a", "2"))
        assert (form.get("a"), form.get("b"), form.get("c"), form.get("c", "d")) == (["1", "2"], "", None, "d")
        assert form.getvalue("a", func=int) == [1, 2]
        assert form.getvalue("b", func=len) == 0
        assert form.getvalue("c", "d", int) == "d"
        assert (form.getfirst("a"), form.getfirst("a", 0, int), form.getfirst("c", 0, int)) == ("1", 1, 0)
        assert (form.getlist("a", func=int), form.getlist("b")) == ([1, 2], [""])
        assert (form.getlist("c"), form.getlist("c", (3, 4), int)) == ([], (3, 4))
        with pytest.raises(ValueError, match="invalid literal"):
            form.getfirst("b", func=int)

    def test_the_old_name_of_func_warns(self):
        form = form_of(("a", "1"))
        for get, value in ((form.getfirst, 1), (form.getlist, [1])):
            with pytest.warns(DeprecationWarning, match="fce") as caught:
                assert get("a", fce=int) == value
            assert caught[0].filename == __file__

    def test_the_list_may_hold_anything_with_name_and_value(self):
        class Other:
            name, value = "a", "own"

        class Special(FieldStorage):
            @property
            def value(self):
                return "special"

        form = FieldStorage()
        form.list = [Other(), Special("a", "x"), FieldStorage("a", "y")]
        assert form.getlist("a") == ["own", "special", "y"]

    def test_a_subclass_with_its_own_arguments(self):
        class Form(FieldStorage):
            def __init__(self, *, note):
                super().__init__("noted")
                self.note = note

        form = Form(note=1)
        assert (form.name, form.note, isinstance(form, FieldStorageInterface)) == ("noted", 1, True)


class TestInterface:
    class Form(FieldStorageInterface):
        def __init__(self, **values):
            self.values = values

        def __contains__(self, key):
            return key in self.values

        def __getitem__(self, key):
            return self.values[key]

    def test_it_is_abstract(self):
        with pytest.raises(TypeError, match="abstract"):
            FieldStorageInterface()

        class Nothing(FieldStorageInterface):
            pass

        for use in (lambda: "a" in Nothing(), lambda: Nothing()["a"], lambda: Nothing().getvalue("a")):
            with pytest.raises(NotImplementedError):
                use()

    def test_values(self):
        form = self.Form(one="1", several=["1", "2"], none=[], pair=("1", "2"))
        assert form.getvalue("one", func=int) == 1
        assert form.getvalue("several") == ["1", "2"]
        assert form.getvalue("several", func=len) == 2
        assert (form.getvalue("no"), form.getvalue("no", 5, int)) == (None, 5)
        assert (form.getfirst("one"), form.getfirst("several", func=int)) == ("1", 1)
        assert (form.getfirst("none", 5), form.getfirst("no", 5), form.getfirst("pair")) == (5, 5, ("1", "2"))
        assert (form.getlist("one"), form.getlist("several", func=int)) == (["1"], [1, 2])
        assert (form.getlist("none"), form.getlist("no"), form.getlist("no", (3,))) == ([], [], (3,))
        assert form.getlist("pair") == [("1", "2")]

    def test_the_old_name_of_func_warns(self):
        for name, value in (("getfirst", 1), ("getlist", [1])):
            with pytest.warns(DeprecationWarning, match="fce"):
                assert getattr(self.Form(a="1"), name)("a", func=str, fce=int) == value


class TestUrlencoded:
    def test_fields(self):
        form = parse(b"name=Ond%C5%99ej&tag=a+b&tag=c&blank=&%zz", URLENCODED)
        assert list(form.keys()) == ["name", "tag"]
        assert (form.get("name"), form.getlist("tag")) == ("Ondřej", ["a b", "c"])
        assert (form.type, form.length, form.bytes_read, form.disposition, form.name) == (URLENCODED, 41, 41, "", None)
        field = form["name"]
        assert (field.type, field.length, field.bytes_read, field.file) == ("text/plain", 7, 7, None)
        assert (field.type_options, field.disposition, field.disposition_options) == ({}, "", {})

    def test_blank_values_are_kept_when_asked_for(self):
        form = parse(b"a=&b", URLENCODED, keep_blank_values=1)
        assert (form.get("a", "x"), form.get("b", "x"), form["a"].value) == ("", "", "")

    def test_an_argument_without_equals_sign_is_an_error_when_asked_for(self):
        with pytest.raises(ValueError, match='"b" has no "="'):
            parse(b"a=1&b", URLENCODED, strict_parsing=1)

    def test_another_separator(self):
        assert list(parse(b"a=1;b=2", URLENCODED, separator=";")) == ["a", "b"]
        assert parse(b"a=1;b=2", URLENCODED).get("a") == "1;b=2"
        for bad in ("&&", "", "é", 5):
            with pytest.raises(ValueError, match="one ASCII character"):
                parse(b"a=1", URLENCODED, separator=bad)

    def test_another_encoding(self):
        assert parse(b"a=%F8", URLENCODED, encoding="iso-8859-2").get("a") == "ř"
        assert parse(b"a=%F8", URLENCODED).get("a") == "\N{REPLACEMENT CHARACTER}"
        with pytest.raises(UnicodeDecodeError):
            parse(b"a=%F8", URLENCODED, errors="strict")
        with pytest.raises(LookupError, match="nope"):
            parse(b"a=1", URLENCODED, encoding="nope")

    def test_the_number_of_fields_is_limited(self):
        assert len(parse(b"a=1&b=2", URLENCODED, max_num_fields=2)) == 2
        with pytest.raises(ValueError, match="Max number of fields is 2"):
            parse(b"a=1&b=2&c=3", URLENCODED, max_num_fields=2)
        with pytest.raises(ValueError, match="1000"):
            parse(b"a=1&" * 1001, URLENCODED)

    def test_it_is_what_a_body_without_a_type_is(self):
        assert FieldStorageParser(io.BytesIO(b"a=1"), {"Content-Length": "3"}).parse().get("a") == "1"
        assert FieldStorageParser(io.BytesIO(b"a=1")).parse().get("a") == "1"
        assert parse(b"a=1", "Application/X-WWW-Form-URLEncoded; charset=utf-8").type_options == {"charset": "utf-8"}


class TestReading:
    def test_nothing_beyond_the_length_is_read(self):
        body = io.BytesIO(b"a=1&b=2")
        form = FieldStorageParser(body, Headers({"Content-Length": "3"})).parse()
        assert (form.get("a"), "b" in form, body.tell()) == ("1", False, 3)

    def test_a_form_with_a_limit_is_whole_or_an_error(self):
        body = multipart(part("1"))
        assert parse(body, limit=len(body)).get("a") == "1"
        for limited in (body, b"a=1&b=2"):
            with pytest.raises(ValueError, match="limit"):
                parse(limited, MULTIPART if limited is body else URLENCODED, limit=3)

    def test_without_a_length_it_is_read_to_the_end(self):
        assert parse(b"a=1&b=2", URLENCODED, length=False).length == -1
        form = FieldStorageParser(io.BytesIO(b"a=1"), Headers({"Content-Length": "many"})).parse()
        assert form.get("a") == "1"

    def test_what_follows_a_multipart_body_of_unknown_length_is_left(self):
        body = io.BytesIO(multipart(part("1")) + b"x" * 100 * KILO)
        assert parse(body, length=False).get("a") == "1"
        assert body.tell() < 70 * KILO

    def test_blocks_are_bounded(self):
        class Input(io.BytesIO):
            asked = []

            def read(self, size=-1):
                self.asked.append(size)
                return super().read(size)

        data = b"a=" + b"x" * 300 * KILO
        form = FieldStorageParser(Input(data), Headers({"Content-Length": str(len(data))})).parse()
        assert len(form.get("a")) == 300 * KILO
        assert max(Input.asked) <= 64 * KILO
        assert sum(Input.asked) == len(data)

    @pytest.mark.parametrize("body", [b"a=1", multipart(part("1"))[:-10], multipart(part("1"))[:30], b""])
    def test_a_body_that_ends_early_is_no_form(self, body):
        headers = {"Content-Length": "500", "Content-Type": URLENCODED if body == b"a=1" else MULTIPART}
        with pytest.raises(ValueError, match=r"ended early|ends before"):
            FieldStorageParser(io.BytesIO(body), Headers(headers)).parse()

    def test_errors_of_the_input_pass_unchanged(self):
        class Input:
            def read(self, size):
                raise TimeoutError("slow")

        with pytest.raises(TimeoutError, match="slow"):
            FieldStorageParser(Input(), Headers({"Content-Length": "5"})).parse()

    def test_the_input_is_binary(self):
        with pytest.raises(ValueError, match="should return bytes"):
            FieldStorageParser(io.StringIO("a=1")).parse()
        wrapper = io.TextIOWrapper(io.BytesIO(b"a=1"))
        text = FieldStorageParser(wrapper)
        assert text.input is wrapper.buffer
        assert text.parse().get("a") == "1"

    def test_input_that_gives_more_than_it_was_asked_for_is_refused(self):
        class Input:
            def read(self, size):
                return b"a=1&b=2&c=3"

        with pytest.raises(ValueError, match="more than it was asked for"):
            FieldStorageParser(Input(), Headers({"Content-Length": "3"})).parse()


class TestMultipart:
    def test_texts(self):
        form = parse(multipart(part("Ondřej", "name"), part("a", "tag"), part("", "tag")))
        assert (form.get("name"), form.getlist("tag")) == ("Ondřej", ["a", ""])
        assert (form.type, form.type_options, form.list[0].bytes_read) == ("multipart/form-data", {"boundary": "B"}, 7)
        field = form["name"]
        assert (field.type, field.disposition, field.disposition_options) == ("text/plain", "form-data", {"name": "name"})
        assert (field.length, field.bytes_read, field.filename) == (-1, 7, None)

    def test_a_text_can_be_read_as_a_file(self):
        field = parse(multipart(part("one\r\ntwo")))["a"]
        assert field.file.read() == "one\r\ntwo"
        assert field.file is field.file
        assert field.value == "one\r\ntwo"
        field.file.write("ONE")
        assert field.value == "ONE\r\ntwo"

    @pytest.mark.parametrize("size", [0, 5, 8 * KILO, 8 * KILO + 1, 300 * KILO])
    def test_files(self, size):
        data = bytes(range(256)) * (size // 256) + b"\r\n--b"[: size % 256]
        form = parse(multipart(part(data, "file", "me.png", "Content-Type: image/png; q=1\r\n"), part("after")))
        field = form["file"]
        assert (field.filename, field.type, field.type_options) == ("me.png", "image/png", {"q": "1"})
        assert (field.bytes_read, field.length, form.get("a")) == (len(data), -1, "after")
        assert field.file.tell() == 0
        assert field.file.read() == data
        assert (field.value, bool(field)) == (data, size > 0)
        assert isinstance(field.file, io.BytesIO) == (size <= 8 * KILO)

    @pytest.mark.parametrize("size", [40, 300, 2000])
    def test_a_file_has_a_descriptor_when_it_is_asked_for(self, size):
        data = bytes(range(256)) * size
        form = parse(multipart(part(data, "file", "me.png")))
        file = form["file"].file
        assert file.read(100) == data[:100]
        os.fstat(file.fileno())
        assert os.pread(file.fileno(), len(data), 0) == data
        assert file.read() == data[100:]
        file.seek(0)
        assert subprocess.check_output(["wc", "-c"], stdin=file).split() == [str(len(data)).encode()]
        assert file.seek(0, os.SEEK_END) == len(data)
        assert (file.write(b"more"), file.tell()) == (4, len(data) + 4)

    def test_a_file_in_memory_can_be_written_and_wrapped(self):
        data = "řádek\n".encode() * 2000
        form = parse(multipart(part(data, "file", "me.txt")))
        file = form["file"].file
        assert file.seek(0, os.SEEK_END) == len(data)
        assert file.write(b"end\n") == 4
        file.seek(0)
        assert file.readline() == "řádek\n".encode()
        assert list(file)[-1] == b"end\n"
        file.seek(0)
        with io.TextIOWrapper(file, "utf-8") as text:
            assert text.read() == "řádek\n" * 2000 + "end\n"
        packed = gzip.compress(os.urandom(20 * KILO))
        form = parse(multipart(part(packed, "file", "a.gz")))
        assert gzip.GzipFile(fileobj=form["file"].file).read() == gzip.decompress(packed)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as writer:
            writer.writestr("a", os.urandom(20 * KILO))
        form = parse(multipart(part(archive.getvalue(), "file", "a.zip")))
        with zipfile.ZipFile(form["file"].file) as reader:
            assert reader.testzip() is None

    @pytest.mark.parametrize(("sent", "shown"), [
        ("me.png", "me.png"), ("../../etc/passwd", "passwd"), (r"C:\photos\me.png", "me.png"), ("..", "unnamed"),
        ("a\x00b.txt", None), ("účet.pdf", "účet.pdf"), ("nul", "_nul"),
    ])
    def test_a_file_name_is_safe_and_the_sent_one_is_kept(self, sent, shown):
        body = multipart(part("x", filename=sent))
        if shown is None:
            with pytest.raises(ValueError, match="control character"):
                parse(body)
            return
        field = parse(body)["a"]
        assert (field.filename, field.disposition_options["filename"]) == (shown, sent)

    def test_where_no_file_was_chosen_the_name_is_empty(self):
        field = parse(multipart(part("", filename="")))["a"]
        assert (field.filename, field.value, bool(field)) == ("", "", False)

    def test_a_nested_part_is_a_list(self):
        nested = part(
            "--C\r\nContent-Disposition: file; filename=f1\r\n\r\none\r\n"
            "--C\r\nContent-Disposition: file; filename=f2\r\n\r\ntwo\r\n--C--",
            "files", headers="Content-Type: multipart/mixed; boundary=C\r\n",
        )
        form = parse(multipart(nested, part("after")))
        assert [(field.filename, field.value) for field in form["files"].list] == [("f1", b"one"), ("f2", b"two")]
        assert form.get("a") == "after"

    def test_names_and_texts_in_another_encoding(self):
        body = multipart(part("", "@", "@")).replace(b"@", b"\xf8").replace(b"\r\n\r\n\r\n", b"\r\n\r\n\xf8\r\n")
        field = parse(body, encoding="iso-8859-2")["ř"]
        assert (field.filename, field.value) == ("ř", b"\xf8")
        assert parse(multipart(part(b"\xf8")), encoding="iso-8859-2").get("a") == "ř"
        with pytest.raises(UnicodeDecodeError):
            parse(multipart(part(b"\xf8")), errors="strict")

    def test_the_number_of_fields_counts_files(self):
        body = multipart(part("1"), part("2", filename="f"))
        assert len(parse(body, max_num_fields=2).list) == 2
        with pytest.raises(ValueError, match="Max number of fields is 1"):
            parse(body, max_num_fields=1)
        many = multipart(*[part("", filename="f")] * 200)
        assert len(parse(many, max_num_fields=200).list) == 200

    def test_a_body_of_a_known_length_may_be_large(self):
        data = b"x" * (17 * KILO * KILO)
        assert parse(multipart(part(data, filename="f")))["a"].bytes_read == len(data)
        with pytest.raises(ValueError, match="limit"):
            parse(multipart(part(data, filename="f")), length=False)

    @pytest.mark.parametrize(("body", "match"), [
        (b"--B\r\nnonsense\r\n\r\nv\r\n--B--", "colon"),
        (multipart(part("v", headers="Content-Disposition: form-data; name=b\r\n")), "two"),
        (multipart(part("v", headers="X: " + "x" * 20 * KILO + "\r\n")), "limit"),
        (b"--B\r\n\r\nv\r\n--Other--", "ends before"),
    ])
    def test_what_is_no_form_is_refused(self, body, match):
        with pytest.raises(ValueError, match=match):
            parse(body)

    @pytest.mark.parametrize("content_type", [
        "multipart/form-data", 'multipart/form-data; boundary=""', "multipart/form-data; boundary=ž",
    ])
    def test_a_boundary_is_needed(self, content_type):
        with pytest.raises(ValueError, match="Invalid boundary"):
            parse(b"--B--", content_type)

    @pytest.mark.parametrize("boundary", ["x" * 201, "a b", 'quo"ted', "back\\slash", "----WebKitFormBoundaryM"])
    def test_boundaries(self, boundary):
        assert valid_boundary(boundary)
        assert valid_boundary(boundary.encode())
        quoted = boundary.replace("\\", "\\\\").replace('"', '\\"')
        body = multipart(part("1")).replace(b"--B", b"--" + boundary.encode())
        assert parse(body, f'multipart/form-data; boundary="{quoted}"').get("a") == "1"

    @pytest.mark.parametrize("boundary", ["", " ", "a ", "a\n", "a\0", "é", "x" * 202])
    def test_what_is_no_boundary(self, boundary):
        assert not valid_boundary(boundary)
        assert not valid_boundary(boundary.encode())

    def test_a_boundary_is_text_or_bytes(self):
        with pytest.raises(TypeError, match="int"):
            valid_boundary(5)

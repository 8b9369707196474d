"""FieldStorageParser: the files of a callback, methods that subclasses override, and each step of parse()."""
import gc
import io
import sys
import warnings
import weakref

import pytest
from bodies import MULTIPART, URLENCODED, multipart, parse, parser, part

from poorwsgi.fieldstorage import FieldStorage, FieldStorageParser
from poorwsgi.headers import Headers


class Sink:
    """The methods that the object of a file callback needs, and no more."""

    def __init__(self, on_write=lambda sink: None):
        self.pieces, self.position, self.on_write = [], None, on_write

    def write(self, data):
        self.pieces.append(data)
        self.on_write(self)

    def read(self, size=-1):
        return b"".join(self.pieces)

    def seek(self, position):
        self.position = position


class Closing(Sink):
    def __init__(self, log, **options):
        super().__init__(**options)
        self.log = log

    def close(self):
        self.log.append("closed")


class TestFileCallback:
    BODY = multipart(part("one\ntwo", "file", "../me.txt"), part("text"))

    def test_it_gets_a_safe_name_and_gives_the_file(self):
        names, file = [], Sink()
        form = parse(self.BODY, file_callback=lambda name: names.append(name) or file)
        assert names == ["me.txt"]
        assert form["file"].file is file
        assert (form["file"].value, file.position, form.get("a")) == (b"one\ntwo", 0, "text")

    def test_a_large_file_asks_once(self):
        files = []
        form = parse(
            multipart(part(b"x" * 100 * 1024, filename="f")), file_callback=lambda _: files.append(io.BytesIO()) or files[-1]
        )
        assert len(files) == 1
        assert len(form["a"].value) == 100 * 1024

    def test_it_is_written_while_the_body_arrives(self):
        class Input(io.BytesIO):
            position = 0

            def read(self, size=-1):
                data = super().read(min(size, 1000))
                Input.position = self.tell()
                return data

        seen = []
        body = multipart(part(b"line\n" * 2000, filename="f"))
        sink = Sink(on_write=lambda _: seen.append(Input.position))
        parser = FieldStorageParser(
            Input(body), Headers({"Content-Type": MULTIPART, "Content-Length": str(len(body))}), file_callback=lambda _: sink
        )
        parser.parse()
        assert seen[0] == 1000
        assert len(set(seen)) > 5

    def test_pieces_are_bytes_that_end_at_line_ends(self):
        class Input(io.BytesIO):
            def read(self, size=-1):
                return super().read(min(size, 777))

        sink = Sink()
        text = "žluťoučký kůň\r\n" * 500 + "end"
        parse(Input(multipart(part(text, filename="f"))), length=False, file_callback=lambda _: sink)
        assert all(type(piece) is bytes for piece in sink.pieces)
        assert "".join(piece.decode() for piece in sink.pieces) == text
        assert all(piece.endswith(b"\n") for piece in sink.pieces[:-1])
        assert len(sink.pieces) > 5

    def test_its_errors_pass_unchanged(self):
        class Refused(Exception):
            pass

        def refuse(_):
            raise Refused("no such album")

        with pytest.raises(Refused, match="no such album"):
            parse(self.BODY, file_callback=refuse)
        with pytest.raises(Refused):
            parse(self.BODY, file_callback=lambda _: Sink(on_write=refuse))

    def test_a_raw_file_may_take_less_than_it_is_given(self):
        class Slow(io.BytesIO):
            def write(self, data):
                return super().write(data[:3])

        assert parse(self.BODY, file_callback=lambda _: Slow())["file"].value == b"one\ntwo"

    @pytest.mark.parametrize("answer", [True, 1, 0, -1, 10**30, "3"])
    def test_only_a_file_says_how_much_it_has_taken(self, answer):
        class Telling(Sink):
            def write(self, data):
                pieces.append(bytes(data))
                return answer

        pieces = []
        parse(multipart(part(b"content", filename="f")), file_callback=lambda _: Telling())
        assert b"".join(pieces) == b"content"

    def test_the_file_is_closed_when_the_form_goes_away_and_not_earlier(self):
        log = []
        form = parse(self.BODY, file_callback=lambda _: Closing(log))
        field = form["file"]
        form.getvalue("file")
        del form
        assert log == []
        del field
        assert log == ["closed"]

    def test_the_file_of_a_form_in_a_cycle_is_closed_too(self):
        log = []
        form = parse(self.BODY, file_callback=lambda _: Closing(log))
        form.me = form
        form["file"].form = form
        gone = weakref.ref(form)
        del form
        gc.collect()
        assert (gone(), log) == (None, ["closed"])

    def test_the_file_of_a_form_that_breaks_off_is_closed(self):
        log = []
        with pytest.raises(ValueError, match="ends before"):
            parse(self.BODY[:-10], file_callback=lambda _: Closing(log))
        assert log == ["closed"]

    def test_an_error_of_closing_is_reported_and_hides_no_other(self, monkeypatch):
        class Bad(Sink):
            def close(self):
                raise OSError("disk full")

        reported = []
        monkeypatch.setattr(sys, "unraisablehook", reported.append)
        with pytest.raises(ZeroDivisionError):
            FieldStorage.getvalue(parse(self.BODY, file_callback=lambda _: Bad()), "a", func=lambda _: 1 / 0)
        gc.collect()
        assert [str(report.exc_value) for report in reported] == ["disk full"]
        reported.clear()

    def test_temporary_files_are_closed_with_the_form(self):
        form = parse(multipart(part(b"x" * 20 * 1024, filename="f")))
        file = form["a"].file
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            del form
            gc.collect()
        assert file.closed


class TestParserOfASubclass:
    def test_make_file_gives_the_file_of_an_upload(self):
        class Parser(FieldStorageParser):
            names = []

            def make_file(self):
                self.names.append(self.filename)
                return io.BytesIO()

        body = multipart(part("text"), part("data", "file", "dir/f.txt"))
        form = Parser(io.BytesIO(body), Headers({"Content-Type": MULTIPART, "Content-Length": str(len(body))})).parse()
        assert Parser.names == ["f.txt"]
        assert form["file"].value == b"data"

    def test_each_way_to_read_can_be_replaced(self):
        class Parser(FieldStorageParser):
            def __init__(self, content_type):
                super().__init__(io.BytesIO(b""), Headers({"Content-Type": content_type}))

            def read_urlencoded(self):
                return [FieldStorage("a", "urlencoded")]

            def read_multi(self):
                return [FieldStorage("a", self.innerboundary.decode())]

            def read_single(self):
                return io.StringIO("single")

        assert Parser(URLENCODED).parse().get("a") == "urlencoded"
        assert Parser(MULTIPART).parse().get("a") == "B"
        assert Parser("text/plain").parse().value == "single"


class TestParserByItsParts:
    """The steps of parse(), for code that calls them directly."""

    def test_attributes(self):
        new = FieldStorageParser()
        assert (new.input, new.length, new.done, new.bytes_read, new.filename, new.limit) == (None, -1, 0, 0, None, None)
        assert (new.outerboundary, new.innerboundary, new.encoding, new.errors) == (b"", b"", "utf-8", "replace")
        assert (new.keep_blank_values, new.strict_parsing, new.max_num_fields, new.separator) == (0, 0, None, "&")
        assert FieldStorageParser.BUFSIZE == 8192

    def test_reading_fields(self):
        assert parser(b"a=1&b=2", URLENCODED).read_urlencoded()[1].value == "2"
        multi = parser(multipart(part("1")))
        multi.innerboundary = b"B"
        assert multi.read_multi()[0].value == "1"
        assert multi.bytes_read == len(multipart(part("1")))

    def test_a_text_is_read_whole(self):
        for options in ({}, {"length": False}):
            field = parse("žluť\r\nkůň".encode(), "text/plain", **options)
            assert (field.value, field.file.read(), field.type) == ("žluť\r\nkůň", "žluť\r\nkůň", "text/plain")
        assert parse(b"\xf8", "text/plain", encoding="iso-8859-2").value == "ř"
        with pytest.raises(UnicodeDecodeError):
            parse(b"a\xf8", "text/plain", errors="strict")

    def test_a_file_that_is_sent_alone(self):
        disposition = 'attachment; name="n"; filename="../x.bin"'
        data = bytes(range(256)) * 400
        for options in ({}, {"length": False}):
            field = parse(data, "application/octet-stream", disposition=disposition, **options)
            assert (field.name, field.filename, field.disposition) == ("n", "x.bin", "attachment")
            assert (field.value, field.bytes_read) == (data, len(data))
        sink = Sink()
        field = parse(data, "application/octet-stream", disposition=disposition, file_callback=lambda _: sink)
        assert field.file is sink
        assert b"".join(sink.pieces) == data

    def test_a_single_value_that_ends_early(self):
        binary = FieldStorageParser()
        binary.filename, binary.length, binary.input = "x.bin", 10, io.BytesIO(b"abc")
        with binary.read_binary() as file:
            file.seek(0)
            assert (file.read(), binary.done, binary.bytes_read) == (b"abc", -1, 3)
        with pytest.raises(ValueError, match="ended early"):
            FieldStorageParser(io.BytesIO(b"abc"), Headers({"Content-Type": "text/css", "Content-Length": "10"})).parse()

    @pytest.mark.parametrize(("body", "text", "done", "rest"), [
        (b"one\r\ntwo\r\n--B\r\nrest", "one\r\ntwo", 0, b"rest"),
        (b"one\r\n--B--\r\nrest", "one", 1, b"rest"),
        (b"--B\r\nrest", "", 0, b"rest"),
        (b"one\r\n--Bx\r\ntwo", "one\r\n--Bx\r\ntwo", -1, b""),
        (b"one\r\n", "one\r\n", -1, b""),
    ])
    def test_a_part_is_read_up_to_the_outer_boundary(self, body, text, done, rest):
        alone = parser(body, "text/plain", length=False, outerboundary=b"B")
        assert alone.parse().value == text
        assert (alone.done, alone.input.read()) == (done, rest)
        skipping = parser(body, "text/plain", length=False, outerboundary=b"B")
        skipping.skip_lines()
        assert skipping.input.read() == rest

    def test_lines_go_into_the_given_file(self):
        file = io.StringIO()
        assert parser(b"one\ntwo", "text/plain", length=False).read_lines_to_eof(file) is file
        assert file.getvalue() == "one\ntwo"
        file = io.StringIO()
        parser(b"one\r\n--B", "text/plain", length=False, outerboundary=b"B").read_lines_to_outerboundary(file)
        assert file.getvalue() == "one\r\n--B"

    def test_make_file(self):
        new = FieldStorageParser()
        with new.make_file() as file:
            file.write("text")
        new.filename = "x.bin"
        with new.make_file() as file:
            file.write(b"bytes")
        sink = Sink()
        new.file_callback = lambda name: (sink, name)
        assert new.make_file() == (sink, "x.bin")

    def test_a_cycle_is_collected(self):
        new = FieldStorageParser(io.BytesIO())
        new.file_callback = lambda _: new
        gone = weakref.ref(new)
        del new
        gc.collect()
        assert gone() is None


@pytest.mark.parametrize("body", [b"", b"rubbish\r\n--other\r\n\r\n--other--\r\n", b"--B1\r\n"])
def test_a_body_without_its_boundary_is_an_empty_form_by_hand(body):
    form = parser(body, "multipart/form-data; boundary=B").parse()
    assert form.list == [] and list(form) == [] and form.get("a", "none") == "none"


def test_a_form_that_has_begun_must_end():
    with pytest.raises(ValueError, match="closing boundary"):
        parser(b"--B\r\n\r\n1", "multipart/form-data; boundary=B").parse()

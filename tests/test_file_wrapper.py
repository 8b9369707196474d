"""`wsgi.file_wrapper` of the built-in server: a file as the content of a response (PEP 3333)."""
import gzip
import io
import os
import socket
import threading

import pytest
from callables import OK, TEXT, get, serve  # noqa: F401
from servers import until


class Wrapped:
    """A callable that returns a file in wsgi.file_wrapper."""

    def __init__(self, file, *size, headers=TEXT):
        self.file, self.size, self.headers = file, size, headers

    def __call__(self, environ, start_response):
        start_response(OK, self.headers)
        return environ["wsgi.file_wrapper"](self.file, *self.size)


class TestFileWrapper:
    SIZE = 3 << 20

    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(os.urandom(self.SIZE))
        return path

    @pytest.mark.parametrize("buffering", [0, -1])
    @pytest.mark.parametrize("position", [0, 5, SIZE, SIZE + 5])
    def test_a_file_is_sent_from_its_position(self, serve, path, buffering, position):
        file = open(path, "rb", buffering)  # noqa: SIM115
        file.read(3)
        file.seek(position)
        result = serve(Wrapped(file))("/")
        assert result.body == path.read_bytes()[position:]
        assert result.headers["Content-Length"] == str(max(self.SIZE - position, 0))

    def test_no_further_than_its_length(self, serve, path):
        result = serve(Wrapped(open(path, "rb"), headers=[("Content-Length", "10")]))("/")  # noqa: SIM115
        assert result.body == path.read_bytes()[:10]

    def test_a_length_beyond_the_file_is_500(self, serve, path):
        length = [("Content-Length", str(self.SIZE + 1))]
        assert serve(Wrapped(open(path, "rb"), headers=length))("/").status == 500  # noqa: SIM115

    def test_a_file_that_has_no_name_any_more(self, serve, path):
        file = open(path, "rb")  # noqa: SIM115
        content = path.read_bytes()
        path.unlink()
        assert serve(Wrapped(file))("/").body == content

    @pytest.mark.parametrize("make", [
        lambda path: io.BytesIO(path.read_bytes()), lambda path: gzip.open(path), lambda path: io.BufferedReader(gzip.open(path)),
    ])
    def test_any_other_file_is_read_in_python(self, serve, path, make):
        content = path.read_bytes()
        path.write_bytes(gzip.compress(content, 0) if "gzip" in str(make.__code__.co_names) else content)
        result = serve(Wrapped(make(path), 100_000))("/")
        assert result.body == content

    def test_an_object_that_reads_is_enough(self, serve):
        class Reads:
            blocks = [b"one", b"two", b""]

            def read(self, size):
                assert size == 8192
                return self.blocks.pop(0)

        assert serve(Wrapped(Reads()))("/").body == b"onetwo"

    def test_a_pipe(self, serve):
        reader, writer = os.pipe()
        os.write(writer, b"through a pipe")
        os.close(writer)
        assert serve(Wrapped(os.fdopen(reader, "rb")))("/").body == b"through a pipe"

    def test_the_file_is_closed_after_it(self, serve, path):
        closed = threading.Event()

        class Closes(io.BytesIO):
            def close(self):
                super().close()
                closed.set()

        assert serve(Wrapped(Closes(b"x")))("/").body == b"x"
        assert closed.wait(30)

    @pytest.mark.parametrize("whole", [True, False])
    def test_a_real_file_is_closed_after_it(self, serve, path, whole):
        file = open(path, "rb")  # noqa: SIM115
        client = serve(Wrapped(file))
        if whole:
            client("/")
        else:
            with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
                connection.sendall(get())
                connection.recv(1)
        # A thread of the server closes the file, before the server ends.
        until(lambda: file.closed)

    def test_without_a_head_it_is_closed_once(self, serve, path):
        closed = []

        def application(environ, start_response):
            file = io.FileIO(path)
            close = file.close
            file.close = lambda: (closed.append(1), close())
            return environ["wsgi.file_wrapper"](file)

        client = serve(application)
        assert client("/").status == 500
        until(lambda: closed)
        client("/")
        until(lambda: len(closed) > 1)
        assert len(closed) == 2

    @pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="a file that the system makes as it is read")
    def test_a_file_that_the_system_makes_as_it_is_read(self, serve):
        result = serve(Wrapped(open("/proc/version", "rb")))("/")  # noqa: SIM115
        with open("/proc/version", "rb") as file:
            assert result.body == file.read()

    def test_wrapped_by_middleware_it_is_an_iterable(self, serve, path):
        def first_bytes(environ, start_response):
            with open(path, "rb") as file:
                for block in Wrapped(file)(environ, start_response):
                    yield block[:1]

        assert len(serve(first_bytes)("/").body) == self.SIZE // 8192

    def test_a_block_has_a_size(self):
        from poorwsgi.server import FileWrapper

        with pytest.raises(ValueError, match="block_size is 0; expected 1 or more"):
            FileWrapper(io.BytesIO(), 0)
        wrapper = FileWrapper(io.BytesIO(b"12345"), 2)
        assert list(wrapper) == [b"12", b"34", b"5"]
        wrapper.close()
        assert iter(wrapper) is wrapper

"""Queries, forms and JSON, as applications read them."""
import io
import json
import os

from poorwsgi import request as request_module
from poorwsgi.fieldstorage import FieldStorage, FieldStorageParser
from poorwsgi.headers import Headers
from poorwsgi.request import Args, EmptyForm, JsonDict, JsonList, Request, parse_json_request
from poorwsgi.response import Response
from probes.request import application, environ_of
from worker import attempt

KEYS = ("a", "b", "file", "none", "\u017e", "")


def asked(form, keys=KEYS):
    """The results of all ways to read a form."""
    return {
        "keys": attempt(lambda: list(form.keys())), "iteration": attempt(lambda: list(form)), "length": attempt(len, form), "true": attempt(bool, form),
        **{(key, name): attempt(lambda: plain_field(question(form, key))) for key in keys for name, question in QUESTIONS.items()},
    }


QUESTIONS = {
    "in": lambda form, key: key in form, "item": lambda form, key: form[key], "get": lambda form, key: form.get(key), "get or": lambda form, key: form.get(key, "or"),
    "getvalue": lambda form, key: form.getvalue(key), "getvalue or": lambda form, key: form.getvalue(key, "or"), "getfirst": lambda form, key: form.getfirst(key),
    "getfirst or": lambda form, key: form.getfirst(key, "or"), "getfirst int": lambda form, key: form.getfirst(key, func=int),
    "getfirst fce": lambda form, key: form.getfirst(key, fce=int), "getlist": lambda form, key: form.getlist(key), "getlist or": lambda form, key: form.getlist(key, ["or"]),
    "getlist int": lambda form, key: form.getlist(key, func=int), "getlist fce": lambda form, key: form.getlist(key, fce=int),
}


def plain_field(value):
    if isinstance(value, list):
        return [plain_field(item) for item in value]
    if isinstance(value, FieldStorage):
        return whole(value)
    return value


def whole(field):
    """A field with all its attributes, and its parts."""
    parts = attempt(list, field)
    known = {"name": field.name, "filename": field.filename}
    # The original's URL-encoded fields lack these attributes: an entry of differences.py.
    if getattr(field, "headers", None):
        known |= {name: getattr(field, name) for name in ("type", "type_options", "disposition", "disposition_options", "length")}
    known["file"] = None if field.file is None else "a file"
    known["value"] = attempt(lambda: plain_field(field.value))
    known["parts"] = [whole(part) for part in field.list] if getattr(field, "list", None) else None
    known["iteration"] = parts
    known["headers"] = sorted((name.title(), value) for name, value in field.headers.items()) if getattr(field, "headers", None) is not None else None
    return known


def query(text, settings=()):
    app = application(settings)
    return asked(Request(environ_of({"QUERY_STRING": text}), app).args)


def args(text, blanks=0, strict=0):
    return attempt(lambda: asked(Args(Request(environ_of({"QUERY_STRING": text}), application({"auto_args": False})), blanks, strict)))


def form(content_type, body, settings=(), length=True):
    """The form of a request."""
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": content_type} | ({"CONTENT_LENGTH": str(len(body))} if length else {})
    request = Request(environ_of(environ, body), application(settings))
    return asked(request.form), attempt(repr_type, request.form)


def repr_type(value):
    return type(value).__name__


def parser(content_type, body, options, length=True):
    """`FieldStorageParser` used by hand."""
    headers = Headers({"Content-Type": content_type} | ({"Content-Length": str(len(body))} if length else {}), strict=False)
    field = FieldStorageParser(io.BytesIO(body), headers, **options).parse()
    return whole(field), asked(field)


class Sink:
    """A file object with only the required methods."""

    def __init__(self):
        self.written = []
        self.file = io.BytesIO()

    def write(self, data):
        self.written.append(data)
        return self.file.write(data)

    def read(self, size=-1):
        return self.file.read(size)

    def seek(self, *arguments):
        return self.file.seek(*arguments)


def attributes(name):
    """An attribute of a URL-encoded field."""
    app = application()
    request = Request(environ_of({"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "3"}, b"a=1"), app)
    return attempt(getattr, request.form["a"], name)


def upload(content_type, body):
    """The arguments of an application's callback, and the writes to its object."""
    seen, sinks = [], []

    def callback(name):
        seen.append(name)
        sinks.append(Sink())
        return sinks[-1]
    app = application({"file_callback": callback})
    request = Request(environ_of({"REQUEST_METHOD": "POST", "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}, body), app)
    found = asked(request.form)
    return seen, [b"".join(sink.written) for sink in sinks], {type(data).__name__ for sink in sinks for data in sink.written if data}, found


def closed():
    """Whether the callback's file, whose write fails, is closed when the error handler runs."""
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError("full")

    files = []

    def callback(name):
        files.append(Full())
        return files[-1]
    app = application({"file_callback": callback})
    app.set_route("/", lambda req: "never", 511)
    seen = []
    app.set_error_handler(OSError, lambda req, error: seen.append(files[0].closed) or Response("own"))
    body = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + b"x" * 99 + b"\r\n--xyz--\r\n"
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "multipart/form-data; boundary=xyz", "CONTENT_LENGTH": str(len(body))}
    app(environ_of(environ, body), lambda *arguments: None)
    return seen[0]


def kept(size):
    """An uploaded file: whether it is on disk, the length that is read, and the length by its descriptor."""
    body = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + b"x" * size + b"\r\n--xyz--\r\n"
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "multipart/form-data; boundary=xyz", "CONTENT_LENGTH": str(len(body))}
    request = Request(environ_of(environ, body), application())
    file = request.form["file"].file
    is_on_disk = isinstance(file, io.BufferedRandom)
    return is_on_disk, len(file.read()), attempt(lambda: os.fstat(file.fileno()).st_size)


def by_hand(content_type, body):
    """The deprecated function that parses the form of a request."""
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
    request = Request(environ_of(environ, body), application({"auto_form": False}))
    return asked(request_module.FieldStorage(request))


def empty(default="x"):
    form_ = EmptyForm()
    return asked(form_), isinstance(form_, dict), form_.getvalue("a", default)


def json_value(raw, charset="utf-8"):
    value = parse_json_request(raw, charset)
    return type(value).__name__, value, asked(value) if isinstance(value, (JsonDict, JsonList)) else None


def json_like_ours(raw):
    """Whether JSON is read as the standard library reads it."""
    return attempt(lambda: repr(parse_json_request(raw))), attempt(lambda: repr(json.loads(raw)))


def json_list(values, key="a"):
    made = JsonList(values)
    return {name: attempt(lambda: question(made)) for name, question in {
        "getvalue": lambda value: value.getvalue(), "getvalue key": lambda value: value.getvalue(key), "getvalue or": lambda value: value.getvalue(None, "or"),
        "getfirst": lambda value: value.getfirst(), "getfirst key": lambda value: value.getfirst(key, "or"), "getfirst int": lambda value: value.getfirst(key, func=str),
        "getlist": lambda value: value.getlist(key), "getlist or": lambda value: value.getlist(key, ["or"]), "getlist int": lambda value: value.getlist(key, func=str)}.items()}

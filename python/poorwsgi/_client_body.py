"""The bodies of requests that poorwsgi.testing sends: forms, uploads and JSON."""
# Written in Python, as all of the test client: a test calls it once for a request.
import json as json_module
import os
import secrets
from mimetypes import guess_type
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


def encoded(data, files, json):
    """The body and its Content-Type, each None where there is none. The arguments are those of
    Client.request."""
    if json is not None:
        if data is not None or files is not None:
            raise ValueError("json is a body of its own: it cannot be sent with data or files")
        return json_module.dumps(json).encode(), "application/json"
    if files is not None:
        return _multipart(pairs(data or ()), pairs(files))
    if data is None or isinstance(data, bytes):
        return data, None
    if isinstance(data, str):
        return data.encode(), None
    return urlencode(pairs(data)).encode(), FORM


def pairs(fields):
    """The pairs of a mapping, where a list is one pair for each item; other iterables are pairs already."""
    if not hasattr(fields, "items"):
        return list(fields)
    return [
        (name, each) for name, value in fields.items()
        for each in (value if isinstance(value, list) else [value])
    ]


def _multipart(fields, files):
    """A form with files (RFC 7578)."""
    boundary = secrets.token_hex(16)
    parts = [(f'name="{_quoted(name)}"', None, value) for name, value in fields]
    for name, file in files:
        filename, content, media_type = _file(name, file)
        parts.append((f'name="{_quoted(name)}"; filename="{_quoted(filename)}"', media_type, content))
    body = bytearray()
    for disposition, media_type, content in parts:
        head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
        if media_type:
            head += f"Content-Type: {media_type}\r\n"
        body += head.encode() + b"\r\n" + _bytes(content) + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return bytes(body), f"multipart/form-data; boundary={boundary}"


def _file(name, file):
    """File name, content and media type of an upload."""
    media_type = None
    if isinstance(file, tuple):
        filename, file, *rest = file
        (media_type,) = rest or [None]
    else:
        path = getattr(file, "name", name)  # that of an open file
        filename = os.path.basename(path) if isinstance(path, str) else name
    content = file.read() if hasattr(file, "read") else file
    return filename, content, media_type or guess_type(filename)[0] or "application/octet-stream"


def _bytes(content):
    return content if isinstance(content, bytes) else str(content).encode()


def _quoted(name):
    """As browsers write names in a part's header (HTML, "multipart/form-data encoding algorithm")."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

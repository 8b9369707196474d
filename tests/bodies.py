"""Bodies of forms, and their parsed forms."""
import io

from poorwsgi.fieldstorage import FieldStorageParser
from poorwsgi.headers import Headers

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"


def part(data, name="a", filename=None, headers=""):
    """One part of a multipart body, to be joined by the boundary."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    head = f"Content-Disposition: {disposition}\r\n{headers}\r\n"
    return head.encode() + (data.encode() if isinstance(data, str) else data)


def multipart(*parts):
    return b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"


def parser(body, content_type=MULTIPART, length=True, disposition=None, **options):
    headers = {"Content-Type": content_type}
    if length:
        headers["Content-Length"] = str(len(body))
    if disposition:
        headers["Content-Disposition"] = disposition
    return FieldStorageParser(io.BytesIO(body) if isinstance(body, bytes) else body, Headers(headers), **options)


def parse(*args, **options):
    return parser(*args, **options).parse()

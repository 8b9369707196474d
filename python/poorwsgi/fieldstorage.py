"""Forms: their fields, and the parser that reads them from a body."""
from poorwsgi._poorwsgi import (
    FieldStorage,
    FieldStorageInterface,
    FieldStorageParser,
    Headers,
    parse_header,
    valid_boundary,
)

__all__ = [
    "FieldStorage",
    "FieldStorageInterface",
    "FieldStorageParser",
    "Headers",
    "parse_header",
    "valid_boundary",
]

"""Responses, which handlers return, and HTTPException, which they raise."""
import logging
from http.client import responses
from io import BytesIO
from os import R_OK

from poorwsgi._poorwsgi import (
    _RESPONSE_CLASSES,
    NOT_MODIFIED_DENY,
    NOT_MODIFIED_ONE_OF_REQUIRED,
    ContentRange,
    Headers,
    HTTPException,
    ResponseError,
    abort,
    datetime_to_http,
    make_response,
    redirect,
    time_to_http,
)
from poorwsgi.state import (
    DECLINED,
    HTTP_I_AM_A_TEAPOT,
    HTTP_MOVED_PERMANENTLY,
    HTTP_MOVED_TEMPORARILY,
    HTTP_NO_CONTENT,
    HTTP_NOT_MODIFIED,
    HTTP_OK,
    HTTP_PARTIAL_CONTENT,
    HTTP_RANGE_NOT_SATISFIABLE,
    deprecated,
)

log = logging.getLogger("poorwsgi")

# As in PoorWSGI, this is the dict of http.client. A status that an application adds there can be used in
# responses.
responses[HTTP_I_AM_A_TEAPOT] = "I'm a teapot"

#: Whether JSONGeneratorResponse can be used: always, also without simplejson.
JSON_GENERATOR = True


# The table of classes is in Rust (`crates/poorwsgi-python/src/response/classes/mod.rs`), their types in response.pyi.
globals().update({kind.__name__: kind for kind in _RESPONSE_CLASSES})


class IBytesIO(BytesIO):
    """A BytesIO that yields blocks of 1024 bytes. Written in Python, because a Rust class cannot inherit from
    BytesIO."""

    def read_kilo(self):
        """Reads up to 1024 bytes."""
        return self.read(1024)

    def __iter__(self):
        return iter(self.read_kilo, b"")

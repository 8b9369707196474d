"""Responses: what handlers return or raise."""
import logging
from http.client import responses
from io import BytesIO
from os import R_OK

from poorwsgi._poorwsgi import (
    NOT_MODIFIED_DENY,
    NOT_MODIFIED_ONE_OF_REQUIRED,
    BaseResponse,
    ContentRange,
    Declined,
    EmptyResponse,
    FileObjResponse,
    FileResponse,
    GeneratorResponse,
    Headers,
    HTTPException,
    JSONGeneratorResponse,
    JSONResponse,
    NoContentResponse,
    NotModifiedResponse,
    PartialResponse,
    RedirectResponse,
    Response,
    ResponseError,
    StrGeneratorResponse,
    TextResponse,
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

# PoorWSGI's responses are those of http.client: what an application adds there is a status from then on.
responses[HTTP_I_AM_A_TEAPOT] = "I'm a teapot"

#: Whether JSONGeneratorResponse can be used: always, with simplejson or without.
JSON_GENERATOR = True


class IBytesIO(BytesIO):
    """A BytesIO that gives 1024 bytes each time it is iterated. Python, because its base is."""

    def read_kilo(self):
        """Reads 1024 bytes, or what is left."""
        return self.read(1024)

    def __iter__(self):
        return iter(self.read_kilo, b"")

"""The request classes, and the types of their arguments, forms and JSON."""
import logging

from poorwsgi._forms import Args, EmptyForm, FieldStorage, JsonDict, JsonList
from poorwsgi._poorwsgi import (
    CachedInput,
    Headers,
    HTTPException,
    Request,
    SimpleRequest,
    parse_header,
    parse_json_request,
    parse_negotiation,
)
from poorwsgi.state import HTTP_BAD_REQUEST, methods

log = logging.getLogger("poorwsgi")

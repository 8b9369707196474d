"""The application."""
# A folder, not a file; see poorwsgi._alone.
from poorwsgi import _alone  # noqa: F401 - first of all
import logging
from hashlib import md5, sha256
from os import R_OK

from poorwsgi._poorwsgi import (
    Application,
    BaseResponse,
    FileObjResponse,
    FileResponse,
    FormLimits,
    HTTPException,
    Request,
    ResponseError,
    SimpleRequest,
    make_response,
    to_response,
)
from poorwsgi.results import debug_info, default_states, directory_index, internal_server_error, not_implemented
from poorwsgi.state import (
    HTTP_FORBIDDEN,
    HTTP_METHOD_NOT_ALLOWED,
    HTTP_NOT_FOUND,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    deprecated,
    methods,
)

log = logging.getLogger("poorwsgi")

#: The digest algorithms of PoorWSGI, with their hash functions. Application.auth_algorithm also accepts
#: others.
AUTH_DIGEST_ALGORITHMS = {"MD5": md5, "MD5-sess": md5, "SHA-256": sha256, "SHA-256-sess": sha256}

"""Sessions in cookies that PoorWSGI can read, too: AES-256 in counter mode, authenticated with
HMAC-SHA256."""
from logging import getLogger

from poorwsgi._poorwsgi import AESSession, Session, SessionError

__all__ = ["AESSession", "Session", "SessionError"]

log = getLogger("poorwsgi")

_NONCE_SIZE = 16

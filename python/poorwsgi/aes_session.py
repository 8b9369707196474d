"""Sessions in cookies that are shared with PoorWSGI: AES-256 in counter mode, authenticated with HMAC-SHA256."""
from logging import getLogger

from poorwsgi._poorwsgi import AESSession, Session, SessionError

__all__ = ["AESSession", "Session", "SessionError"]

log = getLogger("poorwsgi")

_NONCE_SIZE = 16

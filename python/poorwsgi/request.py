"""What handlers get: the request."""
from poorwsgi._poorwsgi import Request

__all__ = ["Request"]

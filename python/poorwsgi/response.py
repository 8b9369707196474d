"""What handlers return or raise: responses and statuses."""
from poorwsgi._poorwsgi import HTTPException, Response, abort, make_response

__all__ = ["HTTPException", "Response", "abort", "make_response"]

"""Requests: what handlers get."""
import logging

from poorwsgi._poorwsgi import Headers, HTTPException, Request, SimpleRequest, parse_header, parse_negotiation
from poorwsgi.state import HTTP_BAD_REQUEST

log = logging.getLogger("poorwsgi")

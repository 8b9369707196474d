"""Cookies of sessions, and tokens: written by one side, read by the other."""
import bz2
import gzip
import http.cookies

from poorwsgi import session
from poorwsgi.headers import Headers
from poorwsgi.response import Response
from poorwsgi.session import NoCompress, PoorSession, Session, check_token, get_token
from probes.request import application, environ_of
from worker import attempt

COMPRESS = {"bz2": bz2, "gzip": gzip, "nothing": NoCompress, None: None}


def made(kind, keywords):
    keywords = {key: COMPRESS[value] if key == "compress" else value for key, value in keywords.items()}
    if kind == "aes":
        from poorwsgi.aes_session import AESSession
        return AESSession("secret", **keywords)
    return PoorSession("secret", **keywords) if kind == "poor" else Session(**keywords)


def write(kind, data, keywords):
    """Writes a session; returns the cookie's value and the header."""
    one = made(kind, keywords)
    one.data = data
    return one.write()


def header(kind, data, keywords, destroy=False, cookie_of="headers"):
    """The attributes of the cookie that is sent; for plain sessions, also its value."""
    one = made(kind, keywords)
    one.data = data
    one.write()
    if destroy:
        one.destroy()
    target = {"headers": lambda: Headers({"X-A": "1"}), "empty headers": Headers, "response": Response, "nothing": lambda: None}[cookie_of]()
    pairs = one.header(target)
    lines = [value for key, value in pairs if key == "Set-Cookie"]
    (name, morsel), = http.cookies.SimpleCookie(lines[0]).items()
    attributes = {key: value for key, value in morsel.items() if key != "expires"}
    attributes["expires"] = bool(morsel["expires"])
    put = [] if target is None else (target.headers if cookie_of == "response" else target).items()
    return name, attributes, morsel.value if kind == "plain" and not destroy else None, [key for key, value in put if value in lines]


def destroyed():
    """Whether the cookie of a destroyed session has an expiry date years ago."""
    one = made("plain", {})
    one.write()
    one.destroy()
    [line] = [value for name, value in one.header() if name == "Set-Cookie"]
    (_, morsel), = http.cookies.SimpleCookie(line).items()
    return int(morsel["expires"][12:16]) < 2000


def load(kind, value, keywords, sid="SESSID"):
    """The data of a session that is loaded from a cookie."""
    one = made(kind, keywords)
    cookies = None if value is None else http.cookies.SimpleCookie({sid: value})
    result = attempt(one.load, cookies)
    return result, one.data


def token(*arguments):
    return get_token(*arguments)


def tokens_known(*arguments):
    """Whether a token is accepted."""
    return check_token(*arguments)


def cipher(name, text):
    return getattr(session, name)(text, b"hash" * 8)

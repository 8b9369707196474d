"""Answers of poorwsgi.testing to the challenges of a 401: digest login (RFC 7616), and Basic (RFC 7617)."""
import hashlib
import secrets
from base64 import b64encode
from urllib.request import parse_http_list, parse_keqv_list

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


class Login:
    """A user with a password, and the challenge that is answered with them."""

    def __init__(self, user, password):
        self.user = user
        self.password = password
        self._answer = None

    def challenged(self, fields):
        """Takes the first challenge in these WWW-Authenticate fields that can be answered. Returns whether
        there is one."""
        for field in fields:
            scheme, _, rest = field.partition(" ")
            if scheme.lower() == "basic":
                self._answer = self._basic
            elif scheme.lower() == "digest" and (digest := _Digest.of(rest)):
                self._answer = lambda method, target, digest=digest: digest.answer(self, method, target)
            else:
                continue
            return True
        return False

    def refused(self):
        """Forgets the challenge, whose answer was refused."""
        self._answer = None

    def authorization(self, method, target):
        """The Authorization field for a request; None before there was a challenge."""
        return self._answer and self._answer(method, target)

    def _basic(self, _method, _target):
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


class _Digest:
    """A challenge of digest login. Its nonce is used for any number of requests, each of which has a
    count."""

    def __init__(self, challenge, algorithm, is_session):
        self._challenge = challenge
        self._algorithm = algorithm
        self._is_session = is_session
        self._count = 0

    @classmethod
    def of(cls, directives):
        """None for a challenge with an algorithm or a quality of protection that is not known."""
        challenge = parse_keqv_list(parse_http_list(directives))
        name = challenge.get("algorithm", "MD5").upper()
        algorithm = _HASHES.get(name.removesuffix("-SESS"))
        qops = [qop.strip() for qop in challenge.get("qop", "auth").split(",")]
        if algorithm in hashlib.algorithms_available and "auth" in qops and "nonce" in challenge:
            return cls(challenge, algorithm, name.endswith("-SESS"))
        return None

    def answer(self, login, method, target):
        self._count += 1
        challenge, cnonce, count = self._challenge, secrets.token_hex(8), f"{self._count:08x}"
        realm, nonce = challenge.get("realm", ""), challenge["nonce"]
        secret = self._hash(login.user, realm, login.password)
        if self._is_session:
            secret = self._hash(secret, nonce, cnonce)
        quoted = {"username": login.user, "realm": realm, "nonce": nonce, "uri": target, "cnonce": cnonce}
        bare = {name: challenge[name] for name in ("algorithm",) if name in challenge}
        protection = (nonce,)
        if "qop" in challenge:
            protection = (nonce, count, cnonce, "auth")
            bare |= {"qop": "auth", "nc": count}
        quoted["response"] = self._hash(secret, *protection, self._hash(method, target))
        quoted |= {name: challenge[name] for name in ("opaque",) if name in challenge}
        items = [f'{name}="{_escaped(value)}"' for name, value in quoted.items()]
        return "Digest " + ", ".join(items + [f"{name}={value}" for name, value in bare.items()])

    def _hash(self, *parts):
        return hashlib.new(self._algorithm, ":".join(parts).encode(), usedforsecurity=False).hexdigest()


def _escaped(value):
    return value.replace("\\", "\\\\").replace('"', '\\"')

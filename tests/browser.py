"""A browser's part in the tests: encoding forms and digest login. Also finds a server's port."""
import hashlib
import re

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def authorization(ask, target, username, password):
    """The Authorization header for the challenge of a target (RFC 7616, SHA-256 and qop=auth)."""
    fields = dict(re.findall(r'(\w+)="([^"]*)"', ask(target).headers["WWW-Authenticate"]))
    realm, nonce = fields["realm"], fields["nonce"]

    def sha256(*parts):
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    secret, asked = sha256(username, realm, password), sha256("GET", target)
    response = sha256(secret, nonce, "00000001", "cnonce", "auth", asked)
    return {"Authorization": (
        f'Digest username="{username}", realm="{realm}", nonce="{nonce}", uri="{target}", algorithm=SHA-256, '
        f'qop=auth, nc=00000001, cnonce="cnonce", response="{response}", opaque="{fields["opaque"]}"'
    )}


def port_of(line):
    """The port in the line with which the built-in server says where it listens."""
    return int(re.search(r":(\d+)\b", line)[1])

"""Digest authentication (RFC 7616), and password files.

    app.secret_key = "..."
    app.auth_type = "Digest"
    app.auth_map = PasswordMap("users.digest")
    app.auth_map.load()

    @app.route("/admin")
    @check_digest("Admin Zone")
    def admin(req):
        return f"Hello {req.user}"

Password files have the format of Apache's htdigest. To add a user, or to change a password:

    python -m poorwsgi.digest -c users.digest "Admin Zone" alice
"""
import sys
from argparse import ArgumentParser
from collections import defaultdict
from functools import wraps
from getpass import getpass
from hashlib import md5, sha256
from hmac import compare_digest
from importlib.metadata import version
from logging import getLogger

from poorwsgi._poorwsgi import (
    HTTPException,
    _check_function,
    _check_login,
    _digest_command,
    _read_passwords,
    _write_passwords,
    check_credentials,
    check_response,
    check_token,
)

__all__ = [
    "HTTPException",
    "PasswordMap",
    "check_credentials",
    "check_digest",
    "check_response",
    "check_token",
    "get_re_type",
    "hexdigest",
    "main",
]

log = getLogger("poorwsgi")


def check_digest(realm, username=None):
    """Decorator: only users of the realm, or only the user with this name, may call the handler.

        @app.route("/admin")
        @check_digest("Admin Zone")
        def admin(req):
            return f"Hello {req.user}"

    The user's name is in req.user. Any other request gets a 401 that asks for a login; it has stale=True if
    only the nonce has expired, so that the browser repeats the login without asking the user. The same
    credentials are accepted only once.

    Raises TypeError for a realm that is not a str, as in @check_digest without parentheses, and for a handler that is
    not a function.
    """
    if not isinstance(realm, str):
        name = getattr(realm, "__qualname__", None) if callable(realm) else None
        raise TypeError(
            f"check_digest is used without a realm; write @check_digest(\"Realm\") above {name}" if name
            else f"check_digest: the realm is {realm!r}; expected a str, such as @check_digest(\"Realm\")"
        )

    def decorator(handler):
        _check_function(handler, f"check_digest({realm!r})")

        @wraps(handler)
        def with_login(req, *args, **kwargs):
            _check_login(req, realm, username)
            return handler(req, *args, **kwargs)

        return with_login

    return decorator


def hexdigest(username, realm, password, algorithm=md5):
    """The digest that is stored for a user: the hash of "username:realm:password" in hexadecimal. algorithm
    is a function of hashlib.

    algorithm must be the hash function of Application.auth_algorithm.
    """
    return algorithm(f"{username}:{realm}:{password}".encode()).hexdigest()


class PasswordMap(defaultdict):
    """The users of each realm with their digests: a dict of dicts, {realm: {username: digest}}.

    pathname is the password file for load() and write(), with a line username:realm:digest for each user.
    """

    # Written in Python, because a Rust class cannot inherit from defaultdict.

    def __init__(self, pathname=None):
        super().__init__(dict)
        self.pathname = pathname

    def set(self, realm, username, digest):
        """Adds a user to a realm, or changes the digest."""
        self[realm][username] = digest

    def delete(self, realm, username):
        """Removes a user from a realm. Returns whether there was one."""
        return self.get(realm, {}).pop(username, None) is not None

    def find(self, realm, username):
        """The digest of a user in a realm, or None."""
        return self.get(realm, {}).get(username)

    def verify(self, realm, username, digest):
        """Whether this is the user's digest, compared in constant time. An empty digest is never right."""
        stored = self.find(realm, username)
        return bool(stored) and compare_digest(str(stored).encode(), str(digest).encode())

    def load(self):
        """Adds the users in the file.

        Raises RuntimeError without a pathname, OSError for a file that cannot be read, ValueError for a line
        that is not username:realm:digest. No users are added then.
        """
        for realm, username, digest in _read_passwords(self._path()):
            self.set(realm, username, digest)

    def write(self):
        """Replaces the content of the file with all users, atomically.

        A new file can be read only by its owner. Raises RuntimeError without a pathname, OSError for a file
        that cannot be written, ValueError for a name that is empty or contains a colon or control character.
        """
        users = [(realm, name, digest) for realm, names in self.items() for name, digest in names.items()]
        _write_passwords(self._path(), users)

    def _path(self):
        if self.pathname is None:
            raise RuntimeError("No pathname: the PasswordMap was created without a file; write PasswordMap(\"users.digest\")")
        return self.pathname


def get_re_type():
    """Asks for a new password twice. If the two differ, prints so and returns None."""
    password = getpass("New password: ")
    if getpass("Re-type new password: ") == password:
        return password
    print("The passwords don't match.")
    return None


def main():
    """The command line, python -m poorwsgi.digest. Returns the exit code: 0, 1 if the passwords differ, 2 for
    an invalid user."""
    parser = _parser()
    args = parser.parse_args()
    algorithm = sha256 if args.sha256 and not args.md5 else md5

    def digest(password):
        return hexdigest(args.username, args.realm, password, algorithm)

    try:
        return _digest_command(
            args.passwordfile, args.realm, args.username, _action(args),
            password=getpass, new_password=get_re_type, digest=digest, write=sys.stdout.write)
    except (OSError, ValueError) as error:
        parser.error(str(error))


def _action(args):
    """The action of these options. If several are given, -n takes precedence over -v, -v over -D, and -D over
    -c, as in PoorWSGI."""
    for name in ("print", "verify", "delete", "create"):
        if getattr(args, name):
            return name
    return "change"


def _parser():
    parser = ArgumentParser(prog="digest", description="Keeps a password file for digest authentication.")
    parser.add_argument("-c", dest="create", action="store_true", help="make the file where there is none")
    parser.add_argument("-n", dest="print", action="store_true", help="print the line, change no file")
    parser.add_argument("-m", dest="md5", action="store_true", help="hash with MD5 (default)")
    parser.add_argument("-s", dest="sha256", action="store_true", help="hash with SHA-256")
    parser.add_argument("-D", dest="delete", action="store_true", help="remove the user")
    parser.add_argument("-v", dest="verify", action="store_true", help="say whether the user's password is right")
    parser.add_argument("--version", action="version", version=f"PoorWSGI digest {version('poorwsgi-rs')}")
    parser.add_argument("passwordfile", nargs="?", help="the password file")
    parser.add_argument("realm", help="the realm")
    parser.add_argument("username", help="the user")
    return parser


if __name__ == "__main__":
    sys.exit(main())

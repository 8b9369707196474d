"""Third-party applications on our server and on gunicorn, and a client for them."""
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import urllib.parse

import processes
import requests
from processes import PATIENCE
from servers import port_of

HERE = pathlib.Path(__file__).parent
PACKAGES = HERE.parent.parent / ".cache" / "applications" / "packages"
OURS, GUNICORN = "ours", "gunicorn"
#: The only peer whose X-Forwarded fields are trusted: an address that no client has.
NOBODY = "192.0.2.1"


def environment(**variables):
    """The environment of a process that can import the applications."""
    return {**os.environ, "PYTHONPATH": f"{PACKAGES}:{HERE}", **{name: str(value) for name, value in variables.items()}}


@contextlib.contextmanager
def serve(server, app, *options, believed=NOBODY, **variables):
    """Runs a server with an application of this folder or of a package; yields its port. The options are for
    our server only."""
    assert PACKAGES.exists(), "the applications are missing: run `make test-applications`"
    if server == GUNICORN:
        variables = environment(FORWARDED_ALLOW_IPS=believed, **variables)
        with processes.process("gunicorn gthread", app, HERE, **variables) as port:
            yield port
        return
    command = [sys.executable, "-m", "poorwsgi", "run", app, "--port", "0", "--trusted-proxy", believed, *options]
    process = subprocess.Popen(command, cwd=HERE, env=environment(**variables), stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line, f"it has not started: {process.wait(PATIENCE)}"
        yield port_of(line)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Site:
    """A client that keeps cookies, for an application on a server."""

    def __init__(self, server, port, folder=None):
        self.server, self.port, self.folder, self.url = server, port, folder, f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy
        self.session.headers["Accept-Encoding"] = "identity"

    def __call__(self, method, path, **options):
        options = {"timeout": PATIENCE, "allow_redirects": False, **options}
        return self.session.request(method, urllib.parse.urljoin(self.url, path), **options)

    def connection(self):
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)


def differs(site, *, ours, gunicorn):
    """The expected value, if the two servers differ."""
    return ours if site.server == OURS else gunicorn

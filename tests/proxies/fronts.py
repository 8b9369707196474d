"""nginx and HAProxy in front of an application, with the configurations of docs/proxies.md."""
import contextlib
import functools
import http.client
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = (ROOT / "docs" / "proxies.md").read_text()
PACKAGES = ROOT / ".cache" / "applications" / "packages"
PATIENCE = 30


def listing(language, number=0):
    """A configuration of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[number]


def replaced(text, *pairs):
    for old, new in pairs:
        assert text.count(old) == 1, (old, text)
        text = text.replace(old, new)
    return text


@functools.cache
def certificate():
    """A file with a key and a certificate that it has signed."""
    folder = pathlib.Path(tempfile.mkdtemp())
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=site.example"]
    subprocess.run([*command, "-keyout", folder / "key", "-out", folder / "certificate"], check=True, capture_output=True)
    (folder / "both").write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return folder / "both"


def nginx(folder, port, server, tls=False, more=()):
    """The command of nginx that listens at a port and passes requests to a server."""
    listens = f"listen 127.0.0.1:{port};"
    if tls:
        listens = f"listen 127.0.0.1:{port} ssl; ssl_certificate {certificate()}; ssl_certificate_key {certificate()};"
    site = replaced(listing("nginx"), ("listen 80;", listens), ("server 127.0.0.1:8080;", f"server {server};"), *more)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr warn;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + "events {}\nhttp {\naccess_log off;\n"
        + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + site + "}\n")
    return [program("nginx"), "-c", folder / "nginx.conf", "-e", "stderr"]


def haproxy(folder, port, server, tls=False, more=()):
    server = server.replace("unix:", "unix@")
    listens = f"bind 127.0.0.1:{port}" + (f" ssl crt {certificate()}" if tls else "")
    site = replaced(listing("haproxy"), ("bind :80", listens), ("server app 127.0.0.1:8080", f"server app {server}"), *more)
    (folder / "haproxy.cfg").write_text(site)
    return [program("haproxy"), "-db", "-f", folder / "haproxy.cfg"]


def haproxy_of_bytes(folder, port, server, tls=False, version="send-proxy-v2"):
    """HAProxy that passes on bytes behind a PROXY header, and asks for the health of the server."""
    listens = f"bind 127.0.0.1:{port}" + (f" ssl crt {certificate()}" if tls else "")
    site = re.sub(" +#.*", "", listing("haproxy", 1))
    (folder / "haproxy.cfg").write_text(replaced(
        site, ("bind :80", listens), ("127.0.0.1:8080", server.replace("unix:", "unix@")), ("send-proxy-v2 check", f"{version} check inter 100ms fall 1"),
        ("GET /", "GET /health")))
    return [program("haproxy"), "-db", "-f", folder / "haproxy.cfg"]


def program(name):
    return shutil.which(name) or f"/usr/sbin/{name}"


#: Those that pass on requests.
FRONTS = {"nginx": nginx, "haproxy": haproxy}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def until_it_accepts(process, port):
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)
    raise AssertionError(f"it ended with status {process.returncode}")


@contextlib.contextmanager
def front(name, folder, server, **options):
    """Runs a proxy in front of a server; yields its port."""
    port = free_port()  # neither proxy says which port the system chose
    make = FRONTS.get(name, haproxy_of_bytes)
    process = subprocess.Popen(make(folder, port, server, **options), cwd=folder)
    try:
        until_it_accepts(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextlib.contextmanager
def application(site, *options, **popen):
    """Runs `poorwsgi run` with an application of the folder; yields the line in which it says where it listens, and the process."""
    command = [sys.executable, "-m", "poorwsgi", "run", f"{site}:app", *options]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    process = subprocess.Popen(command, cwd=HERE / "sites", env=environment, stdout=subprocess.PIPE, text=True, **popen)
    try:
        line = process.stdout.readline()
        assert line, f"it has not started: {process.wait(PATIENCE)}"
        yield line, process
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def served(site, address, *options):
    """Runs an application; yields its address as nginx and HAProxy write it."""
    with application(site, "--bind", address, *options) as (line, _):
        yield address if address.startswith("unix:") else tcp_address(line)


def tcp_address(line):
    return re.search(r"http://([^\s;]+)", line)[1]


class Client:
    """A client with cookies, at an address that is its own. It does not verify the certificate."""

    def __init__(self, port, host, tls=False, source="127.0.0.2"):
        self.port, self.host, self.source, self.cookies = port, host, source, {}
        self.tls = ssl._create_unverified_context() if tls else None

    def __call__(self, path="/", **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE, source_address=(self.source, 0))
        with contextlib.closing(connection):
            connection.connect()
            if self.tls:
                connection.sock = self.tls.wrap_socket(connection.sock)
            fields = {"Host": self.host, **{name.replace("_", "-"): value for name, value in fields.items()}}
            if self.cookies:
                fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            connection.request("GET", path, headers=fields)
            answer = connection.getresponse()
            answer.text = answer.read().decode()
        return answer

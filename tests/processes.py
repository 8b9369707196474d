"""Servers in separate processes, by default with the application of served.py."""
import contextlib
import os
import pathlib
import socket
import subprocess
import sysconfig
import time

from servers import THREADS

HERE = pathlib.Path(__file__).parent
SCRIPTS = pathlib.Path(sysconfig.get_path("scripts"))
APP = "served:app"
PATIENCE = 30


def listening():
    """A socket that listens at a port that the system chooses. Clients that connect wait for the process that
    inherits it."""
    return socket.create_server(("127.0.0.1", 0), backlog=128)


def reserved():
    """A socket that reserves a port for a process that binds it itself (both set SO_REUSEPORT)."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


def gunicorn(*options):
    def command(place, app):
        fixed = ["--workers", "1", "--bind", f"fd://{place.fileno()}", "--no-control-socket"]
        limits = ["--limit-request-line", "8190"]  # 4094 bytes by default
        return [SCRIPTS / "gunicorn", *fixed, *limits, *options, app]

    return listening, command


def uwsgi(place, app):
    options = ["--master", "--need-app", "--die-on-term", "--disable-logging", "--threads", str(THREADS)]
    limits = ["--buffer-size", "16384"]  # of a head; 4 KiB by default
    return [SCRIPTS / "uwsgi", "--http-socket", f"fd://{place.fileno()}", *options, *limits, "--wsgi", app]


def granian(place, app):
    options = ["--interface", "wsgi", "--blocking-threads", str(THREADS), "--no-ws"]
    host, port = place.getsockname()
    return [SCRIPTS / "granian", *options, "--host", host, "--port", str(port), app]


#: For each server, how it gets its socket, and its command line.
PROCESSES = {
    "gunicorn sync": gunicorn(),
    "gunicorn gthread": gunicorn("--worker-class", "gthread", "--threads", str(THREADS)),
    "uwsgi": (listening, uwsgi),
    "granian": (reserved, granian),
}


@contextlib.contextmanager
def process(name, app=APP, folder=HERE, **variables):
    """Runs a server with an application of a folder; yields its port. The application reads PoorWSGI's
    variables from the environment of the process."""
    make_place, command = PROCESSES[name]
    environment = {**os.environ, "poor.Version": "1", "PYTHONPATH": str(folder), **variables}
    with make_place() as place:
        started = subprocess.Popen(command(place, app), cwd=folder, env=environment, pass_fds=[place.fileno()])
        port = place.getsockname()[1]
        try:
            if make_place is reserved:
                accepts(started, port)
            else:
                place.close()  # so that no client waits for a process that has ended
            yield port
        finally:
            started.terminate()
            try:
                started.wait(PATIENCE)
            finally:
                started.kill()


def accepts(process, port):
    """Tries to connect until a process accepts connections."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            return
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # the process cannot say yet when it will be ready

"""Serves PrusaLink's web application until its input ends: `serve_prusalink.py SERVER FOLDER`; prints the port first.

SERVER is "its own" (PrusaLink's server) or "ours". The files are in FOLDER; there is no printer, and nothing
that only a printer needs. Run with the interpreter of the original or with ours.
"""
import enum
import importlib
import logging
import pathlib
import sys
import threading
import time
import types
from unittest import mock

USER, PASSWORD = "printer", "a long password"
STORAGE = "PrusaLink gcodes"
#: Modules for cameras, networks and processes, and those that use them: not needed here.
ABSENT = ("magic", "prctl", "pyudev", "prusa.link.printer_adapter.prusa_link")


class TransferCallbackState(enum.Enum):
    SUCCESS = 0
    NOT_IN_TREE = 1
    ANOTHER_FILE_IN_TREE = 2


def stand_in():
    for name in ABSENT:
        sys.modules[name] = mock.MagicMock(name=name, __spec__=None)
    sys.modules["prusa.link.printer_adapter.prusa_link"].TransferCallbackState = TransferCallbackState


def watched(folder):
    """The tree of files that PrusaLink shows. It follows changes in the folder."""
    from prusa.connect.printer.files import Filesystem, InotifyHandler

    tree = Filesystem()
    tree.from_dir(str(folder), STORAGE)
    handler = InotifyHandler(tree)

    def follow():
        while True:
            handler()
            time.sleep(0.02)

    threading.Thread(target=follow, daemon=True).start()
    return tree


def daemon_of(folder):
    """A stand-in for the object that PrusaLink's web application uses: settings, files and a printer that
    does nothing."""
    from poorwsgi.digest import hexdigest
    from prusa.connect.printer.const import State
    from prusa.connect.printer.download import Transfer
    from prusa.link.web.lib.auth import REALM

    name = types.SimpleNamespace
    printer = name(fs=watched(folder), transfer=Transfer(), event_cb=lambda *args, **kwargs: None, state=State.IDLE, type=None,
                   firmware="3.13.0", sn="CZPX0000", nozzle_diameter=0.4)
    local = name(username=USER, digest=hexdigest(USER, REALM, PASSWORD), api_key="key")
    return name(
        cfg=name(debug=False, http=name(link_info=False), printer=name(directory=str(folder), directory_name=STORAGE)),
        settings=name(service_local=local, is_wizard_needed=lambda: False),
        prusa_link=name(printer=printer, download_finished_cb=lambda transfer: TransferCallbackState.SUCCESS))


def no_job(tree):
    from prusa.link.printer_adapter.job import Job, JobState

    job = types.SimpleNamespace(data=types.SimpleNamespace(selected_file_path=None, job_state=JobState.IDLE, from_sd=False),
                                printer=types.SimpleNamespace(fs=tree), deselect_file=lambda: None)
    Job.get_instance = staticmethod(lambda: job)


def application(folder):
    stand_in()
    web = importlib.import_module("prusa.link.web")
    daemon = daemon_of(folder)
    no_job(daemon.prusa_link.printer.fs)
    web.init_web_app(daemon)
    web.app.read_timeout = 1  # seconds that PoorWSGI waits for a client that has disconnected
    return web.app


def on_its_own(app):
    """Serves on PrusaLink's server, which is based on wsgiref."""
    from prusa.link.web import WebServer

    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    while not server.httpd:
        time.sleep(0.01)
    return server.httpd.server_port, server.stop


def on_ours(app):
    from poorwsgi.server import Server

    server = Server(app, "127.0.0.1:0")
    threading.Thread(target=server.serve).start()
    return int(server.address.rpartition(":")[2]), server.stop


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve = {"its own": on_its_own, "ours": on_ours}[sys.argv[1]]
    port, stop = serve(application(pathlib.Path(sys.argv[2])))
    print(port, flush=True)
    sys.stdin.read()
    stop()

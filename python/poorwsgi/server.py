"""The built-in HTTP/1.1 server."""
import contextlib
import os
import signal
import socket
import sys
import threading

from poorwsgi._poorwsgi import Application, Server

__all__ = ["Server", "run"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SERVED = b"\0"  # no signal has the number 0


def run(app: Application, address: str = "127.0.0.1:8080") -> None:
    """Serves an application until Ctrl-C or SIGTERM; a second one ends the process if handlers still run by then.

    ``address`` is ``"host:port"``, where port 0 is one that the system chooses, or ``"unix:/path"``. The first line on
    the standard output says where it listens. It must be called in the main thread, for which Python keeps the signals;
    elsewhere use :class:`Server`.
    """
    # Python and not Rust, because signal handlers are Python's to set and to restore, and run only in the main thread
    # while it is in Python: so it waits here, and another thread serves.
    server = Server(app, address)
    failures: list[BaseException] = []
    # Not Thread.join: the system may hand a signal to any thread, and one that comes just before the main thread sleeps
    # does not wake it, so that its handler would run after the join, which may be never. What is written here stays.
    woken, wake = socket.socketpair()
    with woken, wake:
        wake.setblocking(False)

        def serve() -> None:
            try:
                server.serve()
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)
            finally:
                with contextlib.suppress(OSError):  # run has left already, by an exception
                    wake.send(_SERVED)

        before = {number: signal.signal(number, lambda *_: server.stop()) for number in _SIGNALS}
        wakeup = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            thread = threading.Thread(target=serve, name="poorwsgi", daemon=True)
            thread.start()
            with contextlib.suppress(OSError):  # nobody has to read it
                print(f"PoorWSGI listens on {server.address}", flush=True)
            while woken.recv(1) != _SERVED:
                pass
            thread.join()
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
    if server.is_abandoned:
        # A thread inside Python can neither be ended nor outlive the interpreter.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(128 + signal.SIGINT)
    if failures:
        raise failures[0]

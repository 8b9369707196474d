"""The built-in HTTP/1.1 server."""
import contextlib
import signal
import threading

from poorwsgi._poorwsgi import Application, Server

__all__ = ["Server", "run"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(app: Application, address: str = "127.0.0.1:8080") -> None:
    """Serves an application until Ctrl-C or SIGTERM; a second one does not wait for running requests.

    ``address`` is ``"host:port"``, where port 0 is one that the system chooses, or ``"unix:/path"``. The first line on
    the standard output says where it listens. It must be called in the main thread, for which Python keeps the signals;
    elsewhere use :class:`Server`.
    """
    # Python and not Rust, because signal handlers are Python's to set and to restore, and run only in the main thread
    # while it is in Python: so it waits here, and another thread serves.
    server = Server(app, address)
    failures: list[BaseException] = []

    def serve() -> None:
        try:
            server.serve()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    before = {number: signal.signal(number, lambda *_: server.stop()) for number in _SIGNALS}
    try:
        thread = threading.Thread(target=serve, name="poorwsgi", daemon=True)
        thread.start()
        with contextlib.suppress(OSError):  # nobody has to read it
            print(f"PoorWSGI listens on {server.address}", flush=True)
        thread.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if failures:
        raise failures[0]

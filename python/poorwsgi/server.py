"""The built-in HTTP/1.1 server: ``run`` for a process that does nothing else, ``make_server`` to replace wsgiref's."""
import atexit
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading

from poorwsgi import _log
from poorwsgi._poorwsgi import FileWrapper, Input, Listener, Server, _call_within, _end_servers
from poorwsgi._settings import DEFAULT_ADDRESS, address_of, described

__all__ = ["FileWrapper", "Input", "Listener", "Server", "WSGIServer", "make_server", "run"]

_LOG = logging.getLogger("poorwsgi.server")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SERVED = b"\0"  # no signal has the number 0
_LAST_WORDS = 2  # seconds that a server gets to end at once


@described
def run(app, address=DEFAULT_ADDRESS, *, ready=None, **settings):
    """Serves an application until Ctrl-C or SIGTERM; a second signal ends the process even if handlers are
    still running.

    ``app`` is an Application, which is called natively, or any other WSGI callable. ``address`` is
    ``"host:port"`` (port 0 lets the system choose one), ``"unix:/path"``, a list of these, or a :class:`Listener`. Prints a
    first line that says what is served and where. Call ``run`` in the main thread, since Python handles
    signals only there; in other threads use :class:`Server`. ``settings`` are the keyword arguments listed
    below, such as ``max_body=200 * 1024 * 1024``. ``ready`` is called with the server, instead of printing
    the first line.
    """
    server = Server(app, address, **settings)
    stop = _stopping(server)
    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        _serve(server, lambda: (ready or _announce)(server))
    finally:
        for number, handler in before.items():
            # Leave a handler that something else has set meanwhile: a worker, which is told to stop more than once,
            # keeps its own.
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)
    if server.is_abandoned:
        _exit(128 + signal.SIGINT)


def _stopping(server):
    """A signal handler that stops a server, and logs it."""
    told = iter(("stopping: requests that run are finished first", "stopping at once: requests that run are cut off"))

    def stop(*_):
        server.stop()
        if text := next(told, None):
            _LOG.warning(text)

    return stop


_is_serving = False


def _in_child():
    """Resets signals in a process that a handler forks: it is not a server, and signals work there as in any other
    program."""
    if not _is_serving:
        return
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if (getattr(handler, "__module__", None) or "").startswith("poorwsgi."):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_in_child)

#: Functions that are called when a request is stuck; a worker adds one.
_on_stuck = []


def _stuck(what):
    """Logs a stuck request with the tracebacks of all Python threads, and tells the supervisor, if there is one."""
    _LOG.error("%s; what the threads do:\n%s", what, _tracebacks())
    for tell in _on_stuck:
        tell(what)


def _tracebacks():
    """The tracebacks of all Python threads, up to what a pipe holds."""
    import faulthandler

    try:
        reader, writer = os.pipe()
    except OSError as error:
        return f"no tracebacks: {error}"
    with open(reader, "rb") as tracebacks:
        with open(writer, "wb", buffering=0):
            os.set_blocking(writer, False)
            faulthandler.dump_traceback(writer, all_threads=True)
        return tracebacks.read().decode(errors="replace").rstrip()


def _exit(status):
    """Ends the process without waiting for its threads: a thread inside Python can neither be ended nor outlive the
    interpreter."""
    # In another thread, because a stuck thread may never release the locks of logging and the streams.
    _call_within(_LAST_WORDS, _flush)
    os._exit(status)


def _flush():
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


@atexit.register
def _at_exit():
    if _end_servers(_LAST_WORDS):
        # Python's exit status is not known here; this is what it nearly always is.
        raised = getattr(sys, "last_type", None)
        _exit(0 if raised is None else 128 + signal.SIGINT if issubclass(raised, KeyboardInterrupt) else 1)


def _announce(server, name="an application"):
    _log.say_served(name, server.is_native, server.address)


def _serve(server, ready=lambda: None, call=Server.serve):
    """Serves in another thread while the main thread waits for signals, so that their handlers run at once."""
    # Python and not Rust, because signal handlers are Python's, and run only in the main thread while it is in Python.
    failures = []
    # Not Thread.join: the system may deliver a signal to any thread, and a signal just before the main thread sleeps
    # does not wake it, so that the handler would run after the join, which may be never. A byte in this socket is not
    # lost.
    woken, wake = socket.socketpair()
    with woken, wake:
        wake.setblocking(False)

        is_ready = threading.Event()

        def serve():
            is_ready.wait()
            try:
                call(server)
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)
            finally:
                with contextlib.suppress(OSError):  # the main thread has left already, by an exception
                    wake.send(_SERVED)

        global _is_serving
        _is_serving = True
        wakeup = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        thread = threading.Thread(target=serve, name="poorwsgi", daemon=True)
        try:
            # First, since the server is not ready without its thread.
            thread.start()
            # The thread waits, since a request may end the process at once, before `ready` has run; connections queue
            # meanwhile.
            ready()
            is_ready.set()
            while woken.recv(1) != _SERVED:
                pass
        except BaseException:
            # An exception of a signal handler, such as KeyboardInterrupt, does not wait for requests.
            server.stop()
            server.stop()
            is_ready.set()
            raise
        finally:
            signal.set_wakeup_fd(wakeup)
            _is_serving = False
            if thread.ident:  # else the signal came before it was started
                thread.join()
    if failures:
        raise failures[0]


class WSGIServer:
    """A server for code that was written for ``wsgiref.simple_server``; see :func:`make_server`.

    It serves many connections at a time, on its own threads. The hooks of ``socketserver`` (``process_request``,
    ``verify_request``, ``handle_error``, ...) and those of a request handler class are not called. The server logs to
    the logger ``poorwsgi.server``; it writes no line for each request to the standard error.
    """

    #: Limits and timeouts, see :func:`run`. They are read when the socket is bound.
    settings: dict = {}  # noqa: RUF012

    # Written in Python, because all of its interface is Python: threads, events, signals, attributes.

    def __init__(self, server_address, RequestHandlerClass=None, bind_and_activate=True):
        host, port = server_address
        self.RequestHandlerClass = RequestHandlerClass
        self.server_address = (host, port)
        self.server_name = host or "localhost"
        self.server_port = port
        self.application = None
        if not hasattr(type(self), "timeout"):
            self.timeout = None
        self._listener = None
        self._server = None
        self._stopped = threading.Event()
        self._stop = False
        self._lock = threading.Lock()
        if bind_and_activate:
            self.server_bind()

    def server_bind(self):
        """Binds the socket and listens. Without bind_and_activate it is called before the server is used."""
        self._listener = Listener(address_of(*self.server_address), **self.settings)
        host, _, port = self._listener.address.removeprefix("http://").rpartition(":")
        self.server_address = (host.strip("[]"), int(port))
        self.server_port = int(port)

    def server_activate(self):
        """Does nothing: a bound socket already listens."""

    def set_app(self, application):
        """Sets the application, from the next call of serve_forever or handle_request on."""
        self.application = application

    def get_app(self):
        """The application."""
        return self.application

    def fileno(self):
        """The descriptor of the listening socket, for select and the like."""
        return self._listening().fileno()

    def serve_forever(self, poll_interval=0.5):
        """Serves until shutdown is called. ``poll_interval`` is not needed.

        In the main thread, an exception of a signal handler, such as the KeyboardInterrupt of Ctrl-C, ends
        serve_forever at once; running requests are cut off.
        """
        self._drive(Server.serve)

    def handle_request(self):
        """Answers one request, and returns. If none comes within ``timeout`` seconds, calls handle_timeout."""
        if self.timeout is not None and not select.select([self], [], [], self.timeout)[0]:
            return self.handle_timeout()
        self._drive(Server.serve_one)

    def handle_timeout(self):
        """Called when no request came in time. Does nothing; a subclass may override it."""

    def shutdown(self):
        """Ends serve_forever, from another thread: running requests are finished first, and then this returns.

        A handler must call shutdown in another thread, because it would wait for itself otherwise.
        """
        with self._lock:
            # A second stop would cut the requests off.
            if self._server and not self._stop:
                self._server.stop()
            self._stop = True
        self._stopped.wait()

    def server_close(self):
        """Closes the listening socket."""
        if self._listener:
            self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback, /):
        self.server_close()

    def _listening(self):
        if not self._listener:
            raise ValueError("the server is not bound; call server_bind() first")
        return self._listener

    def _drive(self, call):
        server = Server(self.application, self._listening())
        with self._lock:
            self._stopped.clear()
            self._server = server
            if self._stop:
                server.stop()
        try:
            if threading.current_thread() is threading.main_thread():
                _serve(server, call=call)
            else:
                call(server)
        finally:
            with self._lock:
                self._server = None
                self._stop = False
            self._stopped.set()


@described
def make_server(host, port, app, server_class=WSGIServer, handler_class=None, **settings):
    """Creates a server for an application, as ``wsgiref.simple_server.make_server`` does.

        with make_server("", 8000, app) as httpd:
            httpd.serve_forever()

    ``host`` "" means all IPv4 addresses; ``port`` 0 lets the system choose one (see ``server_port``). ``app``
    is an Application, which is called natively, or any other WSGI callable. A ``server_class`` derived from
    :class:`WSGIServer` is used; a class of wsgiref or socketserver is accepted and ignored, and so is
    ``handler_class``: this server needs no mix-in to answer several requests at a time, and no handler class
    to be quiet. ``settings`` are listed below.
    """
    if not (isinstance(server_class, type) and issubclass(server_class, WSGIServer)):
        server_class = WSGIServer
    server = server_class((host, port), handler_class, bind_and_activate=not settings)
    if settings:
        server.settings = settings
        server.server_bind()
        server.server_activate()
    server.set_app(app)
    return server

"""A worker process, on its own side: what its supervisor hands over to it, and what the two say to each other."""
# Python, because it is about signals, the environment and threads of Python. Nothing of it is on the way of a request.
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

from poorwsgi import _log

_LOG = logging.getLogger("poorwsgi.supervisor")

#: What a worker finds in its environment: the descriptor of its end of the control socket.
CONTROL = "POORWSGI_CONTROL"
#: And the table of connections, by which workers share them evenly: its descriptor, a colon, the number of its entry.
SIBLINGS = "POORWSGI_SIBLINGS"
#: And the listening socket, as systemd hands it over (sd_listen_fds(3)).
LISTENING = ("LISTEN_FDS", "LISTEN_FDS_FIRST_FD", "LISTEN_PID", "LISTEN_FDNAMES")

#: What is said to the supervisor alone. Who tells every process, as `pkill -f` does, is not to end the workers by it.
NOT_FOR_WORKERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU)
RETIRE, STOP, TELL, CUT = b"r", b"s", b"t", b"c"  # what a worker is asked for
WORDS = ("ready", "alive", "replace", "closed")  # what a worker says, each a line and some with more text behind
LONGEST_WORD = 1000  # bytes of a line that a worker says
LAST_WORDS = 5  # seconds that a worker gets above its stop_timeout
STUCK = 60  # seconds without a sign of life, or of one inline call, after which a worker is replaced
_BEAT = 1  # seconds between two signs of life
_LOOK = 0.1  # seconds between two looks whether a server that stops has closed its socket
_AGAIN = 30  # seconds until a worker asks again to be replaced


def inherited(settings):
    """The listening socket that was handed over. It is taken before the application is loaded, because programs that the
    application starts must get nothing of what belongs to this process: no descriptor and no variable."""
    from poorwsgi._poorwsgi import Listener

    listener = Listener("inherited", **settings)
    os.set_inheritable(listener.fileno(), False)
    for name in LISTENING:
        os.environ.pop(name, None)
    # It has been opened once more with the socket.
    table, _, _ = os.environ.pop(SIBLINGS, "").partition(":")
    if table:
        with suppress(OSError, ValueError):
            os.close(int(table))
    return listener


def _report_faults():
    """Has Python's fault handler say what threads do when the process crashes. The application may have its own."""
    with suppress(OSError, ValueError, AttributeError, RuntimeError):  # no standard error
        again = _log.reopened(sys.stderr.fileno())
        # Where nobody reads it, the process would not end.
        faulthandler.enable(sys.stderr if again is None else again)


class Control:
    """A worker's end of the control socket, which it has from its environment."""

    @staticmethod
    def of_environment(stop_timeout):
        """None in a process that is no worker."""
        from poorwsgi._poorwsgi import _end_after_parent

        descriptor, _, supervisor = os.environ.pop(CONTROL, "").partition(":")
        if not descriptor:
            return None
        for number in NOT_FOR_WORKERS:
            # Programs that the application starts would inherit that a signal is ignored, but not a handler. To be stopped
            # for reading from a terminal is ignored none the less: with a handler it would be tried for ever.
            of_terminal = number in (signal.SIGTTIN, signal.SIGTTOU)
            signal.signal(number, signal.SIG_IGN if of_terminal else lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NOT_FOR_WORKERS)
        _report_faults()
        with suppress(OSError):  # no thread can be started
            _end_after_parent(int(supervisor), stop_timeout + LAST_WORDS)
        connection = socket.socket(fileno=int(descriptor))
        connection.set_inheritable(False)
        return Control(connection)

    def __init__(self, connection):
        self._connection = connection
        os.register_at_fork(after_in_child=connection.close)
        self._ends = threading.Lock()  # held from the first time that the server is told to finish

    def close(self):
        """The supervisor need not hear any more."""
        self._connection.close()

    def say(self, words):
        """Tells the supervisor, if it is still there and listens."""
        line = " ".join(words.split()).encode()[:LONGEST_WORD]
        with suppress(OSError):
            self._connection.sendall(line + b"\n")

    def watch(self, server, application, max_requests=0, max_memory=0, request_timeout=None):
        """Stops the server when the supervisor has gone, and asks to be replaced when it has had its share or is stuck."""
        from poorwsgi import server as module

        # The supervisor says it once more to a worker that systemd, for one, has told already, and that may have finished
        # all but the last words of its application.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._finish(server.stop))
        module._on_stuck.append(lambda what: self.say(f"replace {what}"))
        longest = min(request_timeout or STUCK, STUCK)
        threading.Thread(
            target=self._watch, args=(server, application, module, longest, max_requests, max_memory), name="poorwsgi control", daemon=True
        ).start()

    def _finish(self, end):
        """Ends the server by finishing what it does. The second time that would be to cut it off."""
        if self._ends.acquire(blocking=False):
            end()

    def _watch(self, server, application, module, longest, max_requests, max_memory):
        quiet_until = 0
        has_closed = False
        while True:
            if not has_closed and not server.is_listening:
                has_closed = True
                self.say("closed")
            try:
                self._connection.settimeout(_BEAT if has_closed or not self._ends.locked() else _LOOK)
                asked = self._connection.recv(1)
                if asked == RETIRE:
                    self._finish(server.retire)
                elif asked == STOP:
                    self._finish(server.stop)
                elif asked == TELL:
                    _tell_routes(application)
                elif asked == CUT:
                    self._finish(server.stop)
                    server.stop()
                else:
                    return self._finish(server.stop)
            except TimeoutError:
                pass
            except OSError:
                return self._finish(server.stop)
            self.say("alive")
            if time.monotonic() < quiet_until:
                continue
            if server.held_up_for > longest:
                module._stuck(f"a request takes longer than {longest:g} s")
            elif max_requests and server.requests >= max_requests:
                self.say(f"replace after {server.requests} requests")
            elif max_memory and _resident() >= max_memory:
                self.say(f"replace at {_resident() >> 20} MiB of memory")
            else:
                continue
            quiet_until = time.monotonic() + _AGAIN


def _tell_routes(application):
    """Writes to the log how the calls of each route have gone."""
    from poorwsgi import Application
    from poorwsgi.cli import _routes_table

    known = isinstance(application, Application)
    _LOG.warning("worker %d:\n%s", os.getpid(), _routes_table(application) if known else "the routes are not known")


def _resident():
    """Bytes of memory of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0

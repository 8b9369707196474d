"""The worker's side of a worker process: what the supervisor hands over, and the messages between the two."""
# Written in Python, because it is about signals, the environment and threads of Python. No request passes through it.
import errno
import faulthandler
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

from poorwsgi import _log
from poorwsgi._admin import messages

_LOG = logging.getLogger("poorwsgi.supervisor")

#: Environment variable with the descriptor of the worker's end of the control socket, a colon, and the supervisor's process id.
CONTROL = "POORWSGI_CONTROL"
#: Environment variable of the table of connections, by which workers balance them: its descriptor, a colon, the worker's entry.
SIBLINGS = "POORWSGI_SIBLINGS"
#: Environment variables of the listening socket, as systemd hands it over (sd_listen_fds(3)).
LISTENING = ("LISTEN_FDS", "LISTEN_FDS_FIRST_FD", "LISTEN_PID", "LISTEN_FDNAMES")

#: Signals for the supervisor only. Sent to every process, as `pkill -f` does, they must not end the workers.
NOT_FOR_WORKERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU)
RETIRE, STOP, TELL, REOPEN, CUT = b"r", b"s", b"t", b"o", b"c"  # orders to a worker
BOUND = b"b"  # the same; comes with the listening socket
WORDS = ("loaded", "ready", "alive", "replace", "closed", "counts", "routes")  # messages of a worker: each is a line, some with more text
LONGEST_WORD = 1 << 16  # bytes of a message
_LONGEST_TABLE = LONGEST_WORD // 8  # characters, each of which takes up to 6 bytes of JSON
MOST_SOCKETS = 250  # that may be sent with one message: Linux allows 253
LAST_WORDS = 5  # seconds that a worker gets beyond its stop_timeout
STUCK = 60  # a worker is replaced after this many seconds without a heartbeat, or of one inline call
_BEAT = 1  # seconds between two heartbeats
_LOOK = 0.1  # seconds between two checks whether a stopping server has closed its socket
_AGAIN = 30  # seconds until a worker repeats its request to be replaced


def descriptors_of(address):
    """The descriptors of fd://NUMBER, or of fd://NAME: those of the sockets that were passed with this name (FileDescriptorName= in
    systemd.socket(5)). Raises ValueError."""
    name = address.removeprefix("fd://")
    if name.isascii() and name.isdigit():
        return [int(name)]
    own = str(os.getpid())
    names = os.environ.get("LISTEN_FDNAMES", "") if os.environ.get("LISTEN_PID", own) == own else ""
    first = int(os.environ.get("LISTEN_FDS_FIRST_FD", "3"))  # as sd_listen_fds(3) begins
    found = [first + place for place, each in enumerate(names.split(":")) if each == name]
    if not found:
        passed = f"passed are {names.replace(':', ', ')}" if names else "none was passed with a name"
        raise ValueError(f"there is no socket for {address} (LISTEN_FDNAMES): {passed}")
    return found


def hand_over(descriptors):
    """Names these descriptors of this process as sockets that were handed over to it, as systemd does. Raises OSError where
    one is no listening socket."""
    for number in descriptors:
        try:
            with socket.socket(fileno=os.dup(number)) as found:
                is_listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise OSError(error.errno, f"fd://{number}: {error.strerror}; expected the number of an open, listening socket") from None
        if not is_listening:
            raise OSError(errno.EINVAL, f"fd://{number}: the socket does not listen; call listen() before it is passed on")
    row = in_a_row(descriptors)
    for name in LISTENING:
        os.environ.pop(name, None)
    os.environ["LISTEN_FDS"], os.environ["LISTEN_FDS_FIRST_FD"] = str(len(row)), str(row[0])


def in_a_row(descriptors):
    """The same open files under successive numbers, as sd_listen_fds(3) wants them; other numbers are closed."""
    row, start = list(descriptors), 3
    while any(number != row[0] + place for place, number in enumerate(row)):
        row = []
        for number in descriptors:
            row.append(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, start if not row else row[0] + len(row)))
            if row[-1] != row[0] + len(row) - 1:  # something else has that number
                start = row[-1]
                break
        else:
            for number in descriptors:
                os.close(number)
            return row
        for number in row:
            os.close(number)
    return row


def inherited(settings, addresses="inherited"):
    """The listening sockets that were handed over by the supervisor or systemd. They are taken before the
    application is loaded, because programs that the application starts must inherit neither the descriptors
    nor the variables. Other addresses are bound beside them."""
    from poorwsgi._poorwsgi import Listener

    listener = Listener(addresses, **settings)
    for number in listener._filenos():
        os.set_inheritable(number, False)
    for name in LISTENING:
        os.environ.pop(name, None)
    # The listener has its own descriptor of the table.
    table, _, _ = os.environ.pop(SIBLINGS, "").partition(":")
    if table:
        with suppress(OSError, ValueError):
            os.close(int(table))
    return listener


def _report_faults():
    """Makes Python's fault handler write the tracebacks of all threads if the process crashes. The
    application may replace it."""
    with suppress(OSError, ValueError, AttributeError, RuntimeError):  # no standard error
        again = _log.reopened(sys.stderr.fileno())
        # A blocking write to a pipe that is not read would keep the process from ending.
        faulthandler.enable(sys.stderr if again is None else again)


def _held_back(name):
    """Takes an environment variable that names a descriptor, which programs that the application starts then do not
    inherit, until the worker itself needs both."""
    value = os.environ.pop(name, "")
    with suppress(OSError, ValueError):
        os.set_inheritable(int(value.partition(":")[0]), False)
    return value


class Control:
    """A worker's end of the control socket, which the environment names."""

    @staticmethod
    def of_environment(stop_timeout):
        """The control socket of this worker; None in a process that is no worker."""
        from poorwsgi._poorwsgi import _end_after_parent

        descriptor, _, supervisor = os.environ.pop(CONTROL, "").partition(":")
        if not descriptor:
            return None
        for number in NOT_FOR_WORKERS:
            # Programs that the application starts would inherit an ignored signal, but not a handler. The signals for
            # terminal access are ignored all the same: with a handler, the access would be retried for ever.
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
        #: Whether the listening socket was handed over at the start. The first worker gets it after it has loaded the
        #: application.
        self.has_socket = "LISTEN_FDS" in os.environ
        self._siblings = "" if self.has_socket else _held_back(SIBLINGS)
        os.register_at_fork(after_in_child=connection.close)
        self._counted = {}  # the counts that were sent
        self._ends = threading.Lock()  # taken when the server is told to finish for the first time

    def close(self):
        """Closes the connection to the supervisor."""
        self._connection.close()

    def say(self, words):
        """Sends a message to the supervisor, if it still runs and reads."""
        line = "".join(each if each.isprintable() else " " for each in words).encode()[:LONGEST_WORD]
        with suppress(OSError):
            self._connection.sendall(line + b"\n")

    def bound(self, settings):
        """The listening socket, which the supervisor binds when it hears that the application is loaded."""
        self.say("loaded")
        asked, descriptors, _, _ = socket.recv_fds(self._connection, 1, MOST_SOCKETS)
        if asked != BOUND or not descriptors:  # told to stop, or the supervisor has ended
            sys.exit(1)
        hand_over(descriptors)
        if self._siblings:
            os.environ[SIBLINGS] = self._siblings
        return inherited(settings)

    def say_routes(self, table):
        """Sends the table of routes: of a long one the beginning, so that the message stays whole."""
        shown = table if len(table) <= _LONGEST_TABLE else f"{table[:_LONGEST_TABLE]}\n… (the table goes on)\n"
        self.say(f"routes {json.dumps(shown)}")

    def count(self, server):
        """Sends the counts of the server that have changed."""
        for message in messages(server._metrics(), self._counted):
            self.say(f"counts {message}")

    def watch(self, server, application, *, max_requests, max_memory, request_timeout):
        """Stops the server when the supervisor has ended, and asks for a replacement when a limit is reached
        or a request is stuck."""
        from poorwsgi import server as module

        # The supervisor also signals workers that already got the signal, for example from systemd, and that
        # may be about to end.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._finish(server.stop))
        module._on_stuck.append(lambda what: self.say(f"replace {what}"))
        longest = min(request_timeout or STUCK, STUCK)
        threading.Thread(
            target=self._watch, args=(server, application, module, longest, max_requests, max_memory), name="poorwsgi control", daemon=True
        ).start()

    def _finish(self, end):
        """Makes the server finish its requests and end. Does so only once, since a second stop would cut the
        requests off."""
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
                elif asked == REOPEN:
                    server._reopen_log()
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
            self.count(server)
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
    """Logs the table of routes with the times of their calls."""
    from poorwsgi.cli import _routes_text

    _LOG.warning("worker %d:\n%s", os.getpid(), _routes_text(application))


def _resident():
    """The resident memory of this process in bytes; 0 if the system does not report it."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0

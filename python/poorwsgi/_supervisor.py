"""Worker processes under a supervisor: ``poorwsgi run --workers N``.

The supervisor binds the socket and starts each worker as a new process, which inherits it: nothing is forked that has
threads, and while workers come and go, connections wait in the one queue of the socket. It never loads the application.
"""
# Python, because it starts interpreters as this one was started. Nothing of it is on the way of a request.
import faulthandler
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

_LOG = logging.getLogger("poorwsgi.supervisor")

#: What a worker finds in its environment: the descriptor of its end of the control socket.
CONTROL = "POORWSGI_CONTROL"
#: And the table of connections, by which workers share them evenly: its descriptor, a colon, the number of its entry.
SIBLINGS = "POORWSGI_SIBLINGS"
_ENTRIES, _ENTRY = 256, 4  # how many there are, and the bytes of each

#: What is said to the supervisor alone. Who tells every process, as `pkill -f` does, is not to end the workers by it.
_NOT_FOR_WORKERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, *_NOT_FOR_WORKERS)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10  # seconds before a worker is started again that died young
_YOUNG = 5  # seconds
_RETIRE, _TELL, _CUT = b"r", b"t", b"c"  # what a worker is asked for
_BEAT = 1  # seconds between two signs of life of a worker
_STUCK = 60  # seconds without one, or of one inline call, after which a worker is replaced
_AGAIN = 30  # seconds until a worker asks again to be replaced: the other one may have failed to start
_LAST_WORDS = 5  # seconds that a worker gets above its stop_timeout


class _Worker:
    """A process that serves, as the supervisor sees it."""

    def __init__(self, command, listener, table, entry):
        self.entry = entry  # in the table of connections; None where there is none
        self.control, theirs = socket.socketpair()
        with theirs:
            environment = {
                **os.environ, "LISTEN_FDS": "1", "LISTEN_FDS_FIRST_FD": str(listener.fileno()),
                CONTROL: str(theirs.fileno()),
            }
            environment.pop("LISTEN_PID", None)
            passed = [listener.fileno(), theirs.fileno()]
            environment.pop(SIBLINGS, None)
            if entry is not None:
                environment[SIBLINGS] = f"{table.fileno()}:{entry}"
                passed.append(table.fileno())
            # A group of its own: Ctrl-C in a terminal goes to all of the supervisor's.
            try:
                self.process = subprocess.Popen(command, env=environment, pass_fds=passed, process_group=0)
            except OSError:
                self.control.close()
                raise
        self.control.setblocking(False)
        self.pid = self.process.pid
        self.begun = time.monotonic()
        self.heard = self.begun  # when it last said something, once it is ready
        self.how = None  # how the application is served, once it is ready
        self.kill_at = None  # when it is killed, after it was told to stop
        self.replaces = None  # the worker that stops when this one is ready

    def stop(self, grace):
        """Tells it to finish what it does, and to end."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + grace
            self.signal(signal.SIGTERM)

    def retire(self, grace):
        """The same, while other workers take over: its clients learn of it by their next answer."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + grace
            self.ask(_RETIRE)

    def ask(self, what):
        with suppress(OSError):
            self.control.send(what)

    def signal(self, number):
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class Supervisor:
    """Keeps so many workers running until it is told to stop."""

    def __init__(self, listener, count, command=None, stop_timeout=30):
        self._listener = listener
        self._table = None
        self._count = count
        self._command = command or _command()
        self._grace = stop_timeout + _LAST_WORDS
        self._workers = []
        self._selector = selectors.DefaultSelector()
        self._pause = _FIRST_PAUSE
        self._start_at = 0
        self._stops = 0
        self._is_good = False
        self._announced = False
        self._status = 0

    def run(self):
        """Returns the exit status once all workers have ended."""
        woken, wake = socket.socketpair()
        with woken, wake:
            woken.setblocking(False)
            wake.setblocking(False)
            wakeup = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
            # A handler there must be, or the default action is taken; what is to be done comes through the socket.
            before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
            self._selector.register(woken, selectors.EVENT_READ, None)
            self._table = _table()
            try:
                while True:
                    self._fill()
                    if self._stops and not self._workers:
                        return self._status
                    self._wait(woken)
            finally:
                for worker in self._workers:
                    worker.signal(signal.SIGKILL)
                    worker.process.wait()
                if self._table:
                    self._table.close()
                signal.set_wakeup_fd(wakeup)
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _active(self):
        """The workers that are to go on."""
        leaving = [worker.replaces for worker in self._workers if worker.replaces]
        return [worker for worker in self._workers if worker.kill_at is None and worker not in leaving]

    def _fill(self):
        """Starts workers that are missing, and stops those that are too many."""
        if self._stops:
            return
        active = self._active()
        # One alone tells whether the application can be started at all.
        count = self._count if self._is_good else 1
        while len(active) < count and time.monotonic() >= self._start_at:
            worker = self._start()
            if worker is None:
                break
            active.append(worker)
        for worker in active[self._count:]:
            worker.retire(self._grace)

    def _start(self, replaces=None):
        try:
            worker = _Worker(self._command, self._listener, self._table, self._free_entry())
        except OSError as error:
            if not self._is_good:
                raise
            _LOG.error("a worker cannot be started for now: %s", error)
            self._start_at = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return None
        worker.replaces = replaces
        self._workers.append(worker)
        self._selector.register(worker.control, selectors.EVENT_READ, worker)
        return worker

    def _free_entry(self):
        """The number of an entry of the table that no worker has; None where there is none."""
        taken = {worker.entry for worker in self._workers}
        return next((entry for entry in range(_ENTRIES) if entry not in taken), None) if self._table else None

    def _wait(self, woken):
        now = time.monotonic()
        times = [
            worker.heard + _STUCK if worker.kill_at is None else worker.kill_at
            for worker in self._workers if worker.kill_at is not None or worker.how is not None
        ]
        if not self._stops and self._start_at > now and len(self._active()) < self._count:
            times.append(self._start_at)
        timeout = max(0, min(times) - now) if times else None
        for key, _ in self._selector.select(timeout):
            if key.data is not None:
                self._hear(key.data)
        numbers = b""
        with suppress(BlockingIOError):
            numbers = woken.recv(4096)
        for number in numbers:
            self._handle(number)
        self._reap()
        now = time.monotonic()
        for worker in self._workers:
            if worker.kill_at is None and worker.how is not None and now >= worker.heard + _STUCK:
                # Not even its own thread gets to run. Python's fault handler says what the others do.
                _LOG.error("worker %d gives no sign of life and is ended", worker.pid)
                worker.signal(signal.SIGABRT)
                worker.heard = now
            if worker.kill_at is not None and now >= worker.kill_at:
                _LOG.warning("worker %d did not end in time and is killed", worker.pid)
                worker.signal(signal.SIGKILL)
                worker.kill_at = now + _LAST_WORDS

    def _handle(self, number):
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stops += 1
            for worker in list(self._workers):
                if worker.kill_at is not None and self._stops > 1:
                    worker.ask(_CUT)
                worker.stop(self._grace)
        elif self._stops:
            return
        elif number == signal.SIGHUP:
            _LOG.warning("reload: %d new workers", self._count)
            for worker in self._active():
                if worker.how is not None:
                    self._start(replaces=worker)
        elif number == signal.SIGUSR1:
            for worker in self._workers:
                if worker.how is not None:
                    worker.ask(_TELL)
        elif number == signal.SIGTTIN:
            self._count += 1
        elif number == signal.SIGTTOU:
            self._count = max(1, self._count - 1)

    def _hear(self, worker):
        try:
            said = worker.control.recv(4096)
        except BlockingIOError:
            return
        except OSError:  # it has died with something unread
            said = b""
        if not said:  # it is ending
            self._selector.unregister(worker.control)
            worker.control.close()
            return
        worker.heard = time.monotonic()
        for word in said.decode().splitlines():
            kind, _, rest = word.partition(" ")
            if kind == "ready":
                worker.how = rest
                self._ready(worker)
            elif kind == "replace" and worker.kill_at is None:
                _LOG.warning("worker %d is replaced: %s", worker.pid, rest)
                if worker in self._active() and not self._stops:
                    self._start(replaces=worker)

    def _ready(self, worker):
        self._is_good = True
        if worker.replaces:
            worker.replaces.retire(self._grace)
            worker.replaces = None
        if not self._announced and sum(each.how is not None for each in self._workers) == self._count:
            self._announced = True
            number = f"{self._count} worker{'s' if self._count > 1 else ''}"
            with suppress(OSError):  # nobody has to read it
                print(f"PoorWSGI listens on {self._listener.address}, the application is served {worker.how} by {number}",
                      flush=True)

    def _reap(self):
        for worker in [each for each in self._workers if each.process.poll() is not None]:
            self._workers.remove(worker)
            if worker.entry is not None:
                os.pwrite(self._table.fileno(), bytes(_ENTRY), worker.entry * _ENTRY)
            if worker.control.fileno() >= 0:
                self._hear(worker)
            if worker.control.fileno() >= 0:
                self._selector.unregister(worker.control)
                worker.control.close()
            for each in self._workers:
                if each.replaces is worker:
                    each.replaces = None
            if worker.kill_at is None and not self._stops:
                self._died(worker)

    def _died(self, worker):
        status = worker.process.returncode
        if not self._is_good:
            # It has said itself why it cannot start; another one would say the same.
            self._stops += 1
            self._status = status if status > 0 else 1
            return
        how = f"was ended by {_signal_name(-status)}" if status < 0 else f"ended with status {status}"
        _LOG.error("worker %d %s", worker.pid, how)
        now = time.monotonic()
        if now - worker.begun < _YOUNG:
            self._start_at = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        else:
            self._start_at = now
            self._pause = _FIRST_PAUSE


def _table():
    """Memory that workers have in common; None where the system has none, and connections are shared as they come."""
    with suppress(AttributeError, OSError):
        table = open(os.memfd_create("poorwsgi"), "r+b", buffering=0)
        table.truncate(_ENTRIES * _ENTRY)
        return table


def _signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:  # one of those for real time
        return f"signal {number}"


def _command():
    """The command line of this process, for another one like it."""
    return [sys.executable, *sys.orig_argv[1:]]


class Control:
    """A worker's end of the control socket, which it has from its environment."""

    @staticmethod
    def of_environment():
        """None in a process that is no worker."""
        descriptor = os.environ.pop(CONTROL, "")
        if not descriptor:
            return None
        for number in _NOT_FOR_WORKERS:
            # Programs that the application starts would inherit that a signal is ignored, but not a handler. To be stopped
            # for reading from a terminal is ignored none the less: with a handler it would be tried for ever.
            of_terminal = number in (signal.SIGTTIN, signal.SIGTTOU)
            signal.signal(number, signal.SIG_IGN if of_terminal else lambda *_: None)
        return Control(socket.socket(fileno=int(descriptor)))

    def __init__(self, connection):
        self._connection = connection
        self._ends = threading.Lock()  # held from the first time that the server is told to finish

    def close(self):
        """The supervisor need not hear any more."""
        self._connection.close()

    def say(self, words):
        """Tells the supervisor, if it is still there."""
        with suppress(OSError):
            self._connection.sendall(f"{words}\n".encode())

    def watch(self, server, application, max_requests=0, max_memory=0, request_timeout=None):
        """Stops the server when the supervisor has gone, and asks to be replaced when it has had its share or is stuck."""
        from poorwsgi import server as module

        # The supervisor says it once more to a worker that systemd, for one, has told already.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._finish(server.stop))
        if not faulthandler.is_enabled():
            with suppress(OSError, ValueError, AttributeError, RuntimeError):  # no standard error
                faulthandler.enable()
        module._on_stuck.append(lambda what: self.say(f"replace {what}"))
        longest = min(request_timeout or _STUCK, _STUCK)
        threading.Thread(
            target=self._watch, args=(server, application, module, longest, max_requests, max_memory), name="poorwsgi control", daemon=True
        ).start()

    def _finish(self, end):
        """Ends the server by finishing what it does. The second time that would be to cut it off."""
        if self._ends.acquire(blocking=False):
            end()

    def _watch(self, server, application, module, longest, max_requests, max_memory):
        quiet_until = 0
        self._connection.settimeout(_BEAT)
        while True:
            try:
                asked = self._connection.recv(1)
                if asked == _RETIRE:
                    self._finish(server.retire)
                elif asked == _TELL:
                    _tell_routes(application)
                elif asked == _CUT:
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

"""Worker processes under a supervisor: ``poorwsgi run --workers N``.

The supervisor binds the socket and starts each worker as a new process, which inherits the socket: no process with
threads is forked, and while workers are replaced, connections wait in the one queue of the socket. The supervisor never
loads the application; the first worker says when it has done so, and only then the socket is bound.
"""
# Written in Python, because it starts interpreters as this one was started. No request passes through it.
import json
import logging
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

from poorwsgi import _log
from poorwsgi._admin import State
from poorwsgi._configuration import working_directory
from poorwsgi._settings import MOST_WORKERS, OPTIONS
from poorwsgi._systemd import Manager
from poorwsgi._worker import (
    BOUND, CONTROL, CUT, LAST_WORDS, LISTENING, LONGEST_WORD, NOT_FOR_WORKERS, REOPEN, RETIRE, SIBLINGS, STOP, STUCK, TELL, WORDS, in_a_row,
)

_LOG = logging.getLogger("poorwsgi.supervisor")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, *NOT_FOR_WORKERS)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10  # seconds until a worker is started again that did not become ready
_ENTRIES, _ENTRY = 256, 4  # of the table of connections: the number of entries, and the bytes of each
_LATE = 0.5  # waking up this many seconds late means that the supervisor was paused
_SLOW = 10  # seconds to become ready, after which a reload kills a worker that is not ready
_SHUT = 1  # seconds from a stop until new connections are refused
_SILENCE = 3  # seconds without a message after which a worker counts as not accepting connections
_SOON = 0.5  # seconds that a worker which is not ready gets to end at a stop
_READ = 4096  # bytes that are read from a worker at a time
_WORDS, _WORDS_A_SECOND = 1000, 100  # messages that a worker may send: this many, plus this many for each second of its life
_SHOWN = 100  # bytes of an invalid message that are logged


class _NonsenseError(Exception):
    """A worker has sent an invalid message: something else writes to its end of the control socket."""


class _Worker:
    """A process that serves, as the supervisor sees it."""

    def __init__(self, command, directory, configuration, identity, listener, table, entry, reloads):
        self.version = reloads  # how many reloads were requested before it was started
        self.reloads = reloads  # the same, or the number when its replacement was started
        self.entry = entry  # number of its entry in the table of connections; None if it has none
        self.control, theirs = socket.socketpair()
        with theirs:
            environment = configuration.environment() | identity.variables()
            environment = {name: value for name, value in environment.items() if name not in (*LISTENING, SIBLINGS)}
            passed = [theirs.fileno()]
            row = in_a_row([os.dup(number) for number in listener._filenos()]) if listener else []
            if row:
                environment["LISTEN_FDS"], environment["LISTEN_FDS_FIRST_FD"] = str(len(row)), str(row[0])
                passed += row
            # By the process id, a worker notices that the supervisor has ended before the worker could watch
            # it.
            environment[CONTROL] = f"{theirs.fileno()}:{os.getpid()}"
            if entry is not None:
                environment[SIBLINGS] = f"{table.fileno()}:{entry}"
                passed.append(table.fileno())
            # A process group of its own: Ctrl-C in a terminal goes to all processes of the supervisor's group. Signals
            # that are not for a worker stay blocked until the worker ignores them.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, NOT_FOR_WORKERS)
            try:
                self.process = subprocess.Popen(
                    command, cwd=directory, env=environment, pass_fds=passed, process_group=0, **identity.for_process()
                )
            except OSError:
                self.control.close()
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                for number in row:
                    os.close(number)
        self.control.setblocking(False)
        self.pid = self.process.pid
        self.begun = time.monotonic()
        self.heard = self.begun  # when it last sent a message, once it is ready
        self.how = None  # how the application is served, once it is ready
        self.is_heard = True  # whether its messages are read
        self.has_closed = False  # whether it has closed the listening socket, after it was told to stop
        self.is_to_go = False  # whether it is to be replaced
        self.held_until = 0  # when the next replacement is started, after one that did not become ready
        self._unread = b""  # the beginning of an incomplete message
        self._said = 0  # number of messages
        self.kill_at = None  # when it is killed, after it was told to stop
        self.replaces = None  # the worker that stops when this one is ready

    @property
    def is_serving(self):
        """Whether it is ready and sends heartbeats."""
        return self.how is not None and self.is_heard

    def words(self, said):
        """The complete messages in what it has sent, each as its kind and the rest of its line."""
        *lines, self._unread = (self._unread + said).split(b"\n")
        self._said += len(lines)
        if self._said > _WORDS + _WORDS_A_SECOND * (time.monotonic() - self.begun):
            raise _NonsenseError("too many messages")
        for line in (*lines, self._unread):
            if len(line) > LONGEST_WORD:
                raise _NonsenseError(_shown(line))
        for line in lines:
            kind, _, rest = line.decode(errors="replace").partition(" ")
            if kind not in WORDS or not rest.isprintable():
                raise _NonsenseError(_shown(line))
            yield kind, rest

    def stop(self, grace):
        """Tells the worker to finish its requests, and to end."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + grace
            # A worker that blocks the signal gets the message, and a worker that does not read messages ends by the
            # signal.
            self.ask(STOP)
            self.signal(signal.SIGTERM)

    def retire(self, grace):
        """The same as stop, while other workers take over: the next response on each connection tells the
        client to close it."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + grace
            self.ask(RETIRE)

    def ask(self, what):
        with suppress(OSError):
            self.control.send(what)

    def give(self, listener):
        """Hands the listening sockets over."""
        with suppress(OSError):
            socket.send_fds(self.control, [BOUND], listener._filenos())

    def signal(self, number):
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class Supervisor:
    """Keeps the workers running until it is told to stop."""

    def __init__(self, listener, configuration, *, identity, bind, name, command=None, admin=None):
        self._listener = listener  # None until it is bound
        self._bind = bind
        self._table = None
        self._configuration = configuration
        self._identity = identity
        self._count = configuration["workers"]
        self._name = name
        self._command = command or _command()
        self._directory = working_directory() or None
        self._grace = configuration["stop_timeout"] + LAST_WORDS
        self._manager = Manager()
        self._is_reloading = False  # until the service manager is told of the end of the reload
        self._is_refused = False  # whether the last reload found a mistake in the settings
        self._workers = []
        self._selector = selectors.DefaultSelector()
        self._pause = _FIRST_PAUSE
        self._reloads = 0  # how many were requested
        self._held = []  # when workers may be started to replace those that did not become ready
        self._stops = 0
        self._shut_at = None  # when new connections are refused, though a worker may have the socket
        self._woken_at = time.monotonic()
        self._is_good = False
        self._announced = False
        self._status = 0
        self._state = admin or State()

    def run(self):
        """Returns the exit status once all workers have ended. From then on the process ignores the supervisor's
        signals."""
        woken, wake = socket.socketpair()
        with woken, wake:
            woken.setblocking(False)
            wake.setblocking(False)
            wakeup = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
            # Without a handler the default action would be taken; the loop below reads the signals from the socket.
            for number in _SIGNALS:
                signal.signal(number, lambda *_: None)
            self._selector.register(woken, selectors.EVENT_READ, None)
            self._table = _table()
            try:
                while True:
                    self._fill()
                    self._tell()
                    self._tell_manager()
                    if self._stops and not self._workers:
                        self._end_listening()
                        return self._status
                    self._wait(woken)
            finally:
                for worker in self._workers:
                    worker.signal(signal.SIGKILL)
                    worker.process.wait()
                    worker.control.close()
                if self._table:
                    self._table.close()
                if self._listener:
                    self._listener.close()
                # A signal that comes now is too late, and must not kill the process while it ends.
                for number in _SIGNALS:
                    signal.signal(number, signal.SIG_IGN)
                signal.set_wakeup_fd(wakeup)

    def _tell(self):
        """Tells the admin server what it cannot see."""
        state = self._state
        state.is_stopping, state.wanted = bool(self._stops), self._count
        state.serving = tuple(worker.pid for worker in self._workers if worker.is_serving)

    def _active(self):
        """The workers that are neither stopping nor about to be replaced."""
        leaving = [worker.replaces for worker in self._workers if worker.replaces]
        return [worker for worker in self._workers if worker.kill_at is None and worker not in leaving]

    def _fill(self):
        """Starts missing workers, and stops surplus ones."""
        if self._stops:
            return
        now = time.monotonic()
        self._held = [at for at in self._held if at > now]
        active = self._active()
        # The first worker alone shows whether the application can be started at all.
        count = self._count if self._is_good else 1
        while len(active) + len(self._held) < count and (worker := self._start()):
            active.append(worker)
        self._shrink(active)
        for worker in self._to_replace():
            if now >= worker.held_until:
                self._start(replaces=worker)

    def _shrink(self, active):
        """Stops surplus workers, the oldest versions first."""
        active.sort(key=lambda worker: (not worker.is_to_go, worker.version, worker.how is not None), reverse=True)
        kept = active[:self._count]
        for worker in active[self._count:]:
            heir = next((each for each in kept if each.how is None and not each.replaces), None)
            if worker.how is None:  # it does not serve yet
                worker.stop(LAST_WORDS)
            elif heir:
                heir.replaces = worker
            else:
                worker.retire(self._grace)

    def _to_replace(self):
        """The workers that have to be replaced and whose replacement has not been started yet."""
        return [
            worker for worker in self._active()
            if worker.how is not None and (worker.is_to_go or worker.reloads < self._reloads)
        ]

    def _start(self, replaces=None):
        try:
            worker = _Worker(
                self._command, self._directory, self._configuration, self._identity, self._listener, self._table,
                self._free_entry(), self._reloads,
            )
        except OSError as error:
            if not self._is_good:
                raise
            _LOG.error("a worker cannot be started for now, and will be tried again: %s", error)
            self._hold(replaces)
            return None
        if replaces:
            worker.replaces = replaces
            replaces.reloads = self._reloads
        self._state.counts.add("poorwsgi_worker_starts_total")
        self._workers.append(worker)
        self._selector.register(worker.control, selectors.EVENT_READ, worker)
        return worker

    def _hold(self, replaces):
        """Delays the next start, since a worker did not become ready. No other start is delayed."""
        until = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        if replaces:
            replaces.held_until = until
        else:
            self._held.append(until)

    def _free_entry(self):
        """The number of an entry of the table that no worker uses; None if there is none."""
        taken = {worker.entry for worker in self._workers}
        return next((entry for entry in range(_ENTRIES) if entry not in taken), None) if self._table else None

    def _timeout(self):
        """Seconds until the next deadline; None if there is none."""
        times = [self._shut_at] if self._shut_at else []
        if (beat_at := self._manager.beat()) is not None:
            times.append(beat_at)
        times += [
            worker.heard + STUCK if worker.kill_at is None else worker.kill_at
            for worker in self._workers if worker.kill_at is not None or worker.is_serving
        ]
        if not self._stops:
            times += self._held
            times += [worker.held_until for worker in self._to_replace()]
        return max(0, min(times) - time.monotonic()) if times else None

    def _forgive(self):
        """Extends all deadlines of the workers after a pause: if this process was paused, as in a container,
        so were the workers."""
        now = time.monotonic()
        for worker in self._workers:
            worker.heard = now
            if worker.kill_at is not None:
                worker.kill_at = max(worker.kill_at, now + LAST_WORDS)

    def _wait(self, woken):
        timeout = self._timeout()
        events = self._selector.select(timeout)
        # Counted from the last wake-up, since the pause may have been outside of select as well.
        before, self._woken_at = self._woken_at, time.monotonic()
        if timeout is not None and self._woken_at > before + timeout + _LATE:
            self._forgive()
        for key, _ in events:
            if key.data is not None:
                self._hear(key.data)
        numbers = b""
        with suppress(BlockingIOError):
            numbers = woken.recv(4096)
        for number in numbers:
            self._handle(number)
        self._reap()
        # Not the current time: this process may have been paused since then, and the workers with it.
        now = self._woken_at
        if self._shut_at and now >= self._shut_at:
            self._shut(now)
        for worker in self._workers:
            if worker.kill_at is None and worker.is_serving and now >= worker.heard + STUCK:
                # Not even its control thread runs. On SIGABRT, Python's fault handler writes the tracebacks, if it can.
                _LOG.error("worker %d gives no sign of life for %d s and is aborted", worker.pid, STUCK)
                worker.signal(signal.SIGABRT)
                worker.kill_at = now + LAST_WORDS
            if worker.kill_at is not None and now >= worker.kill_at:
                _LOG.warning("worker %d did not end within its stop_timeout and is killed", worker.pid)
                worker.signal(signal.SIGKILL)
                worker.kill_at = now + LAST_WORDS

    def _handle(self, number):
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stop()
            self._say_stopping()
            self._end_unready()
            for worker in list(self._workers):
                if worker.kill_at is not None and self._stops > 1:
                    worker.ask(CUT)
                worker.stop(self._grace)
        elif self._stops:
            return
        elif number == signal.SIGHUP:
            self._reload()
        elif number in (signal.SIGUSR1, signal.SIGUSR2):
            for worker in self._workers:
                if worker.how is not None:
                    worker.ask(REOPEN if number == signal.SIGUSR1 else TELL)
        elif number == signal.SIGTTIN and self._count >= MOST_WORKERS:
            _LOG.warning("SIGTTIN is ignored: there are %d workers, and there may not be more", self._count)
        elif number == signal.SIGTTIN:
            self._count += 1
        elif number == signal.SIGTTOU:
            self._count = max(1, self._count - 1)

    def _stop(self):
        """Stops starting workers, and makes the system refuse new connections."""
        self._stops += 1
        if self._stops > 1:
            return
        if not self._listener:
            return
        if self._listener._refuse():
            self._shut_at = time.monotonic() + _SHUT
        else:
            self._listener.close()

    def _say_stopping(self):
        if self._stops == 1:
            _LOG.warning("stopping: requests that run are finished first")
        elif self._stops == 2:
            _LOG.warning("stopping at once: requests that run are cut off")

    def _shut(self, now):
        """Shuts the socket down for all processes that have it, since one of them may hang or may be left
        over. Waits if connections are queued and a worker may still accept them, as one does that has reached
        its limit of connections."""
        may_accept = any(
            worker.is_serving and not worker.has_closed and now < worker.heard + _SILENCE for worker in self._workers
        )
        if may_accept and self._is_waited_for():
            self._shut_at = now + _SHUT
        else:
            self._end_listening()

    def _is_waited_for(self):
        """Whether a connection is queued."""
        waiting = select.poll()  # select(2) takes no descriptor above 1023
        for number in self._listener._filenos():
            waiting.register(number, select.POLLIN)
        return bool(waiting.poll(0))

    def _end_listening(self):
        if self._shut_at is not None:
            self._shut_at = None
            self._listener._shut()
            self._listener.close()

    def _end_unready(self):
        """Ends workers that are not ready, before others close the socket: as long as one of these has the socket,
        clients connect and wait in vain."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for worker in self._unready():
                worker.signal(number)
            deadline = time.monotonic() + _SOON
            for worker in self._unready():
                with suppress(subprocess.TimeoutExpired):
                    worker.process.wait(max(0, deadline - time.monotonic()))

    def _unready(self):
        for worker in self._workers:
            while worker.is_heard and self._hear(worker):
                pass
        return [worker for worker in self._workers if worker.how is None and worker.process.poll() is None]

    def _reload(self):
        """Replaces all workers by new ones; a worker that is not ready yet is replaced once it is ready."""
        if not self._configure():
            return
        _LOG.warning("reload: %d new workers", self._count)
        self._reloads += 1
        self._state.counts.add("poorwsgi_reloads_total")
        self._pause = _FIRST_PAUSE
        self._held.clear()
        now = time.monotonic()
        for worker in self._workers:
            worker.held_until = 0
            if worker.how is None and now - worker.begun > _SLOW:
                # It serves no client, and may hang.
                worker.stop(LAST_WORDS)

    def _configure(self):
        """Reads the settings again. A mistake in them changes nothing. Returns whether there is none."""
        self._manager.reloading("reloading")
        self._is_reloading = True
        configuration, kept = self._configuration.renewed()
        self._is_refused = bool(configuration.errors)
        for error in configuration.errors:
            _LOG.error("no reload: %s", error)
        if self._is_refused:
            return False
        for name in kept:
            _LOG.warning("a change of %s takes a restart; it stays %s", OPTIONS[name], self._configuration[name])
        if configuration["workers"] != self._configuration["workers"]:  # else it may have been changed by a signal
            self._count = max(1, configuration["workers"])
        self._grace = configuration["stop_timeout"] + LAST_WORDS
        self._configuration = configuration
        return True

    def _tell_manager(self):
        """Tells the service manager how the server is."""
        if not self._manager.listens:
            return
        if self._stops:
            self._manager.stopping("finishing the requests that run")
        elif not self._announced:
            self._manager.status(f"loading {self._name}")
        else:
            active = self._active()
            ready = sum(worker.how is not None for worker in active)
            status = f"serving {self._name} on {self._listener.address} with {ready} of {self._count} workers"
            self._is_reloading = self._is_reloading and bool(ready < len(active) or self._to_replace())
            if self._is_reloading:
                self._manager.status(f"reloading; {status}")
            elif self._is_refused:
                self._manager.ready(f"{status}; the last reload was refused, see the log")
            elif any(worker.version < self._reloads for worker in active):
                self._manager.ready(f"{status}; the last reload failed, see the log")
            else:
                self._manager.ready(status)

    def _hear(self, worker):
        """Reads and handles the messages of a worker. Returns whether there were any."""
        try:
            said = worker.control.recv(_READ)
        except BlockingIOError:
            return False
        except OSError:  # it has died with unread data
            said = b""
        if not said:  # its end is closed: the worker is ending
            self._hang_up(worker)
            return False
        worker.heard = time.monotonic()
        try:
            for kind, rest in worker.words(said):
                self._heard(worker, kind, rest)
        except _NonsenseError as error:
            _LOG.error("worker %d sent an invalid message and is replaced: %s", worker.pid, error)
            self._distrust(worker)
        return True

    def _hang_up(self, worker):
        self._ignore(worker)
        worker.control.close()

    def _ignore(self, worker):
        if worker.is_heard:
            worker.is_heard = False
            self._selector.unregister(worker.control)

    def _distrust(self, worker):
        """Stops reading a worker's messages. The worker still gets orders, and goes on until its replacement
        is ready."""
        self._ignore(worker)
        worker.is_to_go = True
        if worker.how is None:  # otherwise its "ready" would never be read
            worker.signal(signal.SIGKILL)

    def _heard(self, worker, kind, rest):
        if kind == "loaded":
            if not self._stops:
                self._listener = self._listener or self._bind()
                worker.give(self._listener)
        elif kind == "ready":
            worker.how = rest
            self._ready(worker)
        elif kind == "replace" and worker.kill_at is None and not worker.is_to_go:
            _LOG.warning("worker %d is replaced: %s", worker.pid, rest)
            worker.is_to_go = True
            self._state.counts.add(f'poorwsgi_worker_replacements_total{{reason="{_reason(rest)}"}}')
        elif kind == "closed":
            worker.has_closed = True
        elif kind in ("counts", "routes"):
            try:
                if kind == "counts":
                    self._state.counts.hear(worker.pid, rest)
                else:
                    self._state.routes = str(json.loads(rest))
            except ValueError as error:
                raise _NonsenseError(str(error)) from None

    def _ready(self, worker):
        self._is_good = True
        self._pause = _FIRST_PAUSE
        self._held.clear()
        if worker.replaces and worker.kill_at is None:
            worker.replaces.retire(self._grace)
            worker.replaces = None
        self._tell()
        if not self._announced and sum(each.how is not None for each in self._active()) >= self._count:
            self._announced = True
            workers = f" with {self._count} worker{'s' if self._count > 1 else ''}"
            _log.say_served(self._name, worker.how == "natively", self._listener.address, workers)

    def _reap(self):
        for worker in [each for each in self._workers if each.process.poll() is not None]:
            self._workers.remove(worker)
            if worker.entry is not None:
                os.pwrite(self._table.fileno(), bytes(_ENTRY), worker.entry * _ENTRY)
            while worker.is_heard and self._hear(worker):
                pass
            self._hang_up(worker)
            self._state.counts.end(worker.pid)
            for each in self._workers:
                if each.replaces is worker:
                    each.replaces = None
            if worker.kill_at is None and not self._stops:
                self._died(worker)
        _reap_others({worker.pid for worker in self._workers})

    def _died(self, worker):
        self._state.counts.add("poorwsgi_worker_deaths_total")
        status = worker.process.returncode
        how = f"was ended by {_signal_name(-status)}" if status < 0 else f"ended with status {status}"
        # The first worker has usually said itself why it cannot start.
        if self._is_good or status <= 0:
            _LOG.error("worker %d %s", worker.pid, how)
        if not self._is_good:
            # Another worker would fail in the same way.
            self._stop()
            self._status = max(status, 1)
            return
        # A worker that was ready is replaced at once: that costs one load of the application, and clients wait for it.
        if worker.how is None:
            self._hold(worker.replaces)


def _reason(said):
    """Why a worker asks to be replaced, in one of a few words."""
    return "requests" if said.startswith("after ") else "memory" if said.startswith("at ") else "stuck"


def _table():
    """Memory that all workers share; None if the system has no memfd_create: then connections are not balanced."""
    with suppress(AttributeError, OSError):
        table = open(os.memfd_create("poorwsgi"), "r+b", buffering=0)
        table.truncate(_ENTRIES * _ENTRY)
        return table


def _shown(line):
    """Bytes for the log: at most a hundred, and no control characters."""
    return ascii(line[:_SHOWN])[1:] + (f" and {len(line) - _SHOWN} more bytes" if len(line) > _SHOWN else "")


def _signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _command():
    """The command line that starts another process like this one."""
    return [sys.executable, *sys.orig_argv[1:]]


def _reap_others(own):
    """Reaps ended processes that are not workers: orphans of workers are children of this process if it is process
    1."""
    with suppress(AttributeError, ChildProcessError):  # a system without waitid; no children
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in own:
            os.waitpid(ended.si_pid, 0)

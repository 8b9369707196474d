"""The duties of process 1 of a container, for ``poorwsgi run --workers 0``.

Processes whose parents have ended become children of process 1, and stay as zombies unless process 1 reaps them. A
process that serves must not do that: it would reap processes that the application waits for. So the server runs in a
child of process 1.
"""
# Written in Python, because it is about signals and processes. No request passes through it.
import os
import signal
import sys
from contextlib import suppress

#: Signals about the process itself, which are not passed on.
_OWN = {
    signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP, signal.SIGSYS,
    signal.SIGTRAP,
}


def fork():
    """Returns in a child process. This process passes signals on to the child, and ends when the child does, with its
    status."""
    passed = signal.valid_signals() - _OWN
    # If SIGCHLD were ignored, the end of a child would not be reported.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, passed)
    child = os.fork()
    if not child:
        _take_terminal()
        if os.environ.get("LISTEN_PID") == str(os.getppid()):  # the child takes over the sockets of systemd
            os.environ["LISTEN_PID"] = str(os.getpid())
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    while True:
        number = signal.sigwait(passed)
        if number != signal.SIGCHLD:
            with suppress(ProcessLookupError):
                os.kill(child, number)
        elif (status := _reap(child)) is not None:
            sys.exit(status if status >= 0 else 128 - status)


def _take_terminal():
    """Makes signals of the terminal, such as Ctrl-C, reach only this process, and not once more through process 1."""
    os.setpgid(0, 0)
    with suppress(OSError):  # there is no terminal
        os.tcsetpgrp(0, os.getpgrp())


def _reap(child):
    """Reaps all ended processes, and returns the exit code of the child if it is among them."""
    code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
    return code

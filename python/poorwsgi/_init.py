"""Process 1 of a container, where that is ``poorwsgi run --workers 0``.

Processes whose parents have ended become children of process 1, and stay for good unless it takes note of their end. Who
serves must not do that: it would take the ends of processes that the application waits for. So it serves in a child.
"""
# Python, because it is about signals and processes. Nothing of it is on the way of a request.
import os
import signal
import sys
from contextlib import suppress

#: Signals that are about the process that gets them.
_OWN = {
    signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP, signal.SIGSYS,
    signal.SIGTRAP,
}


def fork():
    """Returns in a child. This process passes its signals on to it, and ends when it does, with its status."""
    passed = signal.valid_signals() - _OWN
    # Where the end of children is ignored, nobody is told of it.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, passed)
    child = os.fork()
    if not child:
        _take_terminal()
        if os.environ.get("LISTEN_PID") == str(os.getppid()):  # the sockets of systemd are for it now
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
    """What is typed at a terminal, such as Ctrl-C, comes here alone, and not once more by process 1."""
    os.setpgid(0, 0)
    with suppress(OSError):  # there is none
        os.tcsetpgrp(0, os.getpgrp())


def _reap(child):
    """Takes note of all processes that have ended; the exit code of the child, if it is among them."""
    code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
    return code

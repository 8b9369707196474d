"""Tells systemd, or another service manager, how the server is (sd_notify(3)).

A manager that wants to know names a datagram socket in the environment. Without that variable nothing is sent.
"""
# Written in Python, because the supervisor is; it takes one socket and no library.
import os
import socket
import threading
import time
from contextlib import suppress

_PATIENCE = 1  # seconds to wait for a manager that does not read
_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Manager:
    """The service manager; or nobody, who is told nothing."""

    def __init__(self):
        """Takes the variables out of the environment: they are for this process, and not for programs of the application."""
        address, period, process = (os.environ.pop(name, "") for name in _VARIABLES)
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        #: Seconds between two signs of life; None if the manager expects none.
        self.period = None
        if address and period.isdigit() and int(period) and process in ("", str(os.getpid())):
            self.period = int(period) / 1e6 / 2  # twice as often as needed, as sd_watchdog_enabled(3) recommends
        self._beat_at = time.monotonic()
        self._said = None

    @property
    def listens(self):
        """Whether there is a manager."""
        return bool(self._address)

    def ready(self, status):
        """The server answers requests: after its start, or after a reload."""
        self._say("READY=1", status)

    def reloading(self, status):
        """A reload has begun; ``ready`` follows."""
        # By the time the manager knows that this comes after its signal (Type=notify-reload, systemd.service(5)).
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}", status)

    def stopping(self, status):
        """The server ends."""
        self._say("STOPPING=1", status)

    def status(self, status):
        """Only the text for persons has changed."""
        self._say("", status)

    def beat(self):
        """Sends a sign of life if it is time for one. Returns when the next one is due; None if none is expected."""
        if self.period is None:
            return None
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + self.period
            self._send("WATCHDOG=1")
        return self._beat_at

    def beat_in_thread(self):
        """Sends signs of life from a thread, as long as the process runs Python."""
        def beat():
            while True:
                self.beat()
                time.sleep(self.period)

        if self.period is not None:
            threading.Thread(target=beat, name="poorwsgi watchdog", daemon=True).start()

    def _say(self, state, status):
        text = f"{state}\nSTATUS={status}".strip()
        if text != self._said:
            self._said = text
            self._send(text)

    def _send(self, text):
        if not self._address:
            return
        with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_PATIENCE)
            sender.sendto(text.encode(errors="replace"), self._address)

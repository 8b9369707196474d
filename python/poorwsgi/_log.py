"""The log of ``poorwsgi run``: a thread that logs does not block on a pipe that is not read, nor on a full disk.

A record is written at once if the standard error accepts it. The rest goes into a queue, which a thread writes; records
that do not fit into the queue are dropped, and a later line says how many.
"""
# Written in Python, because it is a handler of Python's logging. A request that logs nothing does not pass through it.
import collections
import logging
import os
import re
import select
import socket
import stat
import sys
import threading
import time
from contextlib import suppress

#: Bytes of a line including its end.
LONGEST_LINE = 2048
_LONGEST_RECORD = 1 << 16  # bytes
_QUEUE = 1 << 20  # bytes
_RECORDS = 10_000  # in the queue
#: How many seconds writing half of a full queue may take. During this time threads that log wait; after it they do not, and
#: records are dropped until half of the queue is written.
_PATIENCE = 0.5
_LAST_WORDS = 1  # seconds to write the queue when the process ends
#: Characters that end a line for some reader, move the cursor of a terminal, or change the direction of writing.
_ESCAPED = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
#: Prefix of the lines of a record after the first, so that no reader takes them for another record.
_MARK = "  "
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Text(logging.Formatter):
    """Lines of text; a record of a request ends its first line with the id of the request."""

    def formatMessage(self, record):  # noqa: N802 - the name of logging
        text = super().formatMessage(record)
        return f"{text} [{record.request_id}]" if getattr(record, "request_id", None) else text


class _Json(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record):
        import json

        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry = {
            "time": f"{moment}.{int(record.msecs):03d}Z", "level": record.levelname, "logger": record.name, "message": record.getMessage(),
            "request_id": getattr(record, "request_id", None), "process": record.process,
        }
        if record.exc_info or record.exc_text:
            entry["traceback"] = record.exc_text or self.formatException(record.exc_info)
        # Cut, so that the line is never longer than a reader takes, and stays one object.
        while len(line := json.dumps(entry)) > _LONGEST_RECORD:
            longest = max((name for name in entry if isinstance(entry[name], str)), key=lambda name: len(entry[name]))
            entry[longest] = entry[longest][:len(entry[longest]) // 2] + "…"
        return line


_OWN = _Text(_FORMAT)  # of records of this module, whatever formatter the application has set


def configure(level="WARNING", form="text"):
    """Sets up logging, unless the application has configured it. In any case log records get the attribute
    ``request_id``: the id of the request that the thread serves, or None."""
    _name_requests()
    if not logging.root.handlers:
        handler = _handler()
        handler.setFormatter(_Json() if form == "json" else _OWN)
        logging.basicConfig(level=level.upper(), handlers=[handler])


def _name_requests():
    from poorwsgi._poorwsgi import _request_id

    make = logging.getLogRecordFactory()
    if getattr(make, "names_requests", False):
        return

    def made(*args, **kwargs):
        record = make(*args, **kwargs)
        record.request_id = _request_id()
        return record

    made.names_requests = True
    logging.setLogRecordFactory(made)


def _handler():
    try:
        return Handler(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # no standard error, or another object in its place
        return _StreamHandler()


def say(line):
    """Writes a line to the standard output, without blocking if it is not read."""
    with suppress(AttributeError, OSError, ValueError):  # as above
        writer = Writer(sys.stdout.fileno())
        writer.put(f"{line}\n".encode())
        return writer.close()
    with suppress(OSError, ValueError):
        print(line, flush=True)


def say_served(name, is_native, address, workers=""):
    """Prints the first line of a server: what is served, where, and how to stop it."""
    say(f"Serving {name if is_native else f'{name} (a WSGI callable)'} on {address}{workers}; Ctrl-C stops")


def leave(status):
    """Flushes the standard streams, and ends the process by force if that blocks, as Python's own exit would block
    too."""
    flushed = threading.Event()

    def flush():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        flushed.set()

    threading.Thread(target=flush, name="poorwsgi flush", daemon=True).start()
    if not flushed.wait(_LAST_WORDS):
        for handler in logging.root.handlers:
            if isinstance(handler, Handler):
                handler.flush()
        os._exit(status)


def reopened(descriptor):
    """Another, non-blocking descriptor of this pipe or terminal. O_NONBLOCK belongs to the open file, which other
    processes share, so that the file has to be opened again. None for a regular file, or if it cannot be opened."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    return None


class _StreamHandler(logging.StreamHandler):
    def format(self, record):
        return _record(self, record).decode().removesuffix("\n")


def _record(handler, record):
    """The bytes of a record. A line of JSON has no characters that would have to be escaped, and is not cut here."""
    text = logging.Handler.format(handler, record)
    return f"{text}\n".encode() if isinstance(handler.formatter, _Json) else _clipped(text)


class Handler(logging.Handler):
    """Writes records to a descriptor, such as that of the standard error."""

    def __init__(self, descriptor):
        super().__init__()
        self.setFormatter(_OWN)
        self._writer = Writer(descriptor, _lost)
        os.register_at_fork(after_in_child=self._writer.forked)

    def emit(self, record):
        try:
            data = _record(self, record)
        except Exception as error:  # noqa: BLE001 - formatting a record may raise any exception
            place = f"{record.pathname}:{record.lineno}"
            data = _clipped(_own(record.levelno, f"a log record of {place} cannot be formatted: {type(error).__name__}"))
        self._writer.put(data)

    def flush(self):
        self._writer.flush(_LAST_WORDS)


def _own(level, text):
    values = {"name": "poorwsgi.log", "levelno": level, "levelname": logging.getLevelName(level), "msg": text}
    return _OWN.format(logging.makeLogRecord(values))


def _lost(count):
    records = "record is" if count == 1 else "records are"
    return _clipped(_own(logging.WARNING, f"{count} {records} lost, because the log was not read or not written"))


class Writer:
    """Writes to a descriptor without blocking the caller."""

    def __init__(self, descriptor, lost=lambda count: b""):
        self._descriptor = descriptor
        self._tell_lost = lost  # returns the line about this many lost records
        self._write_now, self._close = _write_now(descriptor)
        # Other processes write into the same pipe; writes up to this length are atomic.
        self._together = select.PIPE_BUF if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else _QUEUE
        self._waits = False
        self._reset()

    def _reset(self):
        self._changed = threading.Condition()
        self._queue = collections.deque()  # bytes, and the number of records that are lost if they cannot be written
        self._size = 0  # bytes in the queue
        self._full_since = None
        self._lost = 0
        self._fails = False  # whether the last write failed
        self._is_midline = False  # whether the last successful write ended within a line
        self._thread = None

    def forked(self):
        """Resets the writer in a forked process: it has no writer thread, and may block."""
        self._reset()
        self._waits = True

    def put(self, data):
        """Writes a record now or later, or counts it as lost."""
        with self._changed:
            if not self._has_room(len(data)):
                self._lost += 1
                return
            count = self._lost + 1
            if self._lost:
                data = self._tell_lost(self._lost) + data
                self._lost = 0
            if not self._queue and (self._waits or self._write_now):
                write = self._write_waiting if self._waits else self._write_now
                data = self._try(write, data, count)
            if data:
                self._enqueue(data, count)

    def flush(self, timeout):
        """Waits until the queue is empty, at most this many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._queue, timeout)

    def close(self):
        self.flush(_LAST_WORDS)
        if self._close and not self._queue:
            self._close()
            self._write_now = self._close = None

    def _has_room(self, size):
        if self._full_since is None and (self._size + size > _QUEUE or len(self._queue) >= _RECORDS):
            self._full_since = time.monotonic()
        while self._full_since is not None:
            left = self._full_since + _PATIENCE - time.monotonic()
            if left <= 0:
                return False
            self._changed.wait(left)
        return True

    def _enqueue(self, data, count):
        self._queue.append((data, count))
        self._size += len(data)
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_queue, name="poorwsgi log", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no thread can be started any more
                self._thread, self._fails = None, True
                self._queue.clear()
                self._size = 0
                self._lost += count
        self._changed.notify_all()

    def _write_queue(self):
        while True:
            with self._changed:
                while not self._queue:
                    if self._lost and not self._fails:
                        notice = self._tell_lost(self._lost)
                        self._queue.append((notice, self._lost))
                        self._size += len(notice)
                        self._lost = 0
                    else:
                        self._changed.wait()
                data, count = self._queue[0]
            rest = self._try(self._write_waiting, data, count)
            with self._changed:
                self._queue.popleft()
                self._size -= len(data)
                if rest:
                    self._queue.appendleft((rest, count))
                    self._size += len(rest)
                if self._size <= _QUEUE // 2 and len(self._queue) <= _RECORDS // 2:
                    self._full_since = None
                self._changed.notify_all()

    def _try(self, write, data, count):
        """Writes, and returns what is left; nothing if writing fails."""
        if self._fails and self._is_midline:
            data = b"\n" + data
        rest = data
        try:
            while rest:
                part = self._whole_lines(rest)
                written = write(part)
                if written:
                    self._is_midline = not part[:written].endswith(b"\n")
                rest = rest[written:]
                if written < len(part):
                    break
        except BlockingIOError:
            pass
        except OSError:
            with self._changed:
                self._lost += count
            self._fails = True
            return b""
        self._fails = False
        return rest

    def _whole_lines(self, data):
        """The beginning that is written at once: whole lines, up to an atomic write."""
        part = data[:self._together]
        return part if len(part) == len(data) else part[:part.rfind(b"\n") + 1] or part

    def _write_waiting(self, data):
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another process has set O_NONBLOCK
            select.select([], [self._descriptor], [])
            return 0


def _write_now(descriptor):
    """A function that writes without blocking, and one that closes its descriptor; None where the system offers
    neither."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        connection = socket.socket(fileno=os.dup(descriptor))
        return lambda data: connection.send(data, socket.MSG_DONTWAIT), connection.close
    if stat.S_ISREG(mode):
        return lambda data: os.write(descriptor, data), None
    again = reopened(descriptor)
    if again is None:
        return None, None
    return lambda data: os.write(again, data), lambda: os.close(again)


def _clipped(text):
    """The bytes of a record with its line end, cut so that neither a line nor the whole is too long. Much of a record
    comes from clients, which must not be able to forge another record or to control the reader's terminal."""
    text = text.rstrip("\n")
    # Only as much is processed as may be kept: escaping makes text longer, never shorter.
    lines = text[:_LONGEST_RECORD].split("\n")
    end = text.find("\n", _LONGEST_RECORD)
    of_last = max(0, (len(text) if end < 0 else end) - _LONGEST_RECORD)
    more = text.count("\n", _LONGEST_RECORD)
    mark = "" if all(line[:1] in ("", " ", "\t") for line in lines[1:]) else _MARK
    clipped, size = [], 0
    for number, line in enumerate(lines, 1):
        data = _clipped_line(mark + line if number > 1 and line else line, of_last if number == len(lines) else 0)
        size += len(data)
        if size > _LONGEST_RECORD:
            more += len(lines) - number + 1
            break
        clipped.append(data)
    if more:
        clipped.append(f"{_MARK}… ({more} more lines)\n".encode())
    return b"".join(clipped)


def _clipped_line(line, more=0):
    """One line as it is written; `more` is the number of its characters that were left out before."""
    more += max(0, len(line) - LONGEST_LINE)
    line = _ESCAPED.sub(lambda found: found[0].encode("unicode_escape").decode(), line[:LONGEST_LINE])
    data = line.encode(errors="backslashreplace")
    if not more and len(data) < LONGEST_LINE:
        return data + b"\n"
    kept = data[:LONGEST_LINE - 64].decode(errors="ignore")
    return f"{kept}… ({len(data.decode()) - len(kept) + more} more characters)\n".encode()

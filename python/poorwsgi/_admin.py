"""Metrics and health of a server with workers, at an address of their own: ``poorwsgi run --admin ADDRESS``.

The supervisor answers, so that answers come even while every worker is busy or hangs. Workers send their counts to it once
a second; it adds them up, and keeps the counts of workers that have ended.
"""
# Written in Python, because the supervisor is. No request of a client passes through it.
import json
import logging
import os
import threading

_LOG = logging.getLogger("poorwsgi.supervisor")

#: What a metric is: its type and its description. A metric of type gauge is not kept when its worker ends.
_METRICS = {
    "poorwsgi_requests_total": ("counter", "Requests that have ended, by method, class of status and rule."),
    "poorwsgi_request_duration_seconds": ("histogram", "Time from the complete head of a request to the end of its response."),
    "poorwsgi_queue_seconds": ("histogram", "Time that calls of the application waited for a thread."),
    "poorwsgi_calls_total": ("counter", "Calls of the application: inline, on the pool, or waiting for a body."),
    "poorwsgi_threads_busy": ("gauge", "Threads of the pool that make calls."),
    "poorwsgi_connections": ("gauge", "Open connections, by state."),
    "poorwsgi_connections_total": ("counter", "Connections that were accepted."),
    "poorwsgi_received_bytes_total": ("counter", "Bytes of the contents of requests."),
    "poorwsgi_sent_bytes_total": ("counter", "Bytes of the contents of responses."),
    "poorwsgi_body_bytes": ("gauge", "Bytes of bodies that wait in memory and in temporary files."),
    "poorwsgi_workers": ("gauge", "Workers that serve."),
    "poorwsgi_workers_wanted": ("gauge", "Workers that there should be."),
    "poorwsgi_worker_starts_total": ("counter", "Workers that were started."),
    "poorwsgi_worker_deaths_total": ("counter", "Workers that ended without being told to."),
    "poorwsgi_worker_replacements_total": ("counter", "Workers that asked to be replaced, by reason."),
    "poorwsgi_reloads_total": ("counter", "Reloads that were requested."),
    "poorwsgi_resident_memory_bytes": ("gauge", "Resident memory of all workers; pages that they share count for each."),
}
#: Suffixes of the lines of a histogram.
_OF_HISTOGRAM = ("_bucket", "_sum", "_count")
_LONGEST = 1 << 15  # bytes of a message with counts


def messages(text, sent):
    """What a worker has to say of its counts, in messages that are not too long: the lines whose values have changed.
    ``sent`` has the values that were sent before, and is updated."""
    changed, size = {}, 0
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if sent.get(name) != value:
            sent[name] = value
            changed[name] = float(value)
            size += 2 * len(line) + 20
            if size > _LONGEST:
                yield json.dumps(changed)
                changed, size = {}, 0
    if changed:
        yield json.dumps(changed)


class Counts:
    """The counts of all workers."""

    def __init__(self):
        self._lock = threading.Lock()
        self._ended = {}  # of workers that have ended
        self._workers = {}  # of each worker that runs, by its process id

    def hear(self, pid, message):
        """Takes a message of a worker. Raises ValueError for an invalid one."""
        values = json.loads(message)
        if not isinstance(values, dict) or not all(isinstance(value, (int, float)) for value in values.values()):
            raise ValueError("not an object of numbers")
        if unknown := [name for name in values if _family(name) is None]:
            raise ValueError(f"no metric {unknown[0]!r}")
        with self._lock:
            self._workers.setdefault(pid, {}).update(values)

    def end(self, pid):
        """A worker has ended: keeps its counts, and forgets what was measured there."""
        with self._lock:
            for name, value in self._workers.pop(pid, {}).items():
                if _METRICS[_family(name)][0] != "gauge":
                    self._ended[name] = self._ended.get(name, 0) + value

    def add(self, name, number=1):
        """Counts something that the supervisor itself sees."""
        with self._lock:
            self._ended[name] = self._ended.get(name, 0) + number

    def total(self):
        """All values by name."""
        with self._lock:
            total = dict(self._ended)
            for values in self._workers.values():
                for name, value in values.items():
                    total[name] = total.get(name, 0) + value
            return total


def _family(name):
    """The metric that a line with this name and labels belongs to; None if there is none."""
    name = name.partition("{")[0]
    if name in _METRICS:
        return name
    for suffix in _OF_HISTOGRAM:
        family = name.removesuffix(suffix)
        if family != name and _METRICS.get(family, ("",))[0] == "histogram":
            return family
    return None


def exposition(total):
    """The text that Prometheus reads (exposition format 0.0.4)."""
    families = {}
    for name, value in total.items():
        families.setdefault(_family(name), []).append(f"{name} {value:.15g}")
    lines = []
    for family, (kind, help_text) in _METRICS.items():
        if family in families:
            lines += [f"# HELP {family} {help_text}", f"# TYPE {family} {kind}", *families[family]]
    return "\n".join(lines) + "\n"


class State:
    """What the supervisor tells the admin server, which runs in another thread."""

    def __init__(self):
        self.counts = Counts()
        self.is_stopping = False
        self.serving = ()  # process ids of workers that serve
        self.wanted = 0
        self.routes = ""  # of the application, as text

    @property
    def is_ready(self):
        return bool(self.serving) and not self.is_stopping

    def metrics(self):
        total = self.counts.total()
        total["poorwsgi_workers"] = len(self.serving)
        total["poorwsgi_workers_wanted"] = self.wanted
        total["poorwsgi_resident_memory_bytes"] = sum(map(_resident, self.serving))
        return exposition(total)


def _resident(pid):
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):  # it has just ended
        return 0


def _application(state):
    from poorwsgi import Application
    from poorwsgi.response import Response

    app = Application("poorwsgi-admin")
    text = {"content_type": "text/plain; charset=utf-8", "headers": [("Cache-Control", "no-store")]}

    @app.route("/metrics")
    def metrics(_req):
        return Response(state.metrics(), **text | {"content_type": "text/plain; version=0.0.4; charset=utf-8"})

    @app.route("/health")
    def health(_req):
        return Response("the supervisor runs\n", **text)

    @app.route("/ready")
    def ready(_req):
        if state.is_ready:
            return Response("ready\n", **text)
        return Response("stopping\n" if state.is_stopping else "no worker serves\n", status_code=503, **text)

    @app.route("/routes")
    def routes(_req):
        return Response(state.routes or "not known yet\n", **text)

    @app.route("/")
    def index(_req):
        return Response("/metrics\n/health\n/ready\n/routes\n", **text)

    return app


def serve(listener, state):
    """Serves metrics and health in a thread, until the process ends."""
    from poorwsgi._poorwsgi import Server

    server = Server(_application(state), listener)

    def run():
        try:
            server.serve()
        except Exception:
            _LOG.exception("metrics and health are not served any more")

    threading.Thread(target=run, name="poorwsgi admin", daemon=True).start()
    _LOG.info("metrics and health on %s", server.address)
    return server

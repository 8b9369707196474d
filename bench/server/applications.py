#!/usr/bin/env python3
"""Real applications on the built-in server and on others, each with its defaults or with the options that its
documentation advises.

    bench/server/applications.py --ours PYTHON --peers PYTHON [--rounds 6] [--seconds 1] [--write FILE]

- a page of Django: one query on SQLite, a template with 20 rows;
- the same on PostgreSQL, with its default of 100 connections and `CONN_MAX_AGE=60`;
- Flask: 20 items as JSON; a handler that sleeps for 20 ms;
- Django: a page with a session from SQLite and a form with CSRF protection; an upload of 1 MB;
- httpbin: the request as JSON;
- wsgidav: a file of 1 KiB;
- only against gunicorn: a list of Django's admin; a page that Django streams in 20 blocks; ten events that
  Flask sends (EventSource), one every 2 ms.

`wrk` keeps 64 connections busy. The servers take turns. The first two cases, and those of Flask, run with one
worker and with two, on the idle machine and next to two processes that compute all the time; the others run
only with one worker on the idle machine. Each figure is the median of the rounds, except that threads,
database connections and failures are the maximum.
"""
import argparse
import contextlib
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import run
import tools

BEGIN, END = "<!-- bench-applications: written by `make bench-applications` -->", "<!-- /bench-applications -->"
CONNECTIONS = 64
COLUMNS = 4
#: title, application, path, database
CASES = {
    "sqlite": ("Django, SQLite", "django", "/items", "sqlite"),
    "postgresql": ("Django, PostgreSQL", "django", "/items", "postgresql"),
    "json": ("Flask, JSON", "flask", "/json", None),
    "sleep": ("Flask, sleeps 20 ms", "flask", "/sleep", None),
    "form": ("Django, session and form", "django", "/form", "sqlite"),
    "upload": ("Django, upload of 1 MB", "django", "/upload", "sqlite"),
    "httpbin": ("httpbin", "httpbin", "/get?a=1", None),
    "wsgidav": ("wsgidav, file of 1 KiB", "wsgidav", "/1k.bin", None),
    "admin": ("Django, list of its admin", "admin", "/admin/auth/user/", "admin"),
    "stream": ("Django, streamed page", "django", "/stream", "sqlite"),
    "events": ("Flask, ten events in 20 ms", "flask", "/events", None),
}
#: The cases that show how calls are distributed among threads and processes.
SCHEDULED = {"sqlite", "postgresql", "json", "sleep"}
#: The cases that are compared only with gunicorn. (uWSGI needs a special router for content without a
#: length.)
BESIDE_GUNICORN = {"admin", "stream", "events"}
UPLOAD = (b'--B\r\nContent-Disposition: form-data; name="file"; filename="file.bin"\r\n'
          b"Content-Type: application/octet-stream\r\n\r\n" + b"x" * 1_000_000 + b"\r\n--B--\r\n")
OURS = "**our server**"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ours", "peers"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=1, help="of load, after two of warm-up")
    parser.add_argument("--cases", default=",".join(CASES), help="of " + ", ".join(CASES))
    parser.add_argument("--only", default="", help="only servers with this in their name")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--busy", default="0,2", help="processes that compute beside the server")
    parser.add_argument("--journal", type=pathlib.Path, metavar="FILE",
                        help="keep each figure there, and go on from those that are there already: of a run that broke off")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    args = parser.parse_args()
    cases = [case for case in CASES if case in args.cases.split(",")]
    taken = journal(args.journal)
    with tempfile.TemporaryDirectory(prefix="poorwsgi-bench-") as directory, contextlib.ExitStack() as stack:
        root = pathlib.Path(directory)
        root.chmod(0o755)
        (root / "files").mkdir()
        (root / "files" / "1k.bin").write_bytes(b"x" * 1024)
        databases = {None: ""}
        for case in list(cases):
            kind = CASES[case][3]
            try:
                if kind not in databases:
                    databases[kind] = stack.enter_context(database(kind, root, args.peers))
            except FileNotFoundError as error:
                run.note(f"{CASES[case][0]} SKIPPED: {error}")
                cases.remove(case)
        numbers = [[int(number) for number in option.split(",")] for option in (args.busy, args.workers)]
        for number in range(args.rounds):
            for busy in numbers[0]:
                for case in cases:
                    os.environ["DATABASE"] = databases[CASES[case][3]]
                    for workers in numbers[1]:
                        if case not in SCHEDULED and [busy, workers] != [number[0] for number in numbers]:
                            continue
                        for name, command in servers(args, workers, case):
                            rounds = taken.setdefault((busy, case, workers, name), [])
                            if len(rounds) > number:
                                continue
                            figures = measure(command, case, args, root, busy)
                            rounds.append(figures)
                            if args.journal:
                                with args.journal.open("a") as file:
                                    print(json.dumps([busy, case, workers, name, figures]), file=file)
                            run.note(f"{CASES[case][0]}, {name}, {workers} workers, {busy} busy: {figures}")
    text = tables(taken, args.rounds)
    print(text)
    if args.write:
        run.write(args.write, BEGIN, END, text)


def journal(file):
    """The figures of an earlier run, by what was measured: busy processes, case, workers, server."""
    taken = {}
    for line in file.read_text().splitlines() if file and file.exists() else ():
        *key, figures = json.loads(line)
        taken.setdefault(tuple(key), []).append(figures)
    return taken


def servers(args, workers, case):
    """The name and the command (with {port}) of each server."""
    def module(python, *arguments):
        return [python, "-m", *arguments]

    peers = args.peers
    # uWSGI is cheapest with one thread, its default, for calls that compute; calls that sleep need more.
    uwsgi = ["--master", "--die-on-term", "--disable-logging", "--log-master", "--processes", str(workers),
             *(["--threads", "64"] if case == "sleep" else []), "--module", "web:application"]
    all_servers = [
        (OURS, module(args.ours, "poorwsgi", "run", "web:application", "--port", "{port}", "--workers", str(workers))),
        ("gunicorn, gthread, 8 threads", module(
            peers, "gunicorn", "-b", "127.0.0.1:{port}", "-w", str(workers), "-k", "gthread", "--threads", "8",
            "--log-level", "error", "web:application")),
        ("Granian", module(
            peers, "granian", "--interface", "wsgi", "--port", "{port}", "--workers", str(workers), "--no-ws", "--log-level", "error",
            "web:application")),
        # Each uWSGI thread serves one connection until it closes; the other connections wait, and do not
        # appear in wrk's figures.
        ("uWSGI, few connections at a time", [
            str(pathlib.Path(peers).with_name("uwsgi")), "--http11-socket", "127.0.0.1:{port}", "--http-keepalive", "--so-keepalive",
            "--add-header", "Connection: Keep-Alive", *uwsgi]),
        ("uWSGI, each request on a new connection", [
            str(pathlib.Path(peers).with_name("uwsgi")), "--http-socket", "127.0.0.1:{port}", *uwsgi]),
    ]
    if workers == 1:
        all_servers.append(("waitress", module(peers, "waitress", "--port", "{port}", "--host", "127.0.0.1", "web:application")))
    if case in BESIDE_GUNICORN:
        all_servers = all_servers[:2]
    if case not in SCHEDULED:
        all_servers = [each for each in all_servers if "new connection" not in each[0]]
    return [each for each in all_servers if args.only.lower() in each[0].lower()]


@contextlib.contextmanager
def database(kind, root, python):
    """Creates a database with the table; returns its address."""
    if kind == "admin":
        os.environ["SITE_FOLDER"] = str(root)
        subprocess.run([python, run.HERE.parents[1] / "tests" / "applications" / "django_site.py"], check=True)
        yield f"sqlite:{root / 'site.sqlite'}"
        return
    with contextlib.ExitStack() as stack:
        place = root / "items.sqlite" if kind == "sqlite" else stack.enter_context(postgresql(root))
        address = f"{kind}:{place}"
        subprocess.run([python, "django_site.py"], cwd=run.HERE, env={**os.environ, "DATABASE": address}, check=True)
        yield address


@contextlib.contextmanager
def postgresql(root):
    """Runs a PostgreSQL server with default settings on a socket in a new directory."""
    found = [*sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres")), shutil.which("postgres")]
    programs = pathlib.Path(found[0] or "").parent
    if not found[0]:
        raise FileNotFoundError("PostgreSQL is missing (Debian and Ubuntu: the package postgresql)")
    data = root / "postgresql"
    data.mkdir()
    # PostgreSQL refuses to run as root.
    user = []
    if os.getuid() == 0:
        shutil.chown(data, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    subprocess.run([*user, programs / "initdb", "-D", data / "cluster", "-U", "bench", "-A", "trust", "--no-sync"],
                   check=True, stdout=subprocess.DEVNULL, cwd="/")
    server = subprocess.Popen([*user, programs / "postgres", "-D", data / "cluster", "-k", data, "-h", "", "-F"],
                              stderr=(root / "postgresql.log").open("w"), cwd="/")
    try:
        for _ in range(100):
            if subprocess.run([programs / "createdb", "-h", data, "-U", "bench", "bench"], stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
        yield data
    finally:
        server.terminate()
        server.wait(30)


class Watch:
    """Samples the maximum number of threads of a process and its descendants, and of database connections."""

    def __init__(self, process, address):
        self.process, self.kind, self.threads, self.connections = process, address.partition(":")[0], 0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def run(self):
        while not self.over.wait(0.2):
            pids = below(self.process.pid)
            # Each worker separately, because the limit is per process.
            self.threads = max([self.threads, *(threads_of(pid) for pid in pids)])
            self.connections = max(self.connections, self.count(pids))

    def count(self, pids):
        if self.kind == "postgresql":
            found = subprocess.run(["pgrep", "-cf", "^postgres: bench bench"], capture_output=True, text=True)
            return int(found.stdout or 0)
        return sum(files_of(pid) for pid in pids) if self.kind == "sqlite" else 0


def below(pid):
    pids = [pid]
    with contextlib.suppress(OSError):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                pids += below(int(child))
    return pids


def threads_of(pid):
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/task"))
    return 0


def files_of(pid):
    count = 0
    with contextlib.suppress(OSError):
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                count += os.readlink(f"/proc/{pid}/fd/{entry}").endswith(".sqlite")
    return count


def measure(command, case, args, root, busy):
    """Returns CPU µs per request, p99 in ms, requests per second, failures, threads, database connections."""
    _, application, path, _ = CASES[case]
    with contextlib.ExitStack() as stack:
        for _ in range(busy):
            stack.callback(subprocess.Popen(["sh", "-c", "while :; do :; done"]).kill)
        port, process = stack.enter_context(run.serving(command, application, root, pinned=False))
        method, headers, body = request_of(case, port)
        response, content = run.ask(port, path, method, body, headers)
        if response.status != 200:
            raise SystemExit(f"{case}: {response.status} {content[:80]!r}")
        script = run.script_for(root, method, headers, body)
        wrk(port, path, script, 2)
        # The slowest page takes a second for its first responses.
        seconds = args.seconds * 4 if case == "admin" else args.seconds
        before = run.cpu(process.pid)
        with Watch(process, os.environ["DATABASE"]) as watch:
            requests, p99, failures = wrk(port, path, script, seconds)
        used = run.cpu(process.pid) - before
    # Some servers may complete no request in a slow second.
    cpu, p99 = (used / requests * 1e6, p99) if requests else (math.inf, math.inf)
    return (cpu, p99, requests / seconds, failures, watch.threads, watch.connections)


def request_of(case, port):
    """The method, header fields and body of a case."""
    if case == "upload":
        return "POST", {"Content-Type": "multipart/form-data; boundary=B"}, UPLOAD
    if case == "form":  # as a client that has loaded the form before
        response, _ = run.ask(port, CASES[case][2], "GET", b"", {})
        return "GET", {"Cookie": "; ".join(cookie.partition(";")[0] for cookie in response.headers.get_all("Set-Cookie"))}, b""
    if case == "admin":
        return "GET", {"Cookie": sign_in(port)}, b""
    return "GET", {}, b""


def sign_in(port):
    """Logs in, and returns the session cookie."""
    page, content = run.ask(port, "/admin/login/", "GET", b"", {})
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', content)[1].decode()
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    fields = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    form = f"csrfmiddlewaretoken={token}&username=admin&password=secret&next=/admin/".encode()
    response, _ = run.ask(port, "/admin/login/", "POST", form, fields)
    return "; ".join(cookie.partition(";")[0] for cookie in response.headers.get_all("Set-Cookie"))


def wrk(port, path, script, seconds):
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script]
    output = subprocess.check_output([*tools.find("wrk"), *options, f"http://127.0.0.1:{port}{path}"], text=True)
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", output).groups()
    failures = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    return (int(re.search(r"(\d+) requests in", output)[1]), float(value) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit],
            int(failures[1]) if failures else 0)


def tables(taken, rounds):
    lines = []
    for busy in sorted({key[0] for key in taken}):
        for workers in sorted({key[2] for key in taken}):
            of_these = {key: list(zip(*rounds)) for key, rounds in taken.items() if key[0] == busy and key[2] == workers}
            if not of_these:
                continue
            beside = ", beside two processes that compute" if busy else ""
            title = f"µs of CPU, p99 in ms; {'one worker' if workers == 1 else f'{workers} workers'}{beside}"
            all_cases = list(dict.fromkeys(key[1] for key in of_these))
            for cases in (all_cases[start:start + COLUMNS] for start in range(0, len(all_cases), COLUMNS)):
                titles = " | ".join(CASES[case][0] for case in cases)
                lines += [f"| {title} | {titles} |", "|---" + "|---:" * len(cases) + "|"]
                for name in dict.fromkeys(key[3] for key in of_these):
                    cells = []
                    for case in cases:
                        figures = of_these.get((busy, case, workers, name))
                        cells.append(cell(figures, CASES[case][3]) if figures else "")
                    if any(cells):
                        lines.append(f"| {name} | " + " | ".join(cells) + " |")
                lines.append("")
    lines.append(f"{CONNECTIONS} connections; medians of {rounds} rounds, in turn. Threads of the largest process and connections to the database are "
                 f"the most that were seen. {run.machine()}")
    return "\n".join(lines)


def cell(figures, kind):
    cpu, p99, _, failures, threads, connections = figures
    more = [f"{max(threads)} threads", *([f"{max(connections)} connections"] if kind else []),
            *([f"**{max(failures)} failed**"] if any(failures) else [])]
    return f"{statistics.median(cpu):.0f}, {statistics.median(p99):.0f} ({', '.join(more)})"


if __name__ == "__main__":
    sys.exit(main())

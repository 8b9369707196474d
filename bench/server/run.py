#!/usr/bin/env python3
"""CPU time for one request over HTTP: the built-in server and others, in one run.

    bench/server/run.py --ours PYTHON --peers PYTHON --hyper PROGRAM [--rounds 3] [--seconds 2] [--write FILE]

The interpreters have our package, and the peers with PoorWSGI 2.8.1; the program is plain hyper. Each server
has one process on one processor, and `wrk` with 32 connections has another processor; the servers take turns,
and the median of the rounds is quoted. CPU is the figure to compare, because requests per second are limited
by the client. The applications are in web.py.
"""
import argparse
import datetime
import hashlib
import http.client
import os
import pathlib
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "python"), str(HERE.parent)]

import apps  # noqa: E402
import tools  # noqa: E402

BEGIN, END = "<!-- bench-server: written by `make bench-server` -->", "<!-- /bench-server -->"
TICK = os.sysconf("SC_CLK_TCK")
COUNTS = 300_000  # the number of requests with one nonce: more than a server answers in the time
#: title, path, method, body, header fields, the beginning of the response
CASES = {
    "hello": ("Hello world", "/hello", "GET", b"", {}, b"Hello world"),
    "json": ("two path arguments, JSON", "/user/alice/42", "GET", b"", {}, b"{"),
    "form": ("form of ten fields", "/form", "POST", apps.FORM, {"Content-Type": "application/x-www-form-urlencoded"}, b"value of"),
    "multipart": ("multipart of 64 KiB", "/upload", "POST", apps.MULTIPART,
                  {"Content-Type": f"multipart/form-data; boundary={apps.BOUNDARY}"}, b"holiday 65536"),
    "digest": ("digest-protected page", "/digest", "GET", b"", {}, b"alice"),
    "session": ("session page", "/session", "GET", b"", {}, b"alice"),
    "1k": ("file of 1 KiB", "/1k.bin", "GET", b"", {}, b"xxx"),
    "100k": ("100 KiB", "/100k.bin", "GET", b"", {}, b"xxx"),
    "10m": ("10 MiB", "/10m.bin", "GET", b"", {}, b"xxx"),
}
PAGES = ["hello", "json", "form", "multipart", "digest", "session"]
FILES = ["1k", "100k", "10m"]
NGINX = """daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; client_body_temp_path {root};
  proxy_temp_path {root}; fastcgi_temp_path {root}; uwsgi_temp_path {root}; scgi_temp_path {root};
  server {{ listen 127.0.0.1:{port}; root {root}/files; }} }}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ours", "peers", "hyper"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of load, after one of warm-up")
    parser.add_argument("--only", default="", help="only servers with this in their name")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="poorwsgi-bench-") as directory:
        root = pathlib.Path(directory)
        root.chmod(0o755)
        (root / "files").mkdir()
        for name, size in (("1k", 1 << 10), ("100k", 100 << 10), ("10m", 10 << 20)):
            (root / "files" / f"{name}.bin").write_bytes(b"x" * size)
        text = tables(measure(servers(args, root), args, root))
    print(text)
    if args.write:
        write(args.write, BEGIN, END, text)


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def write(path, begin, end, text):
    """Puts the text between two marks of a file."""
    before, rest = path.read_text().split(begin)
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{rest.split(end)[1]}")


def machine():
    processor = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    date = datetime.datetime.now(datetime.timezone.utc).date()
    return f"{processor or platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, {date}."


def servers(args, root):
    """The servers to measure: group, name, cases, application, command (with {port})."""
    ours, peers = args.ours, args.peers

    def module(python, *arguments):
        return [python, "-m", *arguments]

    def run(*arguments):
        return module(ours, "poorwsgi", "run", "web:application", "--port", "{port}", "--workers", "1", *arguments)

    def granian(python):
        return module(python, "granian", "--interface", "wsgi", "--port", "{port}", "--workers", "1", "--no-ws",
                      "--log-level", "error", "web:application")

    def gunicorn(python, *arguments):
        return module(python, "gunicorn", "-b", "127.0.0.1:{port}", "-w", "1", "--log-level", "error", *arguments, "web:application")

    def uwsgi(python):
        return [str(pathlib.Path(python).with_name("uwsgi")), "--http11-socket", "127.0.0.1:{port}", "--http-keepalive", "--master",
                "--die-on-term", "--disable-logging", "--log-master", "--so-keepalive", "--add-header", "Connection: Keep-Alive",
                "--module", "web:application"]

    def fastwsgi(python):
        return [python, str(HERE / "web.py"), "fastwsgi", "{port}"]

    def bjoern(python):
        return [python, str(HERE / "web.py"), "bjoern", "{port}"]

    threads = ("-k", "gthread", "--threads", "8", "--keep-alive", "60")
    yield "ours", "**PoorWSGI with a Rust engine**", PAGES + FILES, "poorwsgi", run()
    yield "peer", "plain hyper, no Python", ["hello"], "bare", [args.hyper, "127.0.0.1:{port}"]
    yield "peer", "a loop that reads, and writes a fixed answer", ["hello"], "bare", [str(pathlib.Path(args.hyper).with_name("floor")), "127.0.0.1:{port}"]
    yield "peer", "Falcon on bjoern", ["hello", "json", "form", "multipart"], "falcon", bjoern(peers)
    yield "peer", "Falcon on fastwsgi", ["hello", "json"], "falcon", fastwsgi(peers)
    yield "peer", "Falcon on Granian", ["hello", "json", "form", "multipart"], "falcon", granian(peers)
    yield "peer", "PoorWSGI 2.8.1 on bjoern", PAGES, "poorwsgi", bjoern(peers)
    yield "peer", "PoorWSGI 2.8.1 on fastwsgi", PAGES, "poorwsgi", fastwsgi(peers)
    yield "peer", "PoorWSGI 2.8.1 on Granian", PAGES, "poorwsgi", granian(peers)
    yield "peer", "PoorWSGI 2.8.1 on uWSGI", PAGES + FILES, "poorwsgi", uwsgi(peers)
    yield "peer", "PoorWSGI 2.8.1 on gunicorn, gthread", PAGES, "poorwsgi", gunicorn(peers, *threads)
    for application, title in (("bare", "a bare WSGI callable"), ("flask", "Flask")):
        yield application, f"{title} on **our server**", ["hello"], application, run()
        yield application, f"{title} on bjoern", ["hello"], application, bjoern(peers)
        yield application, f"{title} on fastwsgi", ["hello"], application, fastwsgi(peers)
        yield application, f"{title} on Granian", ["hello"], application, granian(peers)
        yield application, f"{title} on uWSGI", ["hello"], application, uwsgi(peers)
        yield application, f"{title} on gunicorn, gthread", ["hello"], application, gunicorn(peers, *threads)
    yield "peer", "nginx", FILES, "bare", [*tools.find("nginx"), "-p", str(root), "-c", str(root / "nginx.{port}.conf")]


def measure(chosen, args, root):
    """CPU microseconds per request by group, name and case, one for each round."""
    chosen = [each for each in chosen if args.only.lower() in each[1].lower()]
    taken = {}
    for _ in range(args.rounds):
        for group, name, cases, application, command in chosen:
            with serving(command, application, root) as (port, process):
                for case in cases:
                    us = load(case, port, process, args.seconds, root)
                    taken.setdefault((group, name, case), []).append(us)
                    print(f"{name}, {case}: {us:.1f}", file=sys.stderr)
    return taken


class serving:
    """Runs a server while it is measured; yields its port and its process."""

    def __init__(self, command, application, root, pinned=True):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.command = [*(["taskset", "-c", "0"] if pinned else []), *(part.replace("{port}", str(self.port)) for part in command)]
        (root / f"nginx.{self.port}.conf").write_text(NGINX.format(root=root, port=self.port))
        self.environment = {**os.environ, "BENCH_APP": application, "BENCH_FILES": str(root / "files"), "PYTHONWARNINGS": "ignore"}

    def __enter__(self):
        self.process = subprocess.Popen(self.command, cwd=HERE, env=self.environment, stdout=subprocess.DEVNULL, start_new_session=True)
        for _ in range(200):
            if self.process.poll() is not None:
                raise SystemExit(f"ended at once: {' '.join(self.command)}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                self.wait_for_workers()
                return self.port, self.process
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"does not listen: {' '.join(self.command)}")

    def wait_for_workers(self):
        """Waits until no worker computes: a worker that is still loading the application would get its first
        requests when others are warm."""
        before = cpu(self.process.pid)
        for _ in range(50):
            time.sleep(0.2)
            now = cpu(self.process.pid)
            if now - before < 1.5 / TICK:
                return
            before = now
        raise SystemExit(f"computes without requests: {' '.join(self.command)}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def load(case, port, process, seconds, root):
    _, path, method, body, headers, expected = CASES[case]
    headers, lua = dict(headers), ""
    if case == "session":
        response, _ = ask(port, "/login", "GET", b"", {})
        headers["Cookie"] = response.getheader("Set-Cookie").split(";")[0]
    if case == "digest":
        response, _ = ask(port, path, method, b"", {})
        headers["Authorization"], lua = credentials(response.getheader("WWW-Authenticate"), method, path, root)
    _, content = ask(port, path, method, body, headers)
    if not content.startswith(expected):
        raise SystemExit(f"{case}: {content[:80]!r}")
    script = script_for(root, method, headers, body, lua)
    wrk(port, path, script, 1)
    if case == "digest":  # each nonce count can be used only once
        response, _ = ask(port, path, method, b"", {})
        _, lua = credentials(response.getheader("WWW-Authenticate"), method, path, root)
        script.write_text(f"wrk.method = {method!r}\n{lua}")
    before = cpu(process.pid)
    requests = wrk(port, path, script, seconds)
    return (cpu(process.pid) - before) / requests * 1e6


def script_for(root, method, headers, body, lua=""):
    """Writes a script that makes wrk send this request."""
    script = root / "request.lua"
    (root / "body").write_bytes(body)
    fields = "".join(f"wrk.headers[{name!r}] = {value!r}\n" for name, value in headers.items())
    content = f"wrk.body = io.open('{root}/body', 'rb'):read('*a')\n" if body else ""
    script.write_text(f"wrk.method = {method!r}\n{fields}{content}{lua}")
    return script


def credentials(challenge, method, path, root):
    """The first Authorization (RFC 7616) for a challenge, and a script that sends the next ones, each with
    another nonce count and response, because servers may accept each only once."""
    asked = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)}

    def md5(*parts):
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    user, target, kept = md5("alice", asked["realm"], "secret"), md5(method, path), ["realm", "nonce", "opaque", "algorithm"]
    fields = ", ".join(['Digest username="alice"', f'uri="{path}"', 'qop=auth', 'cnonce="bench"',
                        *(f'{name}="{asked[name]}"' for name in kept if name in asked)])
    responses = (md5(user, asked["nonce"], f"{count:08x}", "bench", "auth", target) for count in range(1, COUNTS + 1))
    (root / "responses").write_text("\n".join(responses))
    lua = f"""
local count, requests = 0, {{}}
function init()
  wrk.headers['Authorization'] = '@'
  local before, after = wrk.format():match('^(.-)@(.*)$')
  for response in io.lines('{root}/responses') do
    count = count + 1
    local counted = string.format(', nc=%08x, response="%s"', count, response)
    requests[count] = before .. {fields!r} .. counted .. after
  end
  count = 1
end
function request()
  count = count + 1
  return requests[count]
end
"""
    first = md5(user, asked["nonce"], "00000001", "bench", "auth", target)
    return f'{fields}, nc=00000001, response="{first}"', lua


def ask(port, path, method, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body or None, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def wrk(port, path, script, seconds, pinned=True):
    """Runs wrk; returns the number of requests that were answered."""
    command = [*(["taskset", "-c", "1"] if pinned else []), *tools.find("wrk"), "-t1", "-c32", f"-d{seconds}s"]
    command += [*(["-s", script] if script else []), f"http://127.0.0.1:{port}{path}"]
    output = subprocess.check_output(command, text=True)
    bad = re.search(r"(Socket errors|Non-2xx).*", output)
    if bad:
        print(f"  {path}: {bad[0]}", file=sys.stderr)
    return int(re.search(r"(\d+) requests in", output)[1])


def cpu(pid):
    """CPU seconds of a process and its descendants."""
    total = 0
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total = (int(fields[11]) + int(fields[12])) / TICK
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += sum(map(cpu, (task / "children").read_text().split()))
    except OSError:
        pass
    return total


def tables(taken):
    median = {key: statistics.median(values) for key, values in taken.items()}
    lines = []
    table(lines, "µs of CPU for one request", median, ("ours", "peer"), PAGES, None)
    table(lines, "µs of CPU for one file", median, ("ours", "peer"), FILES, "nginx")
    for group, title in (("bare", "a bare WSGI callable"), ("flask", "Flask")):
        table(lines, f"µs of CPU for one request of {title}", median, (group,), ["hello"], None)
    lines.append("In brackets: the ratio to ours (of files: to nginx). Ours is compiled with a profile, as `make wheel` does it, "
                 "hyper as cargo does it. One process on one processor, 32 connections, median of "
                 f"the rounds in turn. {machine()}")
    return "\n".join(lines)


def table(lines, title, median, groups, cases, base):
    names = list(dict.fromkeys(name for group, name, case in median if group in groups and case in cases))
    if not names:
        return
    base = base if base in names else names[0]
    lines += [f"| {title} | " + " | ".join(CASES[case][0] for case in cases) + " |", "|---" + "|---:" * len(cases) + "|"]
    for name in names:
        cells = []
        for case in cases:
            value = next((median[group, name, case] for group in groups if (group, name, case) in median), None)
            unit = next((median[group, base, case] for group in groups if (group, base, case) in median), None)
            ratio = f" ({value / unit:.2f} ×)" if value and unit and name != base else ""
            cells.append("" if value is None else f"{value:.1f}{ratio}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append("")


if __name__ == "__main__":
    main()

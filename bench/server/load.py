#!/usr/bin/env python3
"""How the built-in server behaves under uneven load, each figure compared with a peer in the same run.

    bench/server/load.py --ours PYTHON --peers PYTHON --hyper PROGRAM [--seconds 6] [--rounds 3] [--write FILE]

- **Isolation**: the times of brief requests on 256 connections when one request in ten sleeps for a second,
  or computes for 50 ms.
- **Workers**: requests per second of two workers relative to one, with handlers that compute for 0.1 ms
  (inline) and 2 ms (not inline). The client shares the processors with the workers, so it should need little;
  its share is measured as well. Medians of the rounds. The same for two loops in one process, if a
  free-threaded Python is given.
- **Memory**: of 10,000 idle connections that were each answered once; while 100 MiB are uploaded to a file.
- **Chunks**: bodies in chunks of 16 bytes, compared with chunks of 64 KiB.
- **Growth**: a request among 10 and 1,000 patterns; with 10, 50 and 95 header fields.
"""
import argparse
import asyncio
import contextlib
import os
import pathlib
import random
import re
import resource
import socket
import statistics
import tempfile
import time

import run

BEGIN, END = "<!-- bench-load: written by `make bench-load` -->", "<!-- /bench-load -->"
CONNECTIONS = 10_000
UPLOAD, UPLOADS = 100 << 20, 10
THREADS = ("--threads", "256", "-k", "gthread", "--worker-connections", "1000", "--keep-alive", "60")  # of gunicorn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ours", "peers", "hyper"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--free-threaded")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3, help="of the workers, one and two of them in turn")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="poorwsgi-bench-") as directory:
        root = pathlib.Path(directory)
        parts = [isolation(args, root), workers(args, root), memory(args, root), chunks(args, root), growth(args, root)]
    text = "\n\n".join([*parts, run.machine()])
    print(text)
    if args.write:
        run.write(args.write, BEGIN, END, text)


def ours(args, *options):
    return [args.ours, "-m", "poorwsgi", "run", "web:application", "--port", "{port}", *options]


def isolation(args, root):
    servers = [
        ("**PoorWSGI with a Rust engine**", ours(args)),
        ("PoorWSGI 2.8.1 on gunicorn, 256 threads",
         [args.peers, "-m", "gunicorn", "-b", "127.0.0.1:{port}", "-w", "1", "--log-level", "error", *THREADS, "web:application"]),
        ("PoorWSGI 2.8.1 on fastwsgi, one thread", [args.peers, str(run.HERE / "web.py"), "fastwsgi", "{port}"]),
    ]
    lines = ["| p50 / p99 of the brief requests, in ms | one in ten sleeps 1 s | one in ten computes 50 ms |", "|---|---:|---:|"]
    for name, command in servers:
        cells = []
        for slow in (b"/slow", b"/burn"):
            with run.serving(command, "load", root) as (port, _):
                run.note(f"{name}, {slow.decode()}")
                brief = asyncio.run(asyncio.wait_for(clients(port, slow, args.seconds), 600))
                cells.append("{:.1f} / {:.1f}".format(*(1000 * brief[int(len(brief) * part)] for part in (0.5, 0.99))))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


async def clients(port, slow, seconds):
    """The times of the brief requests, shortest first. Each client pauses for 20 ms between two requests."""
    brief = []
    begun = time.perf_counter()

    async def client():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < begun + seconds:
            path = slow if random.random() < 0.1 else b"/hello"
            asked = time.perf_counter()
            writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: bench\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
            now = time.perf_counter()
            # the first two seconds do not count, because the server still measures its routes
            if path == b"/hello" and asked > begun + 2:
                brief.append(now - asked)
            await asyncio.sleep(0.02)
        writer.close()

    await asyncio.gather(*(client() for _ in range(256)))
    return sorted(brief)


def workers(args, root):
    gunicorn = [args.peers, "-m", "gunicorn", "-b", "127.0.0.1:{port}", "--log-level", "error", *THREADS, "web:application", "-w"]
    measured = [
        ("0.1 ms", "/compute/100", "PoorWSGI with a Rust engine", ours(args, "--workers")),
        ("2 ms", "/compute/2000", "PoorWSGI with a Rust engine", ours(args, "--workers")),
        ("2 ms", "/compute/2000", "PoorWSGI 2.8.1 on gunicorn, 256 threads", gunicorn),
    ]
    if args.free_threaded:
        name = "PoorWSGI with a Rust engine, one process, and loops for workers, on a free-threaded Python"
        measured.append(("0.1 ms", "/compute/100", name, [args.free_threaded, *ours(args, "--workers", "0", "--loops")[1:]]))
    lines = []
    for what, path, name, command in measured:
        taken = {"1": [], "2": []}
        for _ in range(args.rounds):
            for count, samples in taken.items():
                run.note(f"{name}, {what}, {count}")
                with run.serving([*command, count], "load", root, pinned=False) as (port, _):
                    samples.append(under_load(port, path, args.seconds))
        (one, _), (two, client) = (map(statistics.median, zip(*samples)) for samples in taken.values())
        lines.append(f"| calls that compute {what}: {name} | {one:,.0f} | {two:,.0f} | {two / one:.2f} × | {client:.2f} |")
    head = (f"| requests per second, on {os.cpu_count()} processors which the client shares | one worker | two workers | "
            "| processors that the client used |\n|---|---:|---:|---:|---:|\n")
    return head + "\n".join(lines)


def under_load(port, path, seconds):
    """Requests per second, and the number of processors that the client used."""
    run.wrk(port, path, None, 2, pinned=False)
    # The server still answers requests of the warm-up, whose client has ended. A worker with such connections
    # would get none of the new ones.
    time.sleep(1)
    before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    rate = run.wrk(port, path, None, seconds, pinned=False) / seconds
    return rate, (sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before) / seconds


def memory(args, root):
    taken = {}
    for name, command, path in (
        ("ours", ours(args, "--workers", "0"), b"/hello"), ("hyper", [args.hyper, "127.0.0.1:{port}"], b"/"),
    ):
        with run.serving(command, "load", root) as (port, process), contextlib.ExitStack() as stack:
            run.note(f"idle connections, {name}")
            run.wrk(port, path.decode(), None, 1)
            before = resident(process.pid)
            for _ in range(CONNECTIONS - 100):
                each = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
                each.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: bench\r\n\r\n")
                if b" 200 " not in each.recv(4096):
                    raise SystemExit("an idle connection was not answered")
            taken[name] = (resident(process.pid) - before) / (CONNECTIONS - 100)
    with run.serving(ours(args, "--workers", "0", "--max-body", "200M"), "load", root) as (port, process):
        run.note("uploads")
        upload(port, 1 << 20)
        before, used = resident(process.pid), run.cpu(process.pid)
        for _ in range(UPLOADS):
            upload(port, UPLOAD)
        used = run.cpu(process.pid) - used
        grown = resident(process.pid, "VmHWM") - before
    return (f"Memory: {taken['ours'] / 1024:.1f} KiB for an idle connection, plain hyper {taken['hyper'] / 1024:.1f} KiB "
            f"({taken['ours'] / taken['hyper']:.2f} ×), of {CONNECTIONS - 100:,} connections. Uploads of 100 MiB, one after the other, "
            f"each streamed to a file: {grown / 2**20:.1f} MiB more at the most, {UPLOADS * UPLOAD / used / 1e9:.2f} GB for each second of "
            "CPU.")


def resident(pid, field="VmRSS"):
    return int(re.search(rf"{field}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) << 10


def upload(port, size):
    block = bytes(1 << 20)
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(b"POST /store HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(block)):
            client.sendall(block)
        answer = client.makefile("rb").read()
    if not answer.endswith(b"\r\n\r\n%d" % size):
        raise SystemExit(f"an upload was answered {answer[:200]!r}")


def chunks(args, root):
    """The cost of a chunked body of 15 MiB for each chunk size: the median of five, measured in turn."""
    costs = {1 << 16: [], 16: []}
    with run.serving(ours(args, "--workers", "0"), "load", root) as (port, process):
        for _ in range(6):
            for size, samples in costs.items():
                run.note(f"chunks of {size} bytes")
                chunk = b"%x\r\n%b\r\n" % (size, bytes(size))
                before = run.cpu(process.pid)
                # The CPU clock has ticks of 10 ms: fewer uploads would take only a few ticks.
                for _ in range(24):
                    in_chunks(port, chunk, (15 << 20) // size)
                samples.append(run.cpu(process.pid) - before)
    large, small = (statistics.median(samples[1:]) for samples in costs.values())
    return f"A body of 15 MiB in chunks of 16 bytes takes {small / large:.2f} × the CPU of one in chunks of 64 KiB."


def in_chunks(port, chunk, count):
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(b"POST /store HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.sendall(chunk * count + b"0\r\n\r\n")
        answer = client.makefile("rb").read()
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"an upload in chunks was answered {answer[:200]!r}")


def growth(args, root):
    with run.serving(ours(args), "load", root) as (port, process):
        costs = {}
        for count in (10, 1000):
            run.note(f"{count} routes")
        for name, path, fields in (
            ("10", "/few/9/alice", 0), ("1000", "/many/999/alice", 0),
            *((f"{fields} fields", "/hello", fields) for fields in (10, 50, 95)),
        ):
            script = root / "fields.lua"
            script.write_text("".join(f'wrk.headers["X-Field-{number}"] = "value of field {number}"\n' for number in range(fields)))
            run.note(f"growth: {name}")
            taken = []
            for _ in range(3):
                run.wrk(port, path, script, 1)
                before = run.cpu(process.pid)
                requests = run.wrk(port, path, script, 2)
                taken.append((run.cpu(process.pid) - before) / requests * 1e6)
            costs[name] = sorted(taken)[1]
    fields = ", ".join(f"{costs[name]:.1f} µs with {name}" for name in ("10 fields", "50 fields", "95 fields"))
    return (f"Growth: a pattern with an argument, the last of 10, takes {costs['10']:.1f} µs of CPU, the last of 1,000 "
            f"{costs['1000']:.1f} ({costs['1000'] / costs['10']:.2f} ×). Hello world takes {fields} of the request's head.")


if __name__ == "__main__":
    main()

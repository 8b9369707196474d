#!/usr/bin/env python3
"""The numbers of the README, measured beside the peers in one run.

    bench/run.py [--rounds 9] [--seconds 2] [--connections 32] [--write README.md]

Builds the servers of this folder, drives them in turn with `wrk`, runs the engine's own benches, and prints
Markdown. With --write, the text also replaces what is between the two bench marks of that file.

The figure to compare is CPU per request: user and system time of the server's process, divided by the
requests it answered. Requests per second are limited by the client; CPU is not. The figure cannot be compared
between machines, and hardly between runs, so the peers take turns, round after round, and the median of the
rounds is quoted with its ratio to plain hyper.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

import tools

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target")) / "release"
HELLO, USER = "/hello", "/user/alice/42"
ANSWERS = {HELLO: b"Hello world", USER: b'{"name":"alice","age":42}'}
MEASURED = [("hyper", HELLO)] + [
    (name, path) for path in (HELLO, USER) for name in ("axum-serve", "axum", "poorwsgi")
]
BEGIN, END = "<!-- bench-rust: written by `make bench-rust` -->", "<!-- /bench-rust -->"


@dataclasses.dataclass
class Sample:
    """One server under load for one round."""

    cpu_us: float
    rate: float
    p99: str


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2, help="of load in each round, after one second of warm-up")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", help="comma-separated names of the servers to measure; no programs run then")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    args = parser.parse_args()
    only = args.only.split(",") if args.only else None

    measured = [each for each in MEASURED if not only or each[0] in only]
    build(sorted({name for name, _ in measured}))
    wrk = tools.find("wrk")

    samples = {each: [] for each in measured}
    for number in range(args.rounds):
        # Every second round runs backwards, so that no server is always measured after the same other server.
        for name, path in measured[:: -1 if number % 2 else 1]:
            note(f"round {number + 1} of {args.rounds}: {name} {path}")
            samples[name, path].append(measure(wrk, name, path, args))

    report = [machine(args), table(samples)]
    if not only:
        taken = criterion(["multipart", "routing"])
        report += [multipart_table(taken), routing_table(taken)]
    text = "\n\n".join(report) + "\n"
    print(text)
    if args.write:
        write(args.write, text)


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def output(command, **more):
    done = subprocess.run([str(each) for each in command], stdout=subprocess.PIPE, text=True, **more)
    if done.returncode:
        sys.exit(f"bench: {command[0]} ended with status {done.returncode}")
    return done.stdout


def build(names):
    note("building (the first time takes minutes)")
    command = ["cargo", "build", "--release", "--manifest-path", HERE / "Cargo.toml"]
    for name in names:
        command += ["--bin", name]
    output(command)


def measure(wrk, name, path, args):
    port = free_port()
    server = subprocess.Popen(pinned(0) + [BUILT / name, f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL)
    try:
        check_answer(server, port, path, name)
        load = pinned(1) + wrk + ["-t1", f"-c{args.connections}", "--latency", f"http://127.0.0.1:{port}{path}"]
        output([*load, "-d1s"])
        before = cpu_seconds(server.pid)
        said = output([*load, f"-d{args.seconds}s"])
        used = cpu_seconds(server.pid) - before
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    if wrong := re.search(r"Non-2xx.*|Socket errors.*", said):
        sys.exit(f"bench: {name} {path}: {wrong.group(0)}")
    requests = int(re.search(r"(\d+) requests in", said).group(1))
    return Sample(
        cpu_us=1e6 * used / requests,
        rate=float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1)),
        p99=re.search(r"^\s*99%\s+(\S+)", said, re.MULTILINE).group(1),
    )


def pinned(cpu):
    """The command prefix that pins a process to a processor; empty if there is only one processor, or no
    taskset."""
    if shutil.which("taskset") and cpu in os.sched_getaffinity(0) and len(os.sched_getaffinity(0)) > 1:
        return ["taskset", "-c", str(cpu)]
    return []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check_answer(server, port, path, name):
    """Waits until the server listens, then checks that it gives the same answer as its peers."""
    deadline = time.monotonic() + 15
    while True:
        if server.poll() is not None:
            sys.exit(f"bench: {name} ended at once, status {server.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
                head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
            break
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"bench: {name} did not answer within 15 s")
            time.sleep(0.05)
    if not head.startswith(b"HTTP/1.1 200") or body != ANSWERS[path]:
        sys.exit(f"bench: {name} {path} answered {head.splitlines()[:1]} {body[:80]!r}")


def cpu_seconds(pid):
    """User and system time of all threads of a process, in steps of a clock tick (usually 10 ms)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine(args):
    facts = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    cpu = facts.group(1) if facts else platform.machine()
    rustc = output(["rustc", "--version"]).split()[1]
    tree = output(["cargo", "metadata", "--format-version=1", "--manifest-path", HERE / "Cargo.toml"])
    versions = [f"{name} {re.search(rf'{name}@([0-9.]+)', tree).group(1)}" for name in ("hyper", "axum", "tokio")]
    return (
        f"{cpu}, {os.cpu_count()} processors; {platform.system()} {platform.release()}; rustc {rustc}; "
        f"{', '.join(versions)}; {datetime.date.today()}. Median of {args.rounds} rounds of {args.seconds} s, "
        f"{args.connections} connections, one thread each, server and client pinned."
    )


def table(samples):
    lines = [
        "| route | server | CPU µs per request | lowest – highest | to plain hyper | requests/s | p99 |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    medians = {each: statistics.median(s.cpu_us for s in taken) for each, taken in samples.items()}
    floor = medians.get(("hyper", HELLO))
    for (name, path), taken in samples.items():
        costs = sorted(sample.cpu_us for sample in taken)
        middle = sorted(taken, key=lambda sample: sample.cpu_us)[len(taken) // 2]
        ratio = f"{medians[name, path] / floor:.2f}" if floor else "–"
        lines.append(
            f"| `{path}` | {name} | {medians[name, path]:.2f} | {costs[0]:.2f} – {costs[-1]:.2f} | {ratio} "
            f"| {middle.rate:,.0f} | {middle.p99} |"
        )
    return "\n".join(lines)


@dataclasses.dataclass
class Timed:
    """The time that criterion measured for one case at one size."""

    seconds: float
    size: int  # criterion's value of the case: MiB, or a number of routes
    bytes: int | None


def criterion(benches):
    """The minimum times of the engine's own benches: {(group, case): [Timed, ...]}, with sizes ascending."""
    home = ROOT / ".cache" / "criterion"
    shutil.rmtree(home, ignore_errors=True)
    command = ["cargo", "bench", "--manifest-path", ROOT / "Cargo.toml", "-p", "poorwsgi"]
    for bench in benches:
        command += ["--bench", bench]
    note(f"criterion: {', '.join(benches)}")
    pace = ["--warm-up-time", "0.3", "--measurement-time", "1", "--noplot"]
    output([*command, "--", *pace], env={**os.environ, "CRITERION_HOME": str(home)})
    taken = {}
    for about in home.rglob("new/benchmark.json"):
        case = json.loads(about.read_text())
        samples = json.loads(about.with_name("sample.json").read_text())
        # The minimum, because other processes can only add to the time.
        least = min(time / count for time, count in zip(samples["times"], samples["iters"]))
        if case["value_str"] and case["value_str"].isdigit():
            timed = Timed(least / 1e9, int(case["value_str"]), (case["throughput"] or {}).get("Bytes"))
            taken.setdefault((case["group_id"], case["function_id"]), []).append(timed)
    for times in taken.values():
        times.sort(key=lambda timed: timed.size)
    return taken


def multipart_table(taken):
    lines = ["| multipart body from memory | size | GB/s | 8 times the size takes |", "|---|---:|---:|---:|"]
    for (group, case), times in sorted(taken.items()):
        if group == "multipart":
            last = times[-1]
            grown = f"{last.seconds / times[0].seconds:.1f} times as long" if len(times) > 1 else "–"
            lines.append(f"| {case} | {last.size} MiB | {last.bytes / last.seconds / 1e9:.2f} | {grown} |")
    return "\n".join(lines)


def routing_table(taken):
    lines = ["| routes | path | among 10 | among 1,000 | ratio |", "|---|---|---:|---:|---:|"]
    for (group, case), times in sorted(taken.items()):
        if group != "multipart" and len(times) > 1:
            few, many = times[0].seconds, times[-1].seconds
            lines.append(f"| {group} | {case} | {few * 1e9:,.0f} ns | {many * 1e9:,.0f} ns | {many / few:.2f} |")
    return "\n".join(lines)


def write(path, text, marks=(BEGIN, END)):
    """Puts the text between two marks of a file."""
    page = path.read_text()
    before, begin, rest = page.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (begin and end):
        sys.exit(f"bench: {path} lacks the marks {marks[0]} and {marks[1]}")
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")


if __name__ == "__main__":
    main()

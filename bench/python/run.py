#!/usr/bin/env python3
"""The time of one call of a WSGI application, without a server: PoorWSGI 2.8.1, Falcon, Bottle and ours, in
one run.

    bench/python/run.py --ours PYTHON --original PYTHON --peers PYTHON [--rounds 5] [--write FILE]

The three interpreters have our package, the original PoorWSGI, and the peers installed. Each framework runs
in a separate process; they take turns, round after round, and the median of the rounds is quoted. The calls
are in apps.py.
"""
import argparse
import datetime
import pathlib
import platform
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- bench-python: written by `make bench-python` -->", "<!-- /bench-python -->"
CASES = {
    "hello": ("Hello world", 20_000), "json": ("two path arguments, answered as JSON", 20_000),
    "form": ("form POST of ten fields", 5_000), "multipart": ("multipart POST of 64 KiB", 500),
}
NAMES = {"ours": "**PoorWSGI with a Rust engine**", "falcon": "Falcon", "bottle": "Bottle", "original": "PoorWSGI 2.8.1"}


class Worker:
    def __init__(self, python, framework):
        command = [python, "-W", "ignore", HERE / "apps.py", framework]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, case, calls):
        self.process.stdin.write(f"{case} 3 {calls}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args}: failed")
        return float(line) / 1000

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def imported(python):
    """Milliseconds that `import poorwsgi` adds to the start of the interpreter."""
    def least(code):
        took = []
        for _ in range(7):
            command = ["perf_counter=__import__('time').perf_counter;s=perf_counter()", code, "print(perf_counter()-s)"]
            took.append(float(subprocess.check_output([python, "-c", ";".join(command)])) * 1000)
        return min(took)
    return least("import poorwsgi")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ours", "original", "peers"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    args = parser.parse_args()
    workers = {
        "ours": Worker(args.ours, "poorwsgi"), "falcon": Worker(args.peers, "falcon"),
        "bottle": Worker(args.peers, "bottle"), "original": Worker(args.original, "poorwsgi"),
    }
    taken = {}
    for _ in range(args.rounds):
        for case, (_, calls) in CASES.items():
            for name, worker in workers.items():
                taken.setdefault((name, case), []).append(worker.measure(case, calls))
    for worker in workers.values():
        worker.close()
    medians = {key: statistics.median(values) for key, values in taken.items()}
    lines = ["| µs for one call | " + " | ".join(title for title, _ in CASES.values()) + " |", "|---" * (len(CASES) + 1) + "|"]
    for name, title in NAMES.items():
        cells = []
        for case in CASES:
            value = medians[name, case]
            ratio = value / medians["ours", case]
            cells.append(f"{value:.2f}" if name == "ours" else f"{value:.1f} ({ratio:.1f} ×)")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    date = datetime.datetime.now(datetime.timezone.utc).date()
    lines += [
        "", f"In brackets: the ratio to ours. `import poorwsgi`: ours {imported(args.ours):.0f} ms, the original "
        f"{imported(args.original):.0f} ms. {date}, Python {platform.python_version()}, {platform.machine()}, median of "
        f"{args.rounds} rounds in turn.",
    ]
    text = "\n".join(lines)
    print(text)
    if args.write:
        before, rest = args.write.read_text().split(BEGIN)
        after = rest.split(END)[1]
        args.write.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()

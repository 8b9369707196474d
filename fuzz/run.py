#!/usr/bin/env python3
"""Runs the fuzz targets one after the other and prints a Markdown table of what each did.

    fuzz/run.py [--seconds 60] [--write fuzz/README.md] [TARGET ...]

Without names it runs every target of Cargo.toml. The exit status is 1 when a target crashed, hung for five seconds
or took more than 1 GiB; the input that did it stands in fuzz/artifacts/TARGET. The corpus grows in fuzz/corpus.
"""

import argparse
import datetime
import pathlib
import re
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- runs: written by `make fuzz` -->", "<!-- /runs -->"


def main():
    known = [each["name"] for each in tomllib.loads((HERE / "Cargo.toml").read_text())["bin"]]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(known))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    args = parser.parse_args()
    if unknown := set(args.targets) - set(known):
        parser.error(f"unknown target {', '.join(sorted(unknown))}; there are {', '.join(known)}")

    if subprocess.run(["cargo", "+nightly", "fuzz", "build"], cwd=HERE.parent).returncode:
        sys.exit("fuzz: the build failed; a nightly toolchain is needed: rustup toolchain install nightly")
    rows = [run(target, args.seconds) for target in args.targets or known]
    text = "\n".join([
        f"{datetime.date.today()}, {args.seconds} s each:",
        "",
        "| target | inputs tried | inputs/s | edges covered | peak memory | outcome |",
        "|---|---:|---:|---:|---:|---|",
        *(row for row, _ in rows),
    ]) + "\n"
    print(text)
    if args.write:
        write(args.write, text)
    sys.exit(0 if all(fine for _, fine in rows) else 1)


def run(target, seconds):
    """One target's row, and whether it ended without a finding."""
    corpus = HERE / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    command = ["cargo", "+nightly", "fuzz", "run", target, corpus]
    if (seeds := HERE / "seeds" / target).is_dir():
        command.append(seeds)
    command += ["--", f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1"]
    if (words := HERE / "http.dict").exists():
        command.append(f"-dict={words}")
    print(f"fuzz: {target}", file=sys.stderr, flush=True)
    done = subprocess.run([str(each) for each in command], cwd=HERE.parent, stderr=subprocess.PIPE, text=True,
                          errors="replace")
    tried = stat(done.stderr, "number_of_executed_units")
    memory = stat(done.stderr, "peak_rss_mb")
    edges = re.findall(r"cov: (\d+)", done.stderr)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
    outcome = "nothing found" if not done.returncode else f"**failed**: see artifacts/{target}"
    row = (f"| `{target}` | {tried:,} | {tried // max(seconds, 1):,} | {edges[-1] if edges else '?'} "
           f"| {memory} MiB | {outcome} |")
    return row, done.returncode == 0


def stat(text, name):
    found = re.search(rf"stat::{name}:\s+(\d+)", text)
    return int(found.group(1)) if found else 0


def write(path, text):
    page = path.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f"fuzz: {path} lacks the marks {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()

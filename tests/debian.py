"""Packages of Debian and Ubuntu that tests need.

Run as a program, it installs the packages that are its arguments; if it may not, it prints the reason and
exits with status 1.
"""
import os
import shutil
import subprocess
import sys


class Missing(Exception):
    """The reason why a test cannot run here."""


def install(*packages):
    names = " ".join(packages)
    if not shutil.which("apt-get"):
        raise Missing(f"{names}: not installed, and this is no system with apt-get")
    if os.geteuid() != 0:
        raise Missing(f"{names}: not installed, which takes root: apt-get install {names}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise Missing(f"apt-get {command[0]} failed: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")


if __name__ == "__main__":
    try:
        install(*sys.argv[1:])
    except Missing as missing:
        sys.exit(print(missing) or 1)

"""Prints the Python interpreters of this machine for which wheels are built: CPython 3.11 or later, one for
each version and build.

Searches PATH and the versions of pyenv. An interpreter without its C headers is left out, with a message.
"""
import os
import pathlib
import re
import subprocess
import sys

NAME = re.compile(r"python3(\.\d+t?)?")
ASK = """
import os, sys, sysconfig
if sys.version_info >= (3, 11) and sys.implementation.name == "cpython":
    header = os.path.join(sysconfig.get_path("include"), "Python.h")
    print(sysconfig.get_config_var("SOABI"), os.path.exists(header), sys.version_info.releaselevel, sep="\\n")
"""


def candidates():
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    folders = [path for path in map(pathlib.Path, os.get_exec_path()) if path != pyenv / "shims"]
    for folder in [*folders, *sorted(pyenv.glob("versions/*/bin"))]:
        try:
            yield from sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
        except OSError:
            pass  # PATH names many folders that do not exist


def main():
    found = {}
    for path in candidates():
        asked = subprocess.run([path, "-I", "-c", ASK], capture_output=True, text=True, check=False)
        if asked.returncode or not asked.stdout:
            continue
        kind, has_headers, level = asked.stdout.split()
        if has_headers != "True" or level != "final":
            print(f"{path}: passed over: {'a pre-release' if level != 'final' else 'no Python.h'}", file=sys.stderr)
        else:
            found.setdefault(kind, path)
    if not found:
        sys.exit("no CPython 3.11 or later with its headers was found")
    print(*(path for _, path in sorted(found.items())))


main()

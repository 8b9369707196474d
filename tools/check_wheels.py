"""Checks wheels before they are published: they have to be small, complete and without dependencies."""
import email
import pathlib
import re
import sys
import zipfile

LIMIT = 6 << 20


def faults(path):
    size = path.stat().st_size
    if size >= LIMIT:
        yield f"{size} bytes; the limit is {LIMIT}"
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        [metadata] = (name for name in names if name.endswith(".dist-info/METADATA"))
        message = email.message_from_bytes(wheel.read(metadata))
    if message["Name"] != "poorwsgi-rs":
        yield f"its name is {message['Name']}"
    if needs := message.get_all("Requires-Dist"):
        yield f"it depends on {', '.join(needs)}"
    native = [name for name in names if re.fullmatch(r"poorwsgi/_poorwsgi\.\S+\.so", name)]
    if len(native) != 1:
        yield f"native modules: {native}"
    for name in ("poorwsgi/__init__.py", "poorwsgi/py.typed", "poorwsgi/wsgi/__init__.py", "poorwsgi/server.pyi"):
        if name not in names:
            yield f"{name} is missing"
    # It would count as a file of the distribution poorwsgi: see poorwsgi/_alone.py.
    if "poorwsgi/wsgi.py" in names:
        yield "poorwsgi/wsgi.py is in it"


def main():
    failed = False
    for path in map(pathlib.Path, sys.argv[1:]):
        found = list(faults(path))
        failed |= bool(found)
        print(f"{path.name}: {'; '.join(found) or f'{path.stat().st_size / (1 << 20):.1f} MiB, no dependencies'}")
    sys.exit(failed)


main()

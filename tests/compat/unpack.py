"""Unpacks the original's tests, examples and sources side by side into a folder: `unpack.py ARCHIVE FOLDER`.

The sources are put into `source/`, so that `import poorwsgi` finds only our wheel.
"""
import pathlib
import shutil
import sys
import tarfile
import tempfile

FOLDERS = {"tests": "tests", "examples": "examples", "poorwsgi": "source"}


def unpack(archive, folder):
    with tempfile.TemporaryDirectory() as temporary:
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")
        (root,) = pathlib.Path(temporary).iterdir()
        for name, target in FOLDERS.items():
            shutil.rmtree(folder / target, ignore_errors=True)
            shutil.copytree(root / name, folder / target)


if __name__ == "__main__":
    unpack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))

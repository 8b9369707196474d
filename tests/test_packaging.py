"""The wheel, alone and together with the distribution that it replaces."""
import importlib.metadata
import os
import pathlib
import subprocess
import sys
import time
import venv
import zipfile

import pytest

WHEELS = pathlib.Path(__file__).parent.parent / ".cache" / "wheel"

#: The files that PoorWSGI installs, with their imports of each other.
ORIGINAL = {
    "__init__": "from poorwsgi.response import x\nfrom poorwsgi.wsgi import x", "response": "from poorwsgi.headers import x",
    "headers": "from poorwsgi.state import x", "state": "x = 1", "wsgi": "from poorwsgi.request import x",
    "request": "from poorwsgi.fieldstorage import x", "fieldstorage": "x = 1", "results": "", "session": "", "digest": "",
    "aes_session": "", "openapi_wrapper": "",
}


def wheel_of(files, folder):
    """A wheel of the distribution poorwsgi with these files."""
    path = folder / "poorwsgi-2.8.1-py3-none-any.whl"
    info = "poorwsgi-2.8.1.dist-info"
    files = {
        **files, f"{info}/METADATA": "Metadata-Version: 2.1\nName: poorwsgi\nVersion: 2.8.1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
    return path


@pytest.fixture(scope="module")
def ours():
    [wheel] = WHEELS.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    files = {f"poorwsgi/{name}.py": source for name, source in ORIGINAL.items()}
    return wheel_of(files, tmp_path_factory.mktemp("theirs"))


class Environment:
    """A virtual environment."""

    def __init__(self, folder):
        venv.create(folder)
        self.folder = folder
        self.python = folder / "bin" / "python"

    def pip(self, *arguments):
        offline = ["--quiet", "--disable-pip-version-check"]
        subprocess.run([sys.executable, "-m", "pip", "--python", self.python, *arguments, *offline], check=True)

    def install(self, *wheels):
        for wheel in wheels:
            self.pip("install", "--no-index", "--no-deps", wheel)

    def run(self, source):
        return subprocess.run([self.python, "-c", source], capture_output=True, text=True, cwd=self.folder, check=False)


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "environment")


def test_alone_it_works(environment, ours):
    environment.install(ours)
    done = environment.run("import poorwsgi, poorwsgi.wsgi, poorwsgi.server; print(poorwsgi.Application('x').name)")
    assert (done.stdout, done.stderr) == ("x\n", "")
    scripts = environment.folder / "bin"
    help_ = subprocess.run([scripts / "poorwsgi", "--help"], capture_output=True, text=True, check=True)
    assert help_.stdout.startswith("usage: poorwsgi ")


@pytest.mark.parametrize("order", ["ours last", "ours first"])
@pytest.mark.parametrize("module", ["poorwsgi", "poorwsgi.state", "poorwsgi.server"])
def test_beside_the_original_importing_says_which_one_to_remove(environment, ours, theirs, order, module):
    environment.install(*((theirs, ours) if order == "ours last" else (ours, theirs)))
    done = environment.run(f"import {module}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: the distributions poorwsgi and poorwsgi-rs are both installed")
    assert "pip uninstall poorwsgi poorwsgi-rs && pip install poorwsgi-rs" in last


@pytest.mark.parametrize("order", ["ours last", "ours first"])
@pytest.mark.parametrize("keep", ["ours", "theirs"])
def test_what_it_says_helps(environment, ours, theirs, order, keep):
    environment.install(*((theirs, ours) if order == "ours last" else (ours, theirs)))
    environment.pip("uninstall", "--yes", "poorwsgi", "poorwsgi-rs")
    assert environment.run("import poorwsgi").stderr.endswith("ModuleNotFoundError: No module named 'poorwsgi'\n")
    environment.install(ours if keep == "ours" else theirs)
    done = environment.run("import poorwsgi.wsgi; print('Application' in vars(poorwsgi))")
    assert (done.stdout, done.stderr) == (f"{keep == 'ours'}\n", "")


def test_what_wheels_are_trained_with_is_answered():
    """Otherwise `make wheel` would fail only after minutes."""
    train = WHEELS.parent.parent / "tools" / "train.py"
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run([sys.executable, train, "0.2"], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(" requests\n") == 11


def test_it_needs_nothing_else():
    assert importlib.metadata.requires("poorwsgi-rs") is None


@pytest.mark.measures
def test_importing_takes_no_time():
    def seconds(source):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-S", "-c", source], check=True)
        return time.perf_counter() - start

    import poorwsgi

    folder = pathlib.Path(poorwsgi.__file__).parent.parent
    sources = ("pass", f"import sys; sys.path.append({str(folder)!r}); import poorwsgi")
    # The least of several, because other processes can only make it slower.
    empty, ours = (min(seconds(source) for _ in range(10)) for source in sources)
    assert ours - empty < 0.040

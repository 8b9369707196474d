"""Apache's mod_wsgi, as packaged by Debian and Ubuntu, with its configuration in a temporary folder.

Run as a program, it installs the packages if it may, and unpacks our wheel for the system's Python. If that
is impossible, it prints the reason and exits with status 1.
"""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile

import debian
from processes import HERE, PATIENCE, accepts
from servers import THREADS

ROOT = HERE.parent
PROGRAM = pathlib.Path("/usr/sbin/apache2")
MODULES = pathlib.Path("/usr/lib/apache2/modules")
#: The Python for which the packaged mod_wsgi is built.
PYTHON = pathlib.Path("/usr/bin/python3")
SITE = ROOT / ".cache" / "apache"
USER = "www-data"

CONFIGURATION = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
ServerLimit 1
StartServers 1
ThreadsPerChild {threads}
MaxRequestWorkers {threads}
WSGIPythonPath {folder}
WSGIScriptAlias / {folder}/served.py
WSGICallableObject app
# Python code in Rust, as in C, belongs into the first interpreter of the process.
WSGIApplicationGroup %{{GLOBAL}}
<Directory {folder}>
    Require all granted
</Directory>
"""


def install():
    if not (PROGRAM.exists() and (MODULES / "mod_wsgi.so").exists()):
        debian.install("apache2", "libapache2-mod-wsgi-py3")


def unpack_wheel():
    """Puts our package for the system's Python into SITE."""
    ask = "import sys; print(*sys.version_info[:2], sep='')"
    version = subprocess.check_output([PYTHON, "-I", "-c", ask], text=True).strip()
    if int(version) < 311:
        raise debian.Missing(f"the system's Python is {version[0]}.{version[1:]}; 3.11 is the oldest that we support")
    wheels = ROOT / ".cache" / "wheel"
    if not list(wheels.glob(f"*-cp{version}-cp{version}-*.whl")):
        wheels = ROOT / ".cache" / "wheel-apache"
        shutil.rmtree(wheels, ignore_errors=True)
        maturin = [sys.executable, "-m", "maturin", "build", "--locked", "--profile", "dev"]
        subprocess.run([*maturin, "--interpreter", PYTHON, "--out", wheels], cwd=ROOT, check=True, stdout=sys.stderr)
    [wheel] = wheels.glob(f"*-cp{version}-cp{version}-*.whl")
    shutil.rmtree(SITE, ignore_errors=True)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(SITE)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@contextlib.contextmanager
def process(**variables):
    """Runs Apache with the application of served.py; yields its port."""
    # Apache's user may not read every folder, but may read this one.
    with tempfile.TemporaryDirectory(prefix="poorwsgi-apache-") as name:
        folder = pathlib.Path(name)
        shutil.copytree(SITE, folder, dirs_exist_ok=True)
        for module in ("served.py", "demo_app.py"):
            shutil.copy(HERE / module, folder)
        if root := variables.get("poor_DocumentRoot"):
            variables["poor_DocumentRoot"] = shutil.copytree(root, folder / "root")
        privileges = {}
        if os.geteuid() == 0:
            privileges = {"user": USER, "group": USER, "extra_groups": []}
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, USER, USER)
        port = free_port()
        configuration = folder / "apache.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, modules=MODULES, port=port, threads=THREADS))
        command = [PROGRAM, "-f", configuration, "-DFOREGROUND"]
        environment = {**os.environ, "poor.Version": "1", **variables}
        started = subprocess.Popen(command, cwd=folder, env=environment, **privileges)
        try:
            accepts(started, port)
            yield port
        finally:
            started.terminate()
            try:
                started.wait(PATIENCE)
            finally:
                started.kill()
                sys.stderr.write((folder / "error.log").read_text(errors="replace"))


if __name__ == "__main__":
    try:
        install()
        unpack_wheel()
    except debian.Missing as missing:
        sys.exit(print(missing) or 1)

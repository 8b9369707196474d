"""Programs that the benches need and people may not have."""
import pathlib
import shutil
import subprocess
import sys

CACHE = pathlib.Path(__file__).resolve().parent.parent / ".cache"

#: Debian's packages of each, with the libraries that not every system has.
PACKAGES = {
    "wrk": ("usr/bin/wrk", "https://github.com/wg/wrk", ["wrk", "libluajit-5.1-2"]),
    "nginx": ("usr/sbin/nginx", "https://nginx.org", ["nginx", "libpcre2-8-0"]),
}


def find(program):
    """The command line of a program: the installed one, or Debian's packages unpacked into .cache, which needs no root."""
    installed = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if installed:
        return [installed]
    where, home, packages = PACKAGES[program]
    cache = CACHE / program
    unpacked = cache / where
    if not unpacked.exists():
        if not shutil.which("apt-get"):
            sys.exit(f"bench: {program} is missing; install it ({home}) and run again")
        print(f"bench: fetching {program}", file=sys.stderr, flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        for package in packages:
            subprocess.run(["apt-get", "download", package], cwd=cache, check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["dpkg", "-x", next(cache.glob(f"{package}_*.deb")), cache], check=True)
    libraries = ":".join(str(each) for each in (cache / "usr" / "lib").glob("*-linux-*"))
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(unpacked)]

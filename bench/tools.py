"""Programs and libraries that the benches need and that may not be installed.

    bench/tools.py libev    prints the variables with which a compiler finds the library
"""
import pathlib
import shutil
import subprocess
import sys

CACHE = pathlib.Path(__file__).resolve().parent.parent / ".cache"

#: Debian's packages of each program, with the libraries that not every system has.
PACKAGES = {
    "wrk": ("usr/bin/wrk", "https://github.com/wg/wrk", ["wrk", "libluajit-5.1-2"]),
    "nginx": ("usr/sbin/nginx", "https://nginx.org", ["nginx", "libpcre2-8-0"]),
    "libev": ("usr/include/ev.h", "http://software.schmorp.de/pkg/libev.html", ["libev-dev", "libev4"]),
}


def find(program):
    """The command line of a program: the installed one, or Debian's packages unpacked into .cache, which needs no root."""
    installed = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if installed:
        return [installed]
    path = unpacked(program)
    return ["env", f"LD_LIBRARY_PATH={':'.join(libraries(program))}", str(path)]


def unpacked(name):
    """The path of the needed file, unpacked from Debian's packages."""
    where, home, packages = PACKAGES[name]
    cache = CACHE / name
    if not (cache / where).exists():
        if not shutil.which("apt-get"):
            sys.exit(f"bench: {name} is missing; install it ({home}) and run again")
        print(f"bench: fetching {name}", file=sys.stderr, flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        for package in packages:
            # With an explicit version, because the installed version may no longer be available.
            offered = subprocess.run(["apt-cache", "madison", package], capture_output=True, text=True, check=True).stdout
            if not offered:
                sys.exit(f"bench: {name} is missing, and apt offers no {package}: install it ({home}), or try after apt-get update")
            version = offered.split("|")[1].strip()
            subprocess.run(["apt-get", "download", f"{package}={version}"], cwd=cache, check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["dpkg", "-x", next(cache.glob(f"{package}_*.deb")), cache], check=True)
    return cache / where


def libraries(name):
    return [str(each) for each in (CACHE / name / "usr" / "lib").glob("*-linux-*")]


def main():
    [name] = sys.argv[1:]
    if not any(pathlib.Path(prefix, PACKAGES[name][0]).exists() for prefix in ("/", "/usr/local", "/opt/local")):
        header = unpacked(name)
        folders = ":".join(libraries(name))
        print(f"CPATH={header.parent} LIBRARY_PATH={folders} LDFLAGS=-Wl,-rpath,{folders}")


if __name__ == "__main__":
    main()

"""Serves an example until its input ends: `serve_example.py FILE SERVER`; prints the port first."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]

from departures import ours
from probes.examples import load
from servers import SERVERS

if __name__ == "__main__":
    ours()
    with SERVERS[sys.argv[2]](load(sys.argv[1]).application) as port:
        print(port, flush=True)
        sys.stdin.read()

"""Answers that are longer than memory, or that come bit by bit; and a request's body, read as it comes.

    poorwsgi run streaming:app        # in the folder of this file
    python streaming.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl -N http://127.0.0.1:8080/clock
    curl http://127.0.0.1:8080/table.csv
    curl -T README.md http://127.0.0.1:8080/length
"""
import logging
import sys
import time

from poorwsgi import Application
from poorwsgi.response import GeneratorResponse, StrGeneratorResponse
from poorwsgi.server import run
from poorwsgi.state import METHOD_PUT

app = Application("streaming")
log = logging.getLogger(__name__)
PAUSE = 1  # seconds


@app.route("/clock")
def clock(_req):
    def ticks():
        try:
            for _ in range(5):
                yield time.strftime("%X\n")
                time.sleep(PAUSE)
        finally:
            log.info("the clock stops")  # when it is over, and also when the client has gone away

    return StrGeneratorResponse(ticks(), "text/plain")


@app.route("/table.csv")
def table(_req):
    rows = (f"{number},{number * number}\r\n".encode() for number in range(100_000))
    return GeneratorResponse(rows, "text/csv")


@app.route("/length", METHOD_PUT)
def length(req):
    size = 0
    while block := req.read(65536):
        size += len(block)
    return {"bytes": size}


if __name__ == "__main__":
    run(app, *sys.argv[1:2])

"""A server in a thread beside other work, on a port that the system chooses.

    python background.py        # in the folder of this file
"""
import itertools
import threading
from contextlib import contextmanager
from urllib.request import urlopen

from poorwsgi import Application
from poorwsgi.server import make_server

app = Application("background")
calls = itertools.count(1)


@app.route("/")
def count(_req):
    return {"count": next(calls)}


@contextmanager
def served(app):
    """The address of the application, which is served as long as the block runs."""
    with make_server("127.0.0.1", 0, app) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    with served(app) as address:
        for _ in range(3):
            with urlopen(address) as answer:
                print(answer.read().decode())

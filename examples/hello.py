"""The smallest application.

    poorwsgi run hello:app        # in the folder of this file
    python hello.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl http://127.0.0.1:8080/
"""
import sys

from poorwsgi import Application
from poorwsgi.server import run

app = Application("hello")


@app.route("/")
def hello(req):
    return f"Hello {req.args.getfirst('name', 'world')}\n", "text/plain; charset=utf-8"


if __name__ == "__main__":
    run(app, *sys.argv[1:2])

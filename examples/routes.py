"""Routes: static ones, path arguments with filters, a filter of our own, regular expressions, other methods.

    poorwsgi run routes:app        # in the folder of this file
    python routes.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl http://127.0.0.1:8080/user/ann/42
    curl http://127.0.0.1:8080/colour/ff8000
    curl -X DELETE http://127.0.0.1:8080/user/ann
"""
import datetime
import sys

from poorwsgi import Application
from poorwsgi.server import run
from poorwsgi.state import METHOD_DELETE, METHOD_GET, METHOD_GET_POST

app = Application("routes")
app.set_filter("day", r"\d{4}-\d\d-\d\d", datetime.date.fromisoformat)


@app.route("/user/<name:word>/<age:int>")
def user(_req, name, age):
    return {"name": name, "in ten years": age + 10}


@app.route("/user/<name>", METHOD_DELETE)
def delete_user(_req, name):
    return "", "text/plain", (), 204


@app.route("/colour/<rgb:re:[0-9a-f]{6}>")
def colour(_req, rgb):
    return {"red": int(rgb[:2], 16), "green": int(rgb[2:4], 16), "blue": int(rgb[4:], 16)}


@app.route("/day/<day:day>")  # a day that is none, like 2026-13-01, is a 404
def weekday(_req, day):
    return {"weekday": day.strftime("%A")}


@app.regular_route(r"/(?P<left>\d+)(?P<sign>[-+])(?P<right>\d+)$")
def calculate(_req, left, sign, right):
    return {"result": int(left) + int(sign + right)}


@app.route("/echo", METHOD_GET_POST)
@app.route("/mirror", METHOD_GET)
def echo(req):
    return {"method": req.method, "path": req.path, "query": req.query, "rule": req.uri_rule}


if __name__ == "__main__":
    run(app, *sys.argv[1:2])

"""A JSON API: bodies come parsed, dictionaries and lists go out as JSON, long lists are streamed.

    poorwsgi run json_api:app        # in the folder of this file
    python json_api.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl -d '{"title": "Buy milk"}' -H 'Content-Type: application/json' http://127.0.0.1:8080/tasks
    curl http://127.0.0.1:8080/tasks
"""
import itertools
import sys

from poorwsgi import Application, abort
from poorwsgi.response import HTTPException, JSONGeneratorResponse, JSONResponse
from poorwsgi.server import run
from poorwsgi.state import HTTP_BAD_REQUEST, HTTP_CREATED, HTTP_NOT_FOUND, METHOD_ALL, METHOD_POST

app = Application("json_api")
tasks = {}
numbers = itertools.count(1)


@app.route("/tasks")
def list_tasks(_req):
    return list(tasks.values())


@app.route("/tasks", METHOD_POST)
def add_task(req):
    if not isinstance(req.json, dict) or not isinstance(req.json.get("title"), str):
        raise HTTPException(HTTP_BAD_REQUEST, error="an object with a title is wanted")
    number = next(numbers)
    tasks[number] = {"id": number, "title": req.json["title"]}
    return JSONResponse(tasks[number], headers={"Location": f"/tasks/{number}"}, status_code=HTTP_CREATED)


@app.route("/tasks/<number:int>")
def one_task(_req, number):
    if number not in tasks:
        abort(HTTP_NOT_FOUND)
    return tasks[number]


@app.route("/squares/<count:int>")
def squares(_req, count):
    return JSONGeneratorResponse(squares=(number * number for number in range(count)))


@app.http_state(HTTP_BAD_REQUEST, METHOD_ALL)
@app.http_state(HTTP_NOT_FOUND, METHOD_ALL)
def problem(req, error=None, **_details):
    """An API answers errors as JSON, too."""
    status_code = HTTP_BAD_REQUEST if error else HTTP_NOT_FOUND
    return JSONResponse(status_code=status_code, error=str(error or f"{req.path} is not here"))


if __name__ == "__main__":
    run(app, *sys.argv[1:2])

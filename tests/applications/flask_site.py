"""A Flask site with server-sent events, written as in the usual recipes."""
import queue
import threading

import flask

app = flask.Flask("events")
listeners = {}
left = []
lock = threading.Lock()


@app.get("/events/<name>")
def events(name):
    told = queue.Queue()
    with lock:
        listeners[name] = told

    def stream():
        try:
            yield ": welcome\n\n"
            while (event := told.get()) is not None:
                yield f"id: {event}\ndata: event {event} for {name}\n\n"
        except GeneratorExit:
            left.append(name)
            raise
        finally:
            with lock:
                del listeners[name]

    return flask.Response(stream(), content_type="text/event-stream", headers={
        "Cache-Control": "no-cache", "Connection": "keep-alive", "X-Accel-Buffering": "no"})


@app.post("/tell/<int:event>")
def tell(event):
    with lock:
        for told in listeners.values():
            told.put(event)
    return ""


@app.post("/end")
def end():
    with lock:
        for told in listeners.values():
            told.put(None)
    return ""


@app.get("/listeners")
def names():
    with lock:
        return {"there": sorted(listeners), "left": sorted(left)}

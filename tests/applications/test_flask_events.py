"""A Flask site with server-sent events: listeners keep their connections, and get each event when it
happens."""
import contextlib
import http.client
import json

import pytest
from processes import PATIENCE
from servers import until
from sites import Site, serve

LISTENERS = 20


class Listener:
    """A client that listens to the events, as EventSource does."""

    def __init__(self, site, name):
        self.name = name
        self.connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
        self.connection.request("GET", f"/events/{name}", headers={"Accept": "text/event-stream", "Cache-Control": "no-cache"})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.getheader("Content-Type") == "text/event-stream"
        assert self.answer.getheader("X-Accel-Buffering") == "no"
        assert self.answer.readline() + self.answer.readline() == b": welcome\n\n"

    def hear(self):
        lines = [self.answer.readline() for _ in range(3)]
        assert lines[2] == b"\n"
        return (b"".join(lines)).decode().strip()

    def close(self):
        self.answer.close()
        self.connection.close()


@pytest.fixture(scope="module")
def running(server):
    with serve(server, "flask_site:app") as port:
        yield Site(server, port)


@pytest.fixture
def site(running):
    yield running
    assert running("POST", "/end").status_code == 200
    until(lambda: names(running)["there"] == [])


def names(site):
    return site("GET", "/listeners").json()


def event(number, name):
    return f"id: {number}\ndata: event {number} for {name}"


def test_events_arrive_one_at_a_time(site):
    with contextlib.closing(Listener(site, "one")) as listener:
        for number in range(5):
            site("POST", f"/tell/{number}")
            assert listener.hear() == event(number, "one"), "before there is another one"
        site("POST", "/end")
        assert listener.answer.read() == b""


def test_the_connection_may_be_used_again(site):
    with contextlib.closing(Listener(site, "one")) as listener:
        site("POST", "/end")
        assert listener.answer.read() == b""
        listener.connection.request("GET", "/listeners")
        assert json.loads(listener.connection.getresponse().read())["there"] == []


def test_many_listen_while_others_are_answered(site):
    with contextlib.ExitStack() as stack:
        listeners = [Listener(site, f"listener-{number:02}") for number in range(LISTENERS)]
        for listener in listeners:
            stack.callback(listener.close)
        for number in range(3):
            assert names(site)["there"] == [listener.name for listener in listeners]
            site("POST", f"/tell/{number}")
            for listener in listeners:
                assert listener.hear() == event(number, listener.name)


def test_whoever_leaves_ends_his_events(site):
    """The application gets GeneratorExit when it sends the next event."""
    with contextlib.closing(Listener(site, "stays")) as staying:
        Listener(site, "leaves").close()
        numbers = iter(range(100_000))

        def told():
            site("POST", f"/tell/{next(numbers)}")
            return "leaves" in names(site)["left"]

        until(told)
        assert names(site)["there"] == ["stays"]
        assert staying.hear() == event(0, "stays")

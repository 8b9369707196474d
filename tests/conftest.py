"""The demo application on each server."""
import contextlib
import itertools

import pytest
from demo_app import build
from processes import PROCESSES, process
from servers import IN_PROCESS, Client

_numbers = itertools.count()


class Site(Client):
    def __init__(self, server, port, app=None, blocker=None):
        super().__init__(port)
        self.server = server
        self.app = app
        self.blocker = blocker


@pytest.fixture
def name():
    """A name that no other application of this process has."""
    return f"application {next(_numbers)}"


@pytest.fixture(scope="session")
def started():
    """Starts a server as a process of its own, once for each set of variables; gives its port."""
    with contextlib.ExitStack() as stack:
        ports = {}

        def start(server, **variables):
            key = (server, *sorted(variables.items()))
            if key not in ports:
                ports[key] = stack.enter_context(process(server, **variables))
            return ports[key]

        yield start


@pytest.fixture(params=[*IN_PROCESS, *PROCESSES])
def site(request, name):
    """The demo application on each server in turn; calling it sends a request."""
    if request.param in PROCESSES:
        yield Site(request.param, request.getfixturevalue("started")(request.param))
        return
    app, blocker = build(name)
    with IN_PROCESS[request.param](app) as port:
        yield Site(request.param, port, app, blocker)


@pytest.fixture(params=IN_PROCESS)
def near_site(request, name):
    """The same on the servers that run in this process, for tests that change the application."""
    app, blocker = build(name)
    with IN_PROCESS[request.param](app) as port:
        yield Site(request.param, port, app, blocker)


@pytest.fixture
def demo(name):
    """The demo application, to be called as WSGI servers do."""
    return build(name)[0]

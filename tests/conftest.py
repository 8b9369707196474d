"""The demo application on each server."""
import itertools

import pytest
from demo_app import build
from servers import SERVERS, Client

_numbers = itertools.count()


class Site(Client):
    def __init__(self, port, app, blocker):
        super().__init__(port)
        self.app = app
        self.blocker = blocker


@pytest.fixture
def name():
    """A name that no other application of this process has."""
    return f"application {next(_numbers)}"


@pytest.fixture(params=SERVERS)
def site(request, name):
    """The demo application on each server in turn; calling it sends a request."""
    app, blocker = build(name)
    with SERVERS[request.param](app) as port:
        yield Site(port, app, blocker)


@pytest.fixture
def demo(name):
    """The demo application, to be called as WSGI servers do."""
    return build(name)[0]

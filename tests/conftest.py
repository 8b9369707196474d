"""The demo application on each server."""
import contextlib
import itertools
import signal
import sysconfig

import apache
import pytest
from demo_app import build
from processes import PROCESSES, process
from servers import IN_PROCESS, Site

APACHE = "apache mod_wsgi"

# A process that a shell starts in the background ignores Ctrl-C, and so would the processes that the tests
# start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_numbers = itertools.count()


def pytest_addoption(parser):
    parser.addoption("--apache", action="store_true", help="run on Apache alone; `make test-servers` has prepared it")
    parser.addoption("--ours", action="store_true", help="run on our own server alone, what runs on every server")


def pytest_generate_tests(metafunc):
    if "any_server" in metafunc.fixturenames:
        servers = [APACHE] if metafunc.config.getoption("apache") else [*IN_PROCESS, *PROCESSES]
        if metafunc.config.getoption("ours"):
            servers = ["ours"]
        metafunc.parametrize("any_server", [pytest.param(name, marks=reasons(name)) for name in servers], scope="session")


def reasons(server):
    """Marks that skip a server, with the reason."""
    if server == "uwsgi" and sysconfig.get_config_var("Py_GIL_DISABLED"):
        return [pytest.mark.skip("uWSGI calls no application on its threads where Python is free-threaded")]
    return []


def pytest_collection_modifyitems(config, items):
    if config.getoption("apache"):
        items[:] = [item for item in items if "any_server" in item.fixturenames]


@pytest.fixture
def name():
    """An application name that is unique in this process."""
    return f"application {next(_numbers)}"


@pytest.fixture(scope="session")
def started():
    """Yields a function that starts a server in a separate process, once for each set of variables, and
    returns its port."""
    with contextlib.ExitStack() as stack:
        ports = {}

        def start(server, **variables):
            key = (server, *sorted(variables.items()))
            if key not in ports:
                running = apache.process(**variables) if server == APACHE else process(server, **variables)
                ports[key] = stack.enter_context(running)
            return ports[key]

        yield start


@pytest.fixture
def site(any_server, name, started):
    """The demo application on each server in turn, as a Site; calling it sends a request."""
    if any_server not in IN_PROCESS:
        yield Site(any_server, started(any_server))
        return
    app, blocker = build(name)
    with IN_PROCESS[any_server](app) as port:
        yield Site(any_server, port, app, blocker)


@pytest.fixture(params=IN_PROCESS)
def near_site(request, name):
    """Like site, but only on servers that run in this process, for tests that change the application."""
    app, blocker = build(name)
    with IN_PROCESS[request.param](app) as port:
        yield Site(request.param, port, app, blocker)


@pytest.fixture
def demo(name):
    """The demo application, for tests that call it as a WSGI server does."""
    return build(name)[0]

"""Handlers that fork: the process that comes back from one answers nobody and serves nobody."""
import contextlib
import http.client
import os

import pytest
from servers import until
from workers import Load, start  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="processes are looked for in /proc")

#: What the forked process does once it is there.
ENDINGS = {
    "exit": "sys.exit(0)",
    "exception": "raise ValueError('of the child')",
    "return": "return 'of the child'",
    "generator": "return (part for part in ['of ', 'the ', 'child'])",
}
APP = """
import os, sys
from poorwsgi import Application
app = Application("forks")
children = []

@app.route("/pid")
def pid(req):
    return str(os.getpid())

@app.route("/children")
def list_children(req):
    return " ".join(map(str, children))

@app.route("/fork")
def fork(req):
    child = "child" in req.args and os.fork()
    if child == 0 and child is not False:
        ENDING
    if child:
        children.append(child)
        os.waitpid(child, 0)
    return "of the parent"
"""
#: As the application of another framework.
PLAIN = """
framework = app

def app(environ, start_response):
    return framework(environ, start_response)
"""


@pytest.mark.parametrize("more", ["", PLAIN], ids=["native", "callable"])
@pytest.mark.parametrize("inline", ["always", "never"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_forked_process_that_comes_back_answers_nobody(start, tmp_path, ending, inline, more):
    (tmp_path / "app.py").write_text(APP.replace("ENDING", ENDINGS[ending]) + more)
    workers = start("--workers", "1", "--inline", inline)
    before = workers.pids()
    connection = http.client.HTTPConnection("127.0.0.1", workers.port, timeout=30)
    with contextlib.closing(connection), Load(workers.port) as load:
        for _ in range(5):
            for target, text in (("/fork?child=1", "of the parent"), ("/pid", str(*before))):
                connection.request("GET", target)
                assert connection.getresponse().read().decode() == text
    assert load.failures == []
    assert load.pids == before
    children = workers("/children").text.split()
    assert len(children) == 5
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children))
    assert workers.stop() == 0

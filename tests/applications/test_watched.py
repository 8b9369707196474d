"""Tracers and trackers of errors see what happens on our server."""
import json
import os
import re
import signal
import subprocess
import sys

import pytest
import requests
from processes import PATIENCE
from servers import port_of, until
from sites import HERE, OURS, environment, serve

#: What the console command opentelemetry-instrument runs.
LAUNCHER = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
#: A launcher whose module takes its directory out of the environment for good, as launchers did.
SITE = """
import os
path = os.environ["PYTHONPATH"].split(os.pathsep)
os.environ["PYTHONPATH"] = os.pathsep.join(each for each in path if each != os.path.dirname(__file__))
os.environ["SET_UP"] = str(os.getpid())
"""


@pytest.fixture
def instrumented(tmp_path):
    """A Flask site with two workers, started by opentelemetry-instrument; yields its process, port and output."""
    variables = {
        "OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_SERVICE_NAME": "site",
        "OTEL_BSP_SCHEDULE_DELAY": "50", "REPORTS": tmp_path,
    }
    command = [
        sys.executable, "-c", LAUNCHER, sys.executable, "-m", "poorwsgi", "run", "watched_site:app", "--port", "0", "--workers", "2",
    ]
    output = tmp_path / "output"
    with open(output, "w") as file, subprocess.Popen(command, cwd=HERE, env=environment(**variables), stdout=file) as process:
        try:
            yield process, until(lambda: "Serving" in output.read_text() and port_of(re.search("Serving.*", output.read_text())[0])), output
        finally:
            process.terminate()
            process.wait(PATIENCE)


def test_opentelemetry_gets_a_span_of_each_request_from_each_worker(instrumented):
    process, port, output = instrumented
    pids = set()

    def ask(name):
        answer = requests.get(f"http://127.0.0.1:{port}/hello/{name}", headers={"Connection": "close"}, timeout=PATIENCE)
        pids.add(answer.text.split()[-1])

    before = pids.copy()
    until(lambda: ask(f"a{len(pids)}") or len(pids) == 2)
    process.send_signal(signal.SIGHUP)
    until(lambda: ask("b") or len(pids - before) == 4)
    ask("last")
    text = until(lambda: '"http.target": "/hello/last"' in (text := output.read_text()) and text)
    assert '"name": "GET /hello/<name>"' in text and '"/hello/a0"' in text and '"/hello/b"' in text


def test_workers_are_set_up_by_a_launcher_that_takes_itself_away(tmp_path):
    (tmp_path / "launcher").mkdir()
    (tmp_path / "launcher" / "sitecustomize.py").write_text(SITE)
    (tmp_path / "app.py").write_text("""
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.environ["SET_UP"] == str(os.getpid())).encode()]
""")
    command = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0"]
    variables = {**os.environ, "PYTHONPATH": str(tmp_path / "launcher")}
    with subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = port_of(process.stdout.readline())
            assert requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE).text == "True"
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.mark.parametrize(("app", "path"), [("native", "/fails"), ("wrapped", "/fails")])
def test_sentry_gets_an_exception_with_its_type(tmp_path, app, path):
    with serve(OURS, f"watched_site:{app}", REPORTS=tmp_path) as port:
        assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE).status_code == 500
        reports = until(lambda: (tmp_path / "errors").exists() and (tmp_path / "errors").read_text().splitlines())
    reports = [json.loads(report) for report in reports]
    assert {"ZeroDivisionError"} == {error for report in reports for error in report["errors"]}
    if app == "wrapped":
        assert f"http://127.0.0.1:{port}/fails" in [report["url"] for report in reports]

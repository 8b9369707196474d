"""The access log, the id of a request, and the log of ``poorwsgi run``."""
import json
import logging
import re
import signal
import subprocess
import sys

import pytest
from callables import raw
from servers import until
from workers import start  # noqa: F401 - a fixture

APP = """
import logging, sys, time
from poorwsgi import Application
log = logging.getLogger("shop")

app = Application("shop")
app.debug = False

@app.route("/id")
def identify(req):
    log.warning("sold %s", req.args.get("what", "a hat"))
    return f"{req.request_id} {req.headers.get('X-Request-ID')}"

@app.route("/user/<name:word>")
def user(req, name):
    return name

@app.route("/fail")
def fail(req):
    raise RuntimeError("no hats")

def wsgi(environ, start_response):
    log.warning("sold a coat")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["HTTP_X_REQUEST_ID"].encode()]
"""
COMBINED = re.compile(r'(\S+) - (\S+) \[(\d\d/\w{3}/\d{4}(?::\d\d){3} \+0000)\] "(.*)" (\d{3}) (\d+) "(.*)" "(.*)"\n')


@pytest.fixture(autouse=True)
def app(start, tmp_path):  # noqa: F811
    (tmp_path / "app.py").write_text(APP)


def lines_of(path, count=1):
    """The lines of a log, once it has this many."""
    return until(lambda: path.exists() and len(lines := path.read_text().splitlines(True)) >= count and lines)


def test_each_request_is_a_line_of_the_combined_format(start, tmp_path):  # noqa: F811
    log = tmp_path / "access.log"
    workers = start("--access-log", str(log), "--workers", "2")
    workers("/user/ann?a=1&b=%22", headers={"Referer": "http://a.example/\"", "User-Agent": "curl/8 \u00e4", "Authorization": "Basic YW5uOng="})
    workers("/nowhere")
    first, second = lines_of(log, 2)
    client, user, _, request, status, size, referer, agent = COMBINED.fullmatch(first).groups()
    assert (client, user, request, status, size) == ("127.0.0.1", "ann", "GET /user/ann?a=1&b=%22 HTTP/1.1", "200", "3")
    assert (referer, agent) == (r"http://a.example/\"", r"curl/8 \xE4")
    assert '"GET /nowhere HTTP/1.1" 404 ' in second


def test_a_refused_head_is_a_line_as_well(start, tmp_path):  # noqa: F811
    log = tmp_path / "access.log"
    workers = start("--access-log", str(log))
    raw(workers, b"GET / HTTP/1.1\nHost: a\r\n\r\n")
    raw(workers, b"GET / HTTP/1.1\r\n\r\n")
    lines = lines_of(log, 2)
    assert [COMBINED.fullmatch(line).group(4, 5) for line in lines] == [("-", "400"), ("GET / HTTP/1.1", "400")]


def test_json_has_all_fields(start, tmp_path):  # noqa: F811
    log = tmp_path / "access.log"
    workers = start("--access-log", str(log), "--access-format", "json")
    workers("/user/ann")
    entry = json.loads(lines_of(log)[0])
    assert entry["target"] == "/user/ann" and entry["status"] == 200 and entry["call"] in ("inline", "pool")
    assert entry["queue"] >= 0 and entry["duration"] > 0 and entry["protocol"] == "HTTP/1.1" and entry["referer"] is None


def test_a_template_names_the_fields(start, tmp_path):  # noqa: F811
    log = tmp_path / "access.log"
    workers = start("--access-log", str(log), "--request-id", "--access-format", "{method} {target} {status} {request_id}")
    found = workers("/user/ann")
    assert lines_of(log) == [f"GET /user/ann 200 {found.headers['X-Request-ID']}\n"]


def test_the_standard_output_takes_the_log(start, tmp_path):  # noqa: F811
    workers = start("--access-log", "-")
    workers("/user/ann")
    assert COMBINED.fullmatch(workers.process.stdout.readline())


def test_a_log_that_was_moved_away_is_opened_anew(start, tmp_path):  # noqa: F811
    log = tmp_path / "access.log"
    workers = start("--access-log", str(log))
    workers("/user/ann")
    lines_of(log)
    log.rename(tmp_path / "access.log.1")
    workers("/user/ben")
    assert "/user/ben" in lines_of(log)[0]
    # An empty file in its place is found by the signal, too.
    log.rename(tmp_path / "access.log.2")
    workers.process.send_signal(signal.SIGUSR1)
    workers("/user/cid")
    assert "/user/cid" in lines_of(log)[0]
    assert "/user/cid" not in (tmp_path / "access.log.2").read_text()


@pytest.mark.parametrize(("arguments", "error"), [
    (("--access-log", "/no/such/folder/log"), "the access log /no/such/folder/log: No such file or directory"),
    (("--access-log", "/dev/null", "--access-format", "{statuss}"), "there is no field {statuss}"),
    (("--log-format", "xml"), "must be 'text' or 'json', not 'xml'"),
])
@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_log_that_cannot_be_written_keeps_the_server_from_starting(tmp_path, arguments, error, workers):
    run = [sys.executable, "-m", "poorwsgi", "run", "app:app", "--port", "0", "--workers", workers, *arguments]
    ended = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode and "Traceback" not in ended.stderr
    assert error in ended.stderr


def test_lines_are_written_before_the_server_ends(start, tmp_path):  # noqa: F811
    log = tmp_path / "access.log"
    workers = start("--access-log", str(log))
    workers("/user/ann")
    workers.process.send_signal(signal.SIGTERM)
    assert workers.process.wait(30) == 0
    assert "/user/ann" in log.read_text()


def test_a_request_has_an_id_in_its_response_and_its_logs(start):  # noqa: F811
    workers = start("--request-id", "--trusted-proxy", "none")
    found = workers("/id?what=a%20hat", headers={"X-Request-ID": "mine"})
    identity = found.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{16}", identity) and found.text == f"{identity} {identity}"
    assert until(lambda: f"WARNING shop: sold a hat [{identity}]\n" in workers.messages())
    found = workers("/fail")
    assert until(lambda: re.search(rf"ERROR .*\[{found.headers['X-Request-ID']}\]\n", workers.messages()))


def test_the_id_of_a_trusted_proxy_is_taken(start):  # noqa: F811
    workers = start("--request-id")
    found = workers("/id", headers={"X-Request-ID": "proxy-7"})
    assert found.headers["X-Request-ID"] == "proxy-7" and found.text == "proxy-7 proxy-7"
    assert workers("/id", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"] != "a b"


def test_a_wsgi_application_finds_the_id_in_its_environ(start, tmp_path):  # noqa: F811
    (tmp_path / "app.py").write_text(APP + "\napp = wsgi\n")
    workers = start("--request-id")
    found = workers("/")
    assert found.headers["X-Request-ID"] == found.text
    assert until(lambda: f"sold a coat [{found.text}]" in workers.messages())


def test_without_ids_nothing_is_sent(start):  # noqa: F811
    workers = start()
    found = workers("/id")
    assert "X-Request-ID" not in found.headers and found.text == "None None"


def test_the_log_is_one_object_a_line_if_that_is_wanted(start):  # noqa: F811
    workers = start("--request-id", "--log-format", "json", "--log-level", "info")
    found = workers("/id?what=%22%0A%E2%80%A8")
    workers("/fail")
    raw(workers, b"nonsense\r\n\r\n")
    until(lambda: "refused" in workers.messages())
    entries = [json.loads(line) for line in workers.messages().splitlines()]
    sold = next(entry for entry in entries if entry["logger"] == "shop")
    assert sold["message"] == "sold \"\n\u2028" and sold["level"] == "WARNING" and sold["request_id"] == found.headers["X-Request-ID"]
    failed = next(entry for entry in entries if "traceback" in entry)
    assert "RuntimeError: no hats" in failed["traceback"]
    assert any(entry["level"] == "INFO" and "refused: 400" in entry["message"] for entry in entries)


def test_records_below_the_level_are_left_out(start):  # noqa: F811
    workers = start("--log-level", "error")
    workers("/id")
    workers("/fail")
    assert "sold" not in until(lambda: "no hats" in (text := workers.messages()) and text)


def test_the_application_may_configure_logging_itself(start, tmp_path):  # noqa: F811
    own = 'import logging\nlogging.basicConfig(format="OWN %(message)s %(request_id)s", level="INFO")\n'
    (tmp_path / "app.py").write_text(own + APP)
    workers = start("--request-id", "--log-format", "json")
    found = workers("/id")
    assert until(lambda: f"OWN sold a hat {found.headers['X-Request-ID']}\n" in workers.messages())


def test_a_record_of_json_is_cut_and_stays_one_object():
    from poorwsgi._log import _Json

    record = logging.makeLogRecord({"msg": "\u00e4" * 100_000, "levelname": "INFO", "request_id": None})
    line = _Json().format(record)
    assert len(line) <= 1 << 16 and json.loads(line)["message"].endswith("…")

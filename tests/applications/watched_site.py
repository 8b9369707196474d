"""Applications that report to OpenTelemetry and to Sentry; both reports go to files, one for each process."""
import json
import os

import sentry_sdk
from flask import Flask
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport

from poorwsgi import Application

REPORTS = os.environ["REPORTS"]


class ToFile(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.type == "event":
                event = item.payload.json
                errors = [error["type"] for error in event.get("exception", {}).get("values", [])]
                with open(f"{REPORTS}/errors", "a") as file:
                    print(json.dumps({"errors": errors, "url": event.get("request", {}).get("url")}), file=file)


sentry_sdk.init(dsn="http://key@127.0.0.1:1/1", transport=ToFile, default_integrations=True, auto_enabling_integrations=False)

app = Flask(__name__)


@app.route("/hello/<name>")
def hello(name):
    return f"hello {name} {os.getpid()}"


native = Application("watched")


@native.route("/fails")
def fails(req):
    raise ZeroDivisionError("as asked")


def raising(environ, start_response):
    raise ZeroDivisionError("as asked")


wrapped = SentryWsgiMiddleware(raising)

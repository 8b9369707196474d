"""One call of an application, as a WSGI server makes it."""
import io
from wsgiref.util import setup_testing_defaults


def environ(path="/", method="GET", body=b"", **more):
    made = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SCRIPT_NAME": ""}
    if body:
        made |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    setup_testing_defaults(made)
    return made | more


class Call:
    """One call of an application."""

    def __init__(self, app, environ):
        self.started = []
        result = app(environ, lambda *args: self.started.append(args))
        try:
            self.body = b"".join(result)
        finally:
            getattr(result, "close", lambda: None)()
        [(self.status, self.headers)] = self.started

    @property
    def header(self):
        return dict(self.headers)

    @property
    def text(self):
        return self.body.decode()


def ask(app, path="/", method="GET", body=b"", **more):
    return Call(app, environ(path, method, body, **more))

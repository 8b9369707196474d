"""Chromium without a window, for tests of how pages look; driven by the DevTools protocol over two pipes."""
import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

#: How long an answer may take, in seconds.
SECONDS = 60

#: Chromium reads commands from descriptor 3 and writes to descriptor 4.
_LAUNCH = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
_OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "about:blank"]


class Browser:
    """A browser with one page."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        read, self._commands = os.pipe()
        self._answers, write = os.pipe()
        for descriptor in (read, write):
            os.set_inheritable(descriptor, True)
        command = [sys.executable, "-c", _LAUNCH, str(read), str(write), CHROMIUM, f"--user-data-dir={self._folder.name}", *_OPTIONS]
        self._process = subprocess.Popen(command, pass_fds=(read, write), stderr=subprocess.DEVNULL)
        os.close(read)
        os.close(write)
        self._rest, self._number, self._session, self._is_loaded = b"", 0, None, False
        [page] = [each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        self.call("Page.enable")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
        self._folder.cleanup()

    def call(self, method, **params):
        """Sends a command and returns its result."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self):
        while b"\0" not in self._rest:
            assert select.select([self._answers], [], [], SECONDS)[0], "Chromium does not answer"
            block = os.read(self._answers, 1 << 20)
            assert block, "Chromium has ended"
            self._rest += block
        message, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(message)
        self._is_loaded |= message.get("method") == "Page.loadEventFired"
        return message

    def open(self, url, width=1280, dark=False):
        """Loads a page in a window of a width, in CSS pixels; below 600 as on a telephone."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._is_loaded = False
        self.call("Page.navigate", url=url)
        while not self._is_loaded:
            self._next()

    def evaluate(self, expression):
        """The value of an expression of JavaScript. The pages' Content-Security-Policy does not apply to it."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self, path):
        """Writes the whole page, not only the window, as PNG."""
        _write(path, self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def print(self, path):
        """Writes the page as it would be printed, as PDF."""
        _write(path, self.call("Page.printToPDF")["data"])


def _write(path, data):
    with open(path, "wb") as file:
        file.write(base64.b64decode(data))

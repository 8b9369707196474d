"""PoorWSGI and our package, each in a separate process, which get the same calls."""
import contextlib
import os
import pathlib
import pickle
import subprocess
import sys

import pytest
from departures import ORIGINAL, differs, ours

HERE = pathlib.Path(__file__).parent


class Worker:
    """A process that answers probes; see worker.py."""

    def __init__(self, python):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("poor_", "PYTHON"))}
        self.process = subprocess.Popen([python, HERE / "worker.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**environment, "TZ": "UTC", "PYTHONHASHSEED": "0"})

    def ask(self, calls):
        pickle.dump(list(calls), self.process.stdin)
        self.process.stdin.flush()
        return pickle.load(self.process.stdout)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


SHOWN = 5


def difference(original, ours):
    """The part of two answers that differs, as text."""
    if isinstance(original, dict) and isinstance(ours, dict):
        keys = [key for key in (*original, *(key for key in ours if key not in original))
                if key not in original or key not in ours or original[key] != ours[key]]
        return "".join(f"\n  {key!r}: {difference(original.get(key, '(none)'), ours.get(key, '(none)'))}" for key in keys[:SHOWN])
    if type(original) is type(ours) and isinstance(original, (list, tuple)) and len(original) == len(ours):
        return ", ".join(f"[{index}] {difference(*pair)}" for index, pair in enumerate(zip(original, ours, strict=True)) if pair[0] != pair[1])
    return f"{shortened(original)} -> {shortened(ours)}"


def shortened(value):
    text = repr(value)
    return text if len(text) < 200 else f"{text[:100]} … {text[-100:]}"


class Pair:
    """The worker processes of the original and of ours."""

    def __init__(self, original, ours):
        self.original, self.ours = original, ours

    def answers(self, probe, *arguments):
        """Both answers, for a test that compares them itself; otherwise use `differ`."""
        call = [(probe, arguments)]
        return self.original.ask(call)[0], self.ours.ask(call)[0]

    def differ(self, row, probe, *arguments):
        """Both answers, which may differ because docs/differences.md has a row with these words in its first
        column."""
        differs(row)
        return self.answers(probe, *arguments)

    def same(self, probe, *arguments):
        """Asserts that both give the same answer, and returns it."""
        original, ours = self.answers(probe, *arguments)
        if ours != original:
            pytest.fail(f"{probe}{shortened(arguments)}: {difference(original, ours)}", pytrace=False)
        return original

    def all_same(self, calls, note):
        """Asserts that both give the same answer to each call."""
        calls = list(calls)
        answers = zip(calls, self.original.ask(calls), self.ours.ask(calls), strict=True)
        different = [f"{probe}{shortened(arguments)}: {difference(original, ours)}"
                     for (probe, arguments), original, ours in answers if original != ours]
        if different:
            pytest.fail(f"{note}: {len(different)} of {len(calls)} differ\n" + "\n".join(different[:SHOWN]), pytrace=False)


@contextlib.contextmanager
def workers():
    """Yields the original and ours, in new processes."""
    python = ORIGINAL / "venv" / "bin" / "python"
    assert python.exists(), "PoorWSGI itself is missing: run `make test-compat`"
    ours()
    # COMPAT_PYTHON is for testing these tests: with the original on both sides there must be no difference.
    both = Worker(python), Worker(os.environ.get("COMPAT_PYTHON", sys.executable))
    try:
        yield Pair(*both)
    finally:
        for worker in both:
            worker.stop()


@pytest.fixture(scope="session")
def pair():
    with workers() as both:
        yield both


@pytest.fixture
def new_pair():
    """For things that can be done only once in a process."""
    with workers() as both:
        yield both

"""What the page of a 500 shows of an exception when debug is on: the chain of its causes, their frames of the stack, and
the local variables of the application's frames.

Of the application, only ``repr`` of the variables and ``str`` of the exceptions run here, and what they raise is caught.
Texts and containers of the standard library are cut before they are written, and all variables of a page share one limit of
size and of time; a single ``repr`` of the application's own can be neither bounded nor interrupted.
"""
import collections
import functools
import inspect
import itertools
import linecache
import os
import re
import sysconfig
import textwrap
import time

from poorwsgi._poorwsgi import FieldStorage

#: How many exceptions of a chain are shown.
EXCEPTIONS = 32
#: How many other exceptions are counted.
COUNTED = 10_000
#: How many frames of all exceptions are shown.
FRAMES = 50
#: The longest run of frames with the same line that is shown whole. Of a longer run, as in a recursion, the page shows the
#: last frame and the number of the others.
REPEATED = 3
#: How many variables of a frame are shown; of another one, the page says only that it is there.
VARIABLES = 51
#: Of how many characters a value is written. The page shows fewer: a secret that is cut here is not shown.
VALUE = 8192
#: How deep containers are written.
DEPTH = 4
#: The shortest text of a variable with the name of a secret that is hidden wherever else it stands.
SECRET = 6
#: Of how many characters the message of an exception is written.
MESSAGE = 16384
#: How many characters all values of a page may take, and how many seconds.
VALUES, SECONDS = 1 << 20, 1.0
#: How many values that the client has sent are looked at, and how deep in JSON.
SENT, SENT_DEPTH = 2000, 4
#: How many lines of source are shown before and after that of a frame of the application.
BEFORE, AFTER = 3, 2

#: What an exception has to do with the one before it, as the engine numbers it.
CAUSE, CONTEXT, MEMBER = 0, 1, 2

_SECRET = re.compile(r"secret|passw|token|api_?key|credential", re.IGNORECASE)
#: A literal in the source that is a secret by its name, as in ``password="…"`` and ``{"token": "…"}``.
_LITERAL = re.compile(rf"(?:{_SECRET.pattern})\w{{0,20}}[\"']?\s?[:=]\s?[a-z]?[\"']([^\"']{{6,200}})", re.IGNORECASE)
_BRACKETS = {
    list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("frozenset({", "})"), collections.deque: ("deque([", "])"),
    dict: ("{", "}"), collections.OrderedDict: ("OrderedDict({", "})"), collections.Counter: ("Counter({", "})"),
    collections.defaultdict: ("defaultdict({", "})"),
}


def inspect_exception(exception, traceback):
    """The exceptions of the chain, each as (link, kind, message, frames, number of frames left out); how many others there
    are; and texts that are secret by the names of their variables. A frame is (file, line, function, is_library, source, repeated, variables)."""
    found, secrets, seen, room = [], [], set(), _Room()
    waiting = [(CAUSE, exception, traceback)]
    while waiting and len(found) < EXCEPTIONS:
        link, exception, traceback = waiting.pop()
        if id(exception) in seen:
            continue
        seen.add(id(exception))
        frames, left_out = _last_frames(traceback, room)
        frames = [_frame(*frame, room, secrets) for frame in frames]
        found.append((link, _name(type(exception)), _said(str, exception, MESSAGE), frames, left_out))
        if isinstance(exception, BaseExceptionGroup):
            waiting += [(MEMBER, each, each.__traceback__) for each in reversed(exception.exceptions[:EXCEPTIONS + COUNTED])]
        waiting += _before(exception)
    return found, _others(waiting, seen), secrets


def _before(exception):
    if exception.__cause__ is not None:
        return [(CAUSE, exception.__cause__, exception.__cause__.__traceback__)]
    if exception.__context__ is not None and not exception.__suppress_context__:
        return [(CONTEXT, exception.__context__, exception.__context__.__traceback__)]
    return []


def _others(waiting, seen):
    """How many exceptions of the chain are left, up to COUNTED."""
    shown = len(seen)
    while waiting and len(seen) < shown + COUNTED:
        _, exception, _ = waiting.pop()
        if id(exception) not in seen:
            seen.add(id(exception))
            if isinstance(exception, BaseExceptionGroup):
                waiting += [(MEMBER, each, None) for each in exception.exceptions[:COUNTED]]
            waiting += _before(exception)
    return len(seen) - shown


def named_values(containers):
    """Names and values of forms, of arguments and of JSON, as texts. No file is read."""
    return list(itertools.islice(_named(containers), SENT))


def _named(containers):
    for container in containers:
        if isinstance(container, FieldStorage):
            fields = container.list or ()
            for field in fields:
                if not field.filename and _are_texts(field.name, value := field.value):
                    yield _clean(field.name), _clean(value)
        else:
            yield from _members(container, SENT_DEPTH)


def _members(value, depth):
    if isinstance(value, dict) and depth:
        for name, member in dict.items(value):
            for each in member if isinstance(member, list) else [member]:
                if _are_texts(name, each):
                    yield _clean(name), _clean(each)
                elif type(each) is int:
                    yield _clean(str(name)), str(each)
                yield from _members(each, depth - 1)
    elif isinstance(value, list) and depth:
        for each in list.__iter__(value):
            yield from _members(each, depth - 1)


def _are_texts(*values):
    return all(type(value) is str for value in values)


class _Room:
    """What is left of the limits of a page."""

    def __init__(self):
        self.frames, self.values, self.end = FRAMES, VALUES, time.monotonic() + SECONDS

    def is_full(self):
        return self.values <= 0 or time.monotonic() > self.end


def _last_frames(traceback, room):
    """The frames nearest to the exception, each with its line and how often it is repeated; and how many others there are."""
    frames = []
    for _, each in itertools.groupby(_steps(traceback), lambda step: (step[0].f_code, step[1])):
        run = list(each)
        frames += [(*run[-1], len(run) - 1)] if len(run) > REPEATED else [(*step, 0) for step in run]
    left_out = max(len(frames) - room.frames, 0)
    room.frames -= len(frames) - left_out
    return frames[left_out:], sum(repeated + 1 for _, _, repeated in frames[:left_out])


def _steps(traceback):
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno or 0
        traceback = traceback.tb_next


def _frame(frame, line, repeated, room, secrets):
    code = frame.f_code
    is_library = _is_library(code.co_filename)
    around = (0, 0) if is_library else (BEFORE, AFTER)
    # The variables of a module or of a class are its whole namespace, in a mapping of any type.
    has_variables = not is_library and code.co_flags & inspect.CO_OPTIMIZED
    variables = _variables(frame.f_locals, room, secrets) if has_variables else []
    source = _source(code.co_filename, line, *around)
    secrets += [literal.encode() for _, text in source for literal in _LITERAL.findall(text)]
    return _clean(code.co_filename), line, _clean(code.co_qualname), is_library, source, repeated, variables


def _is_library(file):
    """Whether a file belongs to an installed package, to the standard library or to this package."""
    if file.startswith("<"):
        return file.startswith("<frozen ")
    file = os.path.abspath(file)
    return file.startswith(_LIBRARIES) or not {"site-packages", "dist-packages"}.isdisjoint(file.split(os.sep))


def _libraries():
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [folder for folder in (*folders, os.path.dirname(__file__)) if folder]
    return tuple({os.path.join(path(folder), "") for folder in folders for path in (os.path.abspath, os.path.realpath)})


_LIBRARIES = _libraries()


def _source(file, line, before, after):
    first = max(line - before, 1)
    lines = linecache.getlines(file)[first - 1:line + after] if line else []
    text = textwrap.dedent("".join(each.rstrip("\r\n") + "\n" for each in lines))
    return [(first + number, _clean(each[:1000])) for number, each in enumerate(text.split("\n")[:-1])]


def _variables(values, room, secrets):
    found = []
    for name, value in itertools.islice(dict(values).items(), VARIABLES):
        if name.startswith("."):  # the iterator of a comprehension
            continue
        if type(value) in (str, bytes) and len(value) >= SECRET and _SECRET.search(name):
            secrets.append(value if type(value) is bytes else value.encode("utf-8", "replace"))
        if room.is_full():
            shown = "(not shown: other values take all the room or time)"
        else:
            shown = _said(functools.partial(_write, end=room.end), value, VALUE)
        room.values -= len(shown)
        found.append((_clean(name), shown))
    return found


def _said(write, value, size):
    """The text of a value, or what prevents it."""
    try:
        text = write(value)
        return _clean(str.__getitem__(text, slice(size)))
    except BaseException as error:  # of the application, which may raise anything
        return f"(not shown: it raised {_name(type(error))})"


def _write(value, end):
    text = _Text(end)
    text.write(value, DEPTH)
    return "".join(text.parts)


class _Text:
    """The text of a value, up to a size, with the items of containers that can be written up to a time."""

    def __init__(self, end):
        self.parts, self.room, self.end = [], VALUE, end

    def is_full(self):
        return self.room <= 0 or time.monotonic() > self.end

    def add(self, text):
        part = str.__getitem__(text, slice(max(self.room, 0)))
        self.parts.append(part)
        self.room -= len(part)

    def write(self, value, depth):
        kind = type(value)
        if kind in (str, bytes, bytearray):
            self.add(repr(value[:self.room]))
        elif kind in _BRACKETS and value:
            if depth:
                self.write_items(value, kind, depth - 1)
            else:
                self.add(f"<{kind.__name__} of {len(value)}>")
        else:
            self.add(repr(value))

    def write_items(self, value, kind, depth):
        begin, end = _BRACKETS[kind]
        self.add(begin)
        for number, item in enumerate(value):
            self.add(", " if number else "")
            if self.is_full():
                self.add("…")
                return
            self.write(item, depth)
            if issubclass(kind, dict):
                self.add(": ")
                self.write(dict.__getitem__(value, item), depth)
        self.add(",)" if kind is tuple and len(value) == 1 else end)


def _clean(text):
    """The text as Rust can take it: without lone surrogates."""
    return str.encode(text, "utf-8", "backslashreplace").decode("utf-8")


def _name(kind):
    """The name of a class, whatever its metaclass says."""
    return _clean(type.__dict__["__name__"].__get__(kind))

"""The settings of the built-in server and of its command, for code that shows them or reads them from text.

Those of the server are defined in Rust (``poorwsgi._poorwsgi.SETTINGS``), which also checks their values. Text is parsed
here, because Python reads the command line.
"""
import os
from collections import namedtuple  # typing.NamedTuple costs 10 ms

from poorwsgi._poorwsgi import SETTINGS as _ROWS
from poorwsgi._poorwsgi import _check_address, _check_settings

__all__ = [
    "ARGUMENTS", "AT_START", "DEFAULTS", "DEFAULT_ADDRESS", "DESCRIPTIONS", "KINDS", "MOST_WORKERS", "OPTIONS", "SETTINGS", "Setting",
    "address_of", "described", "sections",
]


_Row = namedtuple("_Row", "name section kind default min max words help is_argument", defaults=[True])


class Setting(_Row):
    """The description of a setting.

    ``kind`` is one of KINDS, ``default`` is None if the help says what the server does. A number above ``max`` counts
    as ``max``, or is refused if it says how much to start. ``words`` are those of a choice. ``help`` is a sentence without its first capital and its full stop.
    ``is_argument`` says whether the server takes it as a keyword argument; otherwise only ``poorwsgi run`` has it.
    """

    __slots__ = ()

    @property
    def key(self):
        """The name in a configuration file."""
        return _RENAMED.get(self.name, self.name).replace("_", "-")

    @property
    def option(self):
        """The option on the command line."""
        return f"--{self.key}"

    @property
    def variable(self):
        """The environment variable."""
        return "POORWSGI_" + self.key.replace("-", "_").upper()

    @property
    def options(self):
        """All forms of the option."""
        return [*filter(None, [_SHORT.get(self.name)]), self.option]

    def read(self, text):
        """Parses a text. Raises ValueError, whose message says what is allowed."""
        value = KINDS[self.kind].read(text)
        if self.is_argument:
            try:
                _check_settings(**{self.name: value})
            except ValueError as error:
                raise ValueError(str(error).removeprefix(f"{self.name}: ")) from None
        elif self.words and value not in self.words:
            raise ValueError(f"must be {' or '.join(map(repr, self.words))}, not {value!r}")
        return value

    @property
    def shown(self):
        """The default in the form of the command line, with its unit; "" if there is none."""
        return "" if self.default in (None, ()) else KINDS[self.kind].show(self.default)


#: How the values of a kind are written: ``read`` parses a text, or raises ValueError; ``show`` formats a value. ``types`` are
#: those of TOML that stand for a value beside a string.
Kind = namedtuple("Kind", "metavar read show types", defaults=[()])

#: How many workers there may be.
MOST_WORKERS = 1024

#: Options whose name differs from the name of the setting.
_RENAMED = {"unix_mode": "socket_mode", "unix_group": "socket_group", "trusted_proxies": "trusted_proxy"}
#: The options that have a short form, too.
_SHORT = {"bind": "-b", "workers": "-w"}
_NO_ACCOUNT = (1 << 32) - 1  # stands for "unchanged" in setreuid(2)
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _read_bytes(text):
    number, factor = (text[:-1], _UNITS[text[-1].upper()]) if text[-1:].upper() in _UNITS else (text, 1)
    if number.isascii() and number.isdigit():
        return int(number) * factor
    raise ValueError(f"{text!r} is not a size; expected bytes such as 500000, or 64K, 16M, 1G")


def _show_bytes(number):
    for unit, factor in reversed(_UNITS.items()):
        if number and number % factor == 0:
            return f"{number // factor}{unit}"
    return str(number)


def _read_count(text):
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(f"{text!r} is not a number; expected a whole number such as 0, 1, 100")


def _read_seconds(text):
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time; expected seconds such as 10 or 0.5") from None


def _read_mode(text):
    if text.isascii() and text.isdigit() and not set(text) & set("89") and int(text, 8) <= 0o777:
        return int(text, 8)
    raise ValueError(f"{text!r} are not permissions; expected octal digits such as 600, 660, 666")


def _read_switch(text):
    if text.lower() in ("yes", "true", "on", "1"):
        return True
    if text.lower() in ("no", "false", "off", "0"):
        return False
    raise ValueError(f"{text!r} is neither yes nor no; expected one of the two")


def _read_port(text):
    if text.isascii() and text.isdigit() and int(text) < 65536:
        return int(text)
    raise ValueError(f"{text!r} is not a port; expected a number from 0 to 65535")


def _read_workers(text):
    if text == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    number = _read_count(text)
    if number > MOST_WORKERS:
        raise ValueError(f"must be a whole number from 0 to {MOST_WORKERS}, not {number}")
    return number


def _read_address(text):
    _check_address(text)
    return text


def _read_addresses(text):
    name = text.removeprefix("fd://")
    if name == text:
        _check_address(text)
    elif not name or ":" in name or not name.isprintable():
        raise ValueError(f"{text!r} names no descriptor; expected fd:// and a number, such as fd://3, or a name, such as fd://web")
    return (text,)


def _read_networks(text):
    return tuple(text.replace(",", " ").split()) or ("",)


def _read_path(text):
    if not text or "\0" in text:
        raise ValueError(f"{text!r} is not the name of a file or directory")
    return text


def _read_function(text):
    module, _, path = text.partition(":")
    if all(name.isidentifier() for names in (module, path) for name in names.split(".")):
        return text
    raise ValueError(f"{text!r} does not name a function; expected MODULE:FUNCTION, such as shop.database:connect")


def _read_user(text):
    import pwd

    return _read_account(text, "user", pwd.getpwnam)


def _read_group(text):
    import grp

    return _read_account(text, "group", grp.getgrnam)


def _read_account(text, what, find):
    """A number needs no entry in the system's list."""
    if not (text.isascii() and text.isdigit() and int(text) < _NO_ACCOUNT):
        try:
            find(text)
        except (KeyError, ValueError, UnicodeError):
            raise ValueError(f"there is no {what} {text!r}; expected a name or a number that this system knows") from None
    return text


#: Parser and formatter for each kind of setting.
KINDS = {
    "bytes": Kind("SIZE", _read_bytes, _show_bytes, (int,)),
    "count": Kind("NUMBER", _read_count, str, (int,)),
    "mode": Kind("MODE", _read_mode, "{:o}".format),
    "seconds": Kind("SECONDS", _read_seconds, "{:g} s".format, (int, float)),
    "switch": Kind("", _read_switch, lambda value: "yes" if value else "no", (bool,)),
    "choice": Kind("WORD", str, str),
    "name": Kind("NAME", str, str),
    "networks": Kind("NETWORK", _read_networks, ", ".join, (list,)),
    "field": Kind("TEXT", str, str),
    "text": Kind("FORMAT", str, str),
    "file": Kind("FILE", str, str),
    "host": Kind("HOST", str, str),
    "port": Kind("PORT", _read_port, str, (int,)),
    "address": Kind("ADDRESS", _read_address, str),
    "addresses": Kind("ADDRESS", _read_addresses, " ".join, (list,)),
    "workers": Kind("NUMBER", _read_workers, str, (int,)),
    "path": Kind("PATH", _read_path, str),
    "user": Kind("USER", _read_user, str, (int,)),
    "group": Kind("GROUP", _read_group, str, (int,)),
    "function": Kind("MODULE:FUNCTION", _read_function, str),
}

#: The settings that only the command has. Their rows are here, because no Rust reads them: the command makes one address
#: of the first three, and the supervisor is written in Python.
_ROWS_OF_COMMAND = (
    ("host", "socket", "host", "127.0.0.1", None, None, (),
     "listen on this name or address; an empty one means all addresses of IPv4"),
    ("port", "socket", "port", 8080, None, None, (), "listen on this port; 0 means any free port"),
    ("bind", "socket", "addresses", (), None, None, (),
     "listen on HOST:PORT, on unix:PATH, on the open socket with a number (fd://NUMBER), on those that systemd has passed with a name (fd://NAME), or on the sockets that another "
     "process such as systemd has passed (inherited); without an address, passed sockets are used"),
    ("workers", "workers", "workers", 1, None, MOST_WORKERS, (),
     "start this many workers, which share no memory, or auto for one on each processor; 0 serves in this process"),
    ("max_requests", "workers", "count", 0, None, None, (),
     "replace a worker after this many requests; 0 sets no limit"),
    ("max_requests_jitter", "workers", "count", 0, None, None, (),
     "add a random number up to this to max_requests in each worker, so that not all workers are replaced at once"),
    ("max_memory", "workers", "bytes", 0, None, None, (),
     "replace a worker that uses at least this much memory; 0 sets no limit"),
    ("admin", "metrics", "address", None, None, None, (),
     "answer /metrics, /health, /ready and /routes at this address, to everybody who can connect: use one of this machine such as "
     "127.0.0.1:9090, or unix:PATH"),
    ("log_level", "logs", "choice", "warning", None, None, ("debug", "info", "warning", "error"),
     "log records of this level and above, unless the application has configured logging itself"),
    ("log_format", "logs", "choice", "text", None, None, ("text", "json"),
     "write log records as lines of text, or as one JSON object each, unless the application has configured logging itself"),
    ("on_worker_start", "workers", "function", None, None, None, (),
     "call this function with the application in each worker, before the worker serves; a worker in which it raises does not start"),
    ("on_worker_stop", "workers", "function", None, None, None, (),
     "call this function with the application in each worker that ends, after its last request; the time counts to stop_timeout"),
    ("config", "process", "path", None, None, None, (),
     "read the settings of this file of TOML; without this setting those of poorwsgi.toml, or of the table tool.poorwsgi of "
     "pyproject.toml, in the current directory"),
    ("chdir", "process", "path", None, None, None, (),
     "change to this directory before anything else, so that all relative paths begin there"),
    ("env_file", "process", "path", None, None, None, (),
     "give the application the variables of this file, a NAME=VALUE on each line; variables of the environment are not replaced"),
    ("umask", "process", "mode", None, None, None, (),
     "take these permissions from all files that are created, such as 027; without this setting the umask stays as it is"),
    ("user", "process", "user", None, None, None, (),
     "run the application as this user, by name or number, which root alone may; the supervisor of workers goes on as root"),
    ("group", "process", "group", None, None, None, (),
     "run the application with this group alone, by name or number; without this setting with the groups of the user"),
    ("pid_file", "process", "path", None, None, None, (),
     "write the id of the process that takes signals to this file, which is removed at the end; the start is refused while another "
     "server has the file"),
)

#: The settings of the command that hold from the start to the end; a reload takes changes of the others.
AT_START = frozenset(
    ("host", "port", "bind", "backlog", "unix_mode", "unix_group", "admin", "config", "chdir", "umask", "user", "group", "pid_file")
)

SETTINGS = (*(Setting(*row)._replace(is_argument=False) for row in _ROWS_OF_COMMAND), *(Setting(*row) for row in _ROWS))
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
OPTIONS = {setting.name: setting.option for setting in SETTINGS}
#: The settings that the server takes as keyword arguments.
ARGUMENTS = tuple(setting for setting in SETTINGS if setting.is_argument)
#: A description of a section beside its settings, in the form of a help.
DESCRIPTIONS = {"workers": "processes that serve; SIGHUP replaces them, SIGTTIN adds one, SIGTTOU removes one",
                "logs": "SIGUSR1 opens the access log anew, SIGUSR2 logs the routes with the times of their calls"}


def address_of(host, port):
    """The address of a host and a port; an empty host means all addresses of IPv4."""
    host = host or "0.0.0.0"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


DEFAULT_ADDRESS = address_of(DEFAULTS["host"], DEFAULTS["port"])


def sections(among=SETTINGS):
    """The settings of each section, by its heading."""
    found = {}
    for setting in among:
        found.setdefault(setting.section, []).append(setting)
    return found


def described(function):
    """Adds the settings, which a function takes as keyword arguments, to its docstring."""
    if function.__doc__:  # python -OO takes it away
        for section, settings in sections(ARGUMENTS).items():
            function.__doc__ += f"\n    Settings ({section}):\n\n"
            for setting in settings:
                function.__doc__ += f"    {setting.name}={setting.default!r}\n        {setting.help}\n"
    return function

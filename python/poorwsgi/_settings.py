"""The settings of the built-in server, for code that shows them or reads them from text.

The settings are defined in Rust (``poorwsgi._poorwsgi.SETTINGS``), which also checks every value. Text is parsed here,
because Python reads the command line.
"""
from collections import namedtuple  # typing.NamedTuple costs 10 ms

from poorwsgi._poorwsgi import SETTINGS as _ROWS
from poorwsgi._poorwsgi import _check_settings

__all__ = ["DEFAULTS", "KINDS", "SETTINGS", "Setting", "described", "sections"]


_Row = namedtuple("_Row", "name section kind default min max words help")


class Setting(_Row):
    """The description of a setting.

    ``kind`` is one of KINDS, ``default`` is None if the help says what the server does. A number above ``max`` counts
    as ``max``. ``words`` are those of a choice. ``help`` is a sentence without its first capital and its full stop.
    """

    __slots__ = ()

    @property
    def option(self):
        """The option on the command line."""
        return "--" + _OPTIONS.get(self.name, self.name).replace("_", "-")

    def read(self, text):
        """Parses a text. Raises ValueError, whose message says what is allowed."""
        value = KINDS[self.kind].read(text)
        try:
            _check_settings(**{self.name: value})
        except ValueError as error:
            raise ValueError(str(error).removeprefix(f"{self.name}: ")) from None
        return value

    @property
    def shown(self):
        """The default in the form of the command line, with its unit; "" if there is none."""
        return "" if self.default in (None, ()) else KINDS[self.kind].show(self.default)


#: How the values of a kind are written: ``read`` parses a text, or raises ValueError; ``show`` formats a value.
Kind = namedtuple("Kind", "metavar read show")

#: Options whose name differs from the name of the setting.
_OPTIONS = {"unix_mode": "socket_mode", "trusted_proxies": "trusted_proxy"}
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _read_bytes(text):
    number, factor = (text[:-1], _UNITS[text[-1].upper()]) if text[-1:].upper() in _UNITS else (text, 1)
    if number.isascii() and number.isdigit():
        return int(number) * factor
    raise ValueError(f"{text!r} is no size: 500000, 64K, 16M, 1G")


def _show_bytes(number):
    for unit, factor in reversed(_UNITS.items()):
        if number and number % factor == 0:
            return f"{number // factor}{unit}"
    return str(number)


def _read_count(text):
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(f"{text!r} is no number: 0, 1, 100")


def _read_seconds(text):
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: 10, 0.5") from None


def _read_mode(text):
    if text.isascii() and text.isdigit() and not set(text) & set("89") and int(text, 8) <= 0o777:
        return int(text, 8)
    raise ValueError(f"{text!r} are no permissions: 600, 660, 666")


def _read_switch(text):
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r} is neither yes nor no")
    return text == "yes"


def _read_networks(text):
    return tuple(text.replace(",", " ").split()) or ("",)


#: Parser and formatter for each kind of the table of settings.
KINDS = {
    "bytes": Kind("SIZE", _read_bytes, _show_bytes),
    "count": Kind("NUMBER", _read_count, str),
    "mode": Kind("MODE", _read_mode, "{:o}".format),
    "seconds": Kind("SECONDS", _read_seconds, "{:g} s".format),
    "switch": Kind("", _read_switch, lambda value: "yes" if value else "no"),
    "choice": Kind("WORD", str, str),
    "networks": Kind("NETWORK", _read_networks, ", ".join),
    "field": Kind("TEXT", str, str),
}

SETTINGS = tuple(Setting(*row) for row in _ROWS)
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def sections():
    """The settings of each section, by its heading."""
    found = {}
    for setting in SETTINGS:
        found.setdefault(setting.section, []).append(setting)
    return found


def described(function):
    """Adds the settings, which a function takes as keyword arguments, to its docstring."""
    if function.__doc__:  # python -OO takes it away
        for section, settings in sections().items():
            function.__doc__ += f"\n    Settings ({section}):\n\n"
            for setting in settings:
                function.__doc__ += f"    {setting.name}={setting.default!r}\n        {setting.help}\n"
    return function

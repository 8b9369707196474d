"""Writes docs/settings.md from the table of settings. Run by ``make docs-settings``, with the wheel that is installed."""
from pathlib import Path

from poorwsgi._settings import DESCRIPTIONS, KINDS, sections

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

_BEGIN = """\
# Settings of the built-in server

<!-- written by `make docs-settings` from the table of settings; see CONTRIBUTING.md -->

Each is an option of `poorwsgi run`, a variable of the environment, and a line of a configuration file: `--max-body 64M`,
`POORWSGI_MAX_BODY=64M` and `max-body = "64M"` are the same setting ([configuration.md](configuration.md)). Those with a name
in the first column are keyword arguments of `run`, `make_server`, `Listener` and `Server` in `poorwsgi.server`, too; in Rust
they are methods of `poorwsgi_server::Config`, except those of the calls of the application. Those without a name belong to the
command alone: in Python the address is an argument of its own, and only the command starts workers.

On the command line a size is a number of bytes, which may be written with K, M or G (`64K`), a time is a number of seconds,
also a fraction (`0.5`), and permissions are octal digits (`660`). In Python a size is a number of bytes (`64 * 1024`), permissions
are a number as well (`0o660`), and networks are a list. Options of networks and of addresses may be given several times. A number above the maximum of a
setting counts as the maximum, except for `loops` and `workers`, where it is an error. Limits and times with which no request
would be answered (`max_fields=0`, `head_timeout=0`) are errors, too. Any other invalid value is an error before the server
starts.
"""


def page():
    """The text of the page."""
    return "\n".join([_BEGIN, *map(_table, sections(), sections().values())])


def _table(section, settings):
    rows = [
        f"| {_name(setting)} | {_options(setting)} | {_values(setting)} | {_default(setting)} | {setting.help} |" for setting in settings
    ]
    head = ["| Setting | Option | Values | Default | Meaning |", "|---|---|---|---|---|"]
    said = DESCRIPTIONS.get(section, "")
    description = [f"{said[0].upper()}{said[1:]}.", ""] if said else []
    return "\n".join([f"## {section.capitalize()}", "", *description, *head, *rows, ""])


def _options(setting):
    return ", ".join(f"`{option}`" for option in setting.options)


def _name(setting):
    return f"`{setting.name}`" if setting.is_argument else ""


def _values(setting):
    if setting.kind == "choice":
        return ", ".join(f"`{word}`" for word in setting.words)
    values = {
        "bytes": "a size", "count": "a number", "mode": "permissions", "seconds": "a time", "switch": "yes or no",
        "networks": "networks", "field": "text", "host": "a name or an address", "port": "a number from 0 to 65535",
        "address": "an address", "addresses": "addresses", "name": "a name", "file": "a file", "text": "text", "workers": "a number, or `auto`",
        "path": "a path", "user": "a user", "group": "a group",
        "function": "`MODULE:FUNCTION`",
    }[setting.kind]
    show = KINDS[setting.kind].show
    least = f", at least {show(setting.min)}" if setting.min is not None else ""
    most = f", at most {show(setting.max)}" if setting.max is not None else ""
    return values + least + most


def _default(setting):
    return f"`{setting.shown}`" if setting.shown else "none"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

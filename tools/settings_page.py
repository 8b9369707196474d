"""Writes docs/settings.md from the table of settings. Run by ``make docs-settings``, with the wheel that is installed."""
from pathlib import Path

from poorwsgi._settings import KINDS, sections

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

_BEGIN = """\
# Settings of the built-in server

<!-- written by `make docs-settings` from the table in Rust; see CONTRIBUTING.md -->

Each is an option of `poorwsgi run` and a keyword argument of `run`, `make_server`, `Listener` and `Server` in `poorwsgi.server`.
In Rust those up to the calls of the application are methods of `poorwsgi_server::Config`.

On the command line a size is a number of bytes, which may be written with K, M or G (`64K`), a time is a number of seconds,
also a fraction (`0.5`), and permissions are octal digits (`660`). In Python a size is a number of bytes (`64 * 1024`), permissions
are a number as well (`0o660`), and networks are a list. A number over the limit of a setting counts as the limit; any other
value that cannot be is an error before the server starts.
"""


def page():
    """The text of the page."""
    return "\n".join([_BEGIN, *map(_table, sections(), sections().values())])


def _table(section, settings):
    rows = [f"| `{setting.name}` | `{setting.option}` | {_values(setting)} | {_default(setting)} | {setting.help} |" for setting in settings]
    head = ["| Setting | Option | Values | Default | Meaning |", "|---|---|---|---|---|"]
    return "\n".join([f"## {section.capitalize()}", "", *head, *rows, ""])


def _values(setting):
    if setting.kind == "choice":
        return ", ".join(f"`{word}`" for word in setting.words)
    values = {
        "bytes": "a size", "count": "a number", "mode": "permissions", "seconds": "a time", "switch": "yes or no",
        "networks": "networks", "field": "text",
    }[setting.kind]
    show = KINDS[setting.kind].show
    least = f", at least {show(setting.min)}" if setting.min is not None else ""
    most = f", at most {show(setting.max)}" if setting.max is not None else ""
    return values + least + most


def _default(setting):
    return f"`{setting.shown}`" if setting.shown else "none"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

"""The table of options of other servers names options that exist, here and there."""
import re
from pathlib import Path

import pytest

from poorwsgi._settings import OPTIONS

PAGE = (Path(__file__).parent.parent / "docs" / "coming-from-gunicorn.md").read_text("utf-8")
ROWS = [row.strip("| ").split(" | ") for row in PAGE.splitlines() if row.startswith("| ") and "**" not in row]
OF_GUNICORN = PAGE.split("\n## ")[1]


def test_each_option_of_ours_exists():
    for _, ours, *_ in [row for row in ROWS if len(row) > 1]:
        future = re.findall(r"not yet: `(--[a-z-]+)`", ours)
        named = set(re.findall(r"`(--[a-z-]+)[ `]", ours)) - set(future)
        assert named <= set(OPTIONS.values()), ours
        assert not set(future) & set(OPTIONS.values()), f"it is there by now: {ours}"


def test_each_setting_of_gunicorn_has_a_row():
    settings = pytest.importorskip("gunicorn.config").KNOWN_SETTINGS
    named = set(re.findall(r"`([a-zA-Z0-9_-]+)`", OF_GUNICORN))
    known = {setting.name: setting for setting in settings if setting.name != "default_proc_name"}  # that is no setting of users
    assert [name for name, setting in known.items() if not {name, *(setting.cli or ())} & named] == []

"""Warns of an attribute of an application whose name is nearly that of a setting: ``app.secretkey``.

An application may have attributes of its own, so that a misspelt setting would be silent. Written in Python, because
a Rust class that overrides how attributes are set cannot leave them to ``object`` without unsafe code.
"""
import warnings

from poorwsgi._poorwsgi import Application

#: Attributes that cannot be set, so that no attribute of the application is meant for them.
_TABLES = {
    "after", "auth_hash", "before", "defaults", "errors", "filters", "form_limits", "name", "regular_routes", "routes", "states",
}
_SETTINGS = sorted(
    {name for name, value in vars(Application).items() if type(value).__name__ == "getset_descriptor"} - _TABLES - {"__dict__", "__weakref__"}
    | {"auth_map"}
)


def _set(app, name, value):
    if name not in _SETTINGS and not name.startswith("_") and name not in vars(app) and not hasattr(type(app), name):
        if setting := _nearest(name):
            warnings.warn(
                f"app.{name} is not a setting of Application, and has no effect; did you mean app.{setting}?", stacklevel=2
            )
    object.__setattr__(app, name, value)


def _nearest(name):
    """The setting that differs in case and underscores only, or else in one character; None if there is none."""
    plain = _plain(name)
    same = (setting for setting in _SETTINGS if _plain(setting) == plain)
    near = (setting for setting in _SETTINGS if _is_one_off(_plain(setting), plain))
    return next(same, None) or next(near, None)


def _plain(name):
    return name.replace("_", "").lower()


def _is_one_off(one, other):
    """Whether a text is another one with a character more, less or different, or with two neighbours swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    one, other = one[start:], other[start:]
    if len(one) != len(other):
        return one[1:] == other or one == other[1:]
    return one[1:] == other[1:] or one[:2] == other[1::-1] and one[2:] == other[2:]


Application.__setattr__ = _set  # type: ignore[method-assign]

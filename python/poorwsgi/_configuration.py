"""The settings of a command: out of a file, the environment and the arguments, of which the later wins.

A supervisor reads them, and hands them over to its workers, so that all have the same. At a reload it reads them again.
"""
import contextlib
import json
import os
import re

from poorwsgi._settings import AT_START, DEFAULTS, KINDS, SETTINGS

#: Environment variable with the settings that a supervisor hands over to a worker, as JSON.
HANDED_OVER = "POORWSGI_SETTINGS"
_PREFIX = "POORWSGI_"
#: Variables by which a supervisor hands something over (see ``_worker``); they are no settings.
_OF_WORKERS = (HANDED_OVER, "POORWSGI_CONTROL", "POORWSGI_SIBLINGS")
#: The files that may have settings, and the table in which they have them.
_FILES = {"poorwsgi.toml": (), "pyproject.toml": ("tool", "poorwsgi")}
_VARIABLE = re.compile(r"(?:export\s+)?([^\W\d]\w*)\s*=(.*)", re.ASCII)
_KEY = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_KEYS = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
_HEADER = re.compile(rf"\s*\[+\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]+\s*(?:#|$)")


class Configuration:
    """The settings that hold, and where they come from."""

    def __init__(self, arguments=(), origin=None):
        """``arguments`` are the settings of the command line, and ``origin`` is the directory in which the command was
        started. Whatever is wrong is added to ``errors``, a line for each mistake."""
        self._arguments = dict(arguments)
        self._origin = working_directory() if origin is None else origin
        self.errors = []
        self.values = {}  # of the settings that are given
        self._sources = {}
        options = {setting.name: setting.option for setting in SETTINGS}
        of_arguments = {name: (value, options[name]) for name, value in self._arguments.items()}
        of_environment = self._of_environment()
        for layer in (self._of_file({**of_environment, **of_arguments}), of_environment, of_arguments):
            self._add(layer)
        #: The directory in which the application runs.
        self.directory = os.path.join(self._origin, self["chdir"] or "")
        #: The variables of env_file.
        self.variables = {}
        if not self.directory:
            self.errors.append("the current directory was removed, and modules are looked for there first; change to another directory")
        elif not os.path.isdir(self.directory):
            named = "" if self["chdir"] is None else f"{self.source('chdir')}: "
            self.errors.append(f"{named}there is no directory {self.directory!r}")
        elif self["env_file"] is not None:
            self._read_variables(self["env_file"])

    def __getitem__(self, name):
        return self.values.get(name, DEFAULTS[name])

    def source(self, name):
        """Where the value of a setting comes from: an option, a variable, a file with its line, or ``default``."""
        return self._sources.get(name, "default")

    def environment(self):
        """The environment of a worker."""
        return {**self.variables, **os.environ, **_python_path(), HANDED_OVER: json.dumps(self.values)}

    def renewed(self):
        """The settings as they are now, and the names of those that have changed but keep their value until a restart."""
        new = Configuration(self._arguments, self._origin)
        kept = [name for name in DEFAULTS if name in AT_START and new[name] != self[name]]
        for now, before in ((new.values, self.values), (new._sources, self._sources)):
            for name in AT_START:
                now.pop(name, None)
            now.update((name, value) for name, value in before.items() if name in AT_START)
        return new, kept

    def _add(self, layer):
        """Adds the settings of a nearer source. An address replaces that of a farther source, whether it is written as bind
        or as host and port."""
        given = layer.keys() & {"bind", "host", "port"}
        if len(given) > 1 and "bind" in given:
            bind, other = layer["bind"][1], layer[max(given - {"bind"})][1]
            self.errors.append(f"{bind} and {other} both say where to listen: give one or the other")
        replaced = set() if not given else {"host", "port"} if "bind" in given else {"bind"}
        self.values = {name: value for name, value in self.values.items() if name not in replaced}
        self._sources = {name: source for name, source in self._sources.items() if name not in replaced}
        for name, (value, source) in layer.items():
            self.values[name], self._sources[name] = value, source

    def _of_environment(self):
        known = {setting.variable: setting for setting in SETTINGS}
        found = {}
        for variable, text in os.environ.items():
            if not variable.startswith(_PREFIX) or variable in _OF_WORKERS:
                continue
            setting = known.get(variable)
            if setting is None:
                self.errors.append(f"{variable}: there is no such setting{nearest(variable, _as_variable)}")
                continue
            try:
                found[setting.name] = _of_variable(setting, text), variable
            except ValueError as error:
                self.errors.append(f"{variable}: {error}")
        return found

    def _of_file(self, near):
        """The settings of the configuration file. Nearer sources say which file that is."""
        home, config = (near[name][0] if name in near else "" for name in ("chdir", "config"))
        found = {}
        for name in [config] if config else _FILES:
            table = _FILES.get(os.path.basename(name), ())
            settings = self._of_toml_file(os.path.join(home, name), table, is_needed=bool(config))
            if settings is not None:
                found[name] = settings
        if len(found) > 1:
            self.errors.append("poorwsgi.toml and the table tool.poorwsgi of pyproject.toml both have settings: keep them in one file")
        return next(iter(found.values()), {})

    def _of_toml_file(self, name, table, *, is_needed):
        """The settings of a file; None if the file has none."""
        try:
            with open(os.path.join(self._origin, name), encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError if not is_needed else ():
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.errors.append(f"{name}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}")
            return None
        if table and not is_needed and "poorwsgi" not in text:  # parsing the file of any project would slow its starts down
            return None
        import tomllib

        try:
            tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            said, at = re.fullmatch(r"(.*?)(?: \(at (.*)\))?", str(error), re.DOTALL).groups()
            line = re.search(r"\d+", at or "")
            self.errors.append(f"{name}:{line[0] if line else len(text.splitlines())}: this is not TOML: {said}")
            return None
        for depth, part in enumerate(table, 1):
            if part not in tree:
                return None
            tree = tree[part]
            if not isinstance(tree, dict):
                self.errors.append(f"{_place(name, text, table[:depth])}: {part} must be a table")
                return None
        return self._of_table(tree, lambda key: _place(name, text, (*table, key)))

    def _of_table(self, tree, place_of):
        known = {setting.key: setting for setting in SETTINGS}
        found = {}
        for key, value in tree.items():
            place, setting = place_of(key), known.get(_as_key(key))
            if setting is None:
                self.errors.append(f"{place}: there is no setting {key}{nearest(_as_key(key), _as_key)}")
            elif setting.name == "config":
                self.errors.append(f"{place}: {key} names this file, and cannot be set in it; use {setting.option} or {setting.variable}")
            elif setting.name in found:
                self.errors.append(f"{place}: {key} is set for the second time")
            else:
                try:
                    found[setting.name] = _of_toml(setting, value), place
                except ValueError as error:
                    self.errors.append(f"{place}: {key}: {error}")
        return found

    def _read_variables(self, name):
        """Reads env_file. No error quotes a value, which may be secret."""
        try:
            with open(os.path.join(self.directory, name), encoding="utf-8") as file:
                lines = [line.strip() for line in file]
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            self.errors.append(f"{self.source('env_file')}: {name} cannot be read: {reason}")
            return
        for number, line in enumerate(lines, 1):
            if line and not line.startswith("#"):
                try:
                    variable, value = _variable(line)
                except ValueError as error:
                    self.errors.append(f"{name}:{number}: {error}")
                else:
                    self.variables[variable] = value


def handed_over():
    """The settings that a worker gets from its supervisor."""
    settings = json.loads(os.environ.pop(HANDED_OVER, "{}"))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def working_directory():
    """The name of the current directory as the shell has it (PWD), which may be a symbolic link that later leads to a newer
    release; otherwise its path, or "" if it was removed."""
    name = os.environ.get("PWD", "")
    try:
        return name if os.path.isabs(name) and os.path.samefile(name, ".") else os.getcwd()
    except OSError:
        return ""


def nearest(name, spelled):
    """The end of an error about an unknown name: the setting whose name is spelled nearly like it, if there is one."""
    import difflib

    right = {spelled(known): spelled(setting.key) for setting in SETTINGS for known in (setting.name, setting.key)}
    near = difflib.get_close_matches(name, right, 1)
    return f"; did you mean {right[near[0]]}?" if near else ""


def _as_key(name):
    return name.replace("_", "-")


def _as_variable(name):
    return _PREFIX + name.replace("-", "_").upper()


def _variable(line):
    """The name and the value of a line of an env_file. What two readers of such files take differently is refused."""
    found = _VARIABLE.fullmatch(line)
    if not found:
        raise ValueError("this is not NAME=VALUE")
    name, value = found[1], found[2].strip()
    if name.startswith(_PREFIX):
        raise ValueError(f"{name} is for the server, and this file is for the application: set it in the environment or in poorwsgi.toml")
    if value[:1] in ("'", '"'):
        if len(value) < 2 or value[-1] != value[0] or value[0] in value[1:-1]:
            raise ValueError(f"the quoted value of {name} does not end with the line")
        value = value[1:-1]
    elif re.search(r"\s#", value):
        raise ValueError(f"the value of {name} has a #: quote the value, or put the comment on a line of its own")
    if "\0" in value:
        raise ValueError(f"the value of {name} has a NUL")
    return name, value


def _of_variable(setting, text):
    """The value of a setting that a variable has. The items of a list are separated by blanks."""
    if list in KINDS[setting.kind].types:
        return _of_items(setting, text.split() or [text])
    return setting.read(text)


def _of_items(setting, texts):
    return tuple(item for text in texts for item in setting.read(text))


def _of_toml(setting, value):
    """The value of a setting that TOML has. A string is read like the text of an argument."""
    types = KINDS[setting.kind].types
    if list in types and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return _of_items(setting, value)
    if type(value) in types and type(value) is not list:
        value = ("no", "yes")[value] if type(value) is bool else str(value)
    if not isinstance(value, str):
        named = {int: "a number", float: "a fraction", bool: "true or false", list: "an array of strings"}
        example = ', such as "660"' if setting.kind == "mode" else ""
        raise ValueError(f"must be {' or '.join([*(named[each] for each in types), 'a string'])}{example}")
    return setting.read(value)


def as_toml(setting, value):
    """The value of a setting as TOML has it."""
    if setting.kind in ("bytes", "mode"):
        text = KINDS[setting.kind].show(value)
        return text if setting.kind == "bytes" and text.isdigit() else f'"{text}"'
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def _place(name, text, path):
    """The file and the line that sets a key of TOML, which tomllib does not say."""
    table, quote, around = (), None, None
    for number, line in enumerate(text.splitlines(), 1):
        if quote is None:
            at = ()
            if header := _HEADER.match(line):
                table = at = _parts(header[1])
            elif keys := _KEYS.match(line):
                at = (*table, *_parts(keys[1]))
            if at == path:
                return f"{name}:{number}"
            if at and at != table and path[:len(at)] == at:  # the key is in an inline table
                around = number
        for mark in re.findall(r'"""|\'\'\'', line):
            quote = mark if quote is None else None if mark == quote else quote
    return f"{name}:{around}" if around else name


def _parts(keys):
    return tuple(part.strip("\"' \t") for part in keys.split("."))


def _python_path():
    """PYTHONPATH as this process was started with. Launchers such as those of tracers put a directory in front, whose module
    ``sitecustomize`` sets the process up and may take the directory away again; workers are to be set up as well."""
    with contextlib.suppress(OSError):
        with open("/proc/self/environ", "rb") as file:
            for entry in file.read().split(b"\0"):
                name, _, value = entry.partition(b"=")
                if name == b"PYTHONPATH":
                    return {"PYTHONPATH": os.fsdecode(value)}
    return {}

"""The command line: ``poorwsgi run module:app``, also as ``python -m poorwsgi run module:app``."""
import argparse
import contextlib
import errno
import importlib
import logging
import os
import signal
import sys

from poorwsgi._settings import (
    ARGUMENTS, DEFAULT_ADDRESS, DEFAULTS, DESCRIPTIONS, KINDS, OPTIONS, SETTINGS, address_of, sections,
)

__all__ = ["LoadError", "load", "main"]

_LOG = logging.getLogger("poorwsgi.server")

_DESCRIPTION = "PoorWSGI, a small web framework with a Rust engine and a server of its own."
_RUN = """Serves an application until Ctrl-C or SIGTERM; running requests are finished first. A SIZE is a number of bytes and may
be written with K, M or G; a time is a number of seconds and may be a fraction."""
_CONFIG = """Prints each setting, its value, and where the value comes from: an option, a variable POORWSGI_..., a file and its line, or
the default. The output can be saved as poorwsgi.toml. Takes the options of run."""
_CHECK = """Says all that would keep an application from being served: wrong settings, an application that cannot be loaded, hooks
that are missing, an address that cannot be used, as that of a server which runs. Takes the options of run."""
_ROUTES = """Lists the routes of an application of poorwsgi in the order in which they are tried. A running
server shows how long the calls of each route take on its debug page, and in its log when it gets SIGUSR2."""
_EXAMPLES = f"""\
examples:
  poorwsgi run hello:app                      app of hello.py, at http://{DEFAULT_ADDRESS}
  poorwsgi run hello                          the same: takes app, or else application
  poorwsgi run shop.web:create_app()          the application that a function returns
  poorwsgi run hello:app --port 0             on a port that the system chooses
  poorwsgi run hello:app --host 0.0.0.0       reachable from other machines, too
  poorwsgi run hello:app --bind unix:/run/hello.sock
  poorwsgi check hello:app                    says what would keep it from being served

Each option of run may also be a variable of the environment (POORWSGI_PORT=8000), or a line of poorwsgi.toml or of the table
tool.poorwsgi of pyproject.toml in the current directory (port = 8000). An option wins over a variable, and a variable over a
file; poorwsgi config shows which settings hold.

Modules are searched for in the current directory first. An Application of poorwsgi is called natively, without WSGI in
between; any other WSGI callable, of Flask or Django for example, is served as well.
"""


class LoadError(Exception):
    """The command line does not name an application. The message says why, and which applications the module
    has."""


def load(target):
    """Loads the application ``module:name`` or ``module:factory()``; for ``module`` alone, its ``app`` or
    ``application``.

    The module is searched for in the current directory first. Raises LoadError; exceptions of the module
    itself are not changed.
    """
    module_name, colon, path = target.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        file = module_name.removesuffix(".py").strip("/.").replace("/", ".")
        raise LoadError(f"{module_name} is a file; give the name of its module: {file}{colon}{path}")
    module = _import(module_name)
    if not path:
        path = next((name for name in ("app", "application") if hasattr(module, name)), "")
        if not path:
            raise LoadError(f"{module_name} has neither app nor application; {_offer(module)}")
    name, is_factory = path.removesuffix("()"), path.endswith("()")
    application = module
    for part in name.split("."):
        try:
            application = getattr(application, part)
        except AttributeError:
            if "(" in part:
                text = f"{path}: a factory is called without arguments, as in {module_name}:create_app()"
                raise LoadError(text) from None
            raise LoadError(f"{module_name} has no {part!r}; {_offer(module)}") from None
    if is_factory:
        if not callable(application):
            raise LoadError(f"{target}: {name} is {_kind(application)}, which cannot be called")
        application = application()
    if not callable(application):
        raise LoadError(f"{target} is {_kind(application)}, not an application; {_offer(module)}")
    if not is_factory and not _takes_two(application):
        raise LoadError(f"{target} cannot be called with environ and start_response; if it makes the application, "
                        f"write {target}()")
    return application


def _import(name):
    if not all(part.isidentifier() for part in name.split(".")):
        raise LoadError(f"{name!r} is not the name of a module; expected module:app")
    try:
        directory = os.getcwd()
    except FileNotFoundError:
        raise LoadError("the current directory was removed, and modules are looked for there first; change to another directory") from None
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Not for a module that the module itself imports.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise LoadError(f"there is no module {error.name!r}; looked in {directory} and where Python looks") from None
        raise


def _kind(value):
    kind = type(value).__qualname__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


def _takes_two(application):
    import inspect

    try:
        inspect.signature(application).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # the callable has no signature
        pass
    return True


def _offer(module):
    """Says which applications or functions a module has."""
    from poorwsgi import Application

    applications = [name for name, value in vars(module).items() if isinstance(value, Application)]
    if applications:
        return f"it has the application {' and '.join(applications)}"
    functions = [
        name for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    return f"it has {', '.join(functions)}" if functions else "it has nothing that can be called"


def _parser():
    # With -m, sys.argv[0] ends with __main__.py.
    program = os.path.basename(sys.argv[0])
    program = "python -m poorwsgi" if program == "__main__.py" else "poorwsgi"
    parser = argparse.ArgumentParser(
        program, description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")

    for name, call, brief, description, has_settings in (
        ("run", _run, "serve an application", _RUN, True),
        ("check", _check, "say what would keep an application from being served", _CHECK, True),
        ("config", _show_settings, "print the settings and where they come from", _CONFIG, True),
        ("routes", _list_routes, "list the routes of an application", _ROUTES, False),
    ):
        command = commands.add_parser(
            name, help=brief, description=description, epilog=_EXAMPLES if call is _run else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument(
            "target", metavar="MODULE:APP", help="the application, or a function that makes it", nargs="?" if call is _show_settings else None
        )
        if has_settings:
            for section, settings in sections().items():
                group = command.add_argument_group(section, DESCRIPTIONS.get(section))
                for setting in settings:
                    _add_setting(group, setting)
        command.set_defaults(call=call, command_parser=command)
    return parser


def _add_setting(group, setting):
    """Adds the option of a setting. The parsed arguments have its name only if the option is given."""
    text = setting.help + (f" (default: {setting.shown})" if setting.shown else "")
    kind = {"type": _text(setting.read), "metavar": KINDS[setting.kind].metavar}
    if setting.kind == "switch":
        kind = {"action": argparse.BooleanOptionalAction}
    elif setting.kind in ("networks", "addresses"):
        kind["action"] = "extend"
        text += "; may be given several times"
    elif setting.kind == "choice":
        kind["metavar"] = f"{{{','.join(setting.words)}}}"
    group.add_argument(*setting.options, dest=setting.name, default=argparse.SUPPRESS, help=text.replace("%", "%%"), **kind)


def _text(read):
    """Wraps a parser of text for argparse, which shows only the message of an ArgumentTypeError."""
    def read_argument(text):
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return read_argument


def _run(arguments, parser):
    _open_streams()

    from poorwsgi import _log
    from poorwsgi._configuration import handed_over
    from poorwsgi._worker import CONTROL, Control

    # A worker gets its settings and its socket from its supervisor, which has checked them.
    configuration = None if CONTROL in os.environ else _configured(arguments, parser)
    _take(arguments, handed_over() if configuration is None else configuration.values)
    addresses = _addresses(arguments, parser)
    control = Control.of_environment(_setting(arguments, "stop_timeout"))
    if configuration:
        _check_workers(arguments, parser)
        _check_socket(arguments, addresses, parser)
    if os.getpid() == 1 and _setting(arguments, "workers") == 0:
        from poorwsgi import _init

        _init.fork()
    try:
        status = _start(addresses, arguments, parser, control, configuration)
    finally:
        if control:
            control.close()
    _log.leave(status)
    if status:
        sys.exit(status)


def _configured(arguments, parser):
    """The settings of a file, the environment and the arguments. Ends the process if any of them is wrong."""
    configuration = _configuration(arguments, parser)
    if configuration.errors:
        parser.exit(2, "".join(f"{parser.prog}: {error}\n" for error in configuration.errors))
    return configuration


def _configuration(arguments, parser):
    """The same, with the mistakes in it, but for those of the command line."""
    from poorwsgi._configuration import Configuration

    if "bind" in arguments and ("host" in arguments or "port" in arguments):
        bind, host, port = (OPTIONS[name] for name in ("bind", "host", "port"))
        parser.error(f"{bind} replaces {host} and {port}: give one or the other")
    return Configuration({name: value for name, value in vars(arguments).items() if name in DEFAULTS})


def _take(arguments, settings):
    """Makes the arguments those that hold, wherever they come from."""
    for name in DEFAULTS.keys() & vars(arguments).keys():
        delattr(arguments, name)
    for name, value in settings.items():
        setattr(arguments, name, value)
    names = {setting.name for setting in ARGUMENTS}
    arguments.settings = {name: value for name, value in settings.items() if name in names}


def _setting(arguments, name):
    return getattr(arguments, name, DEFAULTS[name])


def _check_workers(arguments, parser):
    """Rejects options that need workers where there are none."""
    if "admin" in arguments and _setting(arguments, "workers") == 0:
        parser.error(f"{OPTIONS['admin']} needs a supervisor: start 1 worker or more ({OPTIONS['workers']})")


def _check_socket(arguments, addresses, parser):
    """Rejects options for Unix sockets where none is bound."""
    if any(address.startswith("unix:") for address in addresses):
        return
    for name in ("unix_mode", "unix_group"):
        if name in arguments.settings:
            parser.error(f"{OPTIONS[name]} is for a Unix socket ({OPTIONS['bind']} unix:PATH), not for {' and '.join(addresses)}")


def _addresses(arguments, parser):
    if bind := _setting(arguments, "bind"):
        bind = list(dict.fromkeys(bind))
        if "inherited" in bind and any(address.startswith("fd://") for address in bind):
            parser.error(f"{OPTIONS['bind']}: give either inherited, which takes all sockets that were passed, or fd://NUMBER for each")
        return bind
    # As systemd hands sockets over (sd_listen_fds(3)).
    is_handed_over = os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0"
    if is_handed_over and "host" not in arguments and "port" not in arguments:
        return ["inherited"]
    return [address_of(_setting(arguments, "host"), _setting(arguments, "port"))]


def _open_streams():
    """Opens standard streams that are closed: otherwise sockets would get their descriptors, and printed text
    would go into a socket."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(descriptor, True)
            mode = "w" if number else "r"
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", errors="backslashreplace", closefd=False))


def _start(addresses, arguments, parser, control, configuration):
    """Serves, and returns the exit status. ``configuration`` is None in a worker."""
    if control:
        return _serve_loaded(addresses, arguments, parser, control)

    from poorwsgi._surroundings import Identity, enter, give, pid_file

    with contextlib.ExitStack() as stack:
        with _said_shortly(parser, addresses):
            enter(configuration)
            identity = Identity(_setting(arguments, "user"), _setting(arguments, "group"))
            stack.enter_context(pid_file(_setting(arguments, "pid_file")))
            if _setting(arguments, "workers") > 0:
                return _supervise(addresses, arguments, configuration, identity)
            identity.take()
        give(configuration.variables)
        return _serve_loaded(addresses, arguments, parser, control)


def _serve_loaded(addresses, arguments, parser, control):
    """Loads the application, and serves it. Returns the exit status."""
    from poorwsgi._systemd import Manager

    manager = Manager()
    with _said_shortly(parser, addresses):
        place = _place(addresses, arguments, control)
    with _failing_loudly(arguments, parser):
        application = load(arguments.target)
        on_start, on_stop = (_hook(arguments, name) for name in ("on_worker_start", "on_worker_stop"))
        on_start(application)
    with _said_shortly(parser, addresses):
        if place is None:
            place = control.bound(arguments.settings)
        _serve(application, place, arguments, control, manager)
    try:
        on_stop(application)
    except Exception:
        _LOG.exception("%s failed", OPTIONS["on_worker_stop"])
    return 0


def _hook(arguments, name):
    """The function that a setting names. Raises LoadError."""
    target = _setting(arguments, name)
    if target is None:
        return lambda application: None
    module_name, _, path = target.partition(":")
    function = _import(module_name)
    for part in path.split("."):
        if not hasattr(function, part):
            raise LoadError(f"{OPTIONS[name]}: {module_name} has no {path!r}")
        function = getattr(function, part)
    if not callable(function):
        raise LoadError(f"{OPTIONS[name]}: {target} is {_kind(function)}, which cannot be called")
    return function


@contextlib.contextmanager
def _failing_loudly(arguments, parser):
    """Ends the process for an error of loading an application: a mistake of the command line with one line, an error of the
    application's modules with its traceback."""
    try:
        yield
    except LoadError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except Exception as error:  # noqa: BLE001 - shown as Python shows it
        _print_error(error, arguments.target.partition(":")[0])
        parser.exit(1)


def _print_error(error, module):
    """Prints an error as Python does, with the frames of the application alone. Where those of libraries are all that there
    are, they are shown."""
    import traceback

    from poorwsgi._frames import _is_library

    chain = _chain(error)
    files = {frame.tb_frame.f_code.co_filename for each in chain for frame in _frames(each)}
    hidden = {file for file in files if file.startswith("<frozen importlib") or _is_in(file, __file__) or _is_in(file, importlib.__file__)}
    libraries = {file for file in files - hidden if _is_library(file)}
    if files - hidden == libraries:
        libraries = set()
    for each in chain:
        kept = None
        for frame in reversed(_frames(each)):
            if frame.tb_frame.f_code.co_filename not in hidden | libraries:
                frame.tb_next = kept
                kept = frame
        each.__traceback__ = kept
    text = "".join(traceback.format_exception(error))
    if libraries:
        text = text.replace("(most recent call last)", f"(most recent call last; python -c 'import {module}' shows frames of libraries too)", 1)
    print(text, end="", file=sys.stderr)


def _chain(error):
    """An error, with those that it was raised from or during."""
    found, waiting = [], [error]
    while waiting:
        error = waiting.pop()
        if error is not None and not any(each is error for each in found):
            found.append(error)
            waiting += (error.__cause__, error.__context__)
    return found


def _frames(error):
    frames = []
    while (frame := frames[-1].tb_next if frames else error.__traceback__) is not None:
        frames.append(frame)
    return frames


def _is_in(file, module):
    """Whether a file is in the folder of a module."""
    return os.path.dirname(os.path.abspath(file)) == os.path.dirname(os.path.abspath(module))


@contextlib.contextmanager
def _said_shortly(parser, addresses):
    """Reports errors of the settings and of the socket in one line."""
    try:
        yield
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        if error.filename is not None:
            parser.exit(1, f"{parser.prog}: {error.filename}: {error.strerror}\n")
        parser.exit(1, f"{parser.prog}: {error.strerror or error}{_advice(error.errno, addresses)}\n")


def _advice(number, addresses):
    """What to do about an error of an address of TCP, which is the only one."""
    host, _, port = addresses[0].rpartition(":")
    if not port.isdigit() or len(addresses) > 1:
        return ""
    if number == errno.EADDRINUSE:
        return f"; another process listens there: stop it, or try --port {int(port) % 65535 + 1}"
    if number == errno.EACCES and int(port) < 1024:
        return "; this user may not listen on ports below 1024: try --port 8080"
    if number == errno.EADDRNOTAVAIL:
        return f"; {host} is not an address of this machine: try --host 0.0.0.0"
    return ""


def _place(addresses, arguments, control):
    """Where to serve: the addresses, or the sockets that another process has handed over; None for a worker that gets
    its sockets once it has loaded the application."""
    from poorwsgi._poorwsgi import _set_multiprocess
    from poorwsgi._worker import inherited

    if control and _setting(arguments, "workers") > 1:
        _set_multiprocess()
    if control and not control.has_socket:
        return None
    if control:
        return inherited(arguments.settings)
    addresses = _handed_over(addresses)
    # Taken before the application is loaded, unlike what is only to be bound.
    return inherited(arguments.settings, addresses) if "inherited" in addresses else addresses


def _handed_over(addresses):
    """The addresses with "inherited" for all those that are descriptors: from now on these are sockets that were handed
    over."""
    named = [address for address in addresses if address.startswith("fd://")]
    if not named:
        return addresses
    from poorwsgi._worker import descriptors_of, hand_over

    hand_over([number for address in named for number in descriptors_of(address)])
    return ["inherited", *(address for address in addresses if not address.startswith("fd://"))]


def _supervise(addresses, arguments, configuration, identity):
    from poorwsgi import _log
    from poorwsgi._admin import State
    from poorwsgi._admin import serve as serve_admin
    from poorwsgi._poorwsgi import Listener
    from poorwsgi._supervisor import Supervisor

    _log.configure(_setting(arguments, "log_level"), _setting(arguments, "log_format"))

    addresses = _handed_over(addresses)

    def bind():
        return Listener(addresses, **arguments.settings)

    # Sockets that were handed over are bound already. Where there are none, an address is bound once the application is
    # loaded, so that no client connects before, and an application that cannot be loaded takes no port.
    listener = bind() if "inherited" in addresses else None
    state = State()
    if admin := _setting(arguments, "admin"):
        serve_admin(Listener(admin, threads=4), state)
    return Supervisor(listener, configuration, identity=identity, bind=bind, name=arguments.target, admin=state).run()


def _show_settings(arguments, parser):
    from poorwsgi._configuration import as_toml

    configuration = _configured(arguments, parser)
    rows = []
    for setting in SETTINGS:
        value = configuration[setting.name]
        is_given = setting.name in configuration.values and setting.name != "config"
        line = "# " * (not is_given) + f"{setting.key} =" + (f" {as_toml(setting, value)}" if value is not None else "")
        rows.append((line, configuration.source(setting.name)))
    width = min(max(len(line) for line, _ in rows), 60)
    print("\n".join(f"{line:{width}}  # {source}" for line, source in rows))


def _check(arguments, parser):
    from poorwsgi._check import check

    configuration = _configuration(arguments, parser)
    _take(arguments, configuration.values)
    sys.exit(check(arguments, parser, configuration))


def _list_routes(arguments, parser):
    from poorwsgi import Application
    from poorwsgi._surroundings import enter, give

    configuration = _configured(arguments, parser)
    with _said_shortly(parser, [""]):
        enter(configuration)
    give(configuration.variables)
    with _failing_loudly(arguments, parser):
        application = load(arguments.target)
    if not isinstance(application, Application):
        text = f"{arguments.target} is {_kind(application)}, whose routes are not known here; only an Application of poorwsgi has them"
        parser.exit(2, f"{parser.prog}: {text}\n")
    print(_routes_table(application))


def _routes_table(application):
    """The routes of an Application as lines of text, with the times of their calls so far."""
    from poorwsgi._poorwsgi import _routes

    rows = [("METHODS", "RULE", "HANDLER", "CALLS"), *_routes(application)]
    if not any(calls for *_, calls in rows[1:]):
        rows = [row[:3] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _routes_text(application):
    from poorwsgi import Application

    known = isinstance(application, Application)
    return f"{_routes_table(application) if known else 'the routes are not known'}\n"


def _serve(application, place, arguments, control, manager):
    from poorwsgi import _log
    from poorwsgi._poorwsgi import _raise_descriptor_limit
    from poorwsgi.server import Listener, _announce, _stopping, run

    # After loading the application, which may have configured logging itself.
    _log.configure(_setting(arguments, "log_level"), _setting(arguments, "log_format"))
    with contextlib.suppress(OSError):  # then there are fewer connections, and the server says so
        _raise_descriptor_limit(**arguments.settings)

    serving = []

    def ready(server):
        serving.append(server)
        if _setting(arguments, "admin"):
            server._count()
        if isinstance(place, Listener):
            # This descriptor would stay open until the process ends; the server has its own, and closes it when it
            # stops.
            place.close()
        if not control:
            stop = _telling(manager, _stopping(server))
            for number in (signal.SIGINT, signal.SIGTERM):
                # The handler stays when the server has stopped: another signal must not cut off the end of the process.
                signal.signal(number, stop)
            _announce(server, arguments.target)
            manager.beat_in_thread()
            return manager.ready(f"serving {arguments.target} on {server.address}")
        limits = {name: _setting(arguments, name) for name in ("max_memory", "request_timeout")}
        control.watch(server, application, max_requests=_most_requests(arguments), **limits)
        if _setting(arguments, "admin"):
            control.say_routes(_routes_text(application))
        control.say("ready " + ("natively" if server.is_native else "as a WSGI callable"))

    run(application, place, ready=ready, **({} if isinstance(place, Listener) else arguments.settings))
    if control and serving:
        control.count(serving[0])
    if not control:
        for number in (signal.SIGINT, signal.SIGTERM):
            # Python removes its own handlers before it ends.
            signal.signal(number, signal.SIG_IGN)


def _most_requests(arguments):
    """After how many requests this worker is replaced."""
    number, jitter = _setting(arguments, "max_requests"), _setting(arguments, "max_requests_jitter")
    if number and jitter:
        import random

        number += random.randint(0, jitter)
    return number


def _telling(manager, stop):
    """A signal handler that tells the service manager of the stop as well."""
    def stop_and_tell(*signal_and_frame):
        manager.stopping("finishing the requests that run")
        stop(*signal_and_frame)

    return stop_and_tell


def main(argv=None):
    """Runs a command line, by default that of the process."""
    parser = _parser()
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        _refuse(unknown, arguments, parser)
    if arguments.version:
        from importlib.metadata import version

        print("PoorWSGI (Rust)", version("poorwsgi-rs"))
    elif arguments.command is None:
        parser.print_help()
    else:
        arguments.call(arguments, arguments.command_parser)


def _refuse(unknown, arguments, parser):
    """Ends the process because of arguments that do not exist."""
    from poorwsgi._configuration import nearest

    option = unknown[0].partition("=")[0]
    near = nearest(option, lambda name: "--" + name.replace("_", "-")) if option.startswith("--") else ""
    getattr(arguments, "command_parser", parser).error(f"unrecognized arguments: {' '.join(unknown)}{near}")

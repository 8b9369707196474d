"""What would keep an application from being served: ``poorwsgi check``. Each step does what ``poorwsgi run`` does, and fails
with the same words; the steps behind one that fails are taken all the same."""
import sys

from poorwsgi import cli
from poorwsgi._surroundings import Identity, enter, give, pid_file


def check(arguments, parser, configuration):
    """Prints all that is wrong. Returns the exit status."""
    address = cli._address(arguments)
    for error in configuration.errors:
        print(f"{parser.prog}: {error}", file=sys.stderr)
    failed = bool(configuration.errors)
    for step in (_surround, _bind, _become, _load):
        try:
            with cli._said_shortly(parser, address):
                step(arguments, parser, configuration, address)
        except SystemExit:  # after the text
            failed = True
    if not failed:
        print(f"{arguments.target} can be served on {address}")
    return int(failed)


def _surround(arguments, parser, configuration, address):
    enter(configuration)
    give(configuration.variables)
    with pid_file(configuration["pid_file"]):
        pass


def _bind(arguments, parser, configuration, address):
    from poorwsgi._poorwsgi import Listener

    cli._check_workers(arguments, parser)
    cli._check_socket(arguments, address, parser)
    Listener(address, **arguments.settings).close()
    if configuration["admin"] is not None:
        Listener(configuration["admin"]).close()


def _become(arguments, parser, configuration, address):
    Identity(configuration["user"], configuration["group"]).take()


def _load(arguments, parser, configuration, address):
    with cli._failing_loudly(arguments, parser):
        try:
            cli.load(arguments.target)
        except SystemExit as error:
            raise cli.LoadError(f"{arguments.target}: the module ends the process, with sys.exit({error.code!r})") from None
    for name in ("on_worker_start", "on_worker_stop"):
        with cli._failing_loudly(arguments, parser):
            cli._hook(arguments, name)

"""What would keep an application from being served: ``poorwsgi check``. Each step does what ``poorwsgi run`` does, and fails
with the same words; the steps behind one that fails are taken all the same."""
import sys

from poorwsgi import cli
from poorwsgi._surroundings import Identity, enter, give, pid_file


def check(arguments, parser, configuration):
    """Prints all that is wrong. Returns the exit status."""
    addresses = cli._addresses(arguments, parser)
    for error in configuration.errors:
        print(f"{parser.prog}: {error}", file=sys.stderr)
    failed = bool(configuration.errors)
    for step in (_surround, _bind, _become, _load):
        try:
            with cli._said_shortly(parser, addresses):
                step(arguments, parser, configuration, addresses)
        except SystemExit:  # after the text
            failed = True
    if not failed:
        print(f"{arguments.target} can be served on {' and '.join(addresses)}")
    return int(failed)


def _surround(arguments, parser, configuration, addresses):
    enter(configuration)
    give(configuration.variables)
    with pid_file(configuration["pid_file"]):
        pass


def _bind(arguments, parser, configuration, addresses):
    from poorwsgi._poorwsgi import Listener

    cli._check_workers(arguments, parser)
    cli._check_socket(arguments, addresses, parser)
    Listener(cli._handed_over(addresses), **arguments.settings).close()
    if configuration["admin"] is not None:
        Listener(configuration["admin"]).close()


def _become(arguments, parser, configuration, addresses):
    Identity(configuration["user"], configuration["group"]).take()


def _load(arguments, parser, configuration, addresses):
    with cli._failing_loudly(arguments, parser):
        try:
            cli.load(arguments.target)
        except SystemExit as error:
            raise cli.LoadError(f"{arguments.target}: the module ends the process, with sys.exit({error.code!r})") from None
    for name in ("on_worker_start", "on_worker_stop"):
        with cli._failing_loudly(arguments, parser):
            cli._hook(arguments, name)

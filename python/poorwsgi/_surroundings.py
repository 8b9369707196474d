"""What a process of the server has around it: its directory, its umask, its user, its file with the process id."""
# Written in Python, because the supervisor is, which starts the workers with the user that is found here.
import contextlib
import fcntl
import os


def enter(configuration):
    """Changes to the directory, and takes the umask. The workers inherit both."""
    if configuration["chdir"] is not None:
        with _named(configuration.directory):
            os.chdir(configuration.directory)
        os.environ["PWD"] = configuration.directory  # the name by which workers start there
    if configuration["umask"] is not None:
        os.umask(configuration["umask"])


def give(variables):
    """Adds variables to the environment of this process, which keeps those that it has."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def _named(path):
    """Adds the path to the text of an error."""
    try:
        yield
    except OSError as error:
        raise OSError(None, f"{path}: {error.strerror}") from None


class Identity:
    """The user and the groups of the processes that run the application."""

    def __init__(self, user, group):
        """Raises OSError if this process may not change to them."""
        import grp
        import pwd

        self.user = self.group = self.groups = self._account = None
        if user is not None:
            with contextlib.suppress(KeyError):
                self._account = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
            self.user = self._account.pw_uid if self._account else int(user)
            self.group = self._account.pw_gid if self._account else self.user
            self.groups = os.getgrouplist(self._account.pw_name, self.group) if self._account else [self.group]
        if group is not None:
            self.group = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
            self.groups = [self.group]
        if self.user in (None, os.geteuid()) and (group is None or self.group == os.getegid()):  # there is nothing to change
            self.user = self.group = self.groups = self._account = None
        elif os.geteuid() != 0:
            raise OSError(None, "only root can change the user and the group: start as root, or as the user that is wanted")

    def for_process(self):
        """Arguments of Popen for a process that has this identity."""
        return {} if self.group is None else {"user": self.user, "group": self.group, "extra_groups": self.groups}

    def variables(self):
        """The variables about the user, which programs go by."""
        if not self._account:
            return {}
        return {"HOME": self._account.pw_dir, "USER": self._account.pw_name, "LOGNAME": self._account.pw_name}

    def take(self):
        """Gives this process this identity, for good."""
        if self.group is not None:
            os.setgroups(self.groups)
            os.setgid(self.group)
            if self.user is not None:
                os.setuid(self.user)
            os.environ.update(self.variables())


@contextlib.contextmanager
def pid_file(path):
    """Writes the process id into a file, and removes the file at the end.

    The process locks the file until it ends: the number in a file that was left does not tell, since it may be that of another
    process by now, after a restart of a container for example. Raises OSError.
    """
    if path is None:
        yield
        return
    path = os.path.abspath(path)
    with _named(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with open(descriptor, "r+") as file:
        try:
            # Not flock: processes that the application forks would share that lock, and may run longer.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # as the system likes (fcntl(2))
            number = file.read(20).strip()
            raise OSError(None, f"{path}: another server has this file, with the process id {number or 'unknown'}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    os.unlink(path)

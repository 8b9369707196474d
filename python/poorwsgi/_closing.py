"""An object that closes a file when it is garbage-collected.

Written in Python, because the garbage collector runs the finalizer of a Python class before it clears
objects.
"""


class Closing:
    __slots__ = ("file",)

    def __init__(self, file):
        self.file = file

    def __del__(self):
        close = getattr(self.file, "close", None)
        if close is not None:
            close()

"""A file that is closed when its owner goes away.

Python, because only a class of Python has a finalizer that the garbage collector runs before it takes objects apart.
"""


class Closing:
    __slots__ = ("file",)

    def __init__(self, file):
        self.file = file

    def __del__(self):
        close = getattr(self.file, "close", None)
        if close is not None:
            close()

"""Calling a handler for an error.

Python and not Rust, because only an ``except`` clause makes an error the one that ``sys.exc_info()`` shows.
"""


def call(error, traceback, handler, args, kwargs):
    try:
        raise error
    except BaseException:
        error.__traceback__ = traceback  # without this frame, which helps nobody
        return handler(*args, **kwargs)
    finally:
        del error, traceback

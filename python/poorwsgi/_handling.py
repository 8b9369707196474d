"""Calling a handler for an error, and logging an error.

Written in Python, because ``sys.exc_info()`` returns an error only within an ``except`` clause, and because a
log record is a Python object.
"""
import logging


def call(error, traceback, handler, args, kwargs):
    try:
        raise error
    except BaseException:
        error.__traceback__ = traceback  # without this frame, which is of no interest
        return handler(*args, **kwargs)
    finally:
        del error, traceback


def takes(function, parameter):
    """Whether a function has a parameter of this name, beside the first one."""
    from inspect import signature
    try:
        parameters = signature(function).parameters
    except (TypeError, ValueError):  # of a function that is not written in Python
        return False
    found = parameters.get(parameter)
    if found is None or found is next(iter(parameters.values())):
        return False
    return found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY)


def log_exception(log, message, args, exc_info, text):
    """Logs a message about an exception. exc_info is for log handlers that inspect the record; text, the
    traceback, is what formatters print."""
    if not isinstance(log, logging.Logger):  # the application has replaced it
        return log.error(message, *args, exc_info=exc_info)
    if log.isEnabledFor(logging.ERROR):
        file, line, function = _raised_at(exc_info[2])
        record = log.makeRecord(log.name, logging.ERROR, file, line, message, args, exc_info, function)
        record.exc_text = text  # formatters print this cached text
        log.handle(record)


def _raised_at(traceback):
    """The file, line and function in which an exception was raised."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "(unknown file)", 0, "(unknown function)"
    code = traceback.tb_frame.f_code
    return code.co_filename, traceback.tb_lineno, code.co_name

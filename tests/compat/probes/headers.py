"""Header values and the header map."""
import datetime

from poorwsgi import headers
from poorwsgi.headers import ContentRange, Headers
from worker import error_of


def call(name, *arguments):
    return getattr(headers, name)(*arguments)


def lazy(name, *arguments):
    """For functions that return an iterator."""
    return list(getattr(headers, name)(*arguments))


def date(*parts, zone=0):
    stamp = datetime.datetime(*parts, tzinfo=datetime.timezone(datetime.timedelta(minutes=zone)))
    return headers.datetime_to_http(stamp), headers.time_to_http(stamp.timestamp())


def naive_date(*parts):
    return headers.datetime_to_http(datetime.datetime(*parts))


def content_range(*arguments):
    return str(ContentRange(*arguments))


def operations(initial, strict, steps):
    """The result of each step, and the items of the map after it."""
    headers_ = Headers(initial, strict=strict)
    seen = [list(headers_.items())]
    for name, *arguments in steps:
        try:
            if name == "set":
                headers_[arguments[0]] = arguments[1]
                result = None
            elif name == "get_item":
                result = headers_[arguments[0]]
            elif name == "del":
                del headers_[arguments[0]]
                result = None
            elif name == "in":
                result = arguments[0] in headers_
            elif name == "len":
                result = len(headers_)
            elif name == "iter":
                result = list(headers_)
            elif name == "add_header_with":
                result = headers_.add_header(arguments[0], arguments[1], **arguments[2])
            else:
                result = getattr(headers_, name)(*arguments)
                if name in ("names", "keys", "values", "items"):
                    result = list(result)
        except Exception as error:
            result = error_of(error)
        seen.append((result, list(headers_.items())))
    return seen, type(headers_.items()).__name__

"""Hooks, handlers, states and errors: which are called, in which order, and what the client gets."""
import pytest

ACTIONS = (
    "text", "bytes", "nothing", "pair", "four", "three", "dictionary", "list", "generator", "generator object", "response", "json",
    "empty", "no content", "redirect response", "number", "object", "tuple of one", "tuple with a bad status", "tuple of five",
    "nothing and a status", "dictionary and a number", "bytes without a type", "object in a dictionary", "text and a number", "early",
    "empty text", "dictionary and more", "true", "empty dictionary", "abort 400", "abort 403", "abort 404", "abort 405", "abort 500",
    "abort 501", "abort 304", "abort with a response", "redirect", "redirect for good", "exception with arguments",
    "exception with a response", "ValueError", "Custom", "Other", "KeyError", "TypeError", "OSError",
)
GET = [("GET", "/")]
# These cannot be converted to a response.
NO_VALUES = ("number", "object", "tuple with a bad status", "tuple of five", "true", "object in a dictionary", "text and a number")
RAISE = tuple(name for name in ACTIONS if name.startswith(("abort", "redirect")) and name != "redirect response")  # HTTPException
RESPONSES = ("response", "json", "empty", "no content", "redirect response")
FAIL = ("ValueError", "Custom", "Other", "KeyError", "TypeError", "OSError")
VALUES = tuple(name for name in ACTIONS if name not in (*NO_VALUES, *RAISE, *RESPONSES, *FAIL, "exception with arguments", "exception with a response"))
# A keyword that the default page does not take; see the last test.
UNKNOWN = "exception with arguments"


def but(*names):
    return [name for name in ACTIONS if name not in names]


@pytest.mark.parametrize("action", but(UNKNOWN))
def test_handler(pair, action):
    pair.same("dispatch.run", [("route", action, "/")], GET)


@pytest.mark.parametrize("action", but(UNKNOWN, "ValueError", "Custom"))
def test_handler_beside_other_handlers(pair, action):
    setup = [("route", action, "/", 511), ("before", "nothing"), ("after", "nothing"), ("state", "text", 404), ("state", "four", 500), ("error", "text", "ValueError"),
             ("error", "four", "Custom"), ("error", "response", "Other")]
    setup = [step for step in setup if step[0] != "after"]
    pair.same("dispatch.run", setup, [("GET", "/"), ("POST", "/"), ("PUT", "/"), ("GET", "/none")])


@pytest.mark.parametrize("action", but(UNKNOWN))
def test_before_hook(pair, action):
    pair.same("dispatch.run", [("before", action), ("route", "text", "/"), ("before", "nothing")], [("GET", "/"), ("GET", "/none"), ("POST", "/")])


@pytest.mark.parametrize("action", but(UNKNOWN, *RAISE, "exception with a response", "nothing"))
def test_after_hook(pair, action):
    pair.same("dispatch.run", [("after", action), ("route", "text", "/")], [("GET", "/"), ("GET", "/none")])


@pytest.mark.parametrize("action", but(UNKNOWN, *RAISE, "exception with a response", "nothing"))
def test_two_after_hooks(pair, action):
    pair.same("dispatch.run", [("after", action), ("after", "text"), ("route", "text", "/")], GET)


@pytest.mark.parametrize("methods", [(), (511,), (2,)])
@pytest.mark.parametrize("action", but(UNKNOWN, *NO_VALUES, *RAISE, "exception with a response"))
def test_state_404(pair, action, methods):
    pair.same("dispatch.run", [("state", action, 404, *methods)], [("GET", "/"), ("POST", "/"), ("PUT", "/")])


@pytest.mark.parametrize("action", but(UNKNOWN, *RAISE, "exception with a response"))
def test_state_500(pair, action):
    pair.same("dispatch.run", [("state", action, 500), ("route", "Other", "/")], GET)


@pytest.mark.parametrize("status", [400, 401, 403, 405, 304, 418, 501])
def test_state_of_an_abort(pair, status):
    actions = {400: "abort 400", 403: "abort 403", 405: "abort 405", 501: "abort 501", 304: "abort 304"}
    pair.same("dispatch.run", [("state", "four", status), ("route", actions.get(status, "abort with a response"), "/", 511)], [("GET", "/"), ("PUT", "/")])


@pytest.mark.parametrize("action", but(UNKNOWN, *VALUES, *NO_VALUES))
def test_error_handler(pair, action):
    pair.same("dispatch.run", [("error", action, "ValueError"), ("route", "Custom", "/", 511)], [("GET", "/"), ("PUT", "/")])


@pytest.mark.parametrize("errors", [("Custom", "ValueError"), ("ValueError", "Custom"), ("Exception", "Custom"), ("Other",), ("Exception",), ("LookupError", "KeyError"), (("Custom", "KeyError"), "Exception"), (("Other", ("OSError",)),)])
@pytest.mark.parametrize("action", ["Custom", "ValueError", "Other", "KeyError", "OSError", "abort 404", "redirect"])
def test_which_error_handler(pair, errors, action):
    pair.same("dispatch.run", [("route", action, "/")] + [("error", value, error) for value, error in zip(("response", "json"), errors)], GET)


@pytest.mark.parametrize("action", ["abort 404", "Other", "ValueError"])
def test_a_failure_in_each_place_reaches_the_after_hooks(pair, action):
    for place in ("before", "route", "default"):
        arguments = ("/",) if place == "route" else ()
        pair.same("dispatch.run", [(place, action, *arguments), ("after", "response"), ("route", "text", "/there")], [("GET", "/"), ("GET", "/there")])


@pytest.mark.parametrize("action", but(UNKNOWN))
def test_default(pair, action):
    pair.same("dispatch.run", [("default", action, 511), ("route", "text", "/there")], [("GET", "/"), ("PUT", "/"), ("GET", "/there"), ("POST", "/there")])


@pytest.mark.parametrize("kind", ["before_response", "before_request"])
def test_popped(pair, kind):
    pair.same("dispatch.popped", kind)


@pytest.mark.parametrize("path", ["/debug-info", "/none", "/"])
@pytest.mark.parametrize("debug", [True, False])
def test_debug_page(pair, debug, path):
    pair.same("dispatch.run", [("route", "Other", "/")], [("GET", path), ("POST", path)], {"debug": debug})


FILES = ("/a.txt", "/b.html", "/d.json", "/folder/e.txt", "/none", "/folder", "/folder/none", "/route", "//a.txt", "/a.txt/", "/\u017e.txt".encode().decode("latin-1"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", FILES)
def test_file(pair, method, path):
    pair.same("dispatch.files", {}, [(method, path)])


@pytest.mark.parametrize("path", ["/", "/folder", "/folder/", "/none/"])
def test_directory(pair, path):
    pair.same("dispatch.files", {}, [("GET", path)])
    if path == "/none/":
        pair.same("dispatch.files", {"document_index": True}, [("GET", path)])


@pytest.mark.parametrize("root", ["/none/such", "/dev/null", "relative/none"])
@pytest.mark.parametrize("default", [False, True])
@pytest.mark.parametrize("path", ["/", "/a.txt", "/debug-info"])
def test_a_document_root_that_does_not_exist(pair, root, default, path):
    pair.same("dispatch.no_files", root, default, path)


LINKED = ["/relative/a.txt", "/absolute/a.txt", "/file.txt", "/relative", "/relative/none.txt", "/dangling"]


@pytest.mark.parametrize("path", LINKED)
def test_links_out_of_the_document_root_are_followed_where_the_application_says_so(pair, path):
    pair.same("dispatch.linked_files", True, path)


# Deliberate differences: the original's answer and ours.

VALUE = "An error handler's text or tuple breaks the response"
RAISING = "After hooks and handlers of states that raise"
NOTHING = "An after hook that returns None"


def test_an_after_hook_that_returns_nothing(pair):
    for requests in (GET, [("GET", "/none")]):
        original, ours = pair.differ(NOTHING, "dispatch.run", [("after", "nothing"), ("route", "text", "/")], requests)
        assert (original[0][0][0], ours[0][0][0]) == ("204 No Content", "500 Internal Server Error")
        # the next hook is not called, as after an error in a hook
        original, ours = pair.differ(NOTHING, "dispatch.run", [("after", "nothing"), ("after", "text"), ("route", "text", "/")], requests)
        assert (original[0][0][0], ours[0][0][0]) == ("200 OK", "500 Internal Server Error")
ERROR_PAGE = "500 Internal Server Error"


def answer_of(pair, row, setup, requests=GET):
    """The first answer of the original and of ours, which differ as a row of the page of differences says."""
    return (answers[0][0] for answers in pair.differ(row, "dispatch.run", setup, requests))


def as_handler(pair, action):
    """The answer of a handler with this action, in which both agree."""
    return pair.original.ask([("dispatch.run", ([("route", action, "/")], GET))])[0][0][0]


def escapes_or_500(answer):
    return answer[0] in ("raises", ERROR_PAGE)


@pytest.mark.parametrize("action", VALUES)
def test_the_value_of_an_error_handler_is_made_into_a_response(pair, action):
    original, ours = answer_of(pair, VALUE, [("error", action, "ValueError"), ("route", "Custom", "/")])
    assert escapes_or_500(original)
    assert ours == as_handler(pair, action)


@pytest.mark.parametrize("action", NO_VALUES)
@pytest.mark.parametrize("place", [("state", 404), ("error", "Other")])
def test_a_bad_value_of_a_handler_for_failures_ends_at_the_500_page(pair, place, action):
    original, ours = answer_of(pair, VALUE, [(place[0], action, place[1]), ("route", "Other" if place[0] == "error" else "abort 404", "/")])
    assert escapes_or_500(original)
    assert ours[0] == ERROR_PAGE


@pytest.mark.parametrize("action", [*RAISE, "exception with a response"])
@pytest.mark.parametrize("setup", [[("route", "text", "/")], [("route", "abort 404", "/")]])
def test_an_after_hook_may_raise_a_response(pair, setup, action):
    original, ours = answer_of(pair, RAISING, [("after", action), *setup])
    assert escapes_or_500(original)
    assert ours == as_handler(pair, action)


@pytest.mark.parametrize("action", [*RAISE, "exception with a response"])
@pytest.mark.parametrize(("status", "handler"), [(404, "abort 404"), (500, "Other")])
def test_a_state_handler_may_raise_a_response(pair, status, handler, action):
    original, ours = answer_of(pair, RAISING, [("state", action, status), ("route", handler, "/")])
    if not escapes_or_500(original):
        assert original == ours
    else:
        assert ours == as_handler(pair, action)


@pytest.mark.parametrize("place", ["before", "after", "default"])
def test_a_page_ignores_arguments_that_it_does_not_know(pair, place):
    original, ours = answer_of(pair, "`HTTPException(404, extra=1)`", [(place, UNKNOWN)])
    assert escapes_or_500(original)
    assert ours[0] == "404 Not Found"


@pytest.mark.parametrize("names", [("ValueError",), (("ValueError", "KeyError"),), (("ValueError", "KeyError"), "ValueError", ("ValueError", "KeyError")), (("Other", ("Custom",)),), ((),)])
def test_several_types_of_one_error_handler(pair, names):
    pair.same("dispatch.error_types", *names)


@pytest.mark.parametrize("action", ["text", "ValueError", "Custom", "OSError", "abort 404"])
def test_exceptions_in_the_log(pair, action):
    pair.same("dispatch.logged", action)


@pytest.mark.parametrize("settings", [{}, {"debug": True}])
def test_handlers_that_a_request_names(pair, settings):
    requests = [("GET", "/none"), ("POST", "/none"), ("GET", "/fails"), ("POST", "/fails"), ("GET", "/forbidden"), ("GET", "/own"), ("GET", "/a.txt"), ("GET", "/folder"), ("GET", "/debug-info")]
    pair.same("dispatch.handlers_seen", settings, requests)


def test_the_index_of_a_directory_names_its_page(pair):
    original, ours = pair.differ("The index of a directory is a 500", "dispatch.handlers_seen", {"document_index": True}, [("GET", "/folder/")])
    assert ours[0] == original[0] == ("before", "/*", "directory_index", None)


@pytest.mark.parametrize("name", ["own value", "own key"])
def test_errors_of_the_application(pair, name):
    pair.same("dispatch.mistake", name)


@pytest.mark.parametrize(("status", "name"), [(405, "Allow"), (401, "WWW-Authenticate")])
def test_fields_that_a_state_handler_sets(pair, status, name):
    pair.same("dispatch.state_fields", status, {name: "own"})


@pytest.mark.parametrize("accept", ["*/*", "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "image/png"])
def test_pages_for_browsers(pair, accept):
    pair.same("dispatch.page_for", accept)

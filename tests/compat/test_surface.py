"""Every public name of the original's modules exists, and is of the same kind."""
import pytest
from departures import differs

MODULES = ["state", "headers", "request", "response", "results", "fieldstorage", "session", "aes_session", "digest", "wsgi"]
# Names for the original's internal use: compiled expressions and type aliases.
INTERNAL = {"RE_BYTES_RANGE", "RE_HTTPURLPATTERN", "RE_AUTHORIZATION", "HeadersList", "RangeList", "re_filter", "re_invalid_filter", "version", "environ"}
INTERNAL_ROW = "`RE_BYTES_RANGE`"
# Deliberate differences: streamed JSON needs no further package.
MORE_ROW = "`JSONGeneratorResponse` needs `simplejson`"
MORE = {"JSON_GENERATOR", "AUTH_DIGEST_ALGORITHMS"}
MORE_PARAMETERS = {"PoorSession": {"legacy"}}


@pytest.mark.parametrize("module", ["poorwsgi", *(f"poorwsgi.{module}" for module in MODULES)])
def test_every_name_is_there(pair, module):
    original, ours = pair.differ(MORE_ROW, "surface.names", module)
    differs(INTERNAL_ROW)
    missing = original.keys() - ours.keys() - INTERNAL
    assert missing == set()
    for name in original.keys() - INTERNAL - MORE:
        if isinstance(original[name], dict):
            assert ours[name]["bases"] == original[name]["bases"], name
            assert set(original[name]["members"]) <= set(ours[name]["members"]), name
        else:
            assert ours[name] == original[name], name


@pytest.mark.parametrize("module", [f"poorwsgi.{module}" for module in MODULES[1:]])
def test_every_function_takes_the_same(pair, module):
    original, ours = pair.differ(MORE_ROW, "surface.signatures", module)
    for name in original.keys() & ours.keys():
        parameters = ours[name]
        if name in MORE_PARAMETERS:
            parameters = [each for each in parameters if each[0] not in MORE_PARAMETERS[name]]
        assert parameters == original[name], name


@pytest.mark.parametrize("probe", ["built_in_pages", "statuses", "copied"])
def test_what_applications_look_into(pair, probe):
    pair.same(f"surface.{probe}")

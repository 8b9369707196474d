"""Each allowed difference exists, is as differences.py says, and has a row on the page of differences."""
import departures
import pytest
from departures import differs, on_the_page
from differences import DIFFERENCES
from probes.wsgi import LEFT_OUT
from worker import MISUSE_ROW


def part(answer, path):
    for step in path:
        answer = answer[step]
    return answer


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: f"{each.probe} {each.row}")
def test_difference(pair, difference):
    assert difference.original != difference.ours
    both = pair.differ(difference.row, difference.probe, *difference.arguments)
    original, ours = (part(answer, difference.part) for answer in both)
    assert original == difference.original
    assert ours == difference.ours


@pytest.mark.parametrize("row", [*(each["row"] for each in departures.LIST["departure"]), *LEFT_OUT.values(), MISUSE_ROW])
def test_what_is_not_compared_stands_on_the_page(row):
    differs(row)


@pytest.mark.parametrize("row", ["", " ", "Before", "---", "what no row says"])
def test_what_is_no_row_of_the_page(row):
    assert not on_the_page(row)

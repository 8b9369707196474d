"""Each allowed difference is one, and is what differences.py says."""
import pytest
from differences import DIFFERENCES


def part(answer, path):
    for step in path:
        answer = answer[step]
    return answer


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: f"{each.probe} {each.reason}")
def test_difference(pair, difference):
    assert difference.original != difference.ours
    original, ours = (part(answer, difference.part) for answer in pair.both(difference.probe, *difference.arguments))
    assert original == difference.original
    assert ours == difference.ours

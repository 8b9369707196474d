"""Thousands of random cases: `COMPAT_SEED=n` repeats a run, `COMPAT_CASES=n` sets the number of each kind."""
import os
import random

import pytest
from generated import KINDS

SEED = int(os.environ.get("COMPAT_SEED") or random.randrange(2**32))
CASES = int(os.environ.get("COMPAT_CASES") or 300)


@pytest.mark.parametrize("kind", KINDS)
def test_generated(pair, kind):
    chance = random.Random(f"{SEED} {kind}")
    print(f"COMPAT_SEED={SEED}")
    pair.all_same((KINDS[kind](chance) for _ in range(CASES)), f"COMPAT_SEED={SEED}")

"""The seed of whatever a test does at random, printed so that a failure can be had again."""

from __future__ import annotations

import os
import random

VARIABLE = "PYDATATASK_TEST_SEED"


def chosen_seed() -> int:
    """Give the seed that the environment names, or a new one."""
    seed = int(os.environ.get(VARIABLE) or random.SystemRandom().randrange(1 << 32))
    print(f"{VARIABLE}={seed}")  # noqa: T201 - shown if the test fails
    return seed

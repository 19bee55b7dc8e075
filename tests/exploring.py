"""Which examples the property tests draw: the same in every run, or with EXPLORE=20 twenty times as many at random.

What an exploring run finds is mended and kept as an `@example` of its test.
"""

import os

from hypothesis import settings

TIMES = int(os.environ.get("EXPLORE", "0"))


def examples(count: int) -> int:
    """Return how many examples a test draws that draws `count` in an ordinary run."""
    return count * max(1, TIMES)


def load_profile() -> None:
    """Choose between the same examples each time and others; no example has a deadline, as the machine may be busy."""
    settings.register_profile("fixed", derandomize=True, print_blob=True, deadline=None)
    settings.register_profile("explore", max_examples=examples(100), print_blob=True, deadline=None)
    settings.load_profile("explore" if TIMES else "fixed")

"""Time our code against the plain implementation a user would write, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable


def best(function: Callable[[], object], repeat: int = 3) -> float:
    """Shortest wall time of some calls, s: the least disturbed by the rest of the machine."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def compare(
    name: str,
    plain: Callable[[], object],
    ours: Callable[[], object],
    repeat: int = 3,
    plain_repeat: int = 1,
) -> float:
    """Print the times of both and their ratio; return the ratio plain / ours."""
    ours_s = best(ours, repeat)
    plain_s = best(plain, plain_repeat)
    ratio = plain_s / ours_s
    print(f"{name:<58} plain {plain_s:9.4f} s   ours {ours_s:9.4f} s   ratio {ratio:8.1f}x")
    return ratio

"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable

Uniform = Callable[[float, float], float]


def full_jitter(attempt: int, *, base: float, cap: float, growth: float = 2.0, uniform: Uniform = random.uniform) -> float:
    """Seconds to wait: anything from 0 to min(cap, base · growth^attempt), so that many waiters spread out. Attempts are counted from 0."""
    if attempt < 0:
        raise ValueError("attempts are counted from 0")
    # Beyond 2^64 every cap is reached, and a float would overflow.
    return uniform(0.0, min(cap, base * growth ** min(attempt, 64)))


def no_jitter(low: float, high: float) -> float:
    """Instead of a drawn number: always the longest wait."""
    return high

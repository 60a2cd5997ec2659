"""When to try again: after a jitter, and the partner's own wish. Pure functions; the times are in seconds."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from warehouse.core.retry import Uniform, full_jitter

RETRY_BASE_SECONDS = 60.0
RETRY_CAP_SECONDS = 3600.0


def next_retry(
    now: datetime,
    attempt: int,
    retry_after: float | None = None,
    *,
    base: float = RETRY_BASE_SECONDS,
    cap: float = RETRY_CAP_SECONDS,
    growth: float = 2.0,
    uniform: Uniform = random.uniform,
) -> datetime:
    """When to try again: after the jitter, but not before the partner's Retry-After, which is believed up to the cap."""
    wait = full_jitter(attempt, base=base, cap=cap, growth=growth, uniform=uniform)
    return now + timedelta(seconds=max(wait, min(max(retry_after or 0.0, 0.0), cap)))


def parse_retry_after(value: str | None, *, now: datetime, cap: float = RETRY_CAP_SECONDS) -> float | None:
    """The seconds that a Retry-After header asks for, given as seconds or as an HTTP date; a past date is 0, more than `cap` is `cap`.

    None for no header, and for one that says nothing that can be understood.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return min(float(text), cap)
    try:
        moment = parsedate_to_datetime(text)
        # RFC 9110 dates are in GMT; "-0000" comes back without a zone.
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds.total_seconds(), 0.0), cap)

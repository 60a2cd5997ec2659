"""When to try again: bounds of the jitter, and what becomes of Retry-After."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from warehouse.core.partners.retry import next_retry, parse_retry_after
from warehouse.core.retry import no_jitter

NOW = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)


def lowest(low: float, high: float) -> float:
    return low


def highest(low: float, high: float) -> float:
    return high


@pytest.mark.parametrize(
    ("drawn", "retry_after", "seconds"),
    [
        (lowest, None, 0),
        (highest, None, 120),
        (lowest, 90, 90),
        (highest, 90, 120),
        (highest, 300, 300),
        (lowest, 10**9, 3600),
        (lowest, -5, 0),
    ],
)
def test_the_later_of_jitter_and_capped_retry_after_wins(drawn, retry_after: float | None, seconds: float):
    assert next_retry(NOW, 1, retry_after, base=60, cap=3600, uniform=drawn) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 60), (1, 180), (2, 540), (99, 3600)])
def test_it_grows_as_it_is_told_to(attempt: int, seconds: float):
    assert next_retry(NOW, attempt, base=60, cap=3600, growth=3.0, uniform=no_jitter) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("  7 ", 7),
        ("1.5", 1.5),
        ("Sun, 29 Mar 2026 01:00:00 GMT", 30),
        ("Sun, 29 Mar 2026 01:00:00 -0000", 30),
        ("Sunday, 29-Mar-26 01:00:00 GMT", 30),
        ("Sun, 29 Mar 2026 00:00:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("99999999999999999999", 3600),
        ("9" * 5000, 3600),
        ("", None),
        (None, None),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("٣", None),
        ("Fri, 31 Feb 2026 23:59:59 GMT", None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_may_be_absurd(header: str | None, seconds: float | None):
    assert parse_retry_after(header, now=NOW, cap=3600) == seconds

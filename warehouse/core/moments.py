"""Which times can be meant. The edges of the calendar are refused everywhere: the database keeps them and can't give them back."""

from __future__ import annotations

from datetime import date

EARLIEST_YEAR, LATEST_YEAR = 2000, 2199


def can_be_meant(day: date) -> bool:
    """Whether a day or a moment lies in a year that people mean."""
    return EARLIEST_YEAR <= day.year <= LATEST_YEAR

"""The moment at which the day on a label ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from inventory.stock.shelf_life import end_of_day
from warehouse.core.errors import ValidationFailed


@pytest.mark.parametrize(
    ("zone", "ends"),
    [
        ("Pacific/Honolulu", datetime(2026, 2, 1, 10, tzinfo=UTC)),  # UTC−10
        ("UTC", datetime(2026, 2, 1, 0, tzinfo=UTC)),
        ("Europe/Belgrade", datetime(2026, 1, 31, 23, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 1, 31, 10, tzinfo=UTC)),  # UTC+14
    ],
)
def test_a_date_ends_with_the_day_of_the_warehouse(zone: str, ends: datetime) -> None:
    assert end_of_day(date(2026, 1, 31), zone) == ends


@pytest.mark.parametrize(
    ("on", "ends", "hours"),
    [
        (date(2026, 3, 28), datetime(2026, 3, 28, 23, tzinfo=UTC), 24),
        (date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC), 23),  # the clocks go forward
        (date(2026, 10, 24), datetime(2026, 10, 24, 22, tzinfo=UTC), 24),
        (date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC), 25),  # and back
    ],
)
def test_a_day_on_which_the_clocks_change(on: date, ends: datetime, hours: int) -> None:
    assert end_of_day(on, "Europe/Warsaw") == ends
    assert ends - end_of_day(on - timedelta(days=1), "Europe/Warsaw") == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("zone", "ends"), [("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)), ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC))]
)
def test_a_midnight_that_does_not_exist(zone: str, ends: datetime) -> None:
    """Where the clocks go forward at midnight, the day ends when they do."""
    on = date(2026, 9, 5) if zone == "America/Santiago" else date(2026, 4, 23)

    assert end_of_day(on, zone) == ends


@pytest.mark.parametrize("never", [date.max, date(9999, 1, 1), date(2200, 1, 1), date(1999, 12, 31), date.min])
def test_the_ends_of_the_calendar_are_no_dates_on_a_label(never: date) -> None:
    with pytest.raises(ValidationFailed, match="Leave it empty"):
        end_of_day(never, "UTC")

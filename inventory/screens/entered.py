"""What people tap on the number pads: quantities, and the dates of labels."""

from __future__ import annotations

import calendar
import re
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone

from inventory.models import Warehouse
from warehouse.core.quantities import parse_quantity
from warehouse.core.screens import posted_number

# How far from today a label's date may lie before it is taken for a slip of the finger.
YEARS_BACK, YEARS_AHEAD = 3, 30
_LONGEST_NUMBER = 5
_DATES = (r"(?P<day>\d\d)\D?(?P<month>\d\d)\D?(?P<year>(20)?\d\d)", r"(?P<day>)(?P<month>\d\d)\D?(?P<year>(20)?\d\d)")


def posted_quantity(request: HttpRequest, name: str = "quantity", *, zero_allowed: bool = False) -> Decimal:
    """A quantity from a pad's field, with a point or a comma. Raises ValidationFailed."""
    return parse_quantity(posted_number(request, name) or "", field=name, zero_allowed=zero_allowed)


def number_in(code: str) -> str:
    """The number that was typed on a handheld's own keys; empty for anything that may be a code."""
    text = code.replace(",", ".")
    return text if len(text) <= _LONGEST_NUMBER and re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else ""


def today_at(warehouse: Warehouse) -> date:
    """Today where the goods are."""
    return timezone.now().astimezone(ZoneInfo(warehouse.time_zone)).date()


def label_day(text: str, today: date) -> date | None:
    """The date on a label: DDMMYY or DDMMYYYY, with or without points between; MMYY and MMYYYY mean the last day of that month. None for no such day."""
    for pattern in _DATES:
        parts = re.fullmatch(pattern, text.strip(), re.ASCII)
        if parts is None:
            continue
        day, month, year = parts["day"], int(parts["month"]), int(parts["year"]) % 100 + 2000
        try:
            found = date(year, month, int(day) if day else calendar.monthrange(year, month)[1])
        except ValueError:  # the 31st of April, the 13th month
            continue
        if today.year - YEARS_BACK <= found.year <= today.year + YEARS_AHEAD:
            return found
    return None


def typed_day(day: date | None) -> str:
    """As the pad shows it: DD.MM.YY."""
    return f"{day:%d.%m.%y}" if day else ""

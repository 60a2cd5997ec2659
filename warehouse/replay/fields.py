"""Numbers and dates as people and spreadsheets write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)")
_BLANKS = re.compile(r"[\s\u00a0\u202f']")
_DATE = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp][Mm])?)?(?:Z|[+-]\d{2}:?\d{2})?"
)


def read_number(text: str) -> Decimal | None:
    """The number, or None where there is none: 2.55, 2,55, 1 234,50, 1.234,50, 1,234.50, -6.

    Where both signs stand, the last one is the decimal sign; one sign that stands more than once parts thousands; one that stands once is the decimal
    sign, so that 1,234 is a little more than one.
    """
    text = _BLANKS.sub("", text).replace("\u2212", "-")
    if not _NUMBER.fullmatch(text):
        return None
    dots, commas = text.count("."), text.count(",")
    if dots and commas:
        decimal = max(".,", key=text.rindex)
        if text.count(decimal) > 1:
            return None
        text = text.replace("," if decimal == "." else ".", "")
    elif dots + commas > 1:
        text = text.replace(",", "").replace(".", "")
    return Decimal(text.replace(",", "."))


def names_day_first(texts: list[str]) -> bool:
    """Whether dates with slashes name the day first (31/12/2010): when one of them can't be read otherwise."""
    for text in texts:
        match = _DATE.fullmatch(text)
        if match and match[2] == "/" and len(match[1]) <= 2 and int(match[1]) > 12:
            return True
    return False


def read_time(text: str, *, day_first: bool) -> datetime | None:
    """The moment, taken as UTC, or None: 2010-12-01 08:26, 2010-12-01T08:26:00, 01.12.2010 8:26, 12/1/2010 8:26 (or 1/12/2010, `day_first`), 8:26 AM."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    first, sign, second, third = match[1], match[2], match[3], match[4]
    if len(first) == 4:
        year, month, day = int(first), int(second), int(third)
    elif len(first) > 2 or len(third) not in (2, 4):
        return None
    else:
        year = int(third) + (2000 if len(third) == 2 else 0)
        day, month = (int(first), int(second)) if sign != "/" or day_first else (int(second), int(first))
    hour = int(match[5] or 0)
    if match[8]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[8].lower() == "pm" else 0)
    try:
        return datetime(year, month, day, hour, int(match[6] or 0), int(match[7] or 0), tzinfo=UTC)
    except ValueError:
        return None

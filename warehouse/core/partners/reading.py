"""Reading values out of a partner's answer: each function returns what it promises or raises ContractBroken with the field's name."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin, urlsplit

from warehouse.core.errors import ValidationFailed
from warehouse.core.moments import can_be_meant
from warehouse.core.partners.errors import ContractBroken
from warehouse.core.quantities import parse_quantity

Answer = dict[str, Any]


def read_text(answer: Answer, field: str, *, longest: int = 200, required: bool = True) -> str:
    """A line of text, blanks evened out. Whole numbers count as text (ids, postal codes); "" for what is missing and not required.

    Refuses what can't be kept or shown: control characters, half surrogates, more than `longest` characters.
    """
    value = answer.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise ContractBroken(f"{field} is not a text")
    line = " ".join(value.split())
    if required and not line:
        raise ContractBroken(f"{field} is missing")
    if len(line) > longest:
        raise ContractBroken(f"{field} is longer than {longest} characters")
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in line):
        raise ContractBroken(f"{field} has characters that are not text")
    return line


def printable(text: object, longest: int) -> str:
    """Words for people on one line, cut to `longest` characters; "" for what is no text. Whatever they are, they make no answer unreadable."""
    line = " ".join(text.split()) if isinstance(text, str) else ""
    return "".join(sign if sign.isprintable() else "�" for sign in line)[:longest]


def read_part(answer: Answer, field: str) -> Answer:
    """The object in a field; an empty one when it is missing or null."""
    value = answer.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ContractBroken(f"{field} is not an object")
    return value


def read_parts(answer: Answer, field: str) -> list[Answer]:
    """The objects in a list, which must be there."""
    value = answer.get(field)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ContractBroken(f"{field} is not a list of objects")
    return value


def read_whole(answer: Answer, field: str) -> int | None:
    """A whole number, or None when the field is missing or null."""
    value = answer.get(field)
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise ContractBroken(f"{field} is not a whole number")
    return value


def read_decimal(answer: Answer, field: str) -> Decimal | None:
    """An exact number that is not negative, given as a number or as text; None when the field is missing or null."""
    value = answer.get(field)
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,10})?", value):
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < 10**15:
        raise ContractBroken(f"{field} is not a number that can be used")
    number = Decimal(value)
    if number != round(number, 10):
        raise ContractBroken(f"{field} is finer than any number that can be used")
    return number


def read_quantity(answer: Answer, field: str) -> Decimal:
    """A quantity of goods, as any order of ours may have one."""
    try:
        return parse_quantity(answer.get(field), field=field)
    except ValidationFailed as error:
        raise ContractBroken(error.detail) from error


def read_date(answer: Answer, *fields: str) -> date | None:
    """The day in the first of the fields that is given, an ISO date or time; None when none is."""
    value = next((answer[field] for field in fields if answer.get(field)), None)
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).date()
    except (TypeError, ValueError) as error:
        raise ContractBroken(f"{fields[0]} is not a date") from error


def read_moment(answer: Answer, field: str) -> datetime | None:
    """The moment in a field, an ISO time (UTC where it names no offset); None when the field is missing or null.

    Refuses years that are a mistake, and those at the edges of the calendar, which the database keeps and can't give back.
    """
    value = answer.get(field)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ContractBroken(f"{field} is not a time") from error
    if not can_be_meant(moment):
        raise ContractBroken(f"{field} is in the year {moment.year}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_link(answer: Answer, field: str, *, base_url: str) -> str:
    """A web address that may be shown as a link, made absolute; "" when there is none."""
    value = read_text(answer, field, longest=1000, required=False)
    if not value:
        return ""
    try:
        link = urljoin(base_url.rstrip("/") + "/", value)
        parts = urlsplit(link)
    except ValueError as error:
        raise ContractBroken(f"{field} is not a web address") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ContractBroken(f"{field} is not a web address")
    return link


def require_same_order(answer: Answer, order_id: str, *fields: str) -> None:
    """Refuse an answer that names an order and names another one than was asked about."""
    for field in fields:
        named = answer.get(field)
        if named is not None and str(named) != order_id:
            raise ContractBroken(f"the answer is about order {str(named)[:40]!r} instead of {order_id!r}")

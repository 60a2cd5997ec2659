"""Quantities and money: exact decimals, refused when they are not what they say."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models

from warehouse.core.errors import ValidationFailed

ZERO = Decimal(0)
NOT_NEGATIVE = MinValueValidator(ZERO)
CURRENCY = RegexValidator("^[A-Z]{3}$", "Three capital letters, such as EUR.")
LARGEST = Decimal(10) ** 11


class QuantityField(models.DecimalField):
    """Pieces, kilograms, litres or metres of a product, in its base unit, to a thousandth."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 14)
        kwargs.setdefault("decimal_places", 3)
        super().__init__(*args, **kwargs)


class MoneyField(models.DecimalField):
    """An amount of money to a hundredth of a cent; the currency stands beside it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 14)
        kwargs.setdefault("decimal_places", 4)
        super().__init__(*args, **kwargs)


# As programs write numbers: Decimal alone would also read digits of other scripts and 1_000.
_NUMBER = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|s?nan|inf(inity)?)", re.ASCII | re.IGNORECASE)


def parse_quantity(value: Any, *, field: str = "quantity", zero_allowed: bool = False) -> Decimal:
    """The value as an exact quantity. Floats are read by their shortest decimal form, so that 2.85 is 2.85.

    Raises ValidationFailed for what is no number, is not finite, negative, zero (unless allowed), finer than a thousandth, or absurdly large.
    """
    if isinstance(value, bool) or value is None:
        raise _refused(field, value, "is not a number")
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        raise _refused(field, value, "is not a number")
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        raise _refused(field, value, "is not a number") from None
    if not number.is_finite():
        raise _refused(field, value, "is not a finite number")
    if number < 0 or (number == 0 and not zero_allowed):
        raise _refused(field, value, "must not be negative" if zero_allowed else "must be greater than zero")
    if number > settings.MAX_LINE_QUANTITY:
        raise _too_large(field, value)
    if number != number.quantize(Decimal("0.001")):
        raise _refused(field, value, "is finer than a thousandth")
    return number.quantize(Decimal("0.001"))


def plain(quantity: Decimal | None) -> str:
    """As people write it: no zeros behind the point, no exponent. 2.500 is 2.5, 1E+2 is 100, None is nothing."""
    return "" if quantity is None else f"{quantity.normalize():f}"


def money(amount: Decimal, currency: str) -> str:
    """An amount as people read it: to the cent, or finer where it is. 2.5000 is 2.50 EUR, 0.0450 is 0.045 EUR."""
    cents = round(amount, 2)
    return f"{cents if cents == amount else amount.normalize():f} {currency}"


def require_step(quantity: Decimal, step: Decimal, *, sku: str, field: str = "quantity", zero_allowed: bool = True) -> None:
    """Raise ValidationFailed when the quantity is no quantity at all (negative, NaN, more than a column holds) or off the product's step (half a piece)."""
    if not (quantity.is_finite() and 0 <= quantity < LARGEST) or (quantity == 0 and not zero_allowed):
        raise _refused(field, quantity, f"is not a quantity of {sku}", sku=sku)
    if quantity % step:
        raise ValidationFailed(
            f"{sku}: {plain(quantity)} is not a multiple of {plain(step)}.",
            errors=[{"field": field, "code": "off_step", "sku": sku, "asked": str(quantity), "step": str(step)}],
        )


def require_line(quantity: Decimal, step: Decimal, *, sku: str, field: str = "quantity", zero_allowed: bool = True) -> None:
    """As `require_step`, for what somebody says comes in or lies there: nor more than one line may have, whoever says it."""
    require_step(quantity, step, sku=sku, field=field, zero_allowed=zero_allowed)
    if quantity > settings.MAX_LINE_QUANTITY:
        raise _too_large(field, quantity)


def _too_large(field: str, value: Any) -> ValidationFailed:
    return _refused(field, value, f"is larger than the {settings.MAX_LINE_QUANTITY} that one line may have")


def _refused(field: str, value: Any, why: str, **more: str) -> ValidationFailed:
    error = {"field": field, "code": "invalid_quantity", "asked": str(value)[:40], **more}
    return ValidationFailed(f"{field}: {str(value)[:40]!r} {why}.", errors=[error])

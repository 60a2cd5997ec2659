"""Goods as people read them at arm's length: quantities with units, dates without doubt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy

from warehouse.core import quantities, screens

UNITS: dict[str, Promise] = {
    "pcs": pgettext_lazy("unit", "pcs"),
    "kg": pgettext_lazy("unit", "kg"),
    "g": pgettext_lazy("unit", "g"),
    "l": pgettext_lazy("unit", "l"),
    "ml": pgettext_lazy("unit", "ml"),
    "m": pgettext_lazy("unit", "m"),
}


def quantity_text(value: Decimal, unit: str) -> str:
    """`3 pcs`, `2,85 kg`: without trailing zeros, in the person's language."""
    return f"{plain(value)} {UNITS.get(unit, unit)}"


def plain(value: Decimal) -> str:
    """The number without trailing zeros, with the language's decimal sign."""
    return number_format(quantities.plain(value))


def day_text(day: Any) -> str:
    """A date nobody can misread: `5 Dec 2026`."""
    return date_format(day, "j M Y")


def goods(product: Any, batch: Any) -> dict[str, Any]:
    """What names goods on a screen: product, lot, and the date printed on them."""
    expires = batch.label_expires_on
    return {
        "name": product.name,
        "sku": product.sku,
        "unit": product.base_unit,
        "lot": batch.lot_number,
        "expires": day_text(expires) if expires else "",
    }


def size_of(code: str) -> str:
    """How large a place's code can be written on a phone, over at most two lines: the style's name."""
    return "huge" if len(code) <= 4 else "large" if len(code) <= 6 else "medium" if len(code) <= 16 else "small"


def step_of(product: Any) -> Decimal:
    """By how much the big buttons change a quantity: a piece, or a tenth of a weighed unit where its step allows it."""
    step: Decimal = product.quantity_step
    tenth = Decimal("0.1")
    return tenth if step < tenth and tenth % step == 0 else step


def place_feedback(expected: str, scanned: str) -> screens.Feedback:
    """The wrong place was scanned."""
    return screens.Feedback(
        screens.WRONG, gettext("Wrong place"), gettext("Nothing was changed. Go to the right place and scan it."), expected, scanned
    )


def goods_feedback(expected: str, scanned: str) -> screens.Feedback:
    """The wrong goods were scanned."""
    return screens.Feedback(
        screens.WRONG, gettext("Wrong product"), gettext("Nothing was changed. Put it back and scan the right one."), expected, scanned
    )

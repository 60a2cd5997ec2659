"""Reading write-offs."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Concat

from inventory.models import WriteOff, WriteOffItem


def with_values(rows: QuerySet[WriteOff]) -> QuerySet[WriteOff]:
    """The rows with what their goods cost, for `value_shown`; no statement more, however many lines they have."""
    cost = Cast(Sum(F("quantity") * F("unit_cost")), TextField())
    lines = WriteOffItem.objects.filter(write_off=OuterRef("pk")).order_by("currency").values("currency")
    return rows.annotate(costs=ArraySubquery(lines.annotate(cost=Concat("currency", Value(" "), cost, output_field=TextField())).values("cost")))


def value_shown(row: WriteOff) -> dict[str, Decimal]:
    """What the goods of a row read by `with_values` cost, by currency."""
    costs: list[str] = getattr(row, "costs", None) or []
    return {currency: Decimal(cost) for currency, cost in (each.split(" ") for each in costs)}

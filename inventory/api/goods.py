"""Goods that a body names: by the id of what lies in a place, or by SKU, place and lot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models.functions import Upper
from rest_framework import serializers

from inventory.enums import Phase
from inventory.models import BatchLocation
from warehouse.core.api.inputs import CodeField, IdField, Input
from warehouse.core.errors import ValidationFailed


class GoodsIn(Input):
    """Which goods: `batch_location`, or `sku` and `location`, with `lot_number` (and `phase`) where several lots lie there."""

    batch_location = IdField(required=False, help_text="The id of what lies in a place, as `locations/{id}/stock` shows it.")
    sku = CodeField(required=False, help_text="Instead of the id, with `location`.")
    location = CodeField(required=False, max_length=40)
    lot_number = CodeField(required=False, max_length=60, help_text="Needed where several lots of it lie in the place.")
    phase = serializers.ChoiceField(choices=Phase.choices, required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if "batch_location" not in data and not ("sku" in data and "location" in data):
            raise serializers.ValidationError({"batch_location": ["Name the goods: by batch_location, or by sku and location."]}, code="required")
        return data


NAMES = ("batch_location", "sku", "location", "lot_number", "phase")


def goods_by_name(warehouse_id: int, lines: Sequence[Mapping[str, Any]], *, field: str) -> list[int]:
    """The BatchLocation ids of lines that were read by a GoodsIn, in their order; one statement, none when all give ids.

    `field` has a place for the index. Raises ValidationFailed naming every line that names nothing, or more than one lot.
    """
    named = [line for line in lines if "batch_location" not in line]
    found = _lying(warehouse_id, named) if named else {}
    errors: list[dict[str, Any]] = []
    result = []
    for index, line in enumerate(lines):
        if "batch_location" in line:
            result.append(line["batch_location"])
            continue
        fitting = [row for row in found.get((line["sku"].upper(), line["location"]), []) if _fits(row, line)]
        if len(fitting) == 1:
            result.append(fitting[0].pk)
        else:
            lots = sorted({row.batch.lot_number for row in fitting})
            code = "ambiguous" if fitting else "unknown"
            errors.append({"field": field.format(index), "code": code, "sku": line["sku"], "location": line["location"], "lots": lots})
    if errors:
        raise ValidationFailed(" ".join(_told(error) for error in errors), errors=errors)
    return result


def _lying(warehouse_id: int, lines: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[BatchLocation]]:
    rows = BatchLocation.objects.annotate(key=Upper("product__sku")).filter(
        warehouse=warehouse_id,
        has_stock=True,
        key__in={line["sku"].upper() for line in lines},
        location__code__in={line["location"] for line in lines},
    )
    result: dict[tuple[str, str], list[BatchLocation]] = defaultdict(list)
    for row in rows.select_related("batch", "location").order_by("pk"):
        result[row.key, row.location.code].append(row)
    return result


def _fits(row: BatchLocation, line: Mapping[str, Any]) -> bool:
    return line.get("lot_number", row.batch.lot_number).upper() == row.batch.lot_number.upper() and line.get("phase", row.phase) == row.phase


def _told(error: Mapping[str, Any]) -> str:
    if error["code"] == "unknown":
        return f"No such goods of {error['sku']} lie in {error['location']}."
    return f"Several lots of {error['sku']} lie in {error['location']}: {', '.join(error['lots'])}. Name one, or its phase, or batch_location."

"""Weights and sides as people and programs write them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from fulfillment.enums import PackagingType
from fulfillment.models import Package
from warehouse.core.errors import ValidationFailed

MAX_WEIGHT_KG, MAX_SIDE_CM = Decimal(10_000), Decimal(10_000)


def measure(package: Package, packaging_type: str, weight: Any, length: Any, width: Any, height: Any, *, required: bool) -> None:
    """Set the kind, the weight and those sides that are given; the caller saves.

    With `required` the weight has to be given, and every side that is not known already. Another kind than the package's box type means another box.
    Raises ValidationFailed naming all that can't be used.
    """
    errors: list[dict[str, Any]] = []
    if packaging_type and packaging_type not in PackagingType.values:
        errors.append({"field": "packaging_type", "code": "invalid", "asked": str(packaging_type)[:20]})
    given: Sequence[tuple[str, Any, Decimal, str]] = [
        ("weight", weight, MAX_WEIGHT_KG, "0.001"),
        ("length", length, MAX_SIDE_CM, "0.01"),
        ("width", width, MAX_SIDE_CM, "0.01"),
        ("height", height, MAX_SIDE_CM, "0.01"),
    ]
    for name, value, limit, step in given:
        if value is None and not (required and (name == "weight" or getattr(package, name) is None)):
            continue
        number = _positive(value, limit)
        if number is None or number.quantize(Decimal(step)) == 0:
            errors.append({"field": name, "code": "invalid", "asked": str(value)[:20], "limit": str(limit)})
        else:
            setattr(package, name, number.quantize(Decimal(step)))
    if errors:
        raise ValidationFailed(
            f"Not usable: {', '.join(error['field'] for error in errors)}. Weight in kg and sides in cm, above zero.", errors=errors
        )
    if packaging_type and package.box_type is not None and package.box_type.packaging_type != packaging_type:
        package.box_type = package.own_weight = None
    package.packaging_type = packaging_type or package.packaging_type


def _positive(value: Any, limit: Decimal) -> Decimal | None:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 < number <= limit else None

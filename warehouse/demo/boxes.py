"""The boxes that the demo keeps. Everything is found by its code; only what is missing is made."""

from __future__ import annotations

from decimal import Decimal

from fulfillment.enums import PackagingType
from fulfillment.models import BoxType

# Code, name, kind; inner sides and wall in centimetres; own weight and what it bears in kilograms.
BOXES = (
    ("ENV", "Padded envelope", PackagingType.ENVELOPE, "30", "22", "3", "0.2", "0.045", "1"),
    ("S", "Small carton", PackagingType.BOX, "25", "18", "10", "0.3", "0.130", "5"),
    ("M", "Medium carton", PackagingType.BOX, "35", "25", "20", "0.3", "0.290", "12"),
    ("L", "Large carton", PackagingType.BOX, "50", "35", "30", "0.5", "0.620", "20"),
    ("XL", "Extra large carton", PackagingType.BOX, "60", "40", "40", "0.5", "0.900", "28"),
    ("COLD", "Insulated carton", PackagingType.BOX, "36", "26", "24", "3", "0.750", "12"),
)


def make_boxes() -> dict[str, BoxType]:
    """The box types by code."""
    names = ("length", "width", "height", "wall", "own_weight", "max_weight")
    BoxType.objects.bulk_create(
        (
            BoxType(code=code, name=name, packaging_type=kind, **dict(zip(names, map(Decimal, figures), strict=True)))
            for code, name, kind, *figures in BOXES
        ),
        ignore_conflicts=True,
    )
    return {box.code: box for box in BoxType.objects.filter(code__in=[row[0] for row in BOXES])}

"""What a package should weigh: its goods and itself. A mistake in packing shows on the scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Max, prefetch_related_objects

from fulfillment.errors import WeightDiffers
from fulfillment.models import BoxType, Package, PackageItem
from warehouse.core.quantities import ZERO, plain

GRAM = Decimal("0.001")
# Tape, paper and the steps of a scale, in kilograms: less is no difference.
PLAY = Decimal("0.030")
# What a base unit weighs by itself, in kilograms.
BY_UNIT = {"kg": Decimal(1), "g": GRAM}


@dataclass(frozen=True, slots=True)
class Expected:
    """The least and the most that a package may weigh, in kilograms; `most` is None where nobody knows what its box weighs."""

    least: Decimal
    most: Decimal | None

    def fits(self, weight: Decimal) -> bool:
        return weight >= self.least and (self.most is None or weight <= self.most)

    def __str__(self) -> str:
        return f"{plain(self.least)} to {plain(self.most)} kg" if self.most is not None else f"at least {plain(self.least)} kg"


def expected_weight(package: Package, inside: Iterable[PackageItem], heaviest_box: Decimal | None) -> Expected | None:
    """What the package may weigh with these goods in it; None when it is empty or the weight of some of them is not known.

    The tolerance is the setting PACK_WEIGHT_TOLERANCE_PERCENT, and never less than what tape and paper weigh. A box that nobody knows the weight of may
    weigh up to `heaviest_box`.
    """
    weights = [_weight_of(part) for part in inside]
    goods = sum((weight for weight in weights if weight is not None), ZERO)
    if not goods or None in weights:
        return None
    heaviest = heaviest_box if package.own_weight is None else package.own_weight
    least = goods + (package.own_weight or ZERO)
    most = None if heaviest is None else goods + heaviest
    return Expected(max(ZERO, least - _tolerance(least)).quantize(GRAM), None if most is None else (most + _tolerance(most)).quantize(GRAM))


def weight_faults(packages: Sequence[Package]) -> list[dict[str, Any]]:
    """Those weighed packages that differ from what they should weigh, where nobody has said why. Their goods and products should be prefetched."""
    weighed = [package for package in packages if package.weight is not None and not package.weight_reason]
    heaviest = _heaviest_box() if any(package.own_weight is None for package in weighed) else None
    faults = []
    for package in weighed:
        expected = expected_weight(package, package.items.all(), heaviest)
        if expected is None or package.weight is None or expected.fits(package.weight):
            continue
        faults.append(
            {
                "package": package.sequence_number,
                "code": "weight_differs",
                "weight": plain(package.weight),
                "least": plain(expected.least),
                "most": None if expected.most is None else plain(expected.most),
            }
        )
    return faults


def require_weight(package: Package) -> None:
    """Raise WeightDiffers when the package weighs otherwise than it should and nobody has said why."""
    prefetch_related_objects([package], "items__item__product")
    for fault in weight_faults([package]):
        should = f"{fault['least']} to {fault['most']} kg" if fault["most"] else f"at least {fault['least']} kg"
        raise WeightDiffers(
            f"Package {package.sequence_number} weighs {fault['weight']} kg, but should weigh {should}. Look what is in it; if it is right, say why.",
            errors=[fault],
            expected=should,
        )


def should_weigh(packages: Sequence[Package]) -> dict[int, Expected]:
    """What each package may weigh with what is in it, by id, as far as that is known. Their goods and products should be prefetched."""
    heaviest = _heaviest_box() if any(package.own_weight is None for package in packages) else None
    found = {package.pk: expected_weight(package, package.items.all(), heaviest) for package in packages}
    return {pk: expected for pk, expected in found.items() if expected is not None}


def _heaviest_box() -> Decimal | None:
    """What the heaviest box that is kept weighs; None when none is kept."""
    return BoxType.objects.filter(is_active=True).aggregate(most=Max("own_weight"))["most"] or None


def _weight_of(part: PackageItem) -> Decimal | None:
    product = part.item.product
    each = product.weight or BY_UNIT.get(product.base_unit)
    return None if each is None else part.real_quantity * each


def _tolerance(weight: Decimal) -> Decimal:
    return max(PLAY, weight * settings.PACK_WEIGHT_TOLERANCE_PERCENT / 100)

"""The places of a warehouse as a map."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from inventory.enums import PICKABLE_KINDS
from inventory.models import Location


class SitePlace(NamedTuple):
    """A place and where it lies: x across the aisles and y along them, in metres, None where nobody has measured."""

    id: int
    code: str
    kind: str
    zone: str
    condition: str
    aisle: str
    bay: str
    level: str
    x: Decimal | None
    y: Decimal | None
    pick_sequence: int
    is_active: bool

    @property
    def is_shelf(self) -> bool:
        """Whether goods for sale lie there, by its kind."""
        return self.kind in PICKABLE_KINDS

    @property
    def walk(self) -> tuple[int, str]:
        """Sort places by this to walk them in the order that they say themselves."""
        return (self.pick_sequence, self.code)


def site_map(warehouse_id: int) -> list[SitePlace]:
    """Every place of a warehouse, by code. One statement."""
    return [SitePlace(*row) for row in Location.objects.filter(warehouse=warehouse_id).order_by("code").values_list(*SitePlace._fields)]

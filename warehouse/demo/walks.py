"""How the demo's sites are walked: the shortest walk in Belgrade, a cross aisle in the middle of Novi Sad, and the shop by the places' own sequence."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fulfillment.enums import BatchingMethod, RouteMethod
from fulfillment.models import WalkSettings
from fulfillment.services.walk_settings import create_walk_settings
from inventory.models import Location, Warehouse
from warehouse.core.actor import Actor
from warehouse.demo.places import AISLE_WIDTH, BAY_LENGTH, BELGRADE, NOVI_SAD, SHOP

WALKS: dict[str, dict[str, Any]] = {
    BELGRADE: {"method": RouteMethod.EXACT, "totes": 6, "max_weight": Decimal(120)},
    NOVI_SAD: {"method": RouteMethod.EXACT, "middle_cross_aisle": BAY_LENGTH * Decimal("4.5"), "totes": 4},
    SHOP: {"method": RouteMethod.SEQUENCE, "batching": BatchingMethod.FCFS, "totes": 2},
}


def make_walks(sites: Mapping[str, Warehouse], actor: Actor) -> None:
    """Walk settings for the sites that have none."""
    for code, values in WALKS.items():
        site = sites[code]
        if not WalkSettings.objects.filter(warehouse=site).exists():
            bench = Location.objects.filter(warehouse=site, code="PACK-1").values_list("pk", flat=True).first()
            defaults = {"warehouse_id": site.pk, "aisle_spacing": AISLE_WIDTH, "bay_length": BAY_LENGTH, "depot_id": bench}
            create_walk_settings(defaults | values, actor=actor)

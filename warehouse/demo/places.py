"""Two warehouses and a shop. Everything is found by its code; only what is missing is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from inventory.enums import Condition, LocationKind, WarehouseKind
from inventory.models import Location, Warehouse
from warehouse.demo.goods import make_seller


@dataclass(frozen=True, slots=True)
class Site:
    code: str
    external_id: str
    name: str
    kind: WarehouseKind
    city: str
    street: str
    postal_code: str
    country: str
    contact_name: str
    phone: str
    time_zone: str
    priority: int


BELGRADE, NOVI_SAD, SHOP = "BEG", "NVS", "SKG"
SITES = (
    Site(BELGRADE, "1", "Belgrade", WarehouseKind.WAREHOUSE, "Belgrade", "Autoput za Novi Sad 71", "11080", "RS", "Milica Marković", "+381 11 555 0201",
         "Europe/Belgrade", 10),
    Site(NOVI_SAD, "2", "Novi Sad", WarehouseKind.WAREHOUSE, "Novi Sad", "Temerinski put 50", "21000", "RS", "Jovan Ilić", "+381 21 555 0202",
         "Europe/Belgrade", 20),
    Site(SHOP, "3", "Thessaloniki shop", WarehouseKind.SHOP, "Thessaloniki", "Tsimiski 44", "54623", "GR", "Eleni Papadaki", "+30 2310 555 203",
         "Europe/Athens", 30),
)  # fmt: skip

# Aisles in the order of the walk: what needs no cold first, what is frozen last. (aisle, condition, bays)
AISLES = (("A", Condition.AMBIENT, 8), ("B", Condition.COOL, 6), ("C", Condition.CHILLED, 8), ("D", Condition.CHILLED, 8), ("E", Condition.FROZEN, 8))
SHOP_AISLES = (("A", Condition.AMBIENT, 4), ("B", Condition.COOL, 3), ("C", Condition.CHILLED, 4), ("E", Condition.FROZEN, 3))
AISLE_WIDTH, BAY_LENGTH = Decimal(4), Decimal("1.5")
OTHER_PLACES = (
    ("DOCK-1", LocationKind.RECEIVING),
    ("DOCK-2", LocationKind.RECEIVING),
    ("PACK-1", LocationKind.PACKING),
    ("PACK-2", LocationKind.PACKING),
    ("QUAR-1", LocationKind.QUARANTINE),
    ("SHIP-1", LocationKind.SHIPPING),
    ("TRANSIT", LocationKind.TRANSIT),
)


def make_sites() -> dict[str, Warehouse]:
    """The sites by code, with their locations."""
    seller = make_seller()
    for site in SITES:
        values = {name: getattr(site, name) for name in Site.__slots__ if name != "code"}
        warehouse, _ = Warehouse.objects.get_or_create(code=site.code, defaults=values | {"seller": seller})
        Location.objects.bulk_create(_locations(warehouse), ignore_conflicts=True)
    return {warehouse.code: warehouse for warehouse in Warehouse.objects.filter(code__in=[site.code for site in SITES])}


def shelves(warehouse: Warehouse, condition: str) -> list[Location]:
    """The shelves kept in this condition, in the order of the walk."""
    return list(Location.objects.filter(warehouse=warehouse, condition=condition, is_pickable=True).order_by("pick_sequence", "code"))


def _locations(warehouse: Warehouse) -> Iterator[Location]:
    """Aisles lie side by side; the walk goes up one and down the next, so an even aisle is numbered against its bays."""
    sequence = 0
    in_shop = warehouse.kind == WarehouseKind.SHOP
    for number, (aisle, condition, bays) in enumerate(SHOP_AISLES if in_shop else AISLES):
        walk = range(1, bays + 1) if number % 2 == 0 else range(bays, 0, -1)
        for bay in walk:
            for level in (1, 2):
                sequence += 10
                code = f"{aisle}-{bay:02d}-{level}"
                yield Location(
                    warehouse=warehouse,
                    code=code,
                    barcode=f"{warehouse.code}-{code}",
                    kind=LocationKind.DISPLAY if in_shop else LocationKind.STORAGE,
                    condition=condition,
                    zone=condition.label,
                    aisle=aisle,
                    bay=f"{bay:02d}",
                    level=str(level),
                    pick_sequence=sequence,
                    x=AISLE_WIDTH * number,
                    y=BAY_LENGTH * bay,
                )
    for offset, (code, kind) in enumerate(OTHER_PLACES):
        yield Location(
            warehouse=warehouse,
            code=code,
            barcode=f"{warehouse.code}-{code}",
            kind=kind,
            is_pickable=False,
            x=AISLE_WIDTH * offset,
            y=Decimal(0),
        )

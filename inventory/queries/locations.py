"""Finding sites and places."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.models import Case, Exists, OuterRef, Q, Value, When

from inventory.enums import PICKABLE_KINDS, LocationKind, Phase
from inventory.errors import PlaceNotAllowed, UnknownWarehouse
from inventory.models import BatchLocation, Location, Product, Warehouse
from inventory.stock.place import lives_of_products
from inventory.stock.shelf_life import usual_condition
from warehouse.core.errors import NotFound

_PLACES = """
    SELECT l.id, l.warehouse_id, w.external_id, l.pick_sequence, l.code, l.kind
    FROM inventory_location l JOIN inventory_warehouse w ON w.id = l.warehouse_id WHERE l.id = ANY(%s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a location stands in the walk through its site, and the site's name at the partners."""

    location_id: int
    warehouse_id: int
    warehouse_external_id: str
    pick_sequence: int
    code: str
    kind: str

    @property
    def walk(self) -> tuple[int, str]:
        """Sort places by this to walk them in order."""
        return (self.pick_sequence, self.code)


def places_of(location_ids: Iterable[int]) -> dict[int, Place]:
    """The places of these locations, by id. One statement, the same for any number."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, [list(set(location_ids))])
        return {row[0]: Place(*row) for row in cursor.fetchall()}


def places_at(warehouse_id: int, wanted: Mapping[str, int], kinds: Collection[str] = tuple(LocationKind)) -> dict[str, Location]:
    """The places with these ids, by the caller's names of them (the fields that a refusal names): active ones of the warehouse, and of these kinds.

    Raises PlaceNotAllowed naming every one that is none. One statement, none for no places.
    """
    found = Location.objects.in_bulk(set(wanted.values())) if wanted else {}
    faults = [(name, place, text) for name, place in wanted.items() if (text := _place_fault(found.get(place), place, warehouse_id, kinds))]
    if faults:
        raise PlaceNotAllowed(
            f"{'; '.join(dict.fromkeys(text for _, _, text in faults))}.",
            errors=[{"field": name, "code": "invalid", "location": str(found.get(place, place)), "detail": text} for name, place, text in faults],
        )
    return {name: found[place] for name, place in wanted.items()}


def _place_fault(place: Location | None, asked: int, warehouse_id: int, kinds: Collection[str]) -> str:
    if place is None or place.warehouse_id != warehouse_id or not place.is_active:
        return f"Location {place or asked} is not an active place of this warehouse"
    if place.kind not in kinds:
        return f"{place} is a {place.get_kind_display()}: name a {' or '.join(kind.label for kind in LocationKind if kind in kinds)}"
    return ""


def default_location(warehouse_id: int, kind: LocationKind) -> int:
    """The place of a kind that a warehouse uses when nobody names one: the active one with the first code. Raises NotFound when it has none."""
    found = Location.objects.filter(warehouse=warehouse_id, kind=kind, is_active=True).order_by("code").values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(f"Warehouse {warehouse_id} has no active {LocationKind(kind).label}. Make a location of this kind first.", kind=str(kind))
    return found


def usual_place(warehouse_id: int, product_id: int) -> int | None:
    """The shelf where goods of the product that come into a shop belong: its own, else where some lies, else the first empty one, else the first at all,
    in the condition that the product is usually kept in where there is a choice. None where no shelf suits it. At most three statements.
    """
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        return None
    lying = BatchLocation.objects.filter(location=OuterRef("pk"), has_stock=True)
    rule = Case(
        When(fixed_product=product_id, then=Value(0)), When(Exists(lying.filter(product=product_id)), then=Value(1)), When(~Exists(lying), then=Value(2)),
        default=Value(3),
    )  # fmt: skip
    shelves = Location.objects.filter(warehouse=warehouse_id, kind__in=PICKABLE_KINDS, is_active=True, is_pickable=True)
    shelves = shelves.filter(Q(fixed_product=None) | Q(fixed_product=product_id))
    usual = ""
    if product.tracks_expiry:
        lives = lives_of_products([product])[product_id]
        usual = usual_condition(lives)
        shelves = shelves.filter(condition__in=["", *{condition for condition, phase in lives if phase == Phase.SEALED}])
    kept = Case(When(Q(condition=usual), then=Value(0)), default=Value(1))
    return shelves.annotate(rule=rule, kept=kept).order_by("rule", "kept", "pick_sequence", "code").values_list("pk", flat=True).first()


def active_warehouses() -> list[Warehouse]:
    """The sites that work, the first to be asked for goods first."""
    return list(Warehouse.objects.filter(is_active=True))


def find_warehouse(*, code: str = "", external_id: str = "", closed: bool = False) -> Warehouse | None:
    """The active warehouse (with `closed` any) with our code, or with the partners' id; None when neither is given. Raises UnknownWarehouse when there is
    none."""
    if not code and not external_id:
        return None
    found = Warehouse.objects.filter(**({"external_id": external_id} if external_id else {"code": code})).first()
    if found is None or not (found.is_active or closed):
        raise UnknownWarehouse(
            f"There is no active warehouse {external_id or code}.",
            errors=[{"field": "warehouse_id" if external_id else "warehouse", "code": "unknown", "asked": external_id or code}],
        )
    return found

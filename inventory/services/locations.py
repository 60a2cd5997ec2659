"""The places in the sites."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import QuerySet

from inventory.enums import PICKABLE_KINDS, Condition, LocationKind
from inventory.locks import lock_catalogue_row
from inventory.models import BatchLocation, Location
from inventory.queries.codes import taken_by_products
from inventory.services.catalogue import Values, create_row, require_free_code, set_values
from inventory.services.freshness import judge_contents
from inventory.services.reallocation import free_up
from inventory.stock.gate import Gate, StockKey, lock_stock
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import StartAgain, operation

# A place is what it was made for.
FIXED = ("warehouse", "warehouse_id", "kind")
# They decide what of the goods there is sellable, and until when it keeps.
JUDGED_BY = frozenset({"condition", "is_pickable", "is_active"})


@operation()
def create_location(values: Values, *, actor: Actor) -> Location:
    """Add a place; without `is_pickable` it is picked from if it is a shelf. Raises ValidationFailed when it is none, Conflict when a code is taken."""
    kind = values.get("kind", LocationKind.STORAGE)
    _require_sense(values, kind)
    _require_free_codes(values)
    return create_row(Location, {"is_pickable": kind in PICKABLE_KINDS, **values})


@operation()
def change_location(
    location_id: int, values: Values, *, actor: Actor, release_reservations: bool = False, expected_version: int | None = None
) -> Location:
    """Say where it is, how it is scanned, whose home it is; or change its condition, close it, or stop picking from it.

    The last three concern the goods that lie there: their clocks are charged to now and go on in the new condition; in a place that is not picked from
    they stay on the books, but are not for sale (blocked: place), and can be moved out. What is promised there keeps such a change back, unless
    `release_reservations` says that the promises may move to other goods, the newest first, as in a write-off.

    Takes the gates of everything that lies there, then the place; who brings goods there meanwhile waits, and judges it again. Emits stock.changed,
    stock.low, stock.out, stock.reallocated. Raises NotFound, StaleVersion, Conflict for what is fixed or taken, PlaceNotAllowed naming every product that
    may not live in the new condition, GoodsPromised with the reservations in the way.
    """
    _require_free_codes(values)
    fixed = sorted(set(values) & set(FIXED))
    if fixed:
        raise Conflict(f"A place keeps its {', '.join(fixed)}. Make another place, and move the goods.", location=location_id, fields=fixed)
    if not set(values) & JUDGED_BY:
        return set_values(lock_catalogue_row(Location, location_id, expected_version), values)
    gate = lock_stock({StockKey(*key) for key in _contents(location_id).values_list("warehouse_id", "product_id")})
    location = lock_catalogue_row(Location, location_id, expected_version)
    _require_sense(values, location.kind)
    was = {name: getattr(location, name) for name in JUDGED_BY}
    location = set_values(location, values)
    if any(getattr(location, name) != value for name, value in was.items()):
        _judge(location, was, gate, release_reservations, actor)
    return location


def _require_free_codes(values: Values) -> None:
    """Raise Conflict for a code that a scanner would read as goods."""
    named = {name: values[name] for name in ("code", "barcode") if values.get(name)}
    taken = taken_by_products(named.values())
    for name, code in named.items():
        require_free_code(code, taken, name)


def _contents(location_id: int) -> QuerySet[BatchLocation]:
    return BatchLocation.objects.filter(location=location_id, has_stock=True)


def _judge(location: Location, was: Mapping[str, object], gate: Gate, release: bool, actor: Actor) -> None:
    rows = list(_contents(location.pk).select_related("batch__product").order_by("pk"))
    if {StockKey(row.warehouse_id, row.product_id) for row in rows} - set(gate):
        raise StartAgain  # other goods came before we had the place
    judge_contents(location, rows, actor=actor)
    closed = any(was[name] and not getattr(location, name) for name in ("is_pickable", "is_active"))
    if closed:
        free_up(gate, {row.pk: row.reserved for row in rows if row.reserved > ZERO}, reason="PLACE_CLOSED", actor=actor, release=release)


def _require_sense(values: Values, kind: str) -> None:
    """Raise ValidationFailed for a condition that there is not, and for picking from what is no shelf."""
    errors = []
    if values.get("condition", "") not in ("", *Condition.values):
        errors.append({"field": "condition", "code": "invalid", "detail": "There is no such condition."})
    if values.get("is_pickable") and kind not in PICKABLE_KINDS:
        errors.append({"field": "is_pickable", "code": "invalid", "detail": "Only storage and display places are picked from."})
    if errors:
        raise ValidationFailed(" ".join(error["detail"] for error in errors), errors=errors)

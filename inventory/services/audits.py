"""Counting what is there: the paper. Counts are made in `audit_counts`, booked in `audit_completion`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from inventory.enums import AuditLineStatus, AuditScope, AuditStatus, LocationKind
from inventory.locks import lock_audit
from inventory.models import Audit, BatchLocation, Location, Product
from inventory.queries.audits import to_count
from inventory.queries.cycle_counts import suggest_cycle_count
from inventory.queries.stock import require_site
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import cancel, require_known, require_status, take
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.transactions import operation

CHANGEABLE = frozenset({"scope", "zone", "location_ids", "product_ids", "blind", "recount_above_percent", "notes"})
MOST_PERCENT = Decimal("9999.99")
CYCLE_PLACES = 20

_LIST = """
    INSERT INTO inventory_auditline (audit_id, location_id, product_id, batch_id, lot_number, label_expires_on, produced_on, phase, batch_location_id, found, status,
                                     recount_reason, unit_cost, currency, listed_quantity, listed_movement)
    SELECT %s, b.location_id, b.product_id, b.batch_id, t.lot_number, t.label_expires_on, t.produced_on, b.phase, b.id, false, %s, '', t.purchase_price, t.currency,
           b.quantity, coalesce((SELECT max(m.id) FROM inventory_movement m WHERE m.batch_location_id = b.id), 0)
    FROM inventory_batchlocation b
    JOIN inventory_batch t ON t.id = b.batch_id JOIN inventory_location l ON l.id = b.location_id JOIN inventory_product p ON p.id = b.product_id
    WHERE b.id IN ({chosen})
    ORDER BY l.pick_sequence, l.code, p.sku, t.lot_number, b.phase
    ON CONFLICT DO NOTHING
"""


@operation(Role.AUDITOR)
def create_audit(
    *,
    warehouse_id: int,
    scope: str = AuditScope.WAREHOUSE,
    actor: Actor,
    zone: str = "",
    location_ids: Collection[int] = (),
    product_ids: Collection[int] = (),
    blind: bool = True,
    recount_above_percent: Decimal = Decimal(10),
    notes: str = "",
    cycle_places: int = CYCLE_PLACES,
) -> Audit:
    """Write a draft that says what is to be counted. A cycle count that names no places takes the `cycle_places` that are suggested first: where goods
    were missed, then whose contents moved most since their last count."""
    require_site(warehouse_id, actor)
    audit = Audit(warehouse_id=warehouse_id, created_by_id=actor.user_id)
    if scope == AuditScope.CYCLE and not location_ids:
        location_ids = _most_moved(warehouse_id, cycle_places)
    values = {"scope": scope, "zone": zone, "blind": blind, "recount_above_percent": recount_above_percent, "notes": notes}
    _fill(audit, values)
    _judge_scope(audit, location_ids, product_ids)
    audit.save()
    audit.locations.set(location_ids)
    audit.products.set(product_ids)
    return audit


@operation(Role.AUDITOR)
def change_audit(audit_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> Audit:
    """Change what a draft says; `values` by the names of `create_audit`'s arguments. Another scope forgets the places and products of the one before."""
    require_known(values, CHANGEABLE)
    audit = lock_audit(audit_id, expected_version)
    require_status(audit, {AuditStatus.DRAFT})
    if values.get("scope", audit.scope) != audit.scope:
        values = {"zone": "", "location_ids": [], "product_ids": [], **values}
    location_ids = values.get("location_ids", list(audit.locations.values_list("pk", flat=True)))
    product_ids = values.get("product_ids", list(audit.products.values_list("pk", flat=True)))
    _fill(audit, values)
    if audit.scope == AuditScope.CYCLE and not location_ids:
        location_ids = _most_moved(audit.warehouse_id, CYCLE_PLACES)
    _judge_scope(audit, location_ids, product_ids)
    audit.locations.set(location_ids)
    audit.products.set(product_ids)
    audit.save_changes("scope", "zone", "blind", "recount_above_percent", "notes")
    return audit


@operation(Role.AUDITOR)
def start_audit(audit_id: int, *, actor: Actor, expected_version: int | None = None) -> Audit:
    """List what is to be counted: every lot in every place of the scope, in walking order; draft → in_progress.

    Five statements for any number of lines. The books are read later, when a place is scanned.
    """
    audit = lock_audit(audit_id, expected_version)
    take(audit, "start")
    list_lines(audit)
    audit.started_at = timezone.now()
    audit.save_changes("status", "started_at")
    return audit


@operation(Role.AUDITOR)
def cancel_audit(audit_id: int, *, reason: str, actor: Actor, expected_version: int | None = None) -> Audit:
    """Give up an audit that is not completed; nothing was booked, nothing changes in stock."""
    audit = lock_audit(audit_id, expected_version)
    cancel(audit, reason)
    return audit


def list_lines(audit: Audit, locations: Collection[Location] | None = None) -> int:
    """Add a line for every lot of the scope (of it, in these places) that is not listed yet; returns how many. One statement."""
    rows = to_count(audit)
    chosen, parameters = _as_sql(rows if locations is None else rows.filter(location__in=locations))
    with connection.cursor() as cursor:
        cursor.execute(_LIST.format(chosen=chosen), [audit.pk, AuditLineStatus.PENDING, *parameters])
        return int(cursor.rowcount)


def _as_sql(rows: QuerySet[BatchLocation]) -> tuple[str, tuple[Any, ...]]:
    return rows.order_by().values("pk").query.sql_with_params()


def _most_moved(warehouse_id: int, places: int) -> list[int]:
    found = [suggestion.location_id for suggestion in suggest_cycle_count(warehouse_id, places)]
    if not found:
        raise Conflict("Nothing lies in this warehouse: there is nothing to count in turn.", warehouse=warehouse_id)
    return found


def _fill(audit: Audit, values: Mapping[str, Any]) -> None:
    for name in ("scope", "zone", "blind", "recount_above_percent", "notes"):
        if name in values:
            setattr(audit, name, values[name])
    if audit.scope not in AuditScope.values:
        raise ValidationFailed(
            f"{audit.scope[:20]!r} is no scope; known: {', '.join(AuditScope.values)}.", errors=[{"field": "scope", "code": "invalid"}]
        )
    percent = audit.recount_above_percent
    if not (percent.is_finite() and 0 <= percent <= MOST_PERCENT):
        raise ValidationFailed(
            f"{percent} is no percentage from 0 to {MOST_PERCENT}.", errors=[{"field": "recount_above_percent", "code": "invalid"}]
        )


def _judge_scope(audit: Audit, location_ids: Collection[int], product_ids: Collection[int]) -> None:
    """The scope must say what it needs, nothing else, and name only what is there."""
    places = {AuditScope.LOCATIONS.value, AuditScope.CYCLE.value}
    given = {"zone": audit.zone, "location_ids": location_ids, "product_ids": product_ids}
    wanted = {AuditScope.ZONE: "zone", AuditScope.PRODUCTS: "product_ids"}.get(
        AuditScope(audit.scope), "location_ids" if audit.scope in places else ""
    )
    for name, value in given.items():
        if bool(value) != (name == wanted):
            told = "say which" if name == wanted else "leave them out"
            field = name.removesuffix("_ids") + ("s" if name != "zone" else "")
            raise ValidationFailed(
                f"An audit of {audit.get_scope_display()}: {told} ({field}).",
                errors=[{"field": field, "code": "required" if name == wanted else "unused"}],
            )
    if audit.scope == AuditScope.ZONE and not Location.objects.filter(warehouse=audit.warehouse_id, zone=audit.zone).exists():
        raise ValidationFailed(f"This warehouse has no place in zone {audit.zone!r}.", errors=[{"field": "zone", "code": "unknown"}])
    known = set(
        Location.objects.filter(pk__in=location_ids, warehouse=audit.warehouse_id).exclude(kind=LocationKind.TRANSIT).values_list("pk", flat=True)
    )
    strange = sorted(set(location_ids) - known)
    if strange:
        raise ValidationFailed(
            f"These are no places of this warehouse that can be counted: {', '.join(map(str, strange))}.",
            errors=[{"field": "locations", "ids": strange}],
        )
    missing = sorted(set(product_ids) - set(Product.objects.filter(pk__in=product_ids).values_list("pk", flat=True)))
    if missing:
        raise NotFound(f"There is no product {missing[0]}.", products=missing)

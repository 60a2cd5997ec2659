"""What an audit is about: the lines it lists, what the books say of them now, and what goes on at their places."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from inventory.enums import AuditScope, AuditStatus, LocationKind
from inventory.models import Audit, AuditLine, BatchLocation, Location
from warehouse.core.actor import Actor, Role

_BOOKS = """
    SELECT l.id, b.id, bl.id, coalesce(bl.quantity, 0), coalesce(bl.reserved, 0), bl.version,
           coalesce((SELECT max(m.id) FROM inventory_movement m WHERE m.batch_location_id = bl.id), 0),
           coalesce((SELECT sum(CASE WHEN l.status <> 'counted' THEN least(m.quantity_change, 0) WHEN m.type = 'adjustment' THEN m.quantity_change END)
                     FROM inventory_movement m WHERE m.batch_location_id = bl.id
                     AND m.id > CASE l.status WHEN 'counted' THEN l.books_movement ELSE l.listed_movement END), 0)
    FROM inventory_auditline l
    LEFT JOIN inventory_batch b ON b.product_id = l.product_id AND upper(b.lot_number) = upper(l.lot_number)
    LEFT JOIN inventory_batchlocation bl ON bl.batch_id = b.id AND bl.location_id = l.location_id AND bl.phase = l.phase
    WHERE l.id = ANY(%s::bigint[])
"""

# Goods of a delivery that is being counted, of a transfer that is under way, or that a picker is about to take: in somebody's hands, not in the books.
# What was picked and stands on a bench is at rest.
_IN_HAND = """
    WITH line AS (
        SELECT l.id, l.location_id, l.product_id, l.batch_location_id, p.kind
        FROM inventory_auditline l JOIN inventory_location p ON p.id = l.location_id WHERE l.id = ANY(%s::bigint[])
    )
    SELECT line.id, 'delivery ' || r.number || ' is being received there'
    FROM line
    JOIN inventory_receivingitem i ON i.product_id = line.product_id
    JOIN inventory_receiving r ON r.id = i.receiving_id AND r.status = 'in_progress' AND coalesce(i.location_id, r.location_id) = line.location_id
    UNION ALL
    SELECT line.id, 'transfer ' || t.number || ' is under way'
    FROM line
    JOIN inventory_transferitem i ON i.product_id = line.product_id
    JOIN inventory_transfer t ON t.id = i.transfer_id AND t.status = 'sent'
    JOIN inventory_batchlocation s ON s.id = i.source_id
    WHERE line.location_id IN (s.location_id, coalesce(i.target_location_id, t.target_location_id))
    UNION ALL
    SELECT line.id, r.order_ref || ' is being picked there'
    FROM line
    JOIN inventory_reservationitem i ON i.batch_location_id = line.batch_location_id AND i.quantity > i.consumed + i.released
    JOIN inventory_reservation r ON r.id = i.reservation_id AND r.status = 'active' AND r.started_at IS NOT NULL
    WHERE line.kind IN ('storage', 'display')
    ORDER BY 1, 2
"""


class Books(NamedTuple):
    """What the books say of a line now: the batch of its lot and the row of its place, where there are such.

    `movement` is the last line of the ledger of the place. `since` is what other counts have booked there since the line was counted: a shortage is booked
    once, by whoever comes first; of a line that nobody has counted, what has left since it was listed.
    """

    batch_id: int | None
    batch_location_id: int | None
    quantity: Decimal
    reserved: Decimal
    version: int | None
    movement: int
    since: Decimal


def books_of(line_ids: Iterable[int]) -> dict[int, Books]:
    """What lies at the places of these lines, by the line's id. One statement; who decides on it holds the gates."""
    with connection.cursor() as cursor:
        cursor.execute(_BOOKS, [list(line_ids)])
        return {line: Books(*rest) for line, *rest in cursor.fetchall()}


def in_hand(line_ids: Iterable[int]) -> dict[int, str]:
    """Why what lies at the place of a line can't be counted now, by the line's id: somebody has goods of it in hand. One statement."""
    found: dict[int, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(_IN_HAND, [list(line_ids)])
        for line, what in cursor.fetchall():
            found.setdefault(line, what)
    return found


def lines_of(audit: Audit) -> QuerySet[AuditLine]:
    """The lines of an audit with what they are about at hand, in their order."""
    return AuditLine.objects.filter(audit=audit).select_related("product", "location").order_by("pk")


def sees_books(audit: Audit, actor: Actor) -> bool:
    """Whether the actor may see what the books say beside what was counted: of a blind count only managers, until it is completed."""
    return not audit.blind or audit.status == AuditStatus.COMPLETED or Role.MANAGER in actor.roles


def to_count(audit: Audit) -> QuerySet[BatchLocation]:
    """Everything with a quantity in the audit's scope; what is in transit can't be counted."""
    rows = BatchLocation.objects.filter(warehouse=audit.warehouse_id, has_stock=True).exclude(location__kind=LocationKind.TRANSIT)
    return rows.filter(_within(audit))


def counted_at(audit: Audit, locations: Iterable[Location]) -> set[int]:
    """Which of these places, by their ids, belong to what the audit counts. One statement at most."""
    here = [place for place in locations if place.warehouse_id == audit.warehouse_id and place.kind != LocationKind.TRANSIT]
    if audit.scope == AuditScope.ZONE:
        return {place.pk for place in here if place.zone == audit.zone}
    if audit.scope in (AuditScope.WAREHOUSE, AuditScope.PRODUCTS):
        return {place.pk for place in here}
    return set(audit.locations.filter(pk__in=[place.pk for place in here]).values_list("pk", flat=True))


def counts_product(audit: Audit, product_id: int) -> bool:
    """Whether the product belongs to what the audit counts."""
    return audit.scope != AuditScope.PRODUCTS or audit.products.filter(pk=product_id).exists()


def _within(audit: Audit) -> Q:
    if audit.scope == AuditScope.ZONE:
        return Q(location__zone=audit.zone)
    if audit.scope == AuditScope.PRODUCTS:
        return Q(product__in=audit.products.values("pk"))
    if audit.scope == AuditScope.WAREHOUSE:
        return Q()
    return Q(location__in=audit.locations.values("pk"))

"""Somebody missed goods that the books have: the place is asked to be counted, until an audit has done it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from inventory import events
from inventory.enums import AuditScope, LocationKind, Uncounted
from inventory.locks import lock_count_request
from inventory.models import Audit, CountRequest, Location, Product
from inventory.queries.count_requests import places_asked_for
from inventory.services.audits import CYCLE_PLACES, create_audit, start_audit
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason
from warehouse.core.errors import Conflict, NotFound, TransitionRefused, ValidationFailed
from warehouse.core.transactions import operation, require_transaction
from warehouse.outbox.events import Event, publish

NOTHING_LEFT = "nothing of it is there any more, by the books"

# Asked again it is asked anew: a count that was made before does not close it.
_ASK = """
    INSERT INTO inventory_countrequest AS r (location_id, product_id, reason, requested_by, requested_at, closing_note)
    VALUES (%s, %s, %s, %s, %s, '')
    ON CONFLICT (location_id, product_id) WHERE closed_at IS NULL
    DO UPDATE SET reason = excluded.reason, requested_by = excluded.requested_by, requested_at = excluded.requested_at
    RETURNING id, xmax = 0
"""

# The last condition is judged again on the row as it is when its lock is taken: somebody may have asked anew meanwhile.
_CLOSE = """
    WITH counted AS (
        SELECT a.location_id, a.product_id, min(coalesce(a.counted_at, %(now)s)) AS at
        FROM inventory_auditline a WHERE a.audit_id = %(audit)s
        GROUP BY a.location_id, a.product_id HAVING bool_and(a.status = 'counted' OR %(zero)s)
    ), done AS (
        SELECT q.id, c.at
        FROM inventory_countrequest q
        JOIN inventory_location l ON l.id = q.location_id AND l.warehouse_id = %(warehouse)s
        LEFT JOIN counted c ON c.location_id = q.location_id AND c.product_id = q.product_id AND c.at >= q.requested_at
        WHERE q.closed_at IS NULL AND (c.at IS NOT NULL OR NOT EXISTS (
            SELECT 1 FROM inventory_batchlocation b WHERE b.location_id = q.location_id AND b.product_id = q.product_id AND b.has_stock
        ))
    )
    UPDATE inventory_countrequest r
    SET closed_at = %(now)s, audit_id = CASE WHEN d.at IS NULL THEN NULL ELSE %(audit)s END, closing_note = CASE WHEN d.at IS NULL THEN %(gone)s ELSE '' END
    FROM done d WHERE r.id = d.id AND r.closed_at IS NULL AND (d.at IS NULL OR d.at >= r.requested_at)
"""


@operation(Role.PICKER, Role.RECEIVER, Role.AUDITOR)
def request_count(location_id: int, product_id: int, *, reason: str, actor: Actor) -> CountRequest:
    """Ask that somebody counts a place, because goods of the product are not there. While a request is open, asking again only renews it.

    No locks: one statement that inserts or renews. Event inventory.count.requested for a new one. Raises NotFound, ValidationFailed as
    `require_reason` and for a place that can't be counted.
    """
    reason = require_reason(reason)
    location = Location.objects.select_related("warehouse").filter(pk=location_id).first()
    if location is None:
        raise NotFound(f"There is no location {location_id}.", location=location_id)
    if location.kind == LocationKind.TRANSIT:
        raise ValidationFailed(f"{location} is on the road: it can't be counted.", errors=[{"field": "location", "code": "invalid"}])
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound(f"There is no product {product_id}.", product=product_id)
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [location.pk, product.pk, reason, actor.name, timezone.now()])
        request_id, new = cursor.fetchone()
    row = CountRequest.objects.get(pk=request_id)
    row.location, row.product = location, product
    if new:
        publish([_requested(row)], actor=actor)
    return row


@operation(Role.AUDITOR)
def dismiss_count_request(request_id: int, *, reason: str, actor: Actor) -> CountRequest:
    """Close a request without a count, and keep why. Locks the request. Raises TransitionRefused when it is closed, ValidationFailed as `require_reason`."""
    reason = require_reason(reason)
    row = lock_count_request(request_id)
    if row.closed_at is not None:
        raise TransitionRefused(f"This request was closed at {row.closed_at:%Y-%m-%d %H:%M} UTC.", status="closed", asked="dismiss")
    row.closed_at, row.closing_note = timezone.now(), reason
    row.save(update_fields=["closed_at", "closing_note"])
    return row


@operation(Role.AUDITOR)
def count_requested_places(warehouse_id: int, *, actor: Actor) -> Audit:
    """Begin an audit of the places that were asked for and that nobody counts yet, the first `CYCLE_PLACES` of the walk; in progress at once.

    Raises Conflict when no place is asked for.
    """
    places = list(dict.fromkeys(places_asked_for(warehouse_id).values_list("location_id", flat=True)))[:CYCLE_PLACES]
    if not places:
        raise Conflict("No place is asked to be counted: somebody counts them already, or has.", warehouse=warehouse_id)
    audit = create_audit.inside(
        warehouse_id=warehouse_id, scope=AuditScope.LOCATIONS, location_ids=places, notes="where goods were missed", actor=actor
    )
    return start_audit.inside(audit.pk, actor=actor)


def close_counted(audit: Audit, now: datetime) -> int:
    """Close the requests that a locked audit has answered with its completion: all lots of the product at that place counted, after it was asked. Those of
    its warehouse go too where the books have nothing left to count. One statement; returns how many."""
    require_transaction()
    parameters: dict[str, Any] = {
        "audit": audit.pk,
        "warehouse": audit.warehouse_id,
        "now": now,
        "zero": audit.uncounted == Uncounted.ZERO,
        "gone": NOTHING_LEFT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, parameters)
        return int(cursor.rowcount)


def _requested(row: CountRequest) -> Event:
    facts = {
        "request_id": row.pk,
        "warehouse_id": row.location.warehouse.external_id,
        "location": row.location.code,
        "product_id": row.product_id,
        "sku": row.product.sku,
        "reason": row.reason,
    }
    return Event(events.COUNT_REQUESTED, "count_request", row.pk, facts)

"""Do the books balance? Every check is one statement that aggregates in the database and returns only the rows that disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from django.utils import timezone

from inventory.models.stock import status_sql
from warehouse.core.triggers import REFUSE
from warehouse.core.whole_tables import stream


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row whose stored value is not what its parts say. `stored` or `computed` is None where there is no such row."""

    check: str
    table: str
    id: str
    sku: str | None
    warehouse: str | None
    field: str
    stored: str | None
    computed: str | None

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


class Check(NamedTuple):
    """A statement of columns id, product_id, warehouse_id, field, stored, computed: the rows of `table` that break the rule of the title."""

    name: str
    title: str
    table: str
    sql: str


_LEDGER = """
    SELECT g.id, coalesce(b.product_id, l.product_id), coalesce(b.warehouse_id, l.warehouse_id), f.field, f.stored, f.computed
    FROM (
        SELECT id, sum(quantity) AS quantity_more, sum(reserved) AS reserved_more
        FROM (
            SELECT batch_location_id AS id, quantity_change AS quantity, reserved_change AS reserved, false AS is_place FROM inventory_movement
            UNION ALL
            SELECT id, -quantity, -reserved, true FROM inventory_batchlocation
        ) x
        GROUP BY id HAVING sum(quantity) <> 0 OR sum(reserved) <> 0 OR NOT bool_or(is_place)
    ) g
    LEFT JOIN inventory_batchlocation b ON b.id = g.id
    LEFT JOIN LATERAL (SELECT product_id, warehouse_id FROM inventory_movement WHERE batch_location_id = g.id LIMIT 1) l ON b.id IS NULL
    CROSS JOIN LATERAL (VALUES
        ('quantity', b.quantity, coalesce(b.quantity, 0) + g.quantity_more), ('reserved', b.reserved, coalesce(b.reserved, 0) + g.reserved_more)
    ) AS f (field, stored, computed)
    WHERE f.stored IS DISTINCT FROM f.computed
"""

_CHAIN = """
    SELECT m.id, m.product_id, m.warehouse_id, f.field, f.stored, f.computed
    FROM (
        SELECT id, product_id, warehouse_id, quantity_before, quantity_after, quantity_change, reserved_after, reserved_change,
               coalesce(lag(quantity_after) OVER line, 0) AS quantity_then, coalesce(lag(reserved_after) OVER line, 0) AS reserved_then
        FROM inventory_movement WINDOW line AS (PARTITION BY batch_location_id ORDER BY id)
    ) m
    CROSS JOIN LATERAL (VALUES
        ('quantity_before', quantity_before, quantity_then),
        ('quantity_after', quantity_after, quantity_before + quantity_change),
        ('reserved_after', reserved_after, reserved_then + reserved_change)
    ) AS f (field, stored, computed)
    WHERE (quantity_before, quantity_after, reserved_after) <> (quantity_then, quantity_before + quantity_change, reserved_then + reserved_change)
      AND f.stored <> f.computed
"""

_STOCK = """
    SELECT s.id, coalesce(s.product_id, b.product_id), coalesce(s.warehouse_id, b.warehouse_id), f.field, f.stored, f.computed
    FROM inventory_stock s
    FULL JOIN (
        SELECT warehouse_id, product_id, sum(quantity) AS q, sum(reserved) AS r,
               sum(quantity - reserved) FILTER (WHERE blocked_reason <> '') AS blocked
        FROM inventory_batchlocation GROUP BY warehouse_id, product_id
    ) b ON b.warehouse_id = s.warehouse_id AND b.product_id = s.product_id
    CROSS JOIN LATERAL (VALUES
        ('quantity', s.quantity, coalesce(b.q, 0)), ('reserved', s.reserved, coalesce(b.r, 0)), ('blocked', s.blocked, coalesce(b.blocked, 0))
    ) AS f (field, stored, computed)
    WHERE f.stored IS DISTINCT FROM f.computed
"""

_STATUS = f"""
    SELECT s.id, s.product_id, s.warehouse_id, 'status', s.status, c.status
    FROM inventory_stock s
    CROSS JOIN LATERAL (SELECT {status_sql("s.available", "s.low_stock_threshold")} AS status) c
    WHERE s.status <> c.status
"""

_PROMISES = """
    SELECT b.id, b.product_id, b.warehouse_id, 'reserved', b.reserved, b.reserved + g.more
    FROM (
        SELECT id, sum(held) AS more
        FROM (
            SELECT i.batch_location_id AS id, i.quantity - i.consumed - i.released AS held
            FROM inventory_reservationitem i JOIN inventory_reservation r ON r.id = i.reservation_id AND r.status = 'active'
            WHERE i.quantity <> i.consumed + i.released
            UNION ALL
            SELECT id, -reserved FROM inventory_batchlocation WHERE reserved <> 0
        ) x
        GROUP BY id HAVING sum(held) <> 0
    ) g
    JOIN inventory_batchlocation b ON b.id = g.id
"""

_ITEMS = """
    SELECT coalesce(i.item::text, 'missing in reservation ' || g.reservation_id), b.product_id, b.warehouse_id, 'held', i.held, coalesce(i.held, 0) + g.more
    FROM (
        SELECT reservation_id, batch_location_id, sum(change) AS more
        FROM (
            SELECT reservation_id, batch_location_id, reserved_change AS change
            FROM inventory_movement WHERE reservation_id IS NOT NULL AND reserved_change <> 0
            UNION ALL
            SELECT reservation_id, batch_location_id, consumed + released - quantity
            FROM inventory_reservationitem WHERE quantity > consumed + released
        ) x
        GROUP BY reservation_id, batch_location_id HAVING sum(change) <> 0
    ) g
    LEFT JOIN LATERAL (
        SELECT min(id) AS item, sum(quantity - consumed - released) AS held
        FROM inventory_reservationitem WHERE reservation_id = g.reservation_id AND batch_location_id = g.batch_location_id
    ) i ON true
    LEFT JOIN inventory_batchlocation b ON b.id = g.batch_location_id
"""

_KEPT = """
    SELECT coalesce(i.item::text, 'missing in reservation ' || g.reservation_id), g.product_id, r.warehouse_id, v.field, v.stored, coalesce(v.stored, 0) + v.more
    FROM (
        SELECT reservation_id, product_id, sum(quantity) AS quantity_more, sum(released) AS released_more, sum(consumed) AS consumed_more,
               sum(actual) AS actual_more
        FROM (
            SELECT reservation_id, product_id, CASE type WHEN 'reservation' THEN reserved_change END AS quantity,
                   CASE type WHEN 'release' THEN -reserved_change END AS released, CASE type WHEN 'sale' THEN -reserved_change END AS consumed,
                   CASE type WHEN 'sale' THEN -quantity_change END AS actual
            FROM inventory_movement WHERE reservation_id IS NOT NULL
            UNION ALL
            SELECT reservation_id, product_id, -quantity, -released, -consumed, -actual FROM inventory_reservationitem
        ) x
        GROUP BY reservation_id, product_id
        HAVING sum(quantity) <> 0 OR sum(released) <> 0 OR sum(consumed) <> 0 OR sum(actual) <> 0
    ) g
    JOIN inventory_reservation r ON r.id = g.reservation_id
    LEFT JOIN LATERAL (
        SELECT min(id) AS item, sum(quantity) AS quantity, sum(released) AS released, sum(consumed) AS consumed, sum(coalesce(actual, 0)) AS actual
        FROM inventory_reservationitem WHERE reservation_id = g.reservation_id AND product_id = g.product_id
    ) i ON true
    CROSS JOIN LATERAL (VALUES
        ('quantity', i.quantity, g.quantity_more), ('released', i.released, g.released_more), ('consumed', i.consumed, g.consumed_more),
        ('actual', i.actual, g.actual_more)
    ) AS v (field, stored, more)
    WHERE v.more <> 0
"""

# Goods may expire before the job sees them, so that only what is blocked although it is fit is reported of time.
_BLOCKED = """
    SELECT b.id, b.product_id, b.warehouse_id, 'blocked_reason', b.blocked_reason, c.reason
    FROM inventory_batchlocation b JOIN inventory_batch t ON t.id = b.batch_id JOIN inventory_location l ON l.id = b.location_id
    JOIN inventory_product p ON p.id = b.product_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN t.status = 'recalled' THEN 'recalled' WHEN t.status = 'on_hold' THEN 'held'
                    WHEN NOT (l.is_pickable AND l.is_active) THEN 'place'
                    WHEN b.blocked_reason = 'expired' AND b.effective_expires_at <= %(now)s::timestamptz + p.min_remaining_days * interval '1 day' THEN 'expired'
                    ELSE '' END AS reason
    ) c
    WHERE b.has_stock AND b.blocked_reason <> c.reason
"""

_LIMITS = """
    SELECT b.id, b.product_id, b.warehouse_id, 'reserved', b.reserved, b.quantity
    FROM inventory_batchlocation b WHERE NOT (0 <= b.reserved AND b.reserved <= b.quantity)
"""

_STOCK_LIMITS = """
    SELECT s.id, s.product_id, s.warehouse_id, 'reserved + blocked', s.reserved + s.blocked, s.quantity
    FROM inventory_stock s WHERE NOT (0 <= s.reserved AND 0 <= s.blocked AND s.reserved + s.blocked <= s.quantity)
"""

_COPIES = """
    SELECT b.id, b.product_id, b.warehouse_id, f.field, f.stored, f.computed
    FROM inventory_batchlocation b JOIN inventory_batch t ON t.id = b.batch_id JOIN inventory_location l ON l.id = b.location_id
    CROSS JOIN LATERAL (VALUES ('product', b.product_id, t.product_id), ('warehouse', b.warehouse_id, l.warehouse_id)) AS f (field, stored, computed)
    WHERE f.stored <> f.computed
"""

# What recalls, traces and returns read of the ledger, instead of the places that its lines are about.
_LINES = """
    SELECT m.id, m.product_id, m.warehouse_id, f.field, f.stored, f.computed
    FROM inventory_movement m JOIN inventory_batchlocation b ON b.id = m.batch_location_id
    CROSS JOIN LATERAL (VALUES
        ('product', m.product_id, b.product_id), ('warehouse', m.warehouse_id, b.warehouse_id),
        ('batch', m.batch_id, b.batch_id), ('location', m.location_id, b.location_id)
    ) AS f (field, stored, computed)
    WHERE (m.product_id, m.warehouse_id, m.batch_id, m.location_id) <> (b.product_id, b.warehouse_id, b.batch_id, b.location_id) AND f.stored <> f.computed
"""

# A checkout that becomes an order's promise takes its reference, while its first lines keep what it was called then: of those nothing is asked. The clocks
# of the site and of the database may differ a little.
_HEADS = """
    SELECT r.id, NULL::bigint, r.warehouse_id, f.field, f.stored, min(f.computed)
    FROM inventory_movement m JOIN inventory_reservation r ON r.id = m.reservation_id
    CROSS JOIN LATERAL (VALUES
        ('order_ref', r.order_ref,
         CASE WHEN r.confirmed_at IS NULL OR m.occurred_at > r.confirmed_at + interval '1 minute' THEN m.order_ref ELSE r.order_ref END),
        ('warehouse', r.warehouse_id::text, m.warehouse_id::text)
    ) AS f (field, stored, computed)
    WHERE (m.order_ref, m.warehouse_id) <> (r.order_ref, r.warehouse_id) AND f.stored <> f.computed
    GROUP BY r.id, f.field, f.stored
    UNION ALL
    SELECT r.id, NULL, r.warehouse_id, 'status', r.status, 'over: it holds nothing'
    FROM inventory_reservation r
    WHERE r.status = 'active'
      AND NOT EXISTS (SELECT FROM inventory_reservationitem i WHERE i.reservation_id = r.id AND i.quantity > i.consumed + i.released)
"""

# `Clock.effective` in SQL. Which moment is rounded to which side of a microsecond is nobody's fault.
_DATES = """
    SELECT b.id, b.product_id, b.warehouse_id, 'effective_expires_at', b.effective_expires_at, c.expires_at
    FROM inventory_batchlocation b JOIN inventory_batch t ON t.id = b.batch_id JOIN inventory_product p ON p.id = t.product_id
    LEFT JOIN inventory_shelflife l ON l.product_id = t.product_id AND l.condition = b.clock_condition AND l.phase = 'sealed'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN NOT p.tracks_expiry THEN NULL
                    WHEN b.clock_condition = t.label_condition AND t.label_life IS NOT NULL THEN t.label_life
                    ELSE l.days * interval '1 day' END AS life
    ) k
    CROSS JOIN LATERAL (
        SELECT least(b.clock_started_at + extract(epoch FROM k.life) * greatest(0, 1 - b.consumed_fraction) * interval '1 second', b.not_after) AS expires_at
    ) c
    WHERE b.has_stock
      AND (b.effective_expires_at NOT BETWEEN c.expires_at - interval '1 second' AND c.expires_at + interval '1 second'
           OR (b.effective_expires_at IS NULL) <> (c.expires_at IS NULL))
"""

_GUARDS = """
    SELECT g.name, NULL::bigint, NULL::bigint, g.kind, g.found, g.expected
    FROM (
        SELECT e.name, 'constraint' AS kind,
               CASE WHEN coalesce(c.oid, x.indexrelid) IS NULL THEN 'missing' WHEN NOT coalesce(c.convalidated, x.indisvalid) THEN 'not validated'
                    ELSE coalesce(pg_get_constraintdef(c.oid, true), pg_get_indexdef(x.indexrelid, 0, true)) END AS found,
               e.definition AS expected
        FROM (VALUES
            ('batch_location_reserved_within_quantity', 'CHECK (reserved >= 0::numeric AND reserved <= quantity)'),
            ('stock_reserved_and_blocked_within_quantity', 'CHECK (reserved >= 0::numeric AND blocked >= 0::numeric AND quantity >= (reserved + blocked))'),
            ('reservation_item_within_quantity',
             'CHECK (quantity > 0::numeric AND consumed >= 0::numeric AND released >= 0::numeric AND quantity >= (consumed + released))'),
            ('stock_once_per_warehouse_and_product', 'UNIQUE (warehouse_id, product_id)'),
            ('batch_once_per_location_and_phase', 'UNIQUE (batch_id, location_id, phase)'),
            ('one_active_reservation_per_order',
             'CREATE UNIQUE INDEX one_active_reservation_per_order ON inventory_reservation USING btree (order_ref, warehouse_id)'
             ' WHERE status::text = ''active''::text'),
            ('outbox_position_once',
             'CREATE UNIQUE INDEX outbox_position_once ON outbox_outboxevent USING btree ("position") WHERE "position" IS NOT NULL'),
            ('inbox_entry_once', 'UNIQUE (stream, entry_id)'),
            ('idempotency_key_once', 'UNIQUE (client, key)')
        ) AS e (name, definition)
        LEFT JOIN pg_constraint c ON c.conname = e.name
        LEFT JOIN (pg_index x JOIN pg_class i ON i.oid = x.indexrelid) ON i.relname = e.name
        UNION ALL
        SELECT e.name, 'trigger',
               CASE WHEN t.oid IS NULL THEN 'missing' WHEN t.tgenabled NOT IN ('O', 'A') THEN 'off'
                    WHEN t.tgtype <> e.type OR t.tgqual IS NOT NULL THEN 'for something else'
                    WHEN strpos(regexp_replace(p.prosrc, '\\s+', ' ', 'g'), %(refuse)s) = 0 THEN 'another function' ELSE 'on' END,
               'on'
        FROM (VALUES
            -- before each row that is updated or deleted, and before the table is truncated
            ('movement_keep_row', 27), ('movement_keep_all', 34), ('outbox_event_keep_row', 27), ('outbox_event_keep_all', 34),
            ('past_clock_keep_row', 27), ('past_clock_keep_all', 34)
        ) AS e (name, type)
        LEFT JOIN pg_trigger t ON t.tgname LIKE 'pgtrigger_' || e.name || '_%%' AND NOT t.tgisinternal
        LEFT JOIN pg_proc p ON p.oid = t.tgfoid
    ) g
    WHERE g.found <> g.expected
"""

CHECKS = (
    Check("limits", "0 ≤ reserved ≤ quantity in every place", "BatchLocation", _LIMITS),
    Check("stock_limits", "0 ≤ reserved, blocked and their sum ≤ quantity in every total", "Stock", _STOCK_LIMITS),
    Check("ledger", "every place holds what its ledger adds up to", "BatchLocation", _LEDGER),
    Check("chain", "every line of the ledger begins where the one before ended", "Movement", _CHAIN),
    Check("stock", "every total is the sum of its places", "Stock", _STOCK),
    Check("status", "every total's status is that of what is available", "Stock", _STATUS),
    Check("promises", "what is reserved in a place is what active promises hold there", "BatchLocation", _PROMISES),
    Check("items", "every promise holds what its ledger says", "ReservationItem", _ITEMS),
    Check("kept", "what a promise was made of, and what was kept and released of it, is as in its ledger", "ReservationItem", _KEPT),
    Check(
        "blocked",
        "what is held, recalled or not for picking is blocked as such, and what is fit is not blocked as expired",
        "BatchLocation",
        _BLOCKED,
    ),
    Check("copies", "a place names the product of its batch and the warehouse of its location", "BatchLocation", _COPIES),
    Check("lines", "every line of the ledger names what its place does", "Movement", _LINES),
    Check("reservations", "a promise names the order and the warehouse of its ledger, and holds something while it is active", "Reservation", _HEADS),
    Check("dates", "goods expire when their clock says", "BatchLocation", _DATES),
    Check("guards", "the constraints and the append-only triggers stand as they were made", "database", _GUARDS),
)


def disagreements(check: Check) -> Iterator[Disagreement]:
    """The rows that break one check, streamed. Requires an open transaction; several checks agree with each other within one `snapshot`."""
    sql = f"""
        SELECT d.id::text, p.sku, w.code, d.field, d.stored::text, d.computed::text
        FROM ({check.sql}) AS d (id, product_id, warehouse_id, field, stored, computed)
        LEFT JOIN inventory_product p ON p.id = d.product_id LEFT JOIN inventory_warehouse w ON w.id = d.warehouse_id
        ORDER BY d.id, d.field
    """
    for row in stream(sql, {"now": timezone.now(), "refuse": " ".join(REFUSE.split())}):
        yield Disagreement(check.name, check.table, *row)


def everything_that_disagrees() -> list[Disagreement]:
    """All checks at once, within the caller's transaction: for tests and for small databases."""
    return [found for check in CHECKS for found in disagreements(check)]

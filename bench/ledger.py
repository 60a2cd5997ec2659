"""Years of trade written set by set: sites, products, totals, promises, events, and a ledger of the wanted length in which the books balance.

Ten sites have all products; a total (a product in a site) has two lots on one shelf and ten lines of the ledger, so that a ledger of 10 million lines has a
million totals, two million lots in places and three million promises. Lines are written in the order of time: what belongs together lies far apart, as in a
house that trades. One busy lot has a hundredth of all lines more, all of them older than the rest's second half: there an index read backwards finds nothing
for long.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import connection

SITES = 10
LINES_PER_TOTAL = 10
LINES_PER_PRODUCT = SITES * LINES_PER_TOTAL
BUSY_SHARE = 100


class Line(NamedTuple):
    """A line that every total has: of the old or the new lot, of which of its three promises, and what is there after it."""

    lot: str
    type: str
    change: int
    reserved: int
    after: int
    reserved_after: int
    promise: int | None = None


LINES = (
    Line("old", "receiving", 100, 0, 100, 0),
    Line("new", "receiving", 100, 0, 100, 0),
    Line("old", "reservation", 0, 2, 100, 2, 1),
    Line("new", "reservation", 0, 1, 100, 1, 1),
    Line("old", "sale", -2, -2, 98, 0, 1),
    Line("new", "sale", -1, -1, 99, 0, 1),
    Line("old", "reservation", 0, 1, 98, 1, 2),
    Line("old", "sale", -1, -1, 97, 0, 2),
    Line("old", "reservation", 0, 1, 97, 1, 3),
    Line("new", "reservation", 0, 3, 99, 3, 3),
)
# After this many of them the busy lot's own lines come; its place holds so much then.
BUSY_AFTER, BUSY_HOLDS = 6, 98

_GOODS = f"""
    INSERT INTO inventory_warehouse (code, external_id, name, kind, city, street, postal_code, country, contact_name, phone, time_zone, priority, is_active)
    SELECT 'SITE' || n, 'site-' || n, 'Site ' || n, 'warehouse', 'City ' || n, '', '', '', '', '', 'UTC', 10 + n, true FROM generate_series(1, {SITES}) n
    ON CONFLICT DO NOTHING;
    INSERT INTO inventory_product (sku, name, base_unit, quantity_step, weight_tolerance, rotation, tracks_expiry, min_remaining_days, freezable,
                                   default_low_stock_threshold, is_active, created_at)
    SELECT 'LEDGER-' || n, 'Goods ' || n, 'pcs', 1, 0, 'fefo', true, 0, false, 5, true, now() FROM generate_series(%(first)s::int, %(last)s::int) n;
    INSERT INTO inventory_shelflife (product_id, condition, phase, days)
    SELECT id, 'ambient', 'sealed', 365 FROM inventory_product WHERE sku LIKE 'LEDGER-%%' ON CONFLICT DO NOTHING;
    INSERT INTO inventory_location (warehouse_id, code, barcode, kind, condition, zone, aisle, bay, level, pick_sequence, is_pickable, is_active, exposure,
                                    version, created_at, updated_at)
    SELECT DISTINCT w.id, 'S' || n / 10, w.code || '-S' || n / 10, 'storage', 'ambient', '', (n / 1000)::text, (n / 10 %% 100)::text, '', n / 10, true, true,
           'ambient', 1, now(), now()
    FROM inventory_warehouse w, generate_series(%(first)s::int, %(last)s::int) n WHERE w.code LIKE 'SITE%%' ON CONFLICT DO NOTHING;
    INSERT INTO inventory_batch (product_id, lot_number, label_condition, label_expires_on, received_at, purchase_price, currency, status, status_reason,
                                 held_itself)
    SELECT p.id, n || '-' || lot, 'ambient', current_date + 60 + n %% 300, now(), 1, 'EUR', 'available', '', false
    FROM generate_series(%(first)s::int, %(last)s::int) n JOIN inventory_product p ON p.sku = 'LEDGER-' || n, unnest(ARRAY['old', 'new']) lot;
    CREATE TEMP TABLE total (n bigint, product bigint, site bigint, location bigint, old_lot bigint, new_lot bigint, old_place bigint, new_place bigint,
                             promise_1 bigint, promise_2 bigint, promise_3 bigint);
    INSERT INTO total
    SELECT row_number() OVER (), t.*, nextval('inventory_batchlocation_id_seq'), nextval('inventory_batchlocation_id_seq'),
           nextval('inventory_reservation_id_seq'), nextval('inventory_reservation_id_seq'), nextval('inventory_reservation_id_seq')
    FROM (
        SELECT p.id, w.id, l.id, old.id, new.id
        FROM generate_series(%(first)s::int, %(last)s::int) n JOIN inventory_product p ON p.sku = 'LEDGER-' || n
        JOIN inventory_warehouse w ON w.code LIKE 'SITE%%' JOIN inventory_location l ON (l.warehouse_id, l.code) = (w.id, 'S' || n / 10)
        JOIN inventory_batch old ON (old.product_id, old.lot_number) = (p.id, n || '-old')
        JOIN inventory_batch new ON (new.product_id, new.lot_number) = (p.id, n || '-new')
        ORDER BY p.id, w.id
    ) t
"""

# Every hundredth total is low; lots that were never touched since the same day expire on many different ones.
_STATE = """
    INSERT INTO inventory_stock (warehouse_id, product_id, quantity, reserved, blocked, low_stock_threshold, status, version, settings_version, updated_at)
    SELECT site, product, 196, 4, 0, CASE n %% 100 WHEN 0 THEN 500 ELSE 5 END, CASE n %% 100 WHEN 0 THEN 'low_stock' ELSE 'in_stock' END, 1, 1, now()
    FROM total;
    INSERT INTO inventory_batchlocation (id, batch_id, location_id, phase, product_id, warehouse_id, quantity, reserved, blocked_reason, consumed_fraction,
                                         clock_started_at, clock_condition, effective_expires_at, received_at, version)
    SELECT v.id, v.lot, t.location, 'sealed', t.product, t.site, v.quantity, v.reserved, '', 0, now() - (305 - t.n %% 300) * interval '1 day', 'ambient',
           now() + (t.n %% 300 + 60) * interval '1 day', now(), 1
    FROM total t, LATERAL (VALUES (old_place, old_lot, 97, 1), (new_place, new_lot, 99, 3)) AS v (id, lot, quantity, reserved);
    INSERT INTO inventory_reservation (id, order_ref, warehouse_id, status, confirmed_at, closed_at, reason, explanation, created_at, version)
    SELECT v.id, 'ledger:' || v.id, t.site, v.status, now(), CASE v.status WHEN 'fulfilled' THEN now() END, '', '[]', now() - v.age * interval '100 days', 1
    FROM total t, LATERAL (VALUES (promise_1, 'fulfilled', 3), (promise_2, 'fulfilled', 2), (promise_3, 'active', 1)) AS v (id, status, age);
    INSERT INTO inventory_reservationitem (reservation_id, batch_location_id, product_id, quantity, consumed, released, actual)
    SELECT v.promise, v.place, t.product, v.quantity, v.consumed, 0, nullif(v.consumed, 0)
    FROM total t, LATERAL (VALUES (promise_1, old_place, 2, 2), (promise_1, new_place, 1, 1), (promise_2, old_place, 1, 1), (promise_3, old_place, 1, 0),
                                  (promise_3, new_place, 3, 0)) AS v (promise, place, quantity, consumed);
    INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor, published_at, position)
    SELECT gen_random_uuid(), 'stock.changed', 'stock', t.n::text, jsonb_build_object('product_id', t.product, 'warehouse_id', t.site, 'available', '192'),
           'ledger', now(), (SELECT coalesce(max(position), 0) FROM outbox_outboxevent) + row_number() OVER ()
    FROM total t, generate_series(1, 2)
"""

_COLUMNS = """type, product_id, batch_id, batch_location_id, location_id, warehouse_id, quantity_change, reserved_change, quantity_before, quantity_after,
    reserved_after, document_type, document_id, order_ref, reservation_id, reason, performed_by, performed_by_type, occurred_at"""

_LINE = """
    INSERT INTO inventory_movement ({columns})
    SELECT '{line.type}', product, {line.lot}_lot, {line.lot}_place, location, site, {line.change}, {line.reserved}, {line.after} - {line.change}, {line.after},
           {line.reserved_after}, {papers}, '', 'ledger', 'system', now() - (%(age)s::int - n::float / %(totals)s::int) * interval '30 days'
    FROM total ORDER BY n
"""

_BUSY = """
    INSERT INTO inventory_movement ({columns})
    SELECT CASE k %% 2 WHEN 1 THEN 'offline_sale' ELSE 'return_to_stock' END, product, old_lot, old_place, location, site, CASE k %% 2 WHEN 1 THEN -1 ELSE 1 END,
           0, {holds} - (k + 1) %% 2, {holds} - k %% 2, 0, '', NULL, '', NULL, '', 'ledger', 'system', now() - %(age)s::int * interval '30 days'
    FROM total, generate_series(1, %(busy)s::int) k WHERE n = 1 ORDER BY k
"""


def grow_to(movements: int) -> None:
    """Add goods until the ledger written here has so many lines (rounded to whole products), a hundredth of that for the busy lot beside, and let the
    server learn it. One growth is one step further in time for goods of its own; a database that has more already is left as it is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM inventory_product WHERE sku LIKE 'LEDGER-%'")
        first = cursor.fetchone()[0] + 1
        last = max(movements // LINES_PER_PRODUCT, 1)
        if first > last:
            return
        products = last - first + 1
        _run(cursor, _GOODS, first=first, last=last)
        _run(cursor, _STATE)
        busy = products * LINES_PER_PRODUCT // BUSY_SHARE // 2 * 2
        for number, line in enumerate(LINES):
            promise = f"promise_{line.promise}"
            papers = f"'reservation', {promise}, 'ledger:' || {promise}, {promise}" if line.promise else "'receiving', n, '', NULL"
            written = {"age": len(LINES) - number, "totals": products * SITES}
            _run(cursor, _LINE.format(columns=_COLUMNS, line=line, papers=papers), **written)
            if number + 1 == BUSY_AFTER:
                _run(cursor, _BUSY.format(columns=_COLUMNS, holds=BUSY_HOLDS), age=len(LINES) - number - 1, busy=busy)
        cursor.execute("DROP TABLE total")
        cursor.execute("VACUUM ANALYZE")


def _run(cursor: Any, statements: str, **values: int) -> None:
    for statement in statements.split(";"):
        used = {name: value for name, value in values.items() if f"%({name})s" in statement}
        cursor.execute(statement, used)

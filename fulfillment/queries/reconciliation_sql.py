"""The statements of `reconciliation` about goods and the work on them: each returns subject, order_ref, field, found, expected of what contradicts."""

from __future__ import annotations

# All open work, by the promise it stands on. What is picked lies on the bench until the work is closed.
_OPEN_WORK = """
    SELECT t.number, t.order_id, t.reservation_id, t.id AS picking_task_id, t.warehouse_id, t.status, 'picking' AS kind
    FROM fulfillment_pickingtask t WHERE t.status IN ('pending', 'assigned', 'in_progress')
    UNION ALL
    SELECT q.number, q.order_id, q.reservation_id, q.picking_task_id, q.warehouse_id, q.status, 'quality check'
    FROM fulfillment_qualitycheck q WHERE q.status IN ('pending', 'in_progress')
    UNION ALL
    SELECT p.number, p.order_id, p.reservation_id, p.picking_task_id, p.warehouse_id, p.status, 'packing'
    FROM fulfillment_packingtask p WHERE p.status IN ('pending', 'in_progress', 'packed')
"""

REF = "o.source || ':' || o.external_id"

# What the packers weighed on top of what was promised: free goods that lie on the bench with the rest.
_SURPLUS = "SELECT surplus_pick_id FROM fulfillment_packingtaskitem WHERE surplus_pick_id IS NOT NULL"

TASK_WITHOUT_PROMISE = f"""
    SELECT w.number, {REF}, 'the reservation', coalesce(r.status, 'missing'), 'active'
    FROM ({_OPEN_WORK}) w JOIN fulfillment_order o ON o.id = w.order_id
    LEFT JOIN inventory_reservation r ON r.id = w.reservation_id
    WHERE r.status IS DISTINCT FROM 'active'
      -- A walk on which nothing was found, and nothing is left to look for, has only to be closed.
      AND NOT (w.kind = 'picking' AND r.status = 'released' AND NOT EXISTS (
          SELECT 1 FROM fulfillment_pickingtaskitem i WHERE i.task_id = w.picking_task_id AND (i.status = 'pending' OR i.quantity_picked > 0)))
"""

PROMISE_WITHOUT_TASK = f"""
    SELECT 'reservation ' || r.id, r.order_ref, 'the work for it', 'none (order ' || o.status || ')', 'an open task'
    FROM inventory_reservation r
    JOIN fulfillment_order o ON o.source = split_part(r.order_ref, ':', 1) AND o.external_id = substr(r.order_ref, strpos(r.order_ref, ':') + 1)
    WHERE r.status = 'active' AND r.confirmed_at IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM ({_OPEN_WORK}) w WHERE w.reservation_id = r.id)
"""

TO_BE_PICKED = f"""
    SELECT coalesce(a.number, h.number), coalesce(a.ref, h.ref), 'still to be picked of ' || p.sku, trim_scale(coalesce(a.asked, 0)), trim_scale(coalesce(h.held, 0))
    FROM (
        SELECT t.id, t.number, {REF} AS ref, i.product_id, sum(i.quantity_required - i.quantity_picked) AS asked
        FROM fulfillment_pickingtask t JOIN fulfillment_order o ON o.id = t.order_id
        JOIN fulfillment_pickingtaskitem i ON i.task_id = t.id AND i.status = 'pending'
        WHERE t.status IN ('pending', 'assigned', 'in_progress')
        GROUP BY t.id, t.number, o.source, o.external_id, i.product_id
    ) a
    FULL JOIN (
        SELECT t.id, t.number, {REF} AS ref, i.product_id, sum(i.quantity - i.consumed - i.released) AS held
        FROM fulfillment_pickingtask t JOIN fulfillment_order o ON o.id = t.order_id
        JOIN inventory_reservation r ON r.id = t.reservation_id AND r.status = 'active'
        JOIN inventory_reservationitem i ON i.reservation_id = r.id AND i.quantity > i.consumed + i.released
        JOIN inventory_batchlocation b ON b.id = i.batch_location_id
        JOIN inventory_location l ON l.id = b.location_id AND l.kind NOT IN ('packing', 'shipping')
        WHERE t.status IN ('pending', 'assigned', 'in_progress')
        GROUP BY t.id, t.number, o.source, o.external_id, i.product_id
    ) h ON h.id = a.id AND h.product_id = a.product_id
    JOIN inventory_product p ON p.id = coalesce(a.product_id, h.product_id)
    WHERE coalesce(a.asked, 0) <> coalesce(h.held, 0)
"""

PICK_PLACES = f"""
    SELECT t.number || ' item ' || i.sequence, {REF}, 'to be picked of ' || p.sku,
           'in ' || l.code, CASE WHEN r.id IS NULL THEN 'where it is promised: nothing is' ELSE 'in ' || h.code || ', where it is promised' END
    FROM fulfillment_pickingtaskitem i
    JOIN fulfillment_pickingtask t ON t.id = i.task_id AND t.status IN ('pending', 'assigned', 'in_progress')
    JOIN fulfillment_order o ON o.id = t.order_id
    JOIN inventory_product p ON p.id = i.product_id JOIN inventory_location l ON l.id = i.location_id
    LEFT JOIN inventory_reservationitem r ON r.id = i.reservation_item_id AND r.reservation_id = t.reservation_id
    LEFT JOIN inventory_batchlocation b ON b.id = r.batch_location_id LEFT JOIN inventory_location h ON h.id = b.location_id
    WHERE i.status = 'pending' AND (i.batch_location_id, i.location_id, i.batch_id) IS DISTINCT FROM (r.batch_location_id, b.location_id, b.batch_id)
"""

ON_THE_BENCH = f"""
    SELECT w.number, {REF}, 'promised on the bench of ' || p.sku, trim_scale(h.held), trim_scale(h.picked)
    FROM (SELECT DISTINCT ON (picking_task_id) * FROM ({_OPEN_WORK}) x ORDER BY picking_task_id, kind) w
    JOIN fulfillment_order o ON o.id = w.order_id
    CROSS JOIN LATERAL (
        SELECT batch_location_id, sum(picked) AS picked, sum(held) AS held
        FROM (
            SELECT k.batch_location_id, k.quantity AS picked, 0 AS held
            FROM fulfillment_pick k JOIN fulfillment_pickingtaskitem i ON i.id = k.item_id
            WHERE i.task_id = w.picking_task_id AND k.undone_at IS NULL AND k.id NOT IN ({_SURPLUS})
            UNION ALL
            SELECT i.batch_location_id, 0, i.quantity - i.consumed - i.released
            FROM inventory_reservationitem i
            JOIN inventory_reservation r ON r.id = i.reservation_id AND r.status = 'active'
            JOIN inventory_batchlocation b ON b.id = i.batch_location_id
            JOIN inventory_location l ON l.id = b.location_id AND l.kind IN ('packing', 'shipping')
            WHERE i.reservation_id = w.reservation_id
        ) both_sides
        GROUP BY batch_location_id HAVING sum(picked) <> sum(held)
    ) h
    JOIN inventory_batchlocation b ON b.id = h.batch_location_id JOIN inventory_product p ON p.id = b.product_id
"""

PICKED = f"""
    SELECT t.number || ' item ' || i.sequence, {REF}, 'quantity picked', trim_scale(i.quantity_picked)::text, trim_scale(coalesce(k.picked, 0))::text
    FROM fulfillment_pickingtaskitem i
    JOIN fulfillment_pickingtask t ON t.id = i.task_id JOIN fulfillment_order o ON o.id = t.order_id
    LEFT JOIN (
        SELECT item_id, sum(quantity) AS picked FROM fulfillment_pick
        WHERE undone_at IS NULL AND id NOT IN ({_SURPLUS}) GROUP BY item_id
    ) k ON k.item_id = i.id
    WHERE i.quantity_picked <> coalesce(k.picked, 0)
    UNION ALL
    SELECT t.number || ' item ' || i.sequence, {REF}, 'status', i.status, CASE WHEN i.status = 'picked' THEN 'pending' ELSE 'picked' END
    FROM fulfillment_pickingtaskitem i
    JOIN fulfillment_pickingtask t ON t.id = i.task_id JOIN fulfillment_order o ON o.id = t.order_id
    WHERE (i.status = 'picked' AND i.quantity_picked < i.quantity_required) OR (i.status = 'pending' AND i.quantity_picked = i.quantity_required)
"""

PICKED_TOO_MUCH = f"""
    SELECT 'order ' || o.external_id, {REF}, 'picked of ' || p.sku, trim_scale(k.picked), trim_scale(coalesce(l.ordered, 0))
    FROM (
        SELECT t.order_id, i.product_id, sum(i.quantity_picked) AS picked
        FROM fulfillment_pickingtaskitem i JOIN fulfillment_pickingtask t ON t.id = i.task_id AND t.status <> 'cancelled'
        LEFT JOIN fulfillment_packingtask c ON c.picking_task_id = t.id
        WHERE c.status IS DISTINCT FROM 'cancelled'
          AND (c.id IS NOT NULL OR t.status <> 'completed' OR NOT EXISTS (
              SELECT 1 FROM fulfillment_qualitycheck q WHERE q.picking_task_id = t.id AND q.status = 'cancelled'))
        GROUP BY t.order_id, i.product_id
    ) k
    LEFT JOIN (SELECT order_id, product_id, sum(quantity) AS ordered FROM fulfillment_orderline GROUP BY order_id, product_id) l
           ON l.order_id = k.order_id AND l.product_id = k.product_id
    JOIN fulfillment_order o ON o.id = k.order_id JOIN inventory_product p ON p.id = k.product_id
    WHERE k.picked > coalesce(l.ordered, 0)
"""

COUNTERS = f"""
    SELECT x.number, {REF}, x.field, x.found, x.expected
    FROM (
        SELECT t.number, t.order_id, f.field, f.found, f.expected
        FROM fulfillment_pickingtask t
        LEFT JOIN (
            SELECT task_id, count(*) AS n, count(*) FILTER (WHERE status <> 'pending') AS done FROM fulfillment_pickingtaskitem GROUP BY task_id
        ) i ON i.task_id = t.id
        CROSS JOIN LATERAL (VALUES ('items', t.total_items, coalesce(i.n, 0)), ('items done', t.picked_items, coalesce(i.done, 0)))
             AS f (field, found, expected)
        UNION ALL
        SELECT t.number, t.order_id, f.field, f.found, f.expected
        FROM fulfillment_packingtask t
        LEFT JOIN (
            SELECT task_id, count(*) AS n, count(*) FILTER (WHERE packed_quantity = quantity) AS done FROM fulfillment_packingtaskitem GROUP BY task_id
        ) i ON i.task_id = t.id
        CROSS JOIN LATERAL (VALUES ('items', t.total_items, coalesce(i.n, 0)), ('items done', t.packed_items, coalesce(i.done, 0)))
             AS f (field, found, expected)
    ) x
    JOIN fulfillment_order o ON o.id = x.order_id
    WHERE x.found <> x.expected
"""

TO_BE_PACKED = f"""
    SELECT t.number, {REF}, 'to be packed of ' || p.sku, trim_scale(x.packing), trim_scale(x.picked)
    FROM fulfillment_packingtask t JOIN fulfillment_order o ON o.id = t.order_id
    CROSS JOIN LATERAL (
        SELECT batch_location_id, sum(packing) AS packing, sum(picked) AS picked
        FROM (
            SELECT batch_location_id, quantity AS packing, 0 AS picked FROM fulfillment_packingtaskitem WHERE task_id = t.id
            UNION ALL
            SELECT k.batch_location_id, 0, k.quantity
            FROM fulfillment_pick k JOIN fulfillment_pickingtaskitem i ON i.id = k.item_id
            WHERE i.task_id = t.picking_task_id AND k.undone_at IS NULL AND k.id NOT IN ({_SURPLUS})
        ) both_sides
        GROUP BY batch_location_id HAVING sum(packing) <> sum(picked)
    ) x
    JOIN inventory_batchlocation b ON b.id = x.batch_location_id JOIN inventory_product p ON p.id = b.product_id
    WHERE t.status <> 'cancelled'
"""

# What failed before was looked at already: of its scans the last one is known.
TO_BE_CHECKED = f"""
    SELECT c.number, {REF}, 'to be checked of ' || p.sku, trim_scale(x.checking), trim_scale(x.picked)
    FROM fulfillment_qualitycheck c JOIN fulfillment_order o ON o.id = c.order_id
    CROSS JOIN LATERAL (
        SELECT batch_location_id, sum(checking) AS checking, sum(picked) AS picked
        FROM (
            SELECT batch_location_id, quantity AS checking, 0 AS picked FROM fulfillment_qualitycheckitem WHERE check_document_id = c.id
            UNION ALL
            SELECT k.batch_location_id, 0, k.quantity
            FROM fulfillment_pick k JOIN fulfillment_pickingtaskitem i ON i.id = k.item_id
            WHERE i.task_id = c.picking_task_id AND k.undone_at IS NULL AND k.id > coalesce((
                SELECT max(f.last_pick_id) FROM fulfillment_qualitycheck f WHERE f.picking_task_id = c.picking_task_id AND f.status = 'failed'), 0)
        ) both_sides
        GROUP BY batch_location_id HAVING sum(checking) <> sum(picked)
    ) x
    JOIN inventory_batchlocation b ON b.id = x.batch_location_id JOIN inventory_product p ON p.id = b.product_id
    WHERE c.status IN ('pending', 'in_progress')
"""

# What was packed before scans were kept has none.
PACK_SCANS = f"""
    SELECT 'package ' || g.barcode, {REF}, 'scanned of ' || p.sku, trim_scale(x.scanned), trim_scale(x.inside)
    FROM (
        SELECT y.package_id, y.item_id, sum(y.scanned) AS scanned, sum(y.inside) AS inside
        FROM (
            SELECT package_id, item_id, quantity AS scanned, 0 AS inside FROM fulfillment_packscan WHERE undone_at IS NULL
            UNION ALL
            SELECT package_id, item_id, 0, quantity FROM fulfillment_packageitem
        ) y
        GROUP BY y.package_id, y.item_id HAVING sum(y.scanned) <> sum(y.inside)
    ) x
    JOIN fulfillment_packingtaskitem i ON i.id = x.item_id JOIN inventory_product p ON p.id = i.product_id
    JOIN fulfillment_package g ON g.id = x.package_id
    JOIN fulfillment_packingtask t ON t.id = i.task_id JOIN fulfillment_order o ON o.id = t.order_id
    WHERE EXISTS (SELECT 1 FROM fulfillment_packscan s WHERE s.item_id = x.item_id)
"""

IN_PACKAGES = f"""
    SELECT t.number, {REF}, 'packed of ' || p.sku, trim_scale(i.packed_quantity)::text, trim_scale(coalesce(g.packed, 0))::text
    FROM fulfillment_packingtaskitem i
    JOIN fulfillment_packingtask t ON t.id = i.task_id JOIN fulfillment_order o ON o.id = t.order_id
    JOIN inventory_product p ON p.id = i.product_id
    LEFT JOIN (SELECT item_id, sum(quantity) AS packed FROM fulfillment_packageitem GROUP BY item_id) g ON g.item_id = i.id
    WHERE i.packed_quantity <> coalesce(g.packed, 0)
    UNION ALL
    SELECT t.number, {REF}, p.sku || ' of a task that is ' || t.status, trim_scale(i.packed_quantity) || ' packed', trim_scale(i.quantity) || ' packed'
    FROM fulfillment_packingtaskitem i
    JOIN fulfillment_packingtask t ON t.id = i.task_id AND t.status IN ('packed', 'shipped') JOIN fulfillment_order o ON o.id = t.order_id
    JOIN inventory_product p ON p.id = i.product_id
    WHERE i.packed_quantity < i.quantity
"""

# Free goods on a bench, but for what was weighed on top of an order that is still to leave.
PUT_BACKS = """
    SELECT 'bench ' || l.code || ' of ' || w.code || ': ' || p.sku || ' ' || t.lot_number, NULL, 'free there',
           trim_scale(coalesce(f.free, 0)), trim_scale(coalesce(k.due, 0))
    FROM (
        SELECT b.id, b.quantity - b.reserved - coalesce(s.extra, 0) AS free
        FROM inventory_batchlocation b JOIN inventory_location l ON l.id = b.location_id AND l.kind IN ('packing', 'shipping')
        LEFT JOIN (
            SELECT k.batch_location_id, sum(k.quantity) AS extra
            FROM fulfillment_packingtaskitem i JOIN fulfillment_packingtask t ON t.id = i.task_id AND t.status IN ('pending', 'in_progress', 'packed')
            JOIN fulfillment_pick k ON k.id = i.surplus_pick_id AND k.undone_at IS NULL
            GROUP BY k.batch_location_id
        ) s ON s.batch_location_id = b.id
        WHERE b.quantity > 0
    ) f
    FULL JOIN (
        SELECT batch_location_id, sum(quantity - done_quantity) AS due FROM fulfillment_putback WHERE status = 'pending' GROUP BY batch_location_id
    ) k ON k.batch_location_id = f.id
    JOIN inventory_batchlocation b ON b.id = coalesce(f.id, k.batch_location_id)
    JOIN inventory_location l ON l.id = b.location_id JOIN inventory_warehouse w ON w.id = l.warehouse_id
    JOIN inventory_product p ON p.id = b.product_id JOIN inventory_batch t ON t.id = b.batch_id
    WHERE coalesce(f.free, 0) <> coalesce(k.due, 0)
"""

# Open tasks of a batch are where the batch is; closed ones have gone their own way. What was good of a task that was walked before, alone, lies on the bench, in no
# tote.
PICKING_BATCHES = f"""
    SELECT b.number, NULL, 'status of a batch of which nothing is to be picked', b.status, 'completed or cancelled'
    FROM fulfillment_pickingbatch b
    WHERE b.status IN ('pending', 'assigned', 'in_progress')
      AND NOT EXISTS (SELECT 1 FROM fulfillment_pickingtask t WHERE t.picking_batch_id = b.id AND t.status IN ('pending', 'assigned', 'in_progress'))
    UNION ALL
    SELECT t.number, {REF}, f.field || ' in ' || b.number, f.found, f.expected
    FROM fulfillment_pickingtask t JOIN fulfillment_pickingbatch b ON b.id = t.picking_batch_id JOIN fulfillment_order o ON o.id = t.order_id
    CROSS JOIN LATERAL (VALUES
        ('status', t.status, CASE WHEN b.status IN ('completed', 'cancelled') THEN 'closed, or in no batch' ELSE b.status END),
        ('worker', coalesce(t.worker_id::text, 'nobody'), coalesce(b.worker_id::text, 'nobody')),
        ('warehouse', t.warehouse_id::text, b.warehouse_id::text)
    ) AS f (field, found, expected)
    WHERE t.status IN ('pending', 'assigned', 'in_progress') AND f.found <> f.expected
    UNION ALL
    SELECT t.number || ' item ' || i.sequence, {REF}, 'place in the walk of ' || b.number, 'none', 'a number'
    FROM fulfillment_pickingtaskitem i JOIN fulfillment_pickingtask t ON t.id = i.task_id AND t.status = 'in_progress'
    JOIN fulfillment_pickingbatch b ON b.id = t.picking_batch_id JOIN fulfillment_order o ON o.id = t.order_id
    WHERE i.status = 'pending' AND i.walk_position IS NULL
    UNION ALL
    SELECT t.number, {REF}, 'tote of what was picked in ' || b.number, 'none', 'the tote at position ' || t.tote
    FROM fulfillment_pickingtask t JOIN fulfillment_pickingbatch b ON b.id = t.picking_batch_id JOIN fulfillment_order o ON o.id = t.order_id
    WHERE t.tote_code = '' AND EXISTS (
        SELECT 1 FROM fulfillment_pick k JOIN fulfillment_pickingtaskitem i ON i.id = k.item_id
        WHERE i.task_id = t.id AND k.undone_at IS NULL AND k.picked_at >= b.started_at)
    UNION ALL
    SELECT 'tote ' || t.tote_code || ' of ' || w.code, NULL, 'orders with goods in it', count(*)::text, '1'
    FROM fulfillment_pickingtask t JOIN inventory_warehouse w ON w.id = t.warehouse_id
    WHERE t.tote_code <> ''
      AND (t.status IN ('pending', 'assigned', 'in_progress')
           OR EXISTS (SELECT 1 FROM fulfillment_packingtask p WHERE p.picking_task_id = t.id AND p.status IN ('pending', 'in_progress'))
           OR EXISTS (SELECT 1 FROM fulfillment_qualitycheck q WHERE q.picking_task_id = t.id AND q.status IN ('pending', 'in_progress'))
           OR t.status = 'cancelled' AND EXISTS (SELECT 1 FROM fulfillment_putback b WHERE b.picking_task_id = t.id AND b.status = 'pending'))
    GROUP BY t.tote_code, w.code HAVING count(*) > 1
"""

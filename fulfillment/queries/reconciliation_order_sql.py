"""The statements of `reconciliation` about orders as a whole, shipments, and what partners are owed and bring back."""

from __future__ import annotations

from fulfillment.enums import SOURCE_LISTINGS
from fulfillment.queries.reconciliation_sql import REF

# Where the work on an order is: what walks, what is looked at, what is packed, what waits for its waybill, what has left; and whether it goes without goods
# that nobody has accepted.
ORDER_STATUS = f"""
    SELECT 'order ' || o.external_id, {REF}, 'status', o.status, x.expected
    FROM fulfillment_order o
    CROSS JOIN LATERAL (
        SELECT
            EXISTS (SELECT 1 FROM fulfillment_pickingtask t WHERE t.order_id = o.id AND t.status IN ('pending', 'assigned', 'in_progress'))
              OR EXISTS (SELECT 1 FROM fulfillment_qualitycheck t WHERE t.order_id = o.id AND t.status IN ('pending', 'in_progress')) AS walking,
            EXISTS (SELECT 1 FROM fulfillment_packingtask t WHERE t.order_id = o.id AND t.status IN ('pending', 'in_progress')) AS packing,
            EXISTS (SELECT 1 FROM fulfillment_packingtask t WHERE t.order_id = o.id AND t.status = 'packed') AS packed,
            EXISTS (SELECT 1 FROM fulfillment_packingtask t WHERE t.order_id = o.id AND t.status = 'shipped') AS shipped,
            EXISTS (SELECT 1 FROM fulfillment_shipment s WHERE s.order_id = o.id AND s.status = 'requested') AS waiting,
            EXISTS (SELECT 1 FROM fulfillment_shipment s WHERE s.order_id = o.id
                      AND s.status IN ('requested', 'created', 'handed_over', 'delivered', 'returned')) AS living,
            EXISTS (SELECT 1 FROM fulfillment_missinggoods m WHERE m.order_id = o.id AND m.accepted < m.quantity) AS lacking
    ) w
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN o.status IN ('cancelled', 'rejected') AND (w.walking OR w.packing OR w.packed) THEN 'open: there is open work'
            WHEN o.status IN ('cancelled', 'rejected') AND w.shipped THEN 'shipped'
            WHEN o.status IN ('cancelled', 'rejected') THEN o.status
            WHEN w.lacking THEN 'needs_attention'
            WHEN w.walking AND o.status = 'accepted' THEN 'accepted'
            WHEN w.walking THEN 'picking'
            WHEN w.packing OR w.packed AND (w.waiting OR NOT w.living) THEN 'packing'
            WHEN w.packed THEN 'ready_for_shipment'
            WHEN w.shipped THEN 'shipped'
            ELSE 'needs_attention'
        END AS expected
    ) x
    WHERE x.expected <> o.status
"""

# What was ordered is on a task, or noted as missing. Of cancelled and rejected orders nothing is.
MISSING = f"""
    SELECT 'order ' || o.external_id, {REF}, 'goes without of ' || p.sku, trim_scale(m.noted), trim_scale(greatest(m.lacking, 0))
    FROM (
        SELECT x.order_id, x.product_id, sum(x.quantity) AS lacking, sum(x.noted) AS noted
        FROM (
            SELECT order_id, product_id, quantity, 0 AS noted FROM fulfillment_orderline
            UNION ALL
            SELECT t.order_id, i.product_id, -CASE WHEN i.status = 'pending' THEN i.quantity_required ELSE i.quantity_picked END, 0
            FROM fulfillment_pickingtaskitem i JOIN fulfillment_pickingtask t ON t.id = i.task_id AND t.status <> 'cancelled'
            WHERE NOT EXISTS (SELECT 1 FROM fulfillment_packingtask c WHERE c.picking_task_id = t.id AND c.status = 'cancelled')
              AND NOT EXISTS (SELECT 1 FROM fulfillment_qualitycheck q WHERE q.picking_task_id = t.id AND q.status = 'cancelled')
            UNION ALL
            SELECT order_id, product_id, 0, quantity FROM fulfillment_missinggoods
        ) x
        GROUP BY x.order_id, x.product_id HAVING sum(x.noted) <> greatest(sum(x.quantity), 0)
    ) m
    JOIN fulfillment_order o ON o.id = m.order_id AND o.status NOT IN ('cancelled', 'rejected')
    JOIN inventory_product p ON p.id = m.product_id
"""

# What the order system hears when an order is ready: once, at least.
STATUS_REPORTS = f"""
    SELECT 'order ' || o.external_id, {REF}, 'told to the order system', 'nothing', 'that it is ready'
    FROM fulfillment_order o
    WHERE o.source = '{SOURCE_LISTINGS}' AND o.status IN ('ready_for_shipment', 'shipped')
      AND NOT EXISTS (SELECT 1 FROM fulfillment_statusreport s WHERE s.order_id = o.id)
"""

PACKAGE_SHIPMENTS = f"""
    SELECT 'package ' || g.barcode, {REF}, 'living shipments', s.n::text, '1'
    FROM fulfillment_package g
    JOIN fulfillment_packingtask t ON t.id = g.packing_task_id AND t.status IN ('packed', 'shipped') JOIN fulfillment_order o ON o.id = t.order_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM fulfillment_shipment s
        WHERE s.package_id = g.id AND s.status IN ('requested', 'created', 'handed_over', 'delivered', 'returned')
    ) s
    WHERE s.n <> 1
    UNION ALL
    SELECT s.number, {REF}, 'status of the shipment of a task that is ' || t.status, s.status,
           CASE WHEN t.status = 'shipped' THEN 'handed over' ELSE 'not handed over' END
    FROM fulfillment_shipment s
    JOIN fulfillment_packingtask t ON t.id = s.packing_task_id JOIN fulfillment_order o ON o.id = t.order_id
    WHERE (t.status = 'shipped' AND s.status IN ('requested', 'created'))
       OR (t.status <> 'shipped' AND s.status IN ('handed_over', 'delivered', 'returned'))
"""

STRAY_SHIPMENTS = f"""
    SELECT s.number, {REF}, 'status while its task is ' || t.status, s.status, 'cancelled or voided'
    FROM fulfillment_shipment s
    JOIN fulfillment_packingtask t ON t.id = s.packing_task_id JOIN fulfillment_order o ON o.id = t.order_id
    WHERE s.status IN ('requested', 'created') AND (t.status NOT IN ('packed', 'shipped') OR o.status = 'cancelled')
    UNION ALL
    SELECT s.number, {REF}, 'package', g.barcode || ' of another task', 'a package of ' || t.number
    FROM fulfillment_shipment s
    JOIN fulfillment_package g ON g.id = s.package_id AND g.packing_task_id <> s.packing_task_id
    JOIN fulfillment_packingtask t ON t.id = s.packing_task_id JOIN fulfillment_order o ON o.id = s.order_id
"""

WAYBILLS = f"""
    SELECT s.number, {REF}, 'tracking number', coalesce(nullif(s.tracking_number, ''), 'none'), 'the carrier''s'
    FROM fulfillment_shipment s JOIN fulfillment_order o ON o.id = s.order_id
    WHERE s.status IN ('created', 'handed_over', 'delivered', 'returned') AND (s.tracking_number = '' OR s.external_id = '')
    UNION ALL
    SELECT 'package ' || g.barcode, {REF}, 'tracking number', coalesce(nullif(g.tracking_number, ''), 'none'), s.tracking_number
    FROM fulfillment_shipment s JOIN fulfillment_package g ON g.id = s.package_id JOIN fulfillment_order o ON o.id = s.order_id
    WHERE s.status IN ('created', 'handed_over', 'delivered', 'returned') AND g.tracking_number <> s.tracking_number
    UNION ALL
    -- A task names what its first package has.
    SELECT t.number, {REF}, x.field, coalesce(nullif(x.found, ''), 'none'), coalesce(nullif(x.expected, ''), 'none')
    FROM (SELECT DISTINCT ON (packing_task_id) * FROM fulfillment_package ORDER BY packing_task_id, sequence_number) g
    JOIN fulfillment_packingtask t ON t.id = g.packing_task_id AND t.status IN ('packed', 'shipped') JOIN fulfillment_order o ON o.id = t.order_id
    CROSS JOIN LATERAL (
        VALUES ('tracking number', t.tracking_number, g.tracking_number), ('label', t.label_url, g.label_url)
    ) AS x (field, found, expected)
    WHERE x.found <> x.expected
    UNION ALL
    SELECT min(s.number), NULL, 'tracking number ' || s.tracking_number || ' of ' || p.name, count(*) || ' shipments', '1 shipment'
    FROM fulfillment_shipment s JOIN fulfillment_deliveryprovider p ON p.id = s.provider_id
    WHERE s.tracking_number <> '' AND s.status IN ('created', 'handed_over')
    GROUP BY s.tracking_number, p.name HAVING count(*) > 1
"""

SHIPPED_PROMISES = f"""
    SELECT t.number, {REF}, 'the reservation of what was shipped', coalesce(r.status, 'missing'), 'fulfilled'
    FROM fulfillment_packingtask t JOIN fulfillment_order o ON o.id = t.order_id
    LEFT JOIN inventory_reservation r ON r.id = t.reservation_id
    WHERE t.status = 'shipped' AND r.status IS DISTINCT FROM 'fulfilled'
    UNION ALL
    SELECT t.number, {REF}, 'left the books', trim_scale(coalesce(c.gone, 0))::text, trim_scale(i.packed)::text
    FROM fulfillment_packingtask t JOIN fulfillment_order o ON o.id = t.order_id
    JOIN (
        SELECT task_id, sum(coalesce(actual_quantity, quantity)) AS packed FROM fulfillment_packingtaskitem GROUP BY task_id
    ) i ON i.task_id = t.id
    LEFT JOIN (
        SELECT reservation_id, sum(coalesce(actual, consumed)) AS gone FROM inventory_reservationitem GROUP BY reservation_id
    ) c ON c.reservation_id = t.reservation_id
    WHERE t.status = 'shipped' AND coalesce(c.gone, 0) <> i.packed
"""

# An alert is enough: somebody was told to find out.
RETURNS = f"""
    SELECT s.number, {REF}, 'the return of what came back', 'none', 'a return, or an alert about it'
    FROM fulfillment_shipment s JOIN fulfillment_order o ON o.id = s.order_id
    WHERE s.status = 'returned' AND s.return_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM inventory_alert a WHERE a.kind = 'return_unclear' AND a.subject = 'shipment:' || s.id)
"""

GIVEN_UP = f"""
    SELECT 'status report ' || s.id, {REF}, s.status || ' to the order system', 'not told: ' || left(s.last_error, 80), 'told'
    FROM fulfillment_statusreport s JOIN fulfillment_order o ON o.id = s.order_id
    WHERE s.sent_at IS NULL AND s.next_attempt_at IS NULL AND s.leased_until IS NULL AND o.status <> 'cancelled'
    UNION ALL
    SELECT s.number, {REF}, s.status || ' at the carrier', 'not asked any more: ' || left(s.last_error, 80), 'asked'
    FROM fulfillment_shipment s JOIN fulfillment_order o ON o.id = s.order_id
    WHERE s.status IN ('requested', 'void_requested') AND s.next_attempt_at IS NULL AND s.leased_until IS NULL
      AND NOT EXISTS (SELECT 1 FROM fulfillment_shipment r WHERE r.id = s.replaces_id AND r.status = 'void_requested')
"""

-- The floor of a delivery that comes onto the books: new lots, places, ledger, totals, events and the lines' lots, each in one statement.
CREATE SCHEMA IF NOT EXISTS bench;

CREATE OR REPLACE FUNCTION bench.receive(the_receiving bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    paper inventory_receiving;
    site inventory_warehouse;
BEGIN
    SELECT * INTO paper FROM inventory_receiving WHERE id = the_receiving FOR NO KEY UPDATE;
    SELECT * INTO site FROM inventory_warehouse WHERE id = paper.warehouse_id;
    PERFORM 1 FROM inventory_product WHERE id IN (SELECT product_id FROM inventory_receivingitem WHERE receiving_id = paper.id) ORDER BY id FOR KEY SHARE;
    INSERT INTO inventory_batch (product_id, lot_number, label_expires_on, label_condition, label_life, received_at, purchase_price, currency, status,
                                 status_reason, held_itself)
    SELECT product_id, lot_number, label_expires_on, 'ambient', label_expires_on + 1 - now(), now(), purchase_price, currency, 'available', '', false
    FROM inventory_receivingitem WHERE receiving_id = paper.id;
    UPDATE inventory_receivingitem i SET batch_id = b.id
    FROM inventory_batch b WHERE i.receiving_id = paper.id AND b.product_id = i.product_id AND upper(b.lot_number) = upper(i.lot_number);
    PERFORM 1 FROM inventory_stock WHERE warehouse_id = site.id AND product_id IN (SELECT product_id FROM inventory_receivingitem WHERE receiving_id = paper.id)
    ORDER BY product_id FOR NO KEY UPDATE;
    PERFORM 1 FROM inventory_storefrontproduct WHERE product_id IN (SELECT product_id FROM inventory_receivingitem WHERE receiving_id = paper.id)
    ORDER BY id FOR NO KEY UPDATE;
    INSERT INTO inventory_batchlocation (batch_id, location_id, phase, product_id, warehouse_id, quantity, reserved, blocked_reason, consumed_fraction,
                                         clock_started_at, clock_condition, effective_expires_at, received_at, version)
    SELECT batch_id, location_id, 'sealed', product_id, site.id, actual_quantity, 0, '', 0, now(), 'ambient', label_expires_on + 1, now(), 2
    FROM inventory_receivingitem WHERE receiving_id = paper.id;
    INSERT INTO inventory_movement (type, product_id, batch_id, batch_location_id, location_id, warehouse_id, quantity_change, reserved_change,
        quantity_before, quantity_after, reserved_after, document_type, document_id, order_ref, reason, performed_by, performed_by_type)
    SELECT 'receiving', i.product_id, i.batch_id, b.id, b.location_id, site.id, b.quantity, 0, 0, b.quantity, 0, 'receiving', paper.id, '', '', 'floor', 'system'
    FROM inventory_receivingitem i JOIN inventory_batchlocation b ON b.batch_id = i.batch_id AND b.location_id = i.location_id
    WHERE i.receiving_id = paper.id;
    WITH total AS (
        UPDATE inventory_stock s SET quantity = s.quantity + a.quantity, version = s.version + 1, updated_at = now(),
            status = CASE WHEN s.available + a.quantity <= s.low_stock_threshold THEN 'low_stock' ELSE 'in_stock' END
        FROM (SELECT product_id, sum(actual_quantity) AS quantity FROM inventory_receivingitem WHERE receiving_id = paper.id GROUP BY product_id) a
        WHERE s.warehouse_id = site.id AND s.product_id = a.product_id RETURNING s.*
    )
    INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)
    SELECT gen_random_uuid(), k.type, 'stock', t.id::text, jsonb_build_object('stock_id', t.id, 'shop_product_id', sp.id, 'listing_id', sp.external_listing_id,
           'product_id', t.product_id, 'warehouse_id', site.external_id, 'available', trim_scale(t.available)::text, 'status', t.status), 'floor'
    FROM total t JOIN inventory_storefrontproduct sp ON sp.product_id = t.product_id, (VALUES ('stock.received'), ('stock.changed')) AS k (type);
    INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)
    SELECT gen_random_uuid(), 'inventory.placed', 'receiving', paper.id::text, jsonb_build_object('listing_id', sp.external_listing_id, 'warehouse_id',
           site.external_id, 'quantity', i.actual_quantity::text, 'location', l.code, 'product_id', i.product_id, 'batch_id', i.batch_id), 'floor'
    FROM inventory_receivingitem i JOIN inventory_location l ON l.id = i.location_id JOIN inventory_storefrontproduct sp ON sp.product_id = i.product_id
    WHERE i.receiving_id = paper.id;
    INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)
    VALUES (gen_random_uuid(), 'inventory.receiving.confirmed', 'receiving', paper.id::text,
            jsonb_build_object('receiving_id', paper.id, 'number', paper.number, 'warehouse_id', site.external_id), 'floor');
    UPDATE inventory_receiving SET status = 'confirmed', confirmed_at = now(), version = version + 1, updated_at = now() WHERE id = paper.id;
    RETURN paper.id;
END
$$;

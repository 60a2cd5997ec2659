-- The floor of a reservation: what one server-side function costs that locks the same rows, chooses by the same order and writes the same rows.
CREATE SCHEMA IF NOT EXISTS bench;
CREATE SEQUENCE IF NOT EXISTS bench.orders;

CREATE OR REPLACE FUNCTION bench.reserve(product_ids bigint[], quantities numeric[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    the_warehouse inventory_warehouse;
    the_reservation bigint;
    the_order text := 'floor:' || nextval('bench.orders');
    stock inventory_stock;
    place inventory_batchlocation;
    missing numeric;
    part numeric;
    listing text;
    shop_product bigint;
    named jsonb;
    explanation jsonb := '[]';
BEGIN
    SELECT * INTO the_warehouse FROM inventory_warehouse WHERE code = 'BENCH';
    PERFORM 1 FROM inventory_reservation r WHERE r.order_ref = the_order AND r.status = 'active';
    PERFORM 1 FROM inventory_stock s WHERE s.warehouse_id = the_warehouse.id AND s.product_id = ANY (product_ids)
    ORDER BY s.warehouse_id, s.product_id FOR NO KEY UPDATE;

    the_reservation := nextval(pg_get_serial_sequence('inventory_reservation', 'id'));

    FOR i IN 1 .. array_length(product_ids, 1) LOOP
        SELECT id, external_listing_id INTO shop_product, listing FROM inventory_storefrontproduct WHERE product_id = product_ids[i] ORDER BY id LIMIT 1;
        missing := quantities[i];
        FOR place IN
            SELECT * FROM inventory_batchlocation bl
            WHERE bl.warehouse_id = the_warehouse.id AND bl.product_id = product_ids[i] AND bl.has_stock AND bl.quantity > bl.reserved
              AND bl.blocked_reason = '' AND (bl.effective_expires_at IS NULL OR bl.effective_expires_at > now())
            ORDER BY bl.effective_expires_at NULLS LAST, bl.received_at, bl.id
        LOOP
            part := least(missing, place.quantity - place.reserved);
            UPDATE inventory_batchlocation SET reserved = reserved + part, version = version + 1 WHERE id = place.id;
            INSERT INTO inventory_reservationitem (reservation_id, batch_location_id, product_id, quantity)
            VALUES (the_reservation, place.id, product_ids[i], part);
            INSERT INTO inventory_movement (type, product_id, batch_id, batch_location_id, location_id, warehouse_id, quantity_change, reserved_change,
                quantity_before, quantity_after, reserved_after, document_type, document_id, order_ref, reservation_id, reason, performed_by, performed_by_type)
            VALUES ('reservation', product_ids[i], place.batch_id, place.id, place.location_id, the_warehouse.id, 0, part, place.quantity, place.quantity,
                place.reserved + part, 'reservation', NULL, the_order, the_reservation, '', 'floor', 'system');
            explanation := explanation || jsonb_build_object('warehouse', the_warehouse.id, 'product', product_ids[i], 'asked', quantities[i]::text,
                'rule', 'fefo', 'taken', jsonb_build_array(jsonb_build_object('batch_location', place.id, 'batch', place.batch_id, 'quantity', part::text)));
            missing := missing - part;
            EXIT WHEN missing = 0;
        END LOOP;
        IF missing > 0 THEN
            RAISE EXCEPTION 'product % is short of %', product_ids[i], missing;
        END IF;
        UPDATE inventory_stock s SET reserved = s.reserved + quantities[i], version = s.version + 1, updated_at = now(),
            status = CASE WHEN s.available - quantities[i] <= 0 THEN 'out_of_stock' WHEN s.available - quantities[i] <= s.low_stock_threshold THEN 'low_stock'
                          ELSE 'in_stock' END
        WHERE s.warehouse_id = the_warehouse.id AND s.product_id = product_ids[i] RETURNING * INTO stock;
        named := jsonb_build_object('stock_id', stock.id, 'shop_product_id', shop_product, 'listing_id', listing, 'product_id', product_ids[i],
            'warehouse_id', the_warehouse.external_id, 'available', trim_scale(stock.available)::text, 'status', stock.status);
        INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor) VALUES
            (gen_random_uuid(), 'stock.reserved', 'stock', stock.id::text, named, 'floor'),
            (gen_random_uuid(), 'stock.changed', 'stock', stock.id::text, named, 'floor'),
            (gen_random_uuid(), 'inventory.reserved', 'reservation', the_reservation::text, jsonb_build_object('listing_id', listing, 'warehouse_id',
                the_warehouse.external_id, 'quantity', trim_scale(quantities[i])::text, 'order_id', the_order, 'order_ref', the_order,
                'product_id', product_ids[i], 'reservation_id', the_reservation), 'floor');
    END LOOP;
    INSERT INTO inventory_reservation (id, order_ref, warehouse_id, status, reason, explanation, created_at, version)
    VALUES (the_reservation, the_order, the_warehouse.id, 'active', '', explanation, now(), 1);
    RETURN the_reservation;
END
$$;

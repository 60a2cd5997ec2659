-- The floor of taking in an order: the rows of inbox, order, lines, reservation (bench.reserve), picking task, items and events.
CREATE SEQUENCE IF NOT EXISTS bench.entries;
CREATE SEQUENCE IF NOT EXISTS bench.numbers;

CREATE OR REPLACE FUNCTION bench.intake(product_ids bigint[], quantities numeric[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    entry bigint := nextval('bench.entries');
    the_warehouse inventory_warehouse;
    the_order bigint;
    the_task bigint;
    the_reservation bigint;
BEGIN
    SELECT * INTO the_warehouse FROM inventory_warehouse WHERE code = 'BENCH';
    INSERT INTO outbox_inboxentry (stream, entry_id, taken_at) VALUES ('floor', entry::text, now());
    PERFORM 1 FROM fulfillment_order WHERE source = 'floor' AND external_id = entry::text FOR NO KEY UPDATE;
    INSERT INTO fulfillment_order (source, external_id, order_number, storefront_external_id, status, priority, retry_when_stocked, shortages, reservation_ref,
                                   cancellation_reason, version, created_at, updated_at)
    VALUES ('floor', entry::text, '', '1', 'accepted', 'normal', true, '[]', '', '', 1, now(), now()) RETURNING id INTO the_order;
    INSERT INTO fulfillment_orderline (order_id, product_id, listing_id, quantity, min_remaining_days, warehouse_id)
    SELECT the_order, sp.product_id, sp.external_listing_id, q.quantity, 0, the_warehouse.id
    FROM unnest(product_ids, quantities) AS q (product_id, quantity) JOIN inventory_storefrontproduct sp ON sp.product_id = q.product_id;
    the_reservation := bench.reserve(product_ids, quantities);
    INSERT INTO fulfillment_pickingtask (number, notes, reservation_id, priority, total_items, picked_items, cancellation_reason, status, order_id,
                                         warehouse_id, version, created_at, updated_at)
    VALUES ('FLOOR-' || nextval('bench.numbers'), '', the_reservation, 'normal', array_length(product_ids, 1), 0, '', 'pending', the_order,
            the_warehouse.id, 1, now(), now()) RETURNING id INTO the_task;
    INSERT INTO fulfillment_pickingtaskitem (task_id, sequence, listing_id, reservation_item_id, quantity_required, quantity_picked, status, notes,
                                             batch_id, batch_location_id, location_id, product_id)
    SELECT the_task, row_number() OVER (ORDER BY l.pick_sequence, l.code), '', i.id, i.quantity, 0, 'pending', '', bl.batch_id, bl.id, bl.location_id,
           i.product_id
    FROM inventory_reservationitem i JOIN inventory_batchlocation bl ON bl.id = i.batch_location_id JOIN inventory_location l ON l.id = bl.location_id
    WHERE i.reservation_id = the_reservation;
    INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor) VALUES
        (gen_random_uuid(), 'order.accepted', 'order', the_order::text, jsonb_build_object('order_id', entry::text), 'floor'),
        (gen_random_uuid(), 'picking.created', 'picking_task', the_task::text,
         jsonb_build_object('task_id', the_task, 'order_id', entry::text, 'warehouse_id', the_warehouse.external_id), 'floor');
    RETURN the_order;
END
$$;

-- The floor of a pick: the next item of bench.todo goes from its shelf to the bench with its promise; the same rows locked and written.
CREATE SEQUENCE IF NOT EXISTS bench.turns;
CREATE TABLE IF NOT EXISTS bench.made (order_id bigint);
CREATE TABLE IF NOT EXISTS bench.todo (turn bigint PRIMARY KEY, item bigint);

CREATE OR REPLACE FUNCTION bench.pick(the_item bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    item fulfillment_pickingtaskitem;
    task fulfillment_pickingtask;
    promise inventory_reservationitem;
    shelf inventory_batchlocation;
    place inventory_batchlocation;
    reservation inventory_reservation;
BEGIN
    SELECT * INTO item FROM fulfillment_pickingtaskitem WHERE id = the_item;
    PERFORM 1 FROM fulfillment_order o JOIN fulfillment_pickingtask t ON t.order_id = o.id WHERE t.id = item.task_id FOR NO KEY UPDATE OF o;
    SELECT * INTO task FROM fulfillment_pickingtask WHERE id = item.task_id FOR NO KEY UPDATE;
    SELECT * INTO item FROM fulfillment_pickingtaskitem WHERE id = the_item FOR NO KEY UPDATE;
    PERFORM 1 FROM inventory_product p JOIN inventory_batch b ON b.product_id = p.id WHERE b.id = item.batch_id;
    PERFORM 1 FROM inventory_stock WHERE warehouse_id = task.warehouse_id AND product_id = item.product_id FOR NO KEY UPDATE;
    SELECT * INTO promise FROM inventory_reservationitem WHERE id = item.reservation_item_id FOR NO KEY UPDATE;
    SELECT * INTO reservation FROM inventory_reservation WHERE id = promise.reservation_id FOR NO KEY UPDATE;
    SELECT * INTO shelf FROM inventory_batchlocation WHERE id = promise.batch_location_id;
    IF item.status <> 'pending' OR reservation.status <> 'active' OR shelf.reserved < promise.quantity THEN
        RAISE EXCEPTION 'item % can not be picked', item;
    END IF;
    PERFORM 1 FROM inventory_location WHERE id = task.packing_location_id FOR SHARE;

    INSERT INTO inventory_batchlocation (batch_id, location_id, phase, product_id, warehouse_id, quantity, reserved, blocked_reason, consumed_fraction,
                                         clock_started_at, clock_condition, effective_expires_at, received_at, version)
    VALUES (shelf.batch_id, task.packing_location_id, shelf.phase, shelf.product_id, shelf.warehouse_id, 0, 0, 'place', 0, shelf.clock_started_at, shelf.clock_condition,
            shelf.effective_expires_at, shelf.received_at, 1)
    ON CONFLICT (batch_id, location_id, phase) DO UPDATE SET version = inventory_batchlocation.version;
    UPDATE inventory_batchlocation SET quantity = quantity - promise.quantity, reserved = reserved - promise.quantity, version = version + 1
    WHERE id = shelf.id RETURNING * INTO shelf;
    UPDATE inventory_batchlocation SET quantity = quantity + promise.quantity, reserved = reserved + promise.quantity, version = version + 1
    WHERE batch_id = shelf.batch_id AND location_id = task.packing_location_id AND phase = shelf.phase RETURNING * INTO place;
    UPDATE inventory_stock SET version = version + 1, updated_at = now() WHERE warehouse_id = task.warehouse_id AND product_id = item.product_id;
    UPDATE inventory_reservationitem SET batch_location_id = place.id WHERE id = promise.id;
    UPDATE inventory_reservation SET started_at = now() WHERE id = reservation.id AND started_at IS NULL;
    INSERT INTO inventory_movement (type, product_id, batch_id, batch_location_id, location_id, warehouse_id, quantity_change, reserved_change,
        quantity_before, quantity_after, reserved_after, document_type, document_id, order_ref, reservation_id, reason, performed_by, performed_by_type)
    VALUES
        ('pick', item.product_id, shelf.batch_id, shelf.id, shelf.location_id, task.warehouse_id, -promise.quantity, -promise.quantity,
         shelf.quantity + promise.quantity, shelf.quantity, shelf.reserved, 'picking_task', task.id, reservation.order_ref, reservation.id, '', 'floor', 'system'),
        ('pick', item.product_id, place.batch_id, place.id, place.location_id, task.warehouse_id, promise.quantity, promise.quantity,
         place.quantity - promise.quantity, place.quantity, place.reserved, 'picking_task', task.id, reservation.order_ref, reservation.id, '', 'floor', 'system');
    INSERT INTO fulfillment_pick (item_id, batch_location_id, reservation_item_id, quantity, picked_by_id, picked_at)
    VALUES (item.id, place.id, promise.id, promise.quantity, task.worker_id, now());
    UPDATE fulfillment_pickingtaskitem SET quantity_picked = quantity_required, reservation_item_id = NULL, status = 'picked', picked_at = now()
    WHERE id = item.id;
    UPDATE fulfillment_pickingtask SET picked_items = picked_items + 1, version = version + 1, updated_at = now() WHERE id = task.id;
    RETURN item.id;
END
$$;

CREATE OR REPLACE FUNCTION bench.pick_next() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    the_turn bigint := nextval('bench.turns');
    the_item bigint;
BEGIN
    SELECT item INTO the_item FROM bench.todo WHERE turn = the_turn;
    RETURN bench.pick(the_item);
END
$$;

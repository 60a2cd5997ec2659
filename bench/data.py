"""What a bench works on: one warehouse, many products with three batches each, more stock than any run can use up. The books balance."""

from __future__ import annotations

from django.db import connection

WAREHOUSE = "BENCH"

_FILL = """
    INSERT INTO inventory_warehouse (code, external_id, name, kind, city, street, postal_code, country, contact_name, phone, time_zone, priority, is_active)
    VALUES ('BENCH', '1', 'Bench', 'warehouse', 'Bench', '', '', '', '', '', 'UTC', 1, true);
    INSERT INTO inventory_storefront (external_id, name) VALUES ('1', 'Bench');
    INSERT INTO inventory_location (warehouse_id, code, barcode, kind, condition, zone, aisle, bay, level, pick_sequence, is_pickable, is_active, exposure,
                                    version, created_at, updated_at)
    SELECT w.id, 'A' || n, 'BENCH-A' || n, 'storage', 'ambient', '', (n / 50)::text, (n %% 50)::text, '', n, true, true, 'ambient', 1, now(), now()
    FROM inventory_warehouse w, generate_series(1, 500) n;
    INSERT INTO inventory_location (warehouse_id, code, barcode, kind, condition, zone, aisle, bay, level, pick_sequence, is_pickable, is_active, exposure,
                                    version, created_at, updated_at)
    SELECT w.id, 'PACK', 'BENCH-PACK', 'packing', '', '', '', '', '', 0, false, true, 'ambient', 1, now(), now() FROM inventory_warehouse w;
    INSERT INTO inventory_product (sku, name, base_unit, quantity_step, weight_tolerance, rotation, tracks_expiry, min_remaining_days, freezable,
                                   default_low_stock_threshold, is_active, created_at)
    SELECT 'B' || n, 'Product ' || n, 'pcs', 1, 0, 'fefo', true, 0, false, 5, true, now() FROM generate_series(1, %(products)s) n;
    INSERT INTO inventory_shelflife (product_id, condition, phase, days) SELECT id, 'ambient', 'sealed', 120 FROM inventory_product;
    INSERT INTO inventory_storefrontproduct (storefront_id, product_id, external_listing_id, purchase_price, price, currency, stock_quantity)
    SELECT f.id, p.id, p.id::text, 1, 2, 'EUR', 0 FROM inventory_storefront f, inventory_product p;
    INSERT INTO inventory_batch (product_id, lot_number, label_condition, received_at, purchase_price, currency, status, status_reason,
                                 held_itself)
    SELECT p.id, 'L' || n, 'ambient', now(), 1, 'EUR', 'available', '', false FROM inventory_product p, generate_series(1, 3) n;
    INSERT INTO inventory_batchlocation (batch_id, location_id, phase, product_id, warehouse_id, quantity, reserved, blocked_reason, consumed_fraction,
                                         clock_started_at, clock_condition, effective_expires_at, received_at, version)
    SELECT b.id, l.id, 'sealed', b.product_id, w.id, 1000000, 0, '', 0, now() - (90 - b.id %% 90) * interval '1 day', 'ambient',
           now() + (b.id %% 90 + 30) * interval '1 day', now(), 1
    FROM inventory_batch b, inventory_warehouse w, inventory_location l WHERE l.code = 'A' || (b.id %% 500 + 1);
    INSERT INTO inventory_movement (type, product_id, batch_id, batch_location_id, location_id, warehouse_id, quantity_change, reserved_change, quantity_before,
                                    quantity_after, reserved_after, document_type, order_ref, reason, performed_by, performed_by_type)
    SELECT 'receiving', product_id, batch_id, id, location_id, warehouse_id, quantity, 0, 0, quantity, 0, '', '', '', 'bench', 'system'
    FROM inventory_batchlocation;
    INSERT INTO inventory_stock (warehouse_id, product_id, quantity, reserved, blocked, low_stock_threshold, status, version, settings_version, updated_at)
    SELECT w.id, p.id, 3000000, 0, 0, 5, 'in_stock', 1, 1, now() FROM inventory_warehouse w, inventory_product p
"""


def fill(products: int) -> None:
    """Write the data straight into the tables (a bench's database is thrown away) and let the server learn it."""
    with connection.cursor() as cursor:
        for statement in _FILL.split(";"):
            cursor.execute(statement, {"products": products} if "products)s" in statement else {})
        cursor.execute("VACUUM ANALYZE")


def row_counts() -> dict[str, int]:
    """Rows of every table of ours, to show what one operation writes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^(inventory|fulfillment|outbox)_' ORDER BY 1")
        tables = [name for (name,) in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables))
        return dict(cursor.fetchall())

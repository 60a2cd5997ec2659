"""The statement of `reconciliation` about waves: subject, order_ref, field, found, expected of what contradicts."""

from __future__ import annotations

_OPEN = "('pending', 'assigned', 'in_progress')"
_REF = "o.source || ':' || o.external_id"

# A wave that is closed keeps the tasks that were begun, and those that came back to be picked anew: they stay released.
WAVES = f"""
    SELECT v.number, NULL, 'status of a wave of which nothing is to be picked', v.status, 'completed or cancelled'
    FROM fulfillment_wave v
    WHERE v.status IN ('pending', 'in_progress') AND NOT EXISTS (SELECT 1 FROM fulfillment_pickingtask t WHERE t.wave_id = v.id AND t.status IN {_OPEN})
    UNION ALL
    SELECT t.number, {_REF}, f.field || ' in ' || v.number || ' (' || v.status || ')', f.found, f.expected
    FROM fulfillment_pickingtask t JOIN fulfillment_wave v ON v.id = t.wave_id JOIN fulfillment_order o ON o.id = t.order_id
    CROSS JOIN LATERAL (VALUES
        ('released', 'yes', 'no', v.status = 'pending' AND t.released_at IS NOT NULL),
        ('released', 'no', 'yes', t.status IN ('assigned', 'in_progress', 'completed') AND t.released_at IS NULL),
        ('released', 'no', 'in no wave', t.status = 'pending' AND v.status IN ('completed', 'cancelled') AND t.released_at IS NULL),
        ('status', t.status, 'closed', v.status = 'completed' AND t.status IN {_OPEN} AND t.released_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM fulfillment_qualitycheck q WHERE q.picking_task_id = t.id AND q.status = 'failed')),
        ('warehouse', t.warehouse_id::text, v.warehouse_id::text, t.warehouse_id <> v.warehouse_id)
    ) AS f (field, found, expected, wrong)
    WHERE f.wrong
    UNION ALL
    SELECT t.number, {_REF}, 'released by a wave', 'yes', 'no: it is in none'
    FROM fulfillment_pickingtask t JOIN fulfillment_order o ON o.id = t.order_id
    WHERE t.released_at IS NOT NULL AND t.wave_id IS NULL
    UNION ALL
    SELECT t.number, {_REF}, 'wave, in batch ' || b.number, coalesce(v.number, 'none'), w.number
    FROM fulfillment_pickingtask t JOIN fulfillment_pickingbatch b ON b.id = t.picking_batch_id JOIN fulfillment_wave w ON w.id = b.wave_id
    LEFT JOIN fulfillment_wave v ON v.id = t.wave_id JOIN fulfillment_order o ON o.id = t.order_id
    WHERE t.status IN {_OPEN} AND t.wave_id IS DISTINCT FROM b.wave_id
"""

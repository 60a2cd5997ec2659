import django.db.models.deletion
import django.utils.timezone
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

import warehouse.core.quantities

# Checks whose next one still asks what came after them, and open ones, whose number a failure will ask for. Few rows; nothing else is locked.
LAST_PICKS = """
    UPDATE fulfillment_qualitycheck c
    SET last_pick_id = COALESCE((
        SELECT max(p.id) FROM fulfillment_pick p JOIN fulfillment_pickingtaskitem i ON i.id = p.item_id
        WHERE i.task_id = c.picking_task_id AND (c.finished_at IS NULL OR p.picked_at <= c.finished_at)
    ), 0)
    WHERE c.status IN ('pending', 'in_progress', 'failed')
"""

# What orders go without that are there already. Those that are shipped went without it and nobody asks any more; of the others a person decides.
NOTE = """
    INSERT INTO fulfillment_missinggoods (order_id, product_id, quantity, noted_at, accepted, accepted_at, reason)
    SELECT m.order_id, m.product_id, m.lacking, o.updated_at,
           CASE WHEN o.status = 'shipped' THEN m.lacking ELSE 0 END,
           CASE WHEN o.status = 'shipped' THEN now() END,
           CASE WHEN o.status = 'shipped' THEN 'shipped before this was kept' ELSE '' END
    FROM (
        SELECT x.order_id, x.product_id, sum(x.quantity) AS lacking
        FROM (
            SELECT order_id, product_id, quantity FROM fulfillment_orderline
            UNION ALL
            SELECT t.order_id, i.product_id, -CASE WHEN i.status = 'pending' THEN i.quantity_required ELSE i.quantity_picked END
            FROM fulfillment_pickingtaskitem i JOIN fulfillment_pickingtask t ON t.id = i.task_id AND t.status <> 'cancelled'
            WHERE NOT EXISTS (SELECT 1 FROM fulfillment_packingtask c WHERE c.picking_task_id = t.id AND c.status = 'cancelled')
              AND NOT EXISTS (SELECT 1 FROM fulfillment_qualitycheck q WHERE q.picking_task_id = t.id AND q.status = 'cancelled')
        ) x GROUP BY x.order_id, x.product_id HAVING sum(x.quantity) > 0
    ) m
    JOIN fulfillment_order o ON o.id = m.order_id AND o.status NOT IN ('cancelled', 'rejected')
"""
ASK = """
    UPDATE fulfillment_order o SET status = 'needs_attention', version = version + 1, updated_at = now()
    WHERE o.status IN ('accepted', 'picking', 'packing', 'ready_for_shipment')
      AND EXISTS (SELECT 1 FROM fulfillment_missinggoods m WHERE m.order_id = o.id)
"""
# Orders that needed attention until somebody had sent for what was missing: it is on a task now.
GO_ON = """
    UPDATE fulfillment_order o SET status = 'picking', version = version + 1, updated_at = now()
    WHERE o.status = 'needs_attention' AND NOT EXISTS (SELECT 1 FROM fulfillment_missinggoods m WHERE m.order_id = o.id)
      AND (EXISTS (SELECT 1 FROM fulfillment_pickingtask t WHERE t.order_id = o.id AND t.status IN ('pending', 'assigned', 'in_progress'))
        OR EXISTS (SELECT 1 FROM fulfillment_qualitycheck q WHERE q.order_id = o.id AND q.status IN ('pending', 'in_progress')))
"""


class Migration(migrations.Migration):
    dependencies = [
        ("fulfillment", "0006_provider_limits"),
        ("inventory", "0007_daily_tool"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MissingGoods",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", warehouse.core.quantities.QuantityField(decimal_places=3, max_digits=14)),
                ("noted_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("accepted", warehouse.core.quantities.QuantityField(decimal_places=3, default=Decimal("0"), max_digits=14)),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, help_text="Why the order is sent without it.", max_length=200)),
                (
                    "accepted_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="missing", to="fulfillment.order"),
                ),
                ("product", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.product")),
            ],
            options={
                "verbose_name_plural": "missing goods",
                "constraints": [
                    models.UniqueConstraint(fields=("order", "product"), name="missing_once_per_product"),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gt", 0), ("accepted__gte", 0), ("accepted__lte", models.F("quantity"))),
                        name="missing_quantities",
                    ),
                ],
            },
        ),
        *(migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in (NOTE, ASK, GO_ON)),
        # Last, since they lock these tables until the end.
        migrations.AddField(
            model_name="shipment",
            name="waybill_at",
            field=models.DateTimeField(blank=True, editable=False, help_text="When the carrier answered with its waybill.", null=True),
        ),
        migrations.AddField(
            model_name="qualitycheck",
            name="last_pick_id",
            field=models.BigIntegerField(
                db_default=0, default=0, editable=False, help_text="The last scan of its walk that it is about; later ones are for the next check."
            ),
        ),
        migrations.RunSQL(LAST_PICKS, migrations.RunSQL.noop),
    ]

"""The newest rows of one lot, place, product, type or status by an index, in place of reading the whole table backwards.

Built while the house works, and each by itself: a run that was cut off is simply run again. The indexes that are replaced go last.
"""

import django.contrib.postgres.operations as concurrently
import django.db.models.deletion
from django.db import migrations, models


class AddIndexAgain(concurrently.AddIndexConcurrently):
    """What stands already stays; what an earlier run left unfinished is dropped first."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [self.index.name])
            found = cursor.fetchone()
            if found == (True,):
                return
            if found:
                cursor.execute(f"DROP INDEX CONCURRENTLY {self.index.name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("inventory", "0009_indexes_that_others_hold")]

    operations = [
        AddIndexAgain("movement", models.Index(fields=["product", "id"], name="movement_of_product")),
        AddIndexAgain("movement", models.Index(fields=["batch", "id"], name="movement_of_batch")),
        AddIndexAgain("movement", models.Index(fields=["location", "id"], name="movement_of_location")),
        AddIndexAgain(
            "movement",
            models.Index(
                fields=["type", "id"],
                condition=models.Q(("type__in", ("reservation", "release", "pick", "sale")), _negated=True),
                name="movement_by_rarer_type",
            ),
        ),
        AddIndexAgain("reservation", models.Index(fields=["status", "id"], name="reservation_by_status")),
        AddIndexAgain("reservation", models.Index(fields=["created_at", "id"], name="reservation_time")),
        AddIndexAgain("batchlocation", models.Index(fields=["product", "id"], name="batch_location_of_product")),
        AddIndexAgain(
            "batchlocation",
            models.Index(condition=models.Q(("blocked_reason", ""), _negated=True), fields=["blocked_reason", "id"], name="batch_location_blocked"),
        ),
        migrations.AlterField(
            "movement",
            "batch",
            models.ForeignKey(
                db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="movements", to="inventory.batch"
            ),
        ),
        migrations.AlterField(
            "movement",
            "location",
            models.ForeignKey(
                db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="movements", to="inventory.location"
            ),
        ),
    ]

from django.db import migrations, models

# Checks whose next one still asks what came after them, and open ones, whose number a failure will ask for. Few rows; nothing else is locked.
LAST_PICKS = """
    UPDATE fulfillment_qualitycheck c
    SET last_pick_id = COALESCE((
        SELECT max(p.id) FROM fulfillment_pick p JOIN fulfillment_pickingtaskitem i ON i.id = p.item_id
        WHERE i.task_id = c.picking_task_id AND (c.finished_at IS NULL OR p.picked_at <= c.finished_at)
    ), 0)
    WHERE c.status IN ('pending', 'in_progress', 'failed')
"""


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0006_provider_limits")]

    operations = [
        migrations.AddField(
            model_name="qualitycheck",
            name="last_pick_id",
            field=models.BigIntegerField(
                db_default=0, default=0, editable=False, help_text="The last scan of its walk that it is about; later ones are for the next check."
            ),
        ),
        migrations.RunSQL(LAST_PICKS, migrations.RunSQL.noop),
    ]

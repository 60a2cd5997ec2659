"""Leave room in the pages of the two tables that every movement updates, so that an update stays on its page and touches no index."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE inventory_stock SET (fillfactor = 70); ALTER TABLE inventory_batchlocation SET (fillfactor = 70)",
            "ALTER TABLE inventory_stock RESET (fillfactor); ALTER TABLE inventory_batchlocation RESET (fillfactor)",
        )
    ]

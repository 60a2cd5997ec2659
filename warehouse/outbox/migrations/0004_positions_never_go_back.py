from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('outbox', '0003_inbox_by_time'),
    ]

    operations = [
        migrations.CreateModel(
            name='FeedEnd',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('position', models.BigIntegerField()),
            ],
        ),
        # Read from the end of an index, so that it takes no time however many events there are. Nothing was published: no row, the relay makes it.
        migrations.RunSQL(
            "INSERT INTO outbox_feedend (id, position) SELECT 1, max(position) FROM outbox_outboxevent WHERE position IS NOT NULL HAVING max(position) > 0",
            migrations.RunSQL.noop,
        ),
    ]

"""Kept scans, numbered packages, packing tasks that know their walk, what is not told yet by index; providers count their changes.

Each statement by itself, so that no lock lasts longer than its own; constraints are added unproved and then proved without stopping anybody.
"""

import django.contrib.postgres.operations as concurrently
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from fulfillment.labels.sscc import sscc_of

BATCH = 1000


def number_packages(apps, schema_editor):
    """Packages that were made before there were SSCCs get theirs, a few at a time; two that migrate at once number each package once."""
    package = apps.get_model("fulfillment", "Package")
    last = 0
    while ids := list(package.objects.filter(pk__gt=last, sscc="").order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT nextval('wms_sscc') FROM generate_series(1, %s)", [len(ids)])
            serials = [row[0] for row in cursor.fetchall()]
        for pk, serial in zip(ids, serials, strict=True):
            package.objects.filter(pk=pk, sscc="").update(sscc=sscc_of(settings.GS1_COMPANY_PREFIX, serial))
        last = ids[-1]


# SET NOT NULL believes a proved constraint and does not read the table again.
WALK_KNOWN = [
    "ALTER TABLE fulfillment_packingtask DROP CONSTRAINT IF EXISTS packing_task_walk_known",
    "ALTER TABLE fulfillment_packingtask ADD CONSTRAINT packing_task_walk_known CHECK (picking_task_id IS NOT NULL) NOT VALID",
    "ALTER TABLE fulfillment_packingtask VALIDATE CONSTRAINT packing_task_walk_known",
    "ALTER TABLE fulfillment_packingtask ALTER COLUMN picking_task_id SET NOT NULL",
    "ALTER TABLE fulfillment_packingtask DROP CONSTRAINT packing_task_walk_known",
]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("fulfillment", "0007_checks_and_missing_goods")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE IF NOT EXISTS wms_sscc", migrations.RunSQL.noop),
        migrations.RunPython(number_packages, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="package",
            name="sscc",
            field=models.CharField(editable=False, help_text="Its number in the world, by GS1.", max_length=18, verbose_name="SSCC"),
        ),
        concurrently.AddConstraintNotValid(
            model_name="package",
            constraint=models.CheckConstraint(condition=models.Q(("sscc", ""), _negated=True), name="package_has_sscc"),
        ),
        concurrently.ValidateConstraint(model_name="package", name="package_has_sscc"),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(WALK_KNOWN, "ALTER TABLE fulfillment_packingtask ALTER COLUMN picking_task_id DROP NOT NULL")],
            state_operations=[
                migrations.AlterField(
                    model_name="packingtask",
                    name="picking_task",
                    field=models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="packing_task", to="fulfillment.pickingtask"
                    ),
                ),
            ],
        ),
        concurrently.AddIndexConcurrently(
            model_name="statusreport",
            index=models.Index(condition=models.Q(("sent_at__isnull", True)), fields=["waiting_since"], name="status_report_unsent"),
        ),
        migrations.AlterField(
            model_name="pick",
            name="item",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="picks", to="fulfillment.pickingtaskitem"),
        ),
        migrations.AlterField(
            model_name="packscan",
            name="package",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="scans", to="fulfillment.package"
            ),
        ),
        migrations.AddField(
            model_name="packscan",
            name="removed_package",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, help_text="The package that it was in, taken away since.", max_length=40
            ),
        ),
        concurrently.AddConstraintNotValid(
            model_name="packscan",
            constraint=models.CheckConstraint(
                condition=models.Q(("package__isnull", False), models.Q(("undone_at__isnull", False), models.Q(("removed_package", ""), _negated=True)), _connector="OR"),
                name="pack_scan_somewhere",
            ),
        ),
        concurrently.ValidateConstraint(model_name="packscan", name="pack_scan_somewhere"),
        migrations.AddField(
            model_name="deliveryprovider",
            name="version",
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
        migrations.AddField(
            model_name="deliveryprovider",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddField(
            model_name="deliveryprovider",
            name="updated_at",
            field=models.DateTimeField(auto_now=True, default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="deliveryprovider",
            name="label_format",
            field=models.CharField(
                choices=[("zpl", "ZPL"), ("pdf", "PDF"), ("png", "PNG")],
                default="zpl",
                help_text="How its labels are given to whoever does not say how.",
                max_length=3,
            ),
        ),
    ]

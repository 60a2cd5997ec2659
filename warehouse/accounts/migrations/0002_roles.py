from django.db import migrations

# The values of warehouse.core.actor.Role when this was written; a test compares them.
ROLES = ["warehouse-manager", "receiver", "picker", "packer", "auditor", "seller", "integration", "viewer"]


def make_roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


def remove_roles(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(make_roles, remove_roles)]

from django.db import migrations

# code, name, is the default one
PROVIDERS = [
    ("postexpress", "PostExpress", True),
    ("dexpress", "D Express", False),
    ("acs", "ACS", False),
    ("bex", "Bex", False),
    ("yunexpress", "YunExpress", False),
]


def make_providers(apps, schema_editor):
    provider = apps.get_model("fulfillment", "DeliveryProvider")
    for code, name, is_default in PROVIDERS:
        provider.objects.get_or_create(code=code, defaults={"name": name, "is_default": is_default})


def remove_providers(apps, schema_editor):
    apps.get_model("fulfillment", "DeliveryProvider").objects.filter(code__in=[code for code, _, _ in PROVIDERS]).delete()


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0001_initial")]

    operations = [migrations.RunPython(make_providers, remove_providers)]

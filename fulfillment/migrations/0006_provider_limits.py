from decimal import Decimal

from django.db import migrations
from django.db.models import F
from django.utils import timezone

# code: heaviest package in kg, longest side in cm, length and girth in cm. What these carriers publish for single parcels; the contract may say otherwise.
LIMITS = {
    "postexpress": ("50", "200", "360"),
    "dexpress": ("50", "200", "360"),
    "acs": ("30", "150", "300"),
    "bex": ("50", "200", "360"),
    "yunexpress": ("30", "120", "300"),
}


def give_limits(apps, schema_editor):
    """Providers that nobody has given limits get those of their kind."""
    provider = apps.get_model("fulfillment", "DeliveryProvider")
    for code, (weight, length, girth) in LIMITS.items():
        untouched = provider.objects.filter(code=code, max_weight=None, max_length=None, max_girth=None)
        untouched.update(max_weight=Decimal(weight), max_length=Decimal(length), max_girth=Decimal(girth))


def free_voids(apps, schema_editor):
    """What was cancelled before there was a worker for it is voided now; what was asked before the doubt was kept is in doubt."""
    shipment = apps.get_model("fulfillment", "Shipment")
    shipment.objects.filter(status__in=["requested", "void_requested"], external_id="", request__isnull=False, attempts__gt=0).update(in_doubt=True)
    shipment.objects.filter(status="void_requested", next_attempt_at=None).update(next_attempt_at=timezone.now(), attempts=0)
    shipment.objects.update(waiting_since=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0005_daily_tool")]

    operations = [migrations.RunPython(give_limits, migrations.RunPython.noop), migrations.RunPython(free_voids, migrations.RunPython.noop)]

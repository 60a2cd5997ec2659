"""Sites and the places in them."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from inventory.enums import Condition, LocationKind, WarehouseKind
from warehouse.core.documents import Versioned


def known_time_zone(name: str) -> None:
    """Refuse a name that the time zone database does not have."""
    if name not in available_timezones():
        raise ValidationError(f"There is no time zone {name!r}; one is called Europe/Belgrade, for example.", code="unknown")


class Seller(models.Model):
    """Whose goods they are. Its members see the stock of its own sites only."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="sellers")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Warehouse(models.Model):
    """A site that holds stock. A date printed on a label ends at midnight in its time zone."""

    code = models.CharField(max_length=40, unique=True)
    external_id = models.CharField("partners' warehouse id", max_length=64, unique=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=WarehouseKind.choices, default=WarehouseKind.WAREHOUSE)
    city = models.CharField(max_length=100, db_index=True)
    street = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField("country (two letters)", max_length=2, blank=True)
    contact_name = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[known_time_zone])
    seller = models.ForeignKey(Seller, null=True, blank=True, on_delete=models.PROTECT, related_name="warehouses")
    priority = models.IntegerField(default=100, help_text="Lower is asked first when an order may come from several.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["priority", "code"]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Location(Versioned):
    """A place inside a warehouse. `is_pickable`, `is_active` and `condition` decide what is sellable, so they change by an operation only."""

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="locations")
    code = models.CharField(max_length=40)
    barcode = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=LocationKind.choices, default=LocationKind.STORAGE)
    condition = models.CharField(max_length=8, choices=Condition.choices, blank=True)
    zone = models.CharField(max_length=40, blank=True)
    aisle = models.CharField(max_length=10, blank=True)
    bay = models.CharField(max_length=10, blank=True)
    level = models.CharField(max_length=10, blank=True)
    pick_sequence = models.PositiveIntegerField(default=0)
    x = models.DecimalField("x, m", max_digits=8, decimal_places=2, null=True, blank=True)
    y = models.DecimalField("y, m", max_digits=8, decimal_places=2, null=True, blank=True)
    is_pickable = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["warehouse", "pick_sequence", "code"]
        constraints = [
            models.UniqueConstraint(fields=["warehouse", "code"], name="location_code_once_per_warehouse"),
            models.CheckConstraint(
                condition=models.Q(is_pickable=False) | models.Q(kind__in=[LocationKind.STORAGE, LocationKind.DISPLAY]),
                name="only_shelves_are_pickable",
            ),
        ]

    def __str__(self) -> str:
        return self.code

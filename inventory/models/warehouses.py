"""The sites."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from inventory.enums import WarehouseKind
from inventory.models.sellers import Seller


def known_time_zone(name: str) -> None:
    """Refuse a name that the time zone database does not have."""
    if name not in available_timezones():
        raise ValidationError(f"There is no time zone {name!r}; one is called Europe/Belgrade, for example.", code="unknown")


class Warehouse(models.Model):
    """A site that holds stock. A date printed on a label ends at midnight in its time zone."""

    code = models.CharField(
        max_length=40, unique=True, validators=[RegexValidator("^[^:]*$", "A code has no colon: it is a part of the names of a till's sales.")]
    )
    external_id = models.CharField("partners' warehouse id", max_length=64, unique=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=WarehouseKind.choices, default=WarehouseKind.WAREHOUSE)
    city = models.CharField(max_length=100, db_index=True)
    street = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(
        "country (two letters)", max_length=2, blank=True, validators=[RegexValidator("^[A-Z]{2}$", "Two capital letters, such as DE.")]
    )
    contact_name = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[known_time_zone])
    seller = models.ForeignKey(Seller, null=True, blank=True, on_delete=models.PROTECT, related_name="warehouses")
    priority = models.IntegerField(default=100, help_text="Lower is asked first when an order may come from several.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["priority", "code"]
        constraints = [models.CheckConstraint(condition=~models.Q(code__contains=":"), name="warehouse_code_without_colon")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

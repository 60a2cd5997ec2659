"""Label printers in the network."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from fulfillment.enums import LabelFormat


class Printer(models.Model):
    """A printer that takes labels over a raw socket (port 9100)."""

    warehouse = models.ForeignKey("inventory.Warehouse", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    host = models.CharField(max_length=200)
    port = models.PositiveIntegerField(default=9100, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    label_format = models.CharField(max_length=3, choices=LabelFormat.choices, default=LabelFormat.ZPL)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["warehouse", "name"]
        constraints = [models.UniqueConstraint(fields=["warehouse", "name"], name="printer_name_once_per_warehouse")]

    def __str__(self) -> str:
        return self.name

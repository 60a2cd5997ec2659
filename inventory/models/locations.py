"""The places in the sites."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Upper

from inventory.enums import Condition, LocationKind
from inventory.models.products import Product
from inventory.models.warehouses import Warehouse
from warehouse.core.documents import Versioned


class Location(Versioned):
    """A place inside a warehouse. `is_pickable`, `is_active` and `condition` decide what is sellable, so they change by an operation only."""

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, db_index=False, related_name="locations")
    code = models.CharField(max_length=40)
    barcode = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=LocationKind.choices, default=LocationKind.STORAGE)
    condition = models.CharField(max_length=8, choices=Condition.choices, blank=True)
    exposure = models.CharField(
        max_length=8,
        choices=Condition.choices,
        default=Condition.AMBIENT,
        help_text="How it is where a place has no condition: what goods pay that lay there before they are put back.",
    )
    zone = models.CharField(max_length=40, blank=True)
    aisle = models.CharField(max_length=10, blank=True)
    bay = models.CharField(max_length=10, blank=True)
    level = models.CharField(max_length=10, blank=True)
    pick_sequence = models.PositiveIntegerField(default=0)
    x = models.DecimalField("x, m", max_digits=8, decimal_places=2, null=True, blank=True)
    y = models.DecimalField("y, m", max_digits=8, decimal_places=2, null=True, blank=True)
    fixed_product = models.ForeignKey(
        Product,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="fixed_places",
        help_text="Whose home this place is: put-away looks here first.",
    )
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
        indexes = [models.Index(Upper("code"), name="location_by_code"), models.Index(Upper("barcode"), name="location_by_barcode")]

    def __str__(self) -> str:
        return self.code

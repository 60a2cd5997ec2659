"""How people walk in a warehouse, and what is kept of a walk."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from fulfillment.enums import BatchingMethod, RouteMethod
from warehouse.core.documents import Versioned


def metres(label: str, **kwargs: Any) -> models.DecimalField:
    """A length in metres, to the centimetre."""
    return models.DecimalField(label, max_digits=10, decimal_places=2, **kwargs)


class WalkSettings(Versioned):
    """What a warehouse is like to walk in, and how walks through it are planned. A warehouse without one has the defaults.

    Changes through `services.walk_settings`. Aisles are those of its places: one per aisle name, where its places have their x; else side by side in order of
    the names, `aisle_spacing` apart. A place without y lies by its bay number, `bay_length` each.
    """

    warehouse = models.OneToOneField("inventory.Warehouse", on_delete=models.CASCADE, related_name="+")
    method = models.CharField("route", max_length=12, choices=RouteMethod.choices, default=RouteMethod.EXACT)
    cold_last = models.BooleanField(default=True, help_text="Ambient and cool places first, then chilled, then frozen ones.")
    depot = models.ForeignKey(
        "inventory.Location",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Where walks begin and end; empty: the packing bench.",
    )
    aisle_spacing = metres("from aisle to aisle, m", default=Decimal(3), validators=[MinValueValidator(Decimal("0.1"))])
    bay_length = metres("length of a bay, m", default=Decimal("1.5"), validators=[MinValueValidator(Decimal("0.1"))])
    middle_cross_aisle = metres(
        "y of the cross aisle in the middle, m", null=True, blank=True, help_text="Empty: aisles are joined at their ends only."
    )
    batching = models.CharField(max_length=7, choices=BatchingMethod.choices, default=BatchingMethod.SAVINGS)
    totes = models.PositiveSmallIntegerField("totes on a cart", default=8, validators=[MinValueValidator(1)])
    max_items = models.PositiveIntegerField("items on a cart", null=True, blank=True, validators=[MinValueValidator(1)])
    max_volume = models.DecimalField(
        "a cart holds, l", max_digits=10, decimal_places=3, null=True, blank=True, validators=[MinValueValidator(Decimal("0.001"))]
    )
    max_weight = models.DecimalField(
        "a cart bears, kg", max_digits=10, decimal_places=3, null=True, blank=True, validators=[MinValueValidator(Decimal("0.001"))]
    )
    waves_only = models.BooleanField(default=False, help_text="Nobody is given a picking task before a wave has released it.")

    class Meta:
        verbose_name = "walk settings"
        verbose_name_plural = "walk settings"
        constraints = [
            models.CheckConstraint(
                condition=Q(aisle_spacing__gt=0, bay_length__gt=0, totes__gte=1)
                & (Q(max_items=None) | Q(max_items__gt=0))
                & (Q(max_volume=None) | Q(max_volume__gt=0))
                & (Q(max_weight=None) | Q(max_weight__gt=0)),
                name="walk_settings_sensible",
            ),
        ]

    def __str__(self) -> str:
        return f"walks of warehouse {self.warehouse_id}"


class RouteKept(models.Model):
    """What is kept of the route that was planned when somebody began to walk. Empty method: not planned yet.

    No lengths: a place is not on the map, or impossibly far away.
    """

    route_method = models.CharField("route", max_length=12, choices=RouteMethod.choices, blank=True, default="", db_default="")
    route_length = metres("walk, m", null=True, blank=True)
    shortest_length = metres("shortest walk, m", null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def route_gap(self) -> Decimal | None:
        """How much longer than the shortest the planned walk is, as a share of the shortest; None where that is unknown."""
        if self.route_length is None or not self.shortest_length:
            return None
        return (self.route_length - self.shortest_length) / self.shortest_length


ROUTE_LENGTHS = models.CheckConstraint(
    condition=Q(route_length=None, shortest_length=None) | Q(shortest_length__gte=0, route_length__gte=F("shortest_length")),
    name="%(class)s_route_lengths",
)

"""What goods are packed into."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from fulfillment.enums import PackagingType
from warehouse.core.documents import Versioned


class BoxType(Versioned):
    """A box, bag or envelope that is kept in stock. Inner sides in centimetres, weights in kilograms. Outside it is a `wall` larger on every side."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=100)
    packaging_type = models.CharField(max_length=8, choices=PackagingType.choices, default=PackagingType.BOX)
    length = models.DecimalField("inner length, cm", max_digits=8, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))])
    width = models.DecimalField("inner width, cm", max_digits=8, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))])
    height = models.DecimalField("inner height, cm", max_digits=8, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))])
    wall = models.DecimalField(
        "thickness of a wall, cm", max_digits=4, decimal_places=2, default=Decimal(0), validators=[MinValueValidator(Decimal(0))]
    )
    own_weight = models.DecimalField("own weight, kg", max_digits=8, decimal_places=3, default=Decimal(0), validators=[MinValueValidator(Decimal(0))])
    max_weight = models.DecimalField(
        "bears, kg", max_digits=8, decimal_places=3, null=True, blank=True, validators=[MinValueValidator(Decimal("0.001"))]
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["length", "width", "height"]
        constraints = [
            models.CheckConstraint(
                condition=Q(length__gt=0, width__gt=0, height__gt=0, wall__gte=0, own_weight__gte=0) & (Q(max_weight=None) | Q(max_weight__gt=0)),
                name="box_type_sensible",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def outer(self) -> tuple[Decimal, Decimal, Decimal]:
        """Length, width and height as the carrier measures them."""
        walls = 2 * self.wall
        return self.length + walls, self.width + walls, self.height + walls

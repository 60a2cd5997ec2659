"""What is sold, how long it keeps, and its codes."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower, Upper
from django.utils import timezone

from inventory.enums import BarcodeKind, BaseUnit, Condition, Phase, Rotation
from warehouse.core.quantities import NOT_NEGATIVE, QuantityField, plain

MAX_LIFE_DAYS = 36500
# In base units: how much a weighed line may outweigh its promise, and how much one scan of a case stands for.
MAX_TOLERANCE, MAX_PACK = 1000, 100_000


class Product(models.Model):
    """Something with a SKU. Goods of it exist as batches."""

    sku = models.CharField("SKU", max_length=64)
    name = models.CharField(max_length=200)
    base_unit = models.CharField(max_length=3, choices=BaseUnit.choices, default=BaseUnit.PIECE)
    quantity_step = QuantityField(
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.001"))],
        help_text="1 for pieces, 0.001 for weighed goods; anything between two steps is refused.",
    )
    weight_tolerance = QuantityField(
        default=Decimal(0),
        validators=[NOT_NEGATIVE, MaxValueValidator(MAX_TOLERANCE)],
        help_text="How much more than promised a weighed line may become, in base units.",
    )
    rotation = models.CharField(max_length=4, choices=Rotation.choices, default=Rotation.FEFO)
    tracks_expiry = models.BooleanField(default=True)
    min_remaining_days = models.PositiveIntegerField(
        default=0, validators=[MaxValueValidator(MAX_LIFE_DAYS)], help_text="Days of life that must be left when it ships."
    )
    freezable = models.BooleanField(default=False)
    default_low_stock_threshold = QuantityField(default=Decimal(5), validators=[NOT_NEGATIVE])
    weight = models.DecimalField("weight, kg", max_digits=10, decimal_places=3, null=True, blank=True, validators=[NOT_NEGATIVE])
    length = models.DecimalField("length, cm", max_digits=10, decimal_places=2, null=True, blank=True, validators=[NOT_NEGATIVE])
    width = models.DecimalField("width, cm", max_digits=10, decimal_places=2, null=True, blank=True, validators=[NOT_NEGATIVE])
    height = models.DecimalField("height, cm", max_digits=10, decimal_places=2, null=True, blank=True, validators=[NOT_NEGATIVE])
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["sku"]
        constraints = [
            models.UniqueConstraint(
                Upper("sku"), name="product_sku_once", violation_error_message="Another product has this SKU (case does not count)."
            ),
            models.CheckConstraint(condition=models.Q(quantity_step__gt=0), name="product_step_positive"),
        ]
        indexes = [models.Index(Lower("name"), name="product_name")]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"


class ShelfLife(models.Model):
    """How many days a product keeps in a condition and phase. Without a row for its condition a product may not lie in a place."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, db_index=False, related_name="shelf_lives")
    condition = models.CharField(max_length=8, choices=Condition.choices)
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.SEALED)
    days = models.DecimalField(max_digits=8, decimal_places=2, validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(MAX_LIFE_DAYS)])

    class Meta:
        verbose_name_plural = "shelf lives"
        constraints = [
            models.UniqueConstraint(fields=["product", "condition", "phase"], name="shelf_life_once"),
            models.CheckConstraint(condition=models.Q(days__gt=0, days__lte=MAX_LIFE_DAYS), name="shelf_life_sensible"),
        ]

    def __str__(self) -> str:
        return f"{self.get_condition_display()}, {self.get_phase_display()}: {plain(self.days)} days"


class Barcode(models.Model):
    """A code that a scanner reads as this product; a case's code stands for several base units."""

    code = models.CharField(max_length=80, unique=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="barcodes")
    kind = models.CharField(max_length=8, choices=BarcodeKind.choices, default=BarcodeKind.GTIN)
    pack_quantity = QuantityField(default=Decimal(1), validators=[MinValueValidator(Decimal("0.001")), MaxValueValidator(MAX_PACK)])

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pack_quantity__gt=0), name="barcode_pack_positive")]
        indexes = [models.Index(Upper("code"), name="barcode_by_code")]

    def __str__(self) -> str:
        return self.code

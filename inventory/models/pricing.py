"""Discounts, markdown rules, and what prices were."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from inventory.enums import DiscountKind, DiscountReason, PriceField
from inventory.models.storefronts import StorefrontProduct
from warehouse.core.quantities import MoneyField, money, plain


class Discount(models.Model):
    """A reduction of a page's price from `valid_from` until before `valid_to`: it starts and ends by itself.

    Of several, the one that makes the price lowest counts; one that would leave nothing of the price does not. `automatic` ones are the markdown's,
    one at a time on a page. Written by `inventory.services.discounts` and `inventory.services.markdowns`.
    """

    storefront_product = models.ForeignKey(StorefrontProduct, on_delete=models.CASCADE, db_index=False, related_name="discounts")
    kind = models.CharField(max_length=8, choices=DiscountKind.choices, default=DiscountKind.PERCENT)
    value = models.DecimalField(max_digits=14, decimal_places=4, validators=[MinValueValidator(Decimal("0.0001"))])
    reason = models.CharField(max_length=16, choices=DiscountReason.choices, default=DiscountReason.MANUAL)
    valid_from = models.DateTimeField(default=timezone.now)
    valid_to = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)
    automatic = models.BooleanField(default=False, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(value__gt=0), name="discount_positive"),
            models.CheckConstraint(condition=~Q(kind=DiscountKind.PERCENT) | Q(value__lt=100), name="discount_percent_below_100"),
            # An empty period is that of a discount which was called off before it began.
            models.CheckConstraint(condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")), name="discount_does_not_end_before_it_starts"),
            models.UniqueConstraint(
                fields=["storefront_product"], condition=Q(automatic=True, valid_to=None), name="one_running_markdown_per_listing"
            ),
        ]
        indexes = [
            models.Index(fields=["storefront_product", "valid_from"], name="discount_of_listing"),
            models.Index(fields=["valid_to"], name="discount_by_end"),
        ]

    def __str__(self) -> str:
        return f"discount {self.pk}"

    @property
    def told(self) -> str:
        """How much it takes off, in words."""
        return f"{plain(self.value)} %" if self.kind == DiscountKind.PERCENT else money(self.value, self.storefront_product.currency)


class MarkdownStep(models.Model):
    """When the freshest-left share of life of what a page sells falls to `freshness_percent`, its price falls by `discount_percent`, by itself.

    A step without a storefront holds for all of them.
    """

    storefront = models.ForeignKey(
        "inventory.Storefront", null=True, blank=True, on_delete=models.CASCADE, db_index=False, related_name="markdown_steps"
    )
    freshness_percent = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(99)])
    discount_percent = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(99)])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["storefront", "freshness_percent"], nulls_distinct=False, name="markdown_step_once"),
            models.CheckConstraint(
                condition=Q(freshness_percent__gte=1, freshness_percent__lte=99, discount_percent__gte=1, discount_percent__lte=99),
                name="markdown_step_sensible",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.freshness_percent} % left: −{self.discount_percent} %"


class PriceChange(models.Model):
    """One line of a page's price history. Written by pricing only."""

    storefront_product = models.ForeignKey(StorefrontProduct, on_delete=models.CASCADE, db_index=False, related_name="price_changes")
    field = models.CharField(max_length=16, choices=PriceField.choices)
    before = MoneyField()
    after = MoneyField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=200)
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["storefront_product", "-id"], name="price_change_of_listing")]

    def __str__(self) -> str:
        return f"price change {self.pk}"

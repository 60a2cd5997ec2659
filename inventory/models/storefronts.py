"""Where goods are offered."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from inventory.models.products import Product
from inventory.models.sellers import Seller
from warehouse.core.quantities import CURRENCY, NOT_NEGATIVE, MoneyField, QuantityField


class Storefront(models.Model):
    """A sales channel. The order system knows it by `external_id`."""

    external_id = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    seller = models.ForeignKey(Seller, null=True, blank=True, on_delete=models.PROTECT, related_name="storefronts")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


# Whether a storefront `front` sells the goods of a site `w`: a seller's storefront its own sites' goods and those of sites without a seller, a storefront
# without a seller everybody's. `inventory.locks.lock_listings_of` asks the same.
SELLS_FROM = "(w.seller_id IS NULL OR front.seller_id IS NULL OR w.seller_id = front.seller_id)"


class StorefrontProduct(models.Model):
    """A storefront's page of a product: the `shop product` and `listing` of the partners.

    `stock_quantity` is a copy for the storefront that follows the stock events; nothing is decided on it. Prices are written by
    `inventory.services.pricing` only: `price` follows the markup where there is one, `discounted_price` is what the best discount leaves of it as of
    the last operation or job (none: no discount counts), `effective_price` is what a buyer pays.
    """

    storefront = models.ForeignKey(Storefront, on_delete=models.CASCADE, db_index=False, related_name="products")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, db_index=False, related_name="storefront_products")
    external_listing_id = models.CharField("listing", max_length=64)
    purchase_price = MoneyField(default=Decimal(0), validators=[NOT_NEGATIVE])
    price = MoneyField(default=Decimal(0), validators=[NOT_NEGATIVE])
    currency = models.CharField(max_length=3, default="EUR", validators=[CURRENCY])
    markup_percent = models.DecimalField(
        max_digits=7,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("-99.99")), MaxValueValidator(Decimal(10000))],
        help_text="The price is the purchase price and so much, to the cent; empty: the price is set by hand.",
    )
    discounted_price = MoneyField(null=True, editable=False)
    effective_price = models.GeneratedField(
        expression=Coalesce("discounted_price", "price"), output_field=models.DecimalField(max_digits=14, decimal_places=4), db_persist=True
    )
    stock_quantity = QuantityField(default=Decimal(0), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["storefront", "external_listing_id"], name="listing_once_per_storefront")]
        indexes = [
            models.Index(fields=["product", "id"], name="listing_of_product"),
            models.Index(fields=["external_listing_id"], name="listing_by_name"),
            models.Index(fields=["id"], condition=Q(discounted_price__isnull=False), name="listing_discounted"),
        ]

    def __str__(self) -> str:
        return f"{self.storefront}: {self.external_listing_id}"

"""Where goods are offered."""

from __future__ import annotations

from decimal import Decimal

from django.db import models

from inventory.models.products import Product
from inventory.models.sellers import Seller
from warehouse.core.quantities import MoneyField, QuantityField


class Storefront(models.Model):
    """A sales channel. The order system knows it by `external_id`."""

    external_id = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    seller = models.ForeignKey(Seller, null=True, blank=True, on_delete=models.PROTECT, related_name="storefronts")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class StorefrontProduct(models.Model):
    """A storefront's page of a product: the `shop product` and `listing` of the partners.

    `stock_quantity` is a copy for the storefront that follows the stock events; nothing is decided on it.
    """

    storefront = models.ForeignKey(Storefront, on_delete=models.CASCADE, related_name="products")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="storefront_products")
    external_listing_id = models.CharField("listing", max_length=64)
    purchase_price = MoneyField(default=Decimal(0))
    price = MoneyField(default=Decimal(0))
    currency = models.CharField(max_length=3, default="EUR")
    markup_percent = models.DecimalField(max_digits=7, decimal_places=2, null=True, blank=True)
    stock_quantity = QuantityField(default=Decimal(0), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["storefront", "external_listing_id"], name="listing_once_per_storefront")]
        indexes = [
            models.Index(fields=["product", "id"], name="listing_of_product"),
            models.Index(fields=["external_listing_id"], name="listing_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.storefront}: {self.external_listing_id}"

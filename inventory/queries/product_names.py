"""Products by the names that callers use."""

from __future__ import annotations

from collections.abc import Iterable

from inventory.errors import UnknownProduct
from inventory.models import Product


def product_named(sku: str, *, field: str = "sku") -> int:
    """The id of the product with this SKU, whatever its case. Raises UnknownProduct."""
    found = Product.objects.filter(sku__iexact=sku).values_list("pk", flat=True).first()
    if found is None:
        raise UnknownProduct(f"There is no product {sku[:64]}.", errors=[{"field": field, "code": "unknown", "sku": sku[:64]}])
    return found


def skus_of(product_ids: Iterable[int]) -> dict[int, str]:
    """The SKUs of products by their ids; those that are not there are left out."""
    return dict(Product.objects.filter(pk__in=list(product_ids)).values_list("pk", "sku"))

"""From the names that callers use to rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.db.models.functions import Upper
from rest_framework import serializers

from inventory.errors import UnknownProduct
from inventory.models import Location, Product, Seller, Storefront, StorefrontProduct, Supplier, Warehouse
from inventory.queries.locations import find_warehouse
from warehouse.core.errors import ValidationFailed

NAME_LENGTH = 100


class NameField(serializers.CharField):
    """A row by what it is called; where it is missing the field is refused."""

    model: type[models.Model]
    attribute = "code"
    lookup = "code"

    def get_validators(self) -> list[Any]:
        return []  # those of a text would be asked about the row

    def to_internal_value(self, data: Any) -> Any:
        name = super().to_internal_value(data)[:NAME_LENGTH]
        row = None if "\0" in name else self.model._default_manager.filter(**{self.lookup: name}).first()
        if row is None:
            raise serializers.ValidationError(f"There is no {self.model._meta.verbose_name} {name!r}.", code="unknown")
        return row

    def to_representation(self, value: Any) -> str:
        return str(getattr(value, self.attribute))


class SkuField(NameField):
    """A product by its SKU; case does not count."""

    model, attribute, lookup = Product, "sku", "sku__iexact"


class WarehouseField(NameField):
    model = Warehouse


class SupplierField(NameField):
    model = Supplier


class SellerField(NameField):
    model = Seller


class StorefrontField(NameField):
    model, attribute, lookup = Storefront, "external_id", "external_id"


def product_ids_by_sku(skus: Iterable[str], *, field: str) -> dict[str, int]:
    """Product ids by upper-case SKU, one statement. Raises UnknownProduct naming every one that is none; `field` has a place for the index."""
    wanted = [sku.upper() for sku in skus]
    found = dict(Product.objects.annotate(key=Upper("sku")).filter(key__in=set(wanted)).values_list("key", "pk"))
    errors = [{"field": field.format(index), "code": "unknown", "sku": sku} for index, sku in enumerate(wanted) if sku not in found]
    if errors:
        raise UnknownProduct(f"There is no product {', '.join(error['sku'] for error in errors)}.", errors=errors)
    return found


def named_product(body: Mapping[str, Any]) -> int:
    """The product that a body names by `sku` or, where it has none, by `listing_id` (of `storefront_id`, where two use the same).

    Raises ValidationFailed without any, UnknownProduct for a name that is none, or several.
    """
    if body.get("sku"):
        return product_ids_by_sku([body["sku"]], field="sku")[body["sku"].upper()]
    if not body.get("listing_id"):
        raise ValidationFailed("Name the product, by sku or listing_id.", errors=[{"field": "sku", "code": "required"}])
    return product_of_listing(body["listing_id"], body.get("storefront_id"), field="listing_id")


def product_of_listing(listing: str, storefront_id: str | None = None, *, field: str) -> int:
    """The product of a storefront's page. Raises UnknownProduct for a name that is none, or that two products have."""
    rows = StorefrontProduct.objects.filter(external_listing_id=listing)
    if storefront_id:
        rows = rows.filter(storefront__external_id=storefront_id)
    products = set(rows.values_list("product_id", flat=True).distinct()[:2])
    if len(products) != 1:
        code = "ambiguous" if products else "unknown"
        raise UnknownProduct(f"No single product is known as listing {listing}.", errors=[{"field": field, "code": code, "listing_id": listing}])
    return int(products.pop())


def locations_by_code(warehouse_id: int, codes: Iterable[str], *, field: str) -> dict[str, int]:
    """Location ids by code within a warehouse, one statement; empty codes are left out. Raises ValidationFailed naming every one that is none."""
    wanted = list(codes)
    found = dict(Location.objects.filter(warehouse=warehouse_id, code__in=set(wanted) - {""}).values_list("code", "pk"))
    errors = [{"field": field.format(index), "code": "unknown", "location": code} for index, code in enumerate(wanted) if code and code not in found]
    if errors:
        raise ValidationFailed(f"This warehouse has no location {', '.join(error['location'] for error in errors)}.", errors=errors)
    return found


def named_warehouse(body: dict[str, Any], *, closed: bool = False) -> Warehouse:
    """The active warehouse (with `closed` any) that a body names by `warehouse` or `warehouse_id`, both taken out of it. Raises ValidationFailed without
    any, UnknownWarehouse."""
    found = find_warehouse(code=body.pop("warehouse", ""), external_id=body.pop("warehouse_id", ""), closed=closed)
    if found is None:
        raise ValidationFailed("Name the warehouse, by warehouse or warehouse_id.", errors=[{"field": "warehouse", "code": "required"}])
    return found

"""One code, one meaning: what a scanner reads must not be two things."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models.functions import Upper

from inventory.models import Barcode, Location, Product


def taken_by_products(codes: Iterable[str], *, product_id: int | None = None) -> dict[str, str]:
    """Those of these codes (in capitals) that are read as a product, another than this one, and as which; its SKU counts and its barcodes.

    Case does not count. Two statements.
    """
    wanted = {code.upper() for code in codes} - {""}
    if not wanted:
        return {}
    products = Product.objects.annotate(key=Upper("sku")).filter(key__in=wanted).exclude(pk=product_id or 0)
    return {key: f"the SKU of {sku}" for key, sku in products.values_list("key", "sku")} | taken_by_barcodes(wanted, product_id=product_id)


def taken_by_barcodes(codes: Iterable[str], *, product_id: int | None = None) -> dict[str, str]:
    """Those of these codes (in capitals) that are a barcode of a product, another than this one. One statement."""
    rows = Barcode.objects.annotate(key=Upper("code")).filter(key__in={code.upper() for code in codes} - {""}).exclude(product=product_id or 0)
    return {key: f"a barcode of {sku}" for key, sku in rows.values_list("key", "product__sku")}


def taken_by_places(codes: Iterable[str]) -> dict[str, str]:
    """Those of these codes (in capitals) that are read as a place, by its barcode or its short code. Two statements."""
    wanted = {code.upper() for code in codes} - {""}
    by_code = Location.objects.annotate(key=Upper("code")).filter(key__in=wanted).values_list("key", "code")
    by_barcode = Location.objects.annotate(key=Upper("barcode")).filter(key__in=wanted).values_list("key", "code")
    return {key: f"the code of the place {code}" for key, code in by_code} | {key: f"the barcode of the place {code}" for key, code in by_barcode}

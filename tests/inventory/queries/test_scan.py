"""What a scanned code is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from inventory.models import Product
from inventory.orchestrator import Scanned, find_by_scan
from tests.factories.inventory import BarcodeFactory, ProductFactory, Site, site, stocked

pytestmark = pytest.mark.django_db

GTIN14 = "04006381333931"
GTIN13 = "4006381333931"


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    BarcodeFactory(code=GTIN13, product=product, pack_quantity=6)
    stocked(product, house.shelf, 1, lot="L1")
    return product


def test_a_place_by_its_barcode_and_in_its_warehouse_by_its_code(house: Site) -> None:
    other = site()

    assert find_by_scan("LOC-MAIN-A-01") == Scanned("LOC-MAIN-A-01", "location", location_id=house.shelf.pk)
    assert find_by_scan(" A-01 ", warehouse_id=house.id).location_id == house.shelf.pk
    assert find_by_scan("A-01", warehouse_id=other.id).location_id == other.shelf.pk
    assert find_by_scan("A-01").kind == "unknown"


def test_a_product_by_its_barcode_and_its_sku(milk: Product) -> None:
    assert find_by_scan(GTIN13) == Scanned(GTIN13, "product", product_id=milk.pk, pack_quantity=Decimal(6))
    assert find_by_scan("milk").product_id == milk.pk


@pytest.mark.parametrize("form", ["]C101{g}1726123110L1", "(01){g}(17)261231(10)L1", "01{g}1726123110L1", "]d201{g}10L1\x1d17261231"])
def test_one_gs1_code(milk: Product, form: str) -> None:
    found = find_by_scan(form.format(g=GTIN14))

    assert (found.kind, found.product_id, found.lot_number, found.expires_on, found.pack_quantity) == ("batch", milk.pk, "L1", date(2026, 12, 31), 6)
    assert found.batch_id == milk.batches.get().pk


def test_a_gs1_code_with_a_lot_that_is_new(milk: Product) -> None:
    found = find_by_scan(f"(01){GTIN14}(10)NEW(15)270101(11)260101")

    assert (found.kind, found.batch_id, found.lot_number, found.expires_on, found.produced_on) == (
        "product", None, "NEW", date(2027, 1, 1), date(2026, 1, 1),
    )  # fmt: skip


def test_a_gs1_code_of_somebody_elses_product_with_a_lot_of_ours(milk: Product) -> None:
    """The lot L1 is ours, the GTIN is not: it names nothing."""
    assert find_by_scan("(01)05901234123457(10)L1").kind == "unknown"


def test_a_lot_number_means_nothing_without_its_product(milk: Product) -> None:
    """Bread's GTIN with the number of milk's lot: bread, of a lot that is not known."""
    BarcodeFactory(code="05901234123457", product=(bread := ProductFactory(sku="BREAD")))

    found = find_by_scan("(01)05901234123457(10)L1")

    assert (found.kind, found.product_id, found.batch_id, found.lot_number) == ("product", bread.pk, None, "L1")


def test_a_lot_that_only_one_product_has(milk: Product) -> None:
    found = find_by_scan("L1")

    assert (found.kind, found.batch_id, found.product_id) == ("batch", milk.batches.get().pk, milk.pk)


def test_a_lot_code_shared_by_two_products_names_nothing(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    BarcodeFactory(code="05901234123457", product=bread)
    stocked(bread, house.shelf, 1, lot="L1")

    assert find_by_scan("L1").kind == "unknown"
    assert find_by_scan(f"(01){GTIN14}(10)L1").product_id == milk.pk
    assert find_by_scan("(01)05901234123457(10)L1").product_id == bread.pk


@pytest.mark.parametrize(
    "code",
    ["", "   ", "nonsense", "(01)", "(01)123", "]C1", "4006381333932", "\x1d", "'; DROP TABLE inventory_batch; --", "0" * 3000, "\x00", "a\x00b"],
)
def test_what_is_nothing(milk: Product, code: str) -> None:
    assert find_by_scan(code).kind == "unknown"

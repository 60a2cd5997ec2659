"""Products from a file: all of it, or nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.errors import FileRefused
from inventory.models import Product, ShelfLife
from inventory.queries.product_file import read_products
from inventory.services.product_import import Imported, import_products
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ACTOR, BarcodeFactory, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db

HEAD = "sku,name,base_unit,quantity_step,tracks_expiry,life_chilled,weight\n"


def imported(text: str) -> Imported:
    return import_products(read_products(text), actor=ACTOR)


def refused(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(FileRefused) as refusal:
        imported(text)
    return [(error["row"], error["field"], error["expected"]) for error in refusal.value.errors]


def test_new_products_with_their_lives() -> None:
    assert imported(HEAD + 'MILK,Milk,pcs,1,yes,14,1.05\nHAM,"Ham, smoked",kg,0.001,,7.5,\n') == Imported(2, 0, 0)

    milk, ham = Product.objects.order_by("-sku")
    assert (milk.name, milk.quantity_step, milk.tracks_expiry, milk.weight) == ("Milk", 1, True, Decimal("1.05"))
    assert (ham.name, ham.base_unit, ham.quantity_step, ham.tracks_expiry, ham.weight) == ("Ham, smoked", "kg", Decimal("0.001"), True, None)
    assert sorted(ShelfLife.objects.values_list("product__sku", "condition", "phase", "days")) == [
        ("HAM", "chilled", "sealed", Decimal("7.5")), ("MILK", "chilled", "sealed", 14),
    ]  # fmt: skip


def test_known_products_are_changed_and_keep_what_the_file_does_not_say() -> None:
    product = ProductFactory(sku="Milk", name="Old", min_remaining_days=3, lives={"ambient": 9})

    text = "SKU;Name;Weight\nMILK;New;2\n"
    assert imported("\ufeff" + text) == Imported(0, 1, 0)
    assert imported(text) == Imported(0, 0, 1)

    product.refresh_from_db()
    assert (product.sku, product.name, product.weight, product.min_remaining_days) == ("Milk", "New", 2, 3)
    assert product.shelf_lives.get().days == 9


def test_the_goods_in_stock_are_judged_by_what_the_file_says(house: Site) -> None:
    product = ProductFactory(sku="MILK", lives={"ambient": 365, ("chilled", "opened"): 3})
    stocked(product, house.shelf, 5, expires_in_days=10)

    imported("sku,min_remaining_days,life_ambient\nmilk,20,300\n")

    assert totals(product.pk, house.id) == (5, 0, 5, 0)  # too short dated now
    assert sorted(product.shelf_lives.values_list("condition", "phase", "days")) == [("ambient", "sealed", 300), ("chilled", "opened", 3)]
    assert_books_balance()


def test_every_fault_says_row_field_and_what_was_expected(house: Site) -> None:
    BarcodeFactory(code="TAKEN", product=ProductFactory())
    stocked(ProductFactory(sku="COUNTED"), house.shelf, 5)
    faults = refused(
        HEAD
        + "A,,pcs,1,yes,,\n"
        + "B,B,stones,1,yes,,\n"
        + "C,C,pcs,0,maybe,-1,NaN\n"
        + ",D,pcs,1e30,yes,x,\n"
        + "E,E,pcs,1,yes,14,1.0005\n"
        + "e,E again,pcs,1,yes,,\n"
        + f"{'F' * 65},F,pcs,1,yes,,\n"
    )
    number = "a number {} with at most 3 decimals, such as 2.5"
    days = "a number of days, such as 14 or 0.5, or nothing"
    assert faults == [
        (2, "name", "a text of at most 200 characters"),
        (3, "base_unit", "one of pcs, kg, g, l, ml, m"),
        (4, "quantity_step", number.format("greater than 0")),
        (4, "tracks_expiry", "yes or no"),
        (4, "life_chilled", days),
        (4, "weight", number.format("from 0")),
        (5, "sku", "a text of at most 64 characters"),
        (5, "quantity_step", number.format("greater than 0")),
        (5, "life_chilled", days),
        (6, "weight", number.format("from 0")),
        (8, "sku", "a text of at most 64 characters"),
    ]
    assert refused("sku,name\nA,A\nb,B\nB,B again\n") == [(4, "sku", "each SKU once")]
    assert refused("sku,name\ntaken,A\nA-01,B\nZ,\n")[0][:2] == (4, "name")
    assert [fault[:2] for fault in refused("sku,name\ntaken,A\nA-01,B\n")] == [(2, "sku"), (3, "sku")]
    assert [fault[:2] for fault in refused("sku\nnew\n")] == [(2, "name")]
    assert [fault[:2] for fault in refused("sku,quantity_step\nCOUNTED,0.5\n")] == [(2, "quantity_step")]
    assert [fault[:2] for fault in refused("sku,colour,sku\nA,red,B\n")] == [(1, "colour"), (1, "sku")]
    assert [fault[:2] for fault in refused("name\nA\n")] == [(1, "sku")]
    assert [fault[:2] for fault in refused("sku,name\nA\n")] == [(2, "")]
    assert [fault[:2] for fault in refused('sku,name\n"A,A\n')] == [(2, "")]
    for nothing in ("", "sku,name\n", "sku,name\n\n,\n"):
        with pytest.raises(FileRefused):
            imported(nothing)
    assert sorted(Product.objects.exclude(barcodes__code="TAKEN").values_list("sku", flat=True)) == ["COUNTED"]


def test_a_hundred_thousand_lines_with_a_bad_one_change_nothing() -> None:
    ProductFactory(sku="S-5", name="Old")
    lines = [f"S-{n},Product {n},pcs,1,yes,14,0.5" for n in range(100_000)]
    lines[77_776] = "S-77776,Product,pcs,1,yes,14,heavy"

    with pytest.raises(FileRefused) as refusal:
        imported(HEAD + "\n".join(lines))

    assert refusal.value.errors == [
        {
            "row": 77_778, "field": "weight", "detail": "“heavy” value must be a decimal number.", "given": "heavy", "code": "invalid",
            "expected": "a number from 0 with at most 3 decimals, such as 2.5",
        }
    ]  # fmt: skip
    assert list(Product.objects.values_list("name", flat=True)) == ["Old"]


@pytest.mark.slow
def test_more_good_lines_than_a_statement_has_room_for() -> None:
    assert imported("sku,name\n" + "\n".join(f"S-{n},Product {n}" for n in range(66_000))) == Imported(66_000, 0, 0)


def test_the_statements_do_not_grow_with_the_lines() -> None:
    counts = []
    for number in (1, 300):
        ProductFactory(sku=f"OLD-{number}-0")
        lines = [f"{kind}-{number}-{n},Name {n},pcs,1,yes,14," for kind in ("OLD", "NEW") for n in range(number)]
        for n in range(1, number):
            ProductFactory(sku=f"OLD-{number}-{n}", lives={"chilled": 14})
        ShelfLife.objects.filter(product__sku=f"OLD-{number}-0").update(condition="chilled", days=14)
        rows = read_products(HEAD + "\n".join(lines))
        with CaptureQueriesContext(connection) as queries:
            assert import_products(rows, actor=ACTOR) == Imported(number, number, 0)
        counts.append(len([query for query in queries if "SAVEPOINT" not in query["sql"]]))
    assert counts[0] == counts[1] <= 12


# --- the faces ---------------------------------------------------------------------------------------------------------------------------


def post(caller: Caller, text: str | bytes, **headers: str) -> Any:
    return caller.client.post("/api/v1/products/import", text, content_type="text/csv", headers=headers)


def test_over_rest(settings: Any) -> None:
    caller = Caller(Role.INTEGRATION)
    done = post(caller, HEAD + "MILK,Milk,pcs,1,yes,14,1.05\n", **{"Idempotency-Key": "i"})
    assert (done.status_code, done.json()) == (200, {"created": 1, "changed": 0, "unchanged": 0})
    again = post(caller, HEAD + "MILK,Milk,pcs,1,yes,14,1.05\n", **{"Idempotency-Key": "i"})
    assert again.json() == done.json()
    assert codes(post(caller, "sku,name\nA,A\n", **{"Idempotency-Key": "i"})) == (422, "unprocessable")
    bad = post(caller, HEAD + "BREAD,Bread,pcs,1,yes,14,\nB,B,stones,1,yes,,\n")
    assert codes(bad) == (400, "file_refused")
    assert [(error["row"], error["field"], error["given"]) for error in bad.json()["errors"]] == [(3, "base_unit", "stones")]
    assert codes(post(caller, b"sku,name\n\xff,x\n")) == (400, "parse_error")
    assert codes(caller.post("products/import", {"sku": "A"}))[0] == 415
    settings.IMPORT_BYTES = 10
    assert codes(post(caller, HEAD)) == (413, "too_large")
    assert codes(post(Caller(Role.RECEIVER), HEAD)) == (403, "permission_denied")
    assert Product.objects.get().sku == "MILK"


def test_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "products.csv"
    file.write_text(HEAD + "MILK,Milk,pcs,1,yes,14,1.05\n")
    call_command("import_products", str(file), check=True)
    assert not Product.objects.exists()
    call_command("import_products", str(file))
    call_command("import_products", str(file), json=True)
    fine, done, again = capsys.readouterr().out.splitlines()
    assert (fine, done) == ("1 rows are fine.", "1 rows: 1 created, 0 changed, 0 as they were.")
    assert json.loads(again) == {"ok": True, "rows": 1, "created": 0, "changed": 0, "unchanged": 1}

    file.write_text(HEAD + "BREAD,Bread,stones,1,yes,14,\n")
    with pytest.raises(CommandError, match="Nothing was imported") as refusal:
        call_command("import_products", str(file))
    assert refusal.value.returncode == 1
    assert "Row 2, base_unit: " in capsys.readouterr().err
    with pytest.raises(CommandError, match="can't be read"):
        call_command("import_products", str(tmp_path / "none.csv"))
    assert Product.objects.get().sku == "MILK"

"""`manage.py export_movements`: streamed, harmless in a spreadsheet, whole or not there at all."""

from __future__ import annotations

import csv
import io
import resource
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from inventory.models import Movement, Product
from inventory.orchestrator import OrderedLine, promise_order, release_reservation
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from warehouse.core.exports import safe_cell

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house() -> Site:
    return site(code="MAIN")


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="=1+1")
    stocked(product, house.shelf, 10, lot="+L1")
    reserved = promise_order("shop:1", [OrderedLine(product.pk, Decimal(3))], actor=ACTOR)[0]
    release_reservation(reserved.reservation_id, reason="@SUM(A1)", actor=ACTOR, for_order=True)
    return product


def export(*arguments: str) -> list[dict[str, str]]:
    out = io.StringIO()
    call_command("export_movements", "-", *arguments, stdout=out, stderr=io.StringIO())
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_every_line_with_names_and_no_formula(milk: Product) -> None:
    rows = export()

    assert [(row["type"], row["quantity_change"], row["reserved_change"]) for row in rows] == [
        ("receiving", "10.000", "0.000"),
        ("reservation", "0.000", "3.000"),
        ("release", "0.000", "-3.000"),
    ]
    assert {(row["sku"], row["lot_number"], row["warehouse"], row["location"]) for row in rows} == {("'=1+1", "'+L1", "MAIN", "A-01")}
    assert rows[2]["reason"] == "'@SUM(A1)"
    assert rows[0]["occurred_at"] == Movement.objects.order_by("pk").first().occurred_at.isoformat()


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\tx", "\rx", "\nx", "＝1"])
def test_what_begins_a_formula(text: str) -> None:
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["", "milk", "1-2", "a=b", "'=1"])
def test_what_does_not(text: str) -> None:
    assert safe_cell(text) == text


def test_only_what_was_asked_for(milk: Product, house: Site) -> None:
    other = ProductFactory(sku="bread")
    stocked(other, house.shelf, 1)

    assert [row["sku"] for row in export("--sku", "BREAD")] == ["bread"]
    assert export("--warehouse", "NOWHERE") == []
    assert export("--before", "2020-01-01") == []
    assert len(export("--since", "2020-01-01T00:00+02:00", "--before", "2999-01-01")) == 4


def test_a_date_that_is_none() -> None:
    with pytest.raises(CommandError, match="is not a date or time"):
        call_command("export_movements", "-", "--since", "yesterday")


def test_a_file_replaces_the_old_one_when_it_is_whole(milk: Product, tmp_path: Path) -> None:
    target = tmp_path / "ledger.csv"
    target.write_text("old")

    call_command("export_movements", str(target), stderr=io.StringIO())

    assert len(list(csv.DictReader(target.open()))) == 3
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_leaves_no_half_file(milk: Product, tmp_path: Path) -> None:
    target = tmp_path / "ledger.csv"
    target.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
    try:
        with pytest.raises(CommandError) as refusal:
            call_command("export_movements", str(target), stderr=io.StringIO())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert str(refusal.value) == f"{target} was not written: File too large. Free some space or choose another place, and repeat."
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_device_on_standard_output(milk: Product) -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115 - closing it is a part of the test

    with pytest.raises(CommandError, match="No space left on device"):
        call_command("export_movements", "-", stdout=full, stderr=io.StringIO())

    with pytest.raises(OSError, match="No space left"):
        full.close()

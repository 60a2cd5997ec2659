"""The receive screen: what a scan does, what is asked, what is refused, and what happens twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Batch, BatchLocation, Product, Receiving, ReceivingItem
from inventory.orchestrator import ReceivingLine, create_receiving
from inventory.screens.entered import label_day
from tests.factories.inventory import ACTOR, BarcodeFactory, LocationFactory, ProductFactory, SupplierFactory, stocked
from tests.inventory.books import assert_books_balance
from tests.inventory.screens.conftest import Handheld, token_in, value_in
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
LATE = timezone.now().date() + timedelta(days=60)
GTIN = "04006381333931"


@pytest.fixture
def milk(transactional_db: None) -> Product:
    product = ProductFactory(name="Milk", min_remaining_days=3)
    BarcodeFactory(code=GTIN, product=product, pack_quantity=12)
    return product


@pytest.fixture
def delivery(place: Any, milk: Product) -> Receiving:
    lines = [ReceivingLine(milk.pk, Decimal(24), Decimal(0))]
    return create_receiving(warehouse_id=place.id, supplier_id=SupplierFactory(name="Dairy").pk, supplier_reference="DN-1", lines=lines, actor=ACTOR)


def at(delivery: Receiving, what: str = "") -> str:
    return f"/floor/receive/{delivery.pk}" + (f"/{what}" if what else "")


def gs1(lot: str, day: date) -> str:
    return f"(01){GTIN}(17){day:%y%m%d}(10){lot}"


def lines(delivery: Receiving) -> list[tuple[Any, ...]]:
    return list(delivery.items.order_by("pk").values_list("lot_number", "label_expires_on", "actual_quantity", "damaged_quantity"))


def test_a_code_that_says_everything(handheld: Make, place: Any, delivery: Receiving) -> None:
    hand = handheld(place, Role.RECEIVER)
    assert "DN-1" in hand.see("/floor/receive")
    page = hand.send("/floor/receive/find", code="dn-1")
    assert "Milk" in page
    page = hand.send(at(delivery, "scan"), code=gs1("L1", LATE))
    assert "How much?" in page
    assert (value_in(page, "quantity"), "On the paper: 24" in page) == ("12", True)
    page = hand.send(at(delivery, "scan"), code="", confirm="1", token=token_in(page), quantity="20", damaged="3")
    assert "Counted: 20 pcs" in page
    assert lines(delivery) == [("L1", LATE, 20, 3)]
    page = hand.send(at(delivery, "confirm"), token=token_in(hand.see(at(delivery) + "?ask=confirm")), version=_version(delivery))
    assert "The goods stand on" in page
    rows = BatchLocation.objects.order_by("pk").values_list("location__code", "quantity")
    assert sorted(rows) == [("DOCK", 17), ("QUAR", 3)]
    assert_books_balance()


def _version(delivery: Receiving) -> int:
    return Receiving.objects.get(pk=delivery.pk).version


def test_goods_name_their_delivery(handheld: Make, place: Any, delivery: Receiving, milk: Product) -> None:
    hand = handheld(place, Role.RECEIVER)
    assert "How much?" in hand.send("/floor/receive/find", code=gs1("L1", LATE))
    hand.send(at(delivery, "lay-down"))
    create_receiving(warehouse_id=place.id, lines=[ReceivingLine(milk.pk, Decimal(1))], actor=ACTOR)
    assert "Several deliveries expect this" in hand.send("/floor/receive/find", code=GTIN)
    assert "No delivery found" in hand.send("/floor/receive/find", code="DN-2")
    assert "Nothing was scanned" in hand.send("/floor/receive/find", code="")


def test_a_tap_that_comes_twice_counts_once(handheld: Make, place: Any, delivery: Receiving) -> None:
    hand = handheld(place, Role.RECEIVER)
    page = hand.send(at(delivery, "scan"), code=gs1("L1", LATE))
    tap = {"code": "", "confirm": "1", "token": token_in(page), "quantity": "12"}
    session = hand.session
    kept = session["floor_receive"]
    hand.send(at(delivery, "scan"), **tap)
    assert 'class="wrong-screen"' not in hand.send(at(delivery, "scan"), **tap)
    session = hand.session
    session["floor_receive"] = kept  # both were on their way at once
    session.save()
    assert "Counted: 12 pcs" in hand.send(at(delivery, "scan"), **tap)
    session = hand.session
    session["floor_receive"] = kept
    session.save()
    assert "Somebody was faster" in hand.send(at(delivery, "scan"), **tap | {"quantity": "13"})
    assert lines(delivery) == [("L1", LATE, 12, 0)]
    begin = {"token": token_in(hand.see("/floor/receive"))}
    hand.send("/floor/receive/begin", **begin)
    hand.send("/floor/receive/begin", **begin)
    assert Receiving.objects.count() == 2


def test_the_last_count_is_taken_back_once(handheld: Make, place: Any, delivery: Receiving) -> None:
    hand = handheld(place, Role.RECEIVER)
    for lot in ("L1", "L1"):
        page = hand.send(at(delivery, "scan"), code=gs1(lot, LATE))
        page = hand.send(at(delivery, "scan"), code="", confirm="1", token=token_in(page), quantity="5")
    undo = {"token": token_in(page)}
    assert "Taken back" not in page
    hand.send(at(delivery, "undo"), **undo)
    hand.send(at(delivery, "undo"), **undo)
    assert lines(delivery) == [("L1", LATE, 5, 0)]


def test_other_goods_count_those_in_hand_first(handheld: Make, place: Any, delivery: Receiving) -> None:
    honey = ProductFactory(name="Honey", tracks_expiry=False)
    hand = handheld(place, Role.RECEIVER)
    hand.send(at(delivery, "scan"), code=gs1("L1", LATE))
    hand.send(at(delivery, "scan"), code=gs1("L1", LATE), quantity="12", damaged="")
    page = hand.send(at(delivery, "scan"), code=honey.sku, quantity="24", damaged="")
    assert "Counted: 24 pcs" in page
    assert "Honey" in page
    page = hand.send(at(delivery, "scan"), code="7", quantity="1", damaged="")  # typed on the handheld's own keys
    assert value_in(page, "quantity") == "7"
    page = hand.send(at(delivery, "scan"), code=place.shelf.code, quantity="7", damaged="")
    assert "A-01" in page
    hand.send(at(delivery, "scan"), code="", confirm="1", token=token_in(page), quantity="7")
    assert [row[2] for row in lines(delivery)] == [24, 7]
    assert ReceivingItem.objects.get(product=honey).location == place.shelf
    page = hand.see(at(delivery) + "?ask=confirm")
    assert "Not on the paper" in page
    page = hand.send(at(delivery, "correct"), line=ReceivingItem.objects.get(product=honey).pk, version=_version(delivery), nothing="1")
    assert not ReceivingItem.objects.filter(product=honey).exists()


def test_date_and_lot_are_asked_for(handheld: Make, place: Any, delivery: Receiving) -> None:
    hand = handheld(place, Role.RECEIVER)
    page = hand.send(at(delivery, "scan"), code=GTIN)
    assert "Expiry date" in page
    tap = {"code": "", "confirm": "1", "token": token_in(page)}
    for wrong in ("", "32.01.30", "310430", "010199", "hello", "00.00.00"):
        assert "This is no date" in hand.send(at(delivery, "scan"), **tap, date=wrong), wrong
    assert "How much?" in hand.send(at(delivery, "scan"), **tap, date=f"{LATE:%d.%m.%y}")
    hand.see(at(delivery) + "?change=lot")
    for no_lot in (place.shelf.barcode, "L" * 61):
        assert "This is no lot number" in hand.send(at(delivery, "scan"), code=no_lot)
    assert "How much?" in hand.send(at(delivery, "scan"), code="  L-77 ")
    hand.send(at(delivery, "scan"), **tap, quantity="2")
    assert lines(delivery) == [("L-77", LATE, 2, 0)]


def test_short_dated_goods_need_a_reason(handheld: Make, place: Any, delivery: Receiving) -> None:
    soon = timezone.now().date() + timedelta(days=1)
    hand = handheld(place, Role.RECEIVER)
    page = hand.send(at(delivery, "scan"), code=gs1("L1", soon))
    assert "Say why you take it, or send it back." in page
    tap = {"code": "", "token": token_in(page)}
    assert 'class="wrong-screen"' in hand.send(at(delivery, "scan"), **tap, confirm="1", quantity="5")
    assert 'class="wrong-screen"' in hand.send(at(delivery, "scan"), **tap, reason="because")
    assert "How much?" in hand.send(at(delivery, "scan"), **tap, reason="fast")
    hand.send(at(delivery, "scan"), **tap, confirm="1", quantity="5")
    item = ReceivingItem.objects.get()
    assert (item.accept_short_dated, item.short_dated_reason, item.actual_quantity) == (True, "sells within the days left", 5)


@pytest.mark.parametrize("quantity", ["", "0", "-1", "1.5", "NaN", "1e30", "x"])
def test_bad_quantities(handheld: Make, place: Any, delivery: Receiving, quantity: str) -> None:
    hand = handheld(place, Role.RECEIVER)
    page = hand.send(at(delivery, "scan"), code=gs1("L1", LATE))
    page = hand.send(at(delivery, "scan"), code="", confirm="1", token=token_in(page), quantity=quantity)
    assert 'class="wrong-screen"' in page
    assert lines(delivery) == [("", None, 0, 0)]
    page = hand.send(at(delivery, "scan"), code="", confirm="1", token=token_in(page), quantity="1", damaged="2")
    assert "More damaged than arrived" in page


def test_strange_scans_change_nothing(handheld: Make, place: Any, delivery: Receiving, milk: Product) -> None:
    stocked(milk, place.shelf, 3, lot="OLD", expires_in_days=20)
    gone = ProductFactory(name="Gone", is_active=False)
    other = LocationFactory()
    hand = handheld(place, Role.RECEIVER)
    for code, words in [
        ("", "Nothing was scanned"),
        ("\x00", "Nothing was scanned"),
        ("nobody knows", "Unknown goods"),
        (place.shelf.barcode, "Unknown goods"),
        (gone.sku, "Not sold any more"),
        (gs1("OLD", LATE), "This lot has another date"),
    ]:
        assert words in hand.send(at(delivery, "scan"), code=code), code
    hand.send(at(delivery, "scan"), code=gs1("L1", LATE))
    assert "Not a place of this site" in hand.send(at(delivery, "scan"), code=other.barcode, quantity="1")
    assert lines(delivery) == [("", None, 0, 0)]


def test_what_the_paper_announces_is_counted_or_taken_as_it_is(handheld: Make, place: Any, milk: Product) -> None:
    announced = [ReceivingLine(milk.pk, Decimal(24), lot_number="L1", label_expires_on=LATE)]
    delivery = create_receiving(warehouse_id=place.id, lines=announced, actor=ACTOR)
    hand = handheld(place, Role.RECEIVER)
    page = hand.see(at(delivery))
    assert "What has arrived?" in page
    assert "Everything is as on the paper." in hand.see(at(delivery) + "?ask=confirm")
    hand.send(at(delivery, "start"), version=value_in(page, "version"))
    assert lines(delivery) == [("L1", LATE, 0, 0)]
    page = hand.see(at(delivery) + "?ask=confirm")
    assert "Nothing is counted yet." in page
    assert "Dropped" in hand.send(at(delivery, "drop"), version=value_in(page, "version"))
    assert "This delivery was cancelled." in hand.see(at(delivery))


def test_an_older_screen_corrects_nothing(handheld: Make, place: Any, delivery: Receiving) -> None:
    hand = handheld(place, Role.RECEIVER)
    item = delivery.items.get()
    page = hand.send(at(delivery, "correct"), line=item.pk, version=_version(delivery) + 1, quantity="3")
    assert "Somebody was faster" in page
    assert "Somebody was faster" in hand.send(at(delivery, "correct"), line=0, version=_version(delivery), quantity="3")
    assert lines(delivery) == [("", None, 0, 0)]
    assert Batch.objects.count() == 0


def test_who_may(handheld: Make, place: Any, delivery: Receiving) -> None:
    picker = handheld(place, Role.PICKER)
    assert picker.get("/floor/receive").status_code == 403
    for what in ("scan", "lay-down", "start", "correct", "undo", "confirm", "drop"):
        assert picker.post(at(delivery, what), {"csrfmiddlewaretoken": picker.cookies["csrftoken"].value}).status_code == 403
        assert handheld(place, Role.RECEIVER).get(at(delivery, what)).status_code == 405
    elsewhere = create_receiving(warehouse_id=LocationFactory(kind="receiving", condition="").warehouse_id, actor=ACTOR)
    assert handheld(place, Role.RECEIVER).get(at(elsewhere)).status_code == 404


def test_statements_of_a_scan_do_not_grow_with_the_delivery(handheld: Make, place: Any, delivery: Receiving) -> None:
    hand = handheld(place, Role.RECEIVER)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            hand.send(at(delivery, "scan"), htmx=True, code="nothing")
        return len(queries)

    few = statements()
    ReceivingItem.objects.bulk_create(
        ReceivingItem(receiving=delivery, product=ProductFactory(), expected_quantity=1, actual_quantity=0) for _ in range(60)
    )
    assert statements() == few
    assert "more lines" in hand.see(at(delivery))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("051226", date(2026, 12, 5)),
        ("05.12.26", date(2026, 12, 5)),
        ("05122026", date(2026, 12, 5)),
        ("05/12/2026", date(2026, 12, 5)),
        ("1226", date(2026, 12, 31)),
        ("12.2026", date(2026, 12, 31)),
        ("0228", date(2028, 2, 29)),
        ("290227", None),
        ("051299", None),
        ("05120", None),
        ("٠٥١٢٢٦", None),
    ],
)
def test_dates_as_labels_write_them(text: str, day: date | None) -> None:
    assert label_day(text, date(2026, 11, 20)) == day

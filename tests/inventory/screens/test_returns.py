"""The returns screen: the parcel, each of the goods, the books."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inventory.models import Discount, Movement, Return, ReturnItem
from inventory.orchestrator import OrderedLine, ReturnLine, consume_reservation, create_return, reserve_for_order
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, StorefrontProductFactory, stocked
from tests.inventory.books import assert_books_balance
from tests.inventory.screens.conftest import Handheld, token_in, value_in
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
FIND = "/floor/returns/find"


@pytest.fixture
def jam(place: Any) -> Any:
    product = ProductFactory(name="Jam", sku="JAM")
    StorefrontProductFactory(product=product)
    stocked(product, place.shelf, 10, lot="J-1", expires_in_days=200)
    sold = reserve_for_order("shop:1", [OrderedLine(product.pk, Decimal(3))], warehouse_id=place.id, actor=ACTOR)
    consume_reservation(sold.reservation_id, actor=ACTOR)
    return product


@pytest.fixture
def parcel(place: Any, jam: Any) -> Return:
    lines = [ReturnLine(jam.pk, Decimal(2))]
    return create_return(warehouse_id=place.id, order_ref="shop:1", reference="WB-9", customer_reason="too sweet", lines=lines, actor=ACTOR)


def at(parcel: Return, what: str = "") -> str:
    return f"/floor/returns/{parcel.pk}" + (f"/{what}" if what else "")


def decide(hand: Handheld, parcel: Return, **taps: str) -> str:
    page = ""
    for name, value in taps.items():
        page = hand.send(at(parcel, "decide"), **{name: value})
    return page


def test_a_parcel_is_looked_at_and_booked(handheld: Make, place: Any, parcel: Return, jam: Any) -> None:
    hand = handheld(place, Role.RECEIVER)
    assert "too sweet" in hand.see("/floor/returns")
    assert "Jam" in hand.send(FIND, code="WB-9")
    page = hand.send(at(parcel, "scan"), code="jam")
    assert "How does it look?" in page
    page = decide(hand, parcel, condition="intact", decision="return_with_discount")
    assert "Which discount?" in page
    for wrong in ("0", "100", "-5", "x", "12.34", "1e1"):
        assert "This is no discount" in hand.send(at(parcel, "decide"), percent=wrong), wrong
    page = decide(hand, parcel, percent="25")
    assert "Sell at a discount −25 %" in page
    tap = {"token": token_in(page), "version": value_in(page, "version")}
    kept = hand.session["floor_return"]
    page = hand.send(at(parcel, "book"), **tap)
    assert "The return is on the books." in page
    session = hand.session
    session["floor_return"] = kept
    session.save()
    assert "The return is on the books." in hand.send(at(parcel, "book"), **tap)
    assert Movement.objects.filter(type="return_to_stock").count() == 1
    assert Discount.objects.count() == 1
    assert_books_balance()


def test_an_order_without_a_paper(handheld: Make, place: Any, jam: Any) -> None:
    hand = handheld(place, Role.RECEIVER)
    page = hand.send(FIND, code="shop:1")
    assert "Scan what is in the parcel." in page
    hand.send(FIND, code="shop:1")  # twice: the same
    parcel = Return.objects.get()
    page = hand.send(at(parcel, "scan"), code="J-1")
    assert "at most" in page
    tap = {"code": "", "confirm": "1", "token": token_in(page)}
    assert "More than was sent" in hand.send(at(parcel, "scan"), **tap, quantity="4")
    for wrong in ("", "0", "-1", "1.5", "NaN"):
        assert 'class="wrong-screen"' in hand.send(at(parcel, "scan"), **tap, quantity=wrong), wrong
    kept = hand.session["floor_return"]
    assert "How does it look?" in hand.send(at(parcel, "scan"), **tap, quantity="2")
    session = hand.session
    session["floor_return"] = kept
    session.save()
    hand.send(at(parcel, "scan"), **tap, quantity="2")
    assert [item.quantity for item in ReturnItem.objects.all()] == [2]
    item = ReturnItem.objects.get()
    hand.send(at(parcel, "remove"), item=item.pk)
    page = hand.see(at(parcel) + "?list")
    assert "Dropped" in hand.send(at(parcel, "drop"), version=value_in(page, "version"))
    assert "This return was cancelled." in hand.see(at(parcel))


def test_what_is_cold_is_measured(handheld: Make, place: Any) -> None:
    ham = ProductFactory(name="Ham", lives={"chilled": 30})
    stocked(ham, place.cool, 5, lot="H-1", expires_in_days=20)
    sold = reserve_for_order("shop:2", [OrderedLine(ham.pk, Decimal(1))], warehouse_id=place.id, actor=ACTOR)
    consume_reservation(sold.reservation_id, actor=ACTOR)
    parcel = create_return(warehouse_id=place.id, order_ref="shop:2", lines=[ReturnLine(ham.pk, Decimal(1))], actor=ACTOR)
    hand = handheld(place, Role.RECEIVER)
    hand.send(at(parcel, "scan"), code="H-1")
    assert "Temperature" in decide(hand, parcel, condition="opened")
    for wrong in ("", "-", "1e1", "12.34", "x"):
        assert "This is no temperature" in hand.send(at(parcel, "decide"), temperature=wrong), wrong
    page = decide(hand, parcel, temperature="-2,5")
    assert "-2.5 °C" in page
    assert "Back to the shelf" not in page  # opened, and no life of its own
    page = decide(hand, parcel, decision="return_to_shelf")
    assert "What becomes of it?" in page
    page = decide(hand, parcel, decision="write_off")
    page = hand.send(at(parcel, "book"), token=token_in(page), version=value_in(page, "version"))
    assert "The return is on the books." in page
    item = ReturnItem.objects.get()
    assert (item.condition, item.temperature, item.write_off is not None) == ("opened", Decimal("-2.5"), True)
    assert_books_balance()


def test_it_is_decided_again(handheld: Make, place: Any, parcel: Return, jam: Any) -> None:
    hand = handheld(place, Role.RECEIVER)
    hand.send(at(parcel, "scan"), code="jam")
    decide(hand, parcel, condition="damaged", decision="write_off")
    item = ReturnItem.objects.get()
    assert "Looked at" in hand.see(at(parcel) + f"?item={item.pk}")
    page = hand.send(at(parcel, "decide"), again="1")
    assert "How does it look?" in page
    page = hand.see(at(parcel) + "?list")
    assert "Book the return" not in page
    state = hand.session["floor_return"]
    assert "Not finished yet" in hand.send(at(parcel, "book"), token=state["token"], version="1")
    hand.see(at(parcel) + f"?item={item.pk}")
    page = decide(hand, parcel, condition="intact", decision="return_to_shelf")
    hand.send(at(parcel, "book"), token=token_in(page), version=value_in(page, "version"))
    assert ReturnItem.objects.get().decision == "return_to_shelf"


def test_photos(handheld: Make, place: Any, parcel: Return, tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    hand = handheld(place, Role.RECEIVER)
    item = ReturnItem.objects.get()
    good = SimpleUploadedFile("x.png", b"\x89PNG\r\n\x1a\n rest")
    hand.see(at(parcel) + f"?item={item.pk}")
    assert "Photo</label>" not in hand.send(at(parcel, "photo"), item=item.pk, photo=good)
    assert ReturnItem.objects.get().photo
    assert "be used" in hand.send(at(parcel, "photo"), item=item.pk, photo=SimpleUploadedFile("x.png", b"<svg onload=alert(1)>"))
    assert 'class="wrong-screen"' in hand.send(at(parcel, "photo"), item=item.pk)
    assert "Not found" in hand.send(at(parcel, "photo"), item="0", photo=SimpleUploadedFile("x.png", b"\x89PNG\r\n\x1a\n rest"))


def test_strange_scans(handheld: Make, place: Any, parcel: Return, jam: Any) -> None:
    other = ProductFactory()
    hand = handheld(place, Role.RECEIVER)
    for code, words in [("", "Nothing was scanned"), ("WB-1", "No order found"), ("shop:77", "No order found")]:
        assert words in hand.send(FIND, code=code), code
    for code, words in [("", "Nothing was scanned"), (other.sku, "Not of this order"), ("?", "Not of this order"), ("A-01", "Not of this order")]:
        assert words in hand.send(at(parcel, "scan"), code=code), code
    assert ReturnItem.objects.get().quantity == 2


def test_who_may(handheld: Make, place: Any, parcel: Return) -> None:
    picker = handheld(place, Role.PICKER)
    assert picker.get("/floor/returns").status_code == 403
    for what in ("scan", "decide", "photo", "remove", "drop", "book"):
        assert picker.post(at(parcel, what), {"csrfmiddlewaretoken": picker.cookies["csrftoken"].value}).status_code == 403
        assert handheld(place, Role.RECEIVER).get(at(parcel, what)).status_code == 405
    shop = LocationFactory(kind="receiving", condition="").warehouse_id
    elsewhere = create_return(warehouse_id=shop, order_ref="shop:1", actor=ACTOR)
    assert handheld(place, Role.RECEIVER).get(at(elsewhere)).status_code == 404

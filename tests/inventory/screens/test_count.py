"""The count screen: place by place, blind, found goods, second counts, and what comes twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Audit, AuditLine, CountRequest
from inventory.services.audit_completion import complete_audit
from inventory.services.audits import cancel_audit, create_audit, start_audit
from inventory.services.count_requests import request_count
from inventory.services.moving import move_stock
from tests.factories.inventory import ACTOR, BarcodeFactory, LocationFactory, ProductFactory, stocked
from tests.inventory.screens.conftest import Handheld, token_in, value_in
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
LATE = timezone.now().date() + timedelta(days=90)


@pytest.fixture
def tea(place: Any) -> Any:
    product = ProductFactory(name="Tea")
    BarcodeFactory(code="8600000000042", product=product)
    stocked(product, place.shelf, 20, lot="T-1", expires_in_days=300)
    return product


@pytest.fixture
def audit(place: Any, tea: Any) -> Audit:
    made = create_audit(warehouse_id=place.id, actor=ACTOR)
    return start_audit(made.pk, actor=ACTOR)


def at(audit: Audit, what: str = "") -> str:
    return f"/floor/count/{audit.pk}" + (f"/{what}" if what else "")


def counted(lot: str) -> Any:
    return AuditLine.objects.get(lot_number=lot).counted_quantity


def test_place_goods_number(handheld: Make, place: Any, audit: Audit, tea: Any) -> None:
    hand = handheld(place, Role.AUDITOR)
    page = hand.see("/floor/count")  # the only audit at once
    assert "1 line to count" in page
    assert "First the place" in hand.send(at(audit, "scan"), code=tea.sku)
    page = hand.send(at(audit, "scan"), code=place.shelf.barcode)
    assert "Tea" in page
    assert "20" not in page.split('class="rows items"')[1].split("</ul>")[0].replace("2027", "").replace("2026", "")  # blind
    page = hand.send(at(audit, "scan"), code=tea.sku)
    assert "How many?" in page
    page = hand.send(at(audit, "scan"), code="", confirm="1", quantity="19")
    assert "Counted: 19 pcs" in page
    assert counted("T-1") == 19
    hand.send(at(audit, "scan"), code="", confirm="1", quantity="19")  # once more: nothing is in hand
    hand.send(at(audit, "take"), line=AuditLine.objects.get().pk)  # tapped again: corrected
    page = hand.send(at(audit, "scan"), code="", confirm="1", quantity="20")
    assert counted("T-1") == 20
    assert "Everything is counted." in hand.send(at(audit, "leave"), place="leave")
    complete_audit(audit.pk, actor=ACTOR)
    assert "This audit is completed." in hand.see(at(audit))
    assert "This audit is completed." in hand.send(at(audit, "scan"), code=place.shelf.code)


def test_books_are_shown_when_it_is_not_blind(handheld: Make, place: Any, audit: Audit, tea: Any) -> None:
    Audit.objects.update(blind=False)
    hand = handheld(place, Role.AUDITOR)
    hand.send(at(audit, "scan"), code=place.shelf.code)
    assert "20 pcs" in hand.send(at(audit, "scan"), code="T-1")


def test_counting_by_scans(handheld: Make, place: Any, audit: Audit, tea: Any) -> None:
    other = ProductFactory(name="Jam", tracks_expiry=False)
    hand = handheld(place, Role.AUDITOR)
    hand.send(at(audit, "scan"), code=place.shelf.code)
    hand.send(at(audit, "scan"), code="8600000000042")
    assert "How many?" in hand.send(at(audit, "scan"), code=other.sku, quantity="")
    assert value_in(hand.send(at(audit, "scan"), code="8600000000042", quantity=""), "quantity") == "2"
    assert value_in(hand.send(at(audit, "scan"), code="8600000000042", quantity="2"), "quantity") == "3"
    assert value_in(hand.send(at(audit, "scan"), code="21", quantity="3"), "quantity") == "21"
    page = hand.send(at(audit, "scan"), code=other.sku, quantity="21")  # other goods write the tea down
    assert counted("T-1") == 21
    assert "not on the list" in page
    tap = {"code": "", "confirm": "1", "token": token_in(page), "quantity": "4"}
    kept = hand.session["floor_count"]
    assert "Found: 4 pcs" in hand.send(at(audit, "scan"), **tap)
    session = hand.session
    session["floor_count"] = kept
    session.save()
    assert "Found: 4 pcs" in hand.send(at(audit, "scan"), **tap)  # twice: once
    assert AuditLine.objects.filter(found=True).count() == 1


def test_found_goods_that_expire_need_their_label(handheld: Make, place: Any, audit: Audit, tea: Any) -> None:
    hand = handheld(place, Role.AUDITOR)
    hand.send(at(audit, "scan"), code=place.shelf.code)
    hand.send(at(audit, "scan"), code=tea.sku)
    page = hand.send(at(audit, "take"), other=tea.pk)
    assert "Expiry date" in page
    tap = {"code": "", "confirm": "1", "token": token_in(page)}
    assert "This is no date" in hand.send(at(audit, "scan"), **tap, date="99.99.99")
    assert "How many?" in hand.send(at(audit, "scan"), **tap, date=f"{LATE:%d%m%y}")
    for wrong in ("0", "", "1.5", "-1"):
        assert 'class="wrong-screen"' in hand.send(at(audit, "scan"), **tap, quantity=wrong)
    hand.send(at(audit, "scan"), **tap, quantity="2")
    line = AuditLine.objects.get(found=True)
    assert (line.label_expires_on, line.counted_quantity) == (LATE, 2)


def test_lots_are_chosen_from(handheld: Make, place: Any, tea: Any) -> None:
    stocked(tea, place.shelf, 5, lot="T-2", expires_in_days=200)
    audit = start_audit(create_audit(warehouse_id=place.id, actor=ACTOR).pk, actor=ACTOR)
    hand = handheld(place, Role.AUDITOR)
    hand.send(at(audit, "scan"), code=place.shelf.code)
    page = hand.send(at(audit, "scan"), code=tea.sku)
    assert "Which of them?" in page
    assert "Another lot" in page
    assert "T-2" in hand.send(at(audit, "scan"), code="T-2")


def test_the_rest_is_not_there(handheld: Make, place: Any, audit: Audit, tea: Any) -> None:
    hand = handheld(place, Role.AUDITOR)
    hand.send(at(audit, "nothing-more"))  # no place yet: nothing
    hand.send(at(audit, "scan"), code=place.shelf.code)
    assert "Really nothing of it here?" in hand.see(at(audit) + "?ask=rest")
    page = hand.send(at(audit, "nothing-more"))
    assert "Nothing of it is here" in page
    assert "somebody else counts it" in page  # nothing of twenty is far off
    assert AuditLine.objects.get().first_counted_quantity == Decimal(0)
    assert "Somebody else counts it" in hand.send(at(audit, "take"), line=AuditLine.objects.get().pk)
    assert "What is left somebody else counts." in hand.send(at(audit, "leave"), place="leave")
    other = handheld(place, Role.AUDITOR)
    assert "count it again" in other.send(at(audit, "scan"), code=place.shelf.code)
    other.send(at(audit, "nothing-more"))
    assert counted("T-1") == 0


def test_goods_that_move_while_they_are_counted(handheld: Make, place: Any, audit: Audit, tea: Any) -> None:
    far = LocationFactory(warehouse=place.warehouse, code="B-02")
    hand = handheld(place, Role.AUDITOR)
    hand.send(at(audit, "scan"), code=place.shelf.code)
    hand.send(at(audit, "scan"), code=tea.sku)
    move_stock(AuditLine.objects.get().batch_location_id, Decimal(5), far.pk, actor=ACTOR)
    page = hand.send(at(audit, "scan"), code="", confirm="1", quantity="20")
    assert "Goods moved while you counted. Scan the place again." in page
    assert "Scan the place again" in hand.send(at(audit, "scan"), code=tea.sku)
    hand.send(at(audit, "scan"), code=place.shelf.code)
    hand.send(at(audit, "scan"), code=tea.sku)
    hand.send(at(audit, "scan"), code="", confirm="1", quantity="15")
    assert counted("T-1") == 15


def test_what_is_refused_changes_nothing(handheld: Make, place: Any, audit: Audit, tea: Any) -> None:
    stranger = LocationFactory()
    hand = handheld(place, Role.AUDITOR)
    for code, words in [("", "Nothing was scanned"), ("?", "First the place"), (stranger.barcode, "Not possible now")]:
        assert words in hand.send(at(audit, "scan"), code=code), code
    hand.send(at(audit, "scan"), code=place.shelf.code)
    assert "Unknown goods" in hand.send(at(audit, "scan"), code="?")
    hand.send(at(audit, "scan"), code=tea.sku)
    for wrong in ("", "-1", "0.5", "NaN", "1e30"):
        assert 'class="wrong-screen"' in hand.send(at(audit, "scan"), code="", confirm="1", quantity=wrong), wrong
    assert counted("T-1") is None
    cancel_audit(audit.pk, reason="no time", actor=ACTOR)
    assert "This audit is not being counted." in hand.see(at(audit))
    assert "Nothing is to be counted now." in hand.see("/floor/count")


def test_who_may(handheld: Make, place: Any, audit: Audit) -> None:
    receiver = handheld(place, Role.RECEIVER)
    assert receiver.get("/floor/count").status_code == 403
    for what in ("scan", "take", "leave", "nothing-more"):
        assert receiver.post(at(audit, what), {"csrfmiddlewaretoken": receiver.cookies["csrftoken"].value}).status_code == 403
        assert handheld(place, Role.AUDITOR).get(at(audit, what)).status_code == 405
    elsewhere = create_audit(warehouse_id=LocationFactory().warehouse_id, actor=ACTOR)
    assert handheld(place, Role.AUDITOR).get(at(elsewhere)).status_code == 404


def test_statements_of_a_scan_do_not_grow_with_the_audit(handheld: Make, place: Any, tea: Any) -> None:
    def statements() -> int:
        audit = start_audit(create_audit(warehouse_id=place.id, actor=ACTOR).pk, actor=ACTOR)
        hand = handheld(place, Role.AUDITOR)
        hand.send(at(audit, "scan"), code=place.shelf.code)
        with CaptureQueriesContext(connection) as queries:
            hand.send(at(audit, "scan"), htmx=True, code="nothing")
        return len(queries)

    few = statements()
    for _ in range(8):
        stocked(ProductFactory(), place.shelf, 1)
    assert statements() == few


def test_places_where_goods_were_missed(handheld: Make, place: Any, tea: Any) -> None:
    request_count(place.shelf.pk, tea.pk, reason="two are missing", actor=ACTOR)
    hand = handheld(place, Role.AUDITOR)
    assert re.search(r"Count</span>\s*<strong[^>]*>1<", hand.see("/floor/"))
    page = hand.see("/floor/count")
    for shown in ("Goods were missed here", place.shelf.code, "Tea", "Count 1 place"):
        assert shown in page
    page = hand.send("/floor/count/asked")
    audit = Audit.objects.get()
    assert "Go to" in page
    hand.send(at(audit, "scan"), code=place.shelf.barcode)
    hand.send(at(audit, "scan"), code=tea.sku)
    hand.send(at(audit, "scan"), code="", confirm="1", quantity="20")
    complete_audit(audit.pk, actor=ACTOR)
    assert CountRequest.objects.get().audit == audit
    assert "Nothing is to be counted now" in hand.see("/floor/count")
    assert "Not possible now" in hand.send("/floor/count/asked")  # somebody was faster


def test_missed_goods_beside_a_running_audit(handheld: Make, place: Any, tea: Any) -> None:
    stocked(tea, place.dock, 5)
    made = create_audit(warehouse_id=place.id, scope="locations", location_ids=[place.dock.pk], actor=ACTOR)
    start_audit(made.pk, actor=ACTOR)
    request_count(place.shelf.pk, tea.pk, reason="two are missing", actor=ACTOR)
    page = handheld(place, Role.AUDITOR).see("/floor/count")
    assert "Being counted" in page
    assert made.number in page

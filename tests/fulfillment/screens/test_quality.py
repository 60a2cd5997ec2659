"""The quality screen: goods, two buttons, what is wrong, done."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import PackingTask, PickingTask, QualityCheck, QualityCheckItem
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.quality_checks import cancel_quality_check, start_quality_check
from inventory.models import BatchLocation
from tests.factories.fulfillment import ACTOR, person, site, stocked
from tests.factories.inventory import ProductFactory
from tests.factories.quality import rule, to_check
from tests.fulfillment.screens.conftest import Handheld
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def place(transactional_db: None) -> Any:
    rule()
    return site()


@pytest.fixture
def check(place: Any) -> QualityCheck:
    """Five packs of milk and one of tea."""
    milk, tea = ProductFactory(name="Milk", sku="MILK"), ProductFactory(name="Tea", sku="TEA")
    stocked(milk, place.shelf, 9, lot="M-1", expires_in_days=9)
    stocked(tea, place.shelf, 9, lot="T-1")
    return to_check([(milk, 5), (tea, 1)], person(Role.PICKER), order_number="S-1")


def url(check: QualityCheck, step: str = "") -> str:
    return f"/floor/quality/{check.pk}" + (f"/{step}" if step else "")


def test_all_is_good(handheld: Make, place: Any, check: QualityCheck) -> None:
    hand = handheld(place, Role.PACKER)
    assert "Quality check" in hand.see("/floor/")
    assert "S-1" in hand.see("/floor/quality")
    page = hand.send("/floor/quality/claim")
    assert "Milk" in page
    assert "0/2" in page
    assert "Is all of it good?" in hand.send(url(check, "scan"), code="M-1")
    assert "1/2" in hand.send(url(check, "say"), good="1")
    assert "Is all of it good?" in hand.send(url(check, "scan"), code="tea", htmx=True)
    assert "All is good: to packing" in hand.send(url(check, "say"), good="1")
    assert "It can be packed." in hand.send(url(check, "finish"))
    assert (QualityCheck.objects.get().status, PackingTask.objects.count()) == ("passed", 1)


def test_some_is_not(handheld: Make, place: Any, check: QualityCheck, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    hand = handheld(place, Role.PACKER)
    hand.send("/floor/quality/find", code="S-1")
    hand.send(url(check, "scan"), code="MILK")
    assert "What is wrong?" in hand.send(url(check, "say"), wrong="something")
    assert "How many are not good?" in hand.send(url(check, "say"), wrong="damaged")
    for number, words in [("6", "Too much"), ("x", "can&#x27;t be used"), ("", "can&#x27;t be used")]:
        assert words in hand.send(url(check, "scan"), confirm="1", quantity=number)
    assert "What becomes of it?" in hand.send(url(check, "scan"), confirm="1", quantity="2")
    item = check.items.get(product__sku="MILK")
    photo = SimpleUploadedFile("x.png", PNG, "image/png")
    assert "Photo ✓" in hand.send(url(check, "photo"), item=item.pk, photo=photo)
    page = hand.send(url(check, "say"), decision="write_off")
    assert "2 pcs: write off" in page
    # Of one piece nobody asks how many.
    tea = check.items.get(product__sku="TEA")
    hand.see(f"{url(check)}?item={tea.pk}")
    assert "What becomes of it?" in hand.send(url(check, "say"), wrong="missing")
    assert "1 pcs: kept apart" in hand.send(url(check, "say"), decision="repick")
    page = hand.see(f"{url(check)}?item={tea.pk}")
    assert "Decide again" in page
    assert "Is all of it good?" in hand.send(url(check, "say"), again="1")
    assert "Take out what failed" in hand.send(url(check, "say"), good="1")
    page = hand.send(url(check, "finish"), fail="1")
    assert "Bring what failed to" in page
    assert "QUAR" in page
    assert "Others are being fetched." in page
    assert BatchLocation.objects.get(location=place.quarantine).quantity == 0  # written off
    assert PickingTask.objects.get().status == "pending"


def test_nothing_to_fetch(handheld: Make, place: Any) -> None:
    milk = ProductFactory(sku="MILK")
    stocked(milk, place.shelf, 5)
    check = to_check([(milk, 5)], person(Role.PICKER))
    hand = handheld(place, Role.PACKER)
    hand.send(url(check, "start"))
    hand.send(url(check, "scan"), code="MILK")
    hand.send(url(check, "say"), wrong="both")
    hand.send(url(check, "scan"), confirm="1", quantity="5")
    hand.send(url(check, "say"), decision="hold")
    item = QualityCheckItem.objects.get()
    assert (item.condition_ok, item.quantity_ok, item.failed_quantity, item.decision) == (False, False, Decimal(5), "hold")
    assert "There are no others to fetch." in hand.send(url(check, "finish"), fail="1")


@pytest.mark.parametrize("code", ["QCK", "S-1", "PACK", "MILK", "TASK"])
def test_what_finds_a_check(handheld: Make, place: Any, check: QualityCheck, code: str) -> None:
    code = {"QCK": check.number.lower(), "TASK": check.picking_task.number}.get(code, code)
    assert "Scan the goods" in handheld(place, Role.PACKER).send("/floor/quality/find", code=code)


@pytest.mark.parametrize("code", ["", "\x00", "nothing", "A-01"])
def test_what_names_no_check_is_refused(handheld: Make, place: Any, check: QualityCheck, code: str) -> None:
    hand = handheld(place, Role.PACKER)
    assert 'class="wrong-screen"' in hand.send("/floor/quality/find", code=code)
    hand.send("/floor/quality/claim")
    assert 'class="wrong-screen"' in hand.send(url(check, "scan"), code=code)


def test_somebody_elses_and_cancelled_checks_say_so(handheld: Make, place: Any, check: QualityCheck) -> None:
    start_quality_check(check.pk, actor=person(Role.PACKER))
    hand = handheld(place, Role.PACKER)
    assert "This is not your task." in hand.see(url(check))
    assert "Not yours to do" in hand.send(url(check, "say"), item=check.items.first().pk, good="1")
    assert "Nothing to check now" in hand.send("/floor/quality/claim")
    process_order_cancelled(check.order.source, check.order.external_id, "", actor=ACTOR)
    assert "The order was cancelled." in hand.see(url(check))
    assert "The order was cancelled." in hand.send(url(check, "say"), good="1")


def test_a_cancelled_check_of_a_living_order_says_so(handheld: Make, place: Any, check: QualityCheck) -> None:
    cancel_quality_check(check.pk, "wrong goods", actor=ACTOR)
    page = handheld(place, Role.PACKER).see(url(check))
    assert "This check was cancelled. Leave the goods on the bench." in page
    assert "The order was cancelled" not in page


def test_nonsense_changes_nothing(handheld: Make, place: Any, check: QualityCheck) -> None:
    hand = handheld(place, Role.PACKER)
    hand.send(url(check, "start"))
    hand.send(url(check, "say"), good="1")  # no item at hand
    hand.see(f"{url(check)}?item=999999999999999999999")
    item = check.items.first()
    hand.see(f"{url(check)}?item={item.pk}")
    for posted in ({"decision": "repick"}, {"wrong": "nonsense"}, {"quantity": "1"}, {"decision": "eat"}):
        hand.send(url(check, "say"), **posted)
    assert "Not finished yet" in hand.send(url(check, "finish"))
    assert "Not finished yet" in hand.send(url(check, "finish"), fail="1")
    assert "Somebody was faster" in hand.send(url(check, "finish"), version="1")
    assert not QualityCheckItem.objects.exclude(checked_at=None).exists()


def test_who_may(handheld: Make, place: Any, check: QualityCheck) -> None:
    picker = handheld(place, Role.PICKER)
    packer = handheld(place, Role.PACKER)
    assert picker.get("/floor/quality").status_code == 403
    for step in ("start", "scan", "say", "photo", "finish"):
        assert picker.post(url(check, step), {"csrfmiddlewaretoken": picker.cookies["csrftoken"].value}).status_code == 403
        assert packer.get(url(check, step)).status_code == 405
        assert packer.post(url(check, step)).status_code == 403
    elsewhere = handheld(site(), Role.PACKER)
    assert elsewhere.get(url(check)).status_code == 404


def test_statements_of_a_scan_do_not_grow_with_the_goods(handheld: Make, place: Any) -> None:
    hand = handheld(place, Role.PACKER)

    def statements(count: int) -> tuple[int, int]:
        goods = [ProductFactory() for _ in range(count)]
        for product in goods:
            stocked(product, place.shelf, 9)
        check = to_check([(product, 1) for product in goods], person(Role.PICKER))
        hand.send(url(check, "start"))
        with CaptureQueriesContext(connection) as queries:
            hand.send(url(check, "scan"), htmx=True, code=goods[0].sku)
        with CaptureQueriesContext(connection) as more:
            hand.send(url(check, "say"), htmx=True, good="1")
        return len(queries), len(more)

    assert statements(2) == statements(6)

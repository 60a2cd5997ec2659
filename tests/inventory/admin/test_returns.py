"""Returns at the back office: the paper in a form, everything else by steps."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import Movement, Product, Return, ReturnItem, Stock, WriteOff
from inventory.orchestrator import OrderedLine, ReturnLine, complete_return, consume_reservation, create_return, reserve_for_order
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, site, stocked
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db
REF = "shop:1"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def receiver() -> Client:
    return office(Role.RECEIVER)


@pytest.fixture
def product(house: Site) -> Product:
    """Three pieces of one lot and one of the next left under an order."""
    product = ProductFactory(sku="YOG-1", lives={"ambient": 30})
    stocked(product, house.shelf, 3, lot="L1", expires_in_days=5)
    stocked(product, house.shelf, 3, lot="L2", expires_in_days=9)
    StorefrontProductFactory(product=product, price=Decimal(2))
    promised = reserve_for_order(REF, [OrderedLine(product.pk, Decimal(4))], warehouse_id=house.id, actor=ACTOR)
    consume_reservation(promised.reservation_id, actor=ACTOR)
    return product


@pytest.fixture
def draft(house: Site, product: Product) -> Return:
    return create_return(warehouse_id=house.id, order_ref=REF, location_id=house.shelf.pk, lines=[ReturnLine(product.pk, Decimal(4))], actor=ACTOR)


def paper(house: Site, **more: Any) -> dict[str, Any]:
    head = {"order_ref": REF, "warehouse": house.id, "location": "", "reference": "CN-1", "customer_reason": "too much", "notes": ""}
    inline = {"items-TOTAL_FORMS": 0, "items-INITIAL_FORMS": 0, "items-MIN_NUM_FORMS": 0, "items-MAX_NUM_FORMS": 0}
    return head | inline | more


def problems(answer: Any) -> list[str]:
    return [str(text) for texts in answer.context["adminform"].form.errors.values() for text in texts]


def answers(document: Return, *lines: dict[str, Any]) -> dict[str, Any]:
    """The inspection's form, line by line."""
    empty = {
        "condition": "intact",
        "decision": "return_to_shelf",
        "discount_percent": "",
        "freshness": "",
        "temperature": "",
        "place": "",
        "inspection_note": "",
    }
    items = document.items.order_by("pk")
    return {f"{item.pk}-{name}": value for item, given in zip(items, lines, strict=True) for name, value in (empty | given).items()}


def test_a_return_is_written_with_everything_that_is_still_out(receiver: Client, house: Site, product: Product) -> None:
    answer = receiver.post(listing(Return) + "add/", paper(house, everything="on"))

    assert answer.status_code == 302, problems(answer)
    document = Return.objects.get()
    assert (document.status, document.version, document.location, document.reference) == ("draft", 1, house.dock, "CN-1")
    assert document.created_by is not None
    assert list(document.items.order_by("pk").values_list("batch__lot_number", "quantity")) == [("L1", 3), ("L2", 1)]
    assert LogEntry.objects.get().object_id == str(document.pk)
    assert receiver.get(page(document)).status_code == 200


def test_a_paper_that_makes_no_sense_says_where(receiver: Client, house: Site, product: Product) -> None:
    assert problems(receiver.post(listing(Return) + "add/", paper(house, order_ref="shop:7"))) == ["Nothing was shipped under this order."]
    elsewhere = site()
    assert problems(receiver.post(listing(Return) + "add/", paper(house, location=elsewhere.dock.pk))) == ["DOCK is not a place of this warehouse."]
    receiver.post(listing(Return) + "add/", paper(house))
    assert problems(receiver.post(listing(Return) + "add/", paper(house))) == ["Another return of this order has this reference."]
    assert Return.objects.count() == 1


def test_an_open_return_is_edited_and_of_two_editors_the_second_is_told(receiver: Client, draft: Return, house: Site) -> None:
    form = paper(house, location=house.cool.pk, seen_version=1, notes="a box")
    assert receiver.post(page(draft), form).status_code == 302
    document = Return.objects.get()
    assert (document.version, document.location, document.notes, document.order_ref) == (2, house.cool, "a box", REF)
    told = receiver.post(page(draft), form | {"notes": "another box"}, follow=True)
    assert "changed meanwhile" in told.content.decode()
    assert Return.objects.get().notes == "a box"


def test_from_the_box_to_the_books(receiver: Client, draft: Return, product: Product, house: Site) -> None:
    shown = receiver.get(dialog(draft, "inspect"))
    assert [title for title, _ in shown.context["form"].sections()] == ["", "YOG-1, lot L1: 3 pieces", "YOG-1, lot L2: 1 pieces"]
    first = {
        "condition": "damaged",
        "decision": "return_with_discount",
        "discount_percent": "30",
        "freshness": "50",
        "temperature": "-2.5",
        "place": "DOCK",
    }
    answer = take(receiver, draft, "inspect", **answers(draft, first, {"condition": "spoiled", "decision": "write_off", "inspection_note": "sour"}))
    assert answer.status_code == 302, answer.context["form"].errors or answer.context["error"]
    item = draft.items.order_by("pk").first()
    assert item is not None
    assert (item.temperature, item.freshness_remaining, item.discount_percent, item.location) == (
        Decimal("-2.5"), Decimal("0.5"), Decimal(30), house.dock,
    )  # fmt: skip
    document = Return.objects.get()
    again = receiver.get(dialog(document, "inspect")).context["form"]
    assert (again.initial[f"{item.pk}-freshness"], again.initial[f"{item.pk}-decision"]) == ("50", "return_with_discount")

    assert take(receiver, document, "complete")["Location"] == page(draft)

    assert Return.objects.get().status == "completed"
    assert Stock.objects.get(product=product, warehouse=house.id).quantity == 5
    assert WriteOff.objects.get().items.get().note == "sour"
    closed = receiver.get(page(draft)).content.decode()
    assert "back at a discount, −30 %" in closed
    assert WriteOff.objects.get().number in closed
    assert "50 % fresh" in closed
    assert steps_offered(receiver, Return.objects.get()) == []
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == ["Inspect", "Complete"]


def test_what_the_inspection_refuses_is_said_in_the_dialog(receiver: Client, draft: Return, house: Site) -> None:
    answer = take(receiver, draft, "inspect", **answers(draft, {"decision": ""}, {"place": "NOPE"}))
    first, second = draft.items.order_by("pk")
    assert dict(answer.context["form"].errors) == {
        f"{first.pk}-decision": ["This field is required."],
        f"{second.pk}-place": ["This warehouse has no such place."],
    }
    answer = take(receiver, draft, "inspect", **answers(draft, {"condition": "spoiled"}, {"discount_percent": "5"}))
    assert answer.context["error"].code == "validation_failed"
    assert len(answer.context["error_data"]) == 2
    assert Return.objects.get().status == "draft"


def test_lines_by_steps(receiver: Client, draft: Return, product: Product) -> None:
    first = draft.items.order_by("pk").first()
    assert first is not None
    take(receiver, draft, "remove_line", item_id=first.pk)
    assert [item.batch.lot_number for item in Return.objects.get().items.all()] == ["L2"]
    take(receiver, Return.objects.get(), "add_line", scan="yog-1", quantity="2", lot_number="L1")
    assert sorted(Return.objects.get().items.values_list("batch__lot_number", "quantity")) == [("L1", 2), ("L2", 1)]
    for fields, problem in (
        ({"scan": "what", "quantity": "1"}, "names no product"),
        ({"scan": "YOG-1", "quantity": "1", "lot_number": "X"}, "There is no lot X"),
        ({"scan": "YOG-1", "quantity": "2"}, "asked 2, may come back 1"),
    ):
        assert problem in take(receiver, Return.objects.get(), "add_line", **fields).context["error"].detail
    assert Return.objects.get().version == 3


def test_a_photo_by_its_step(receiver: Client, draft: Return, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    item = draft.items.order_by("pk").first()
    assert item is not None
    shown = receiver.get(dialog(draft, "photo")).content.decode()
    assert 'enctype="multipart/form-data" hx-encoding="multipart/form-data"' in shown
    refused = take(receiver, draft, "photo", item_id=item.pk, photo=SimpleUploadedFile("x.png", b"<svg/>"))
    assert refused.context["error"].detail == "The photo is no JPEG, PNG or WebP."
    take(receiver, draft, "photo", item_id=item.pk, photo=SimpleUploadedFile("x.svg", PNG))
    address = f"/api/v1/returns/{draft.pk}/items/{item.pk}/photo"
    assert f'href="{address}"' in receiver.get(page(draft)).content.decode()
    assert b"".join(receiver.get(address).streaming_content) == PNG
    assert Client().get(address).status_code == 401


def test_only_possible_steps_are_offered_and_only_to_those_who_may(receiver: Client, draft: Return) -> None:
    assert steps_offered(receiver, draft) == ["add-line", "remove-line", "photo", "inspect", "cancel"]
    assert steps_offered(office(Role.AUDITOR), draft) == []
    take(receiver, draft, "inspect", **answers(draft, {}, {}))
    assert steps_offered(receiver, draft) == ["add-line", "remove-line", "photo", "inspect", "complete", "cancel"]
    for role, code in ((Role.AUDITOR, 403), (Role.VIEWER, 403), (Role.PICKER, 403), (Role.SELLER, 404)):
        for answer in (office(role).get(dialog(draft, "complete")), take(office(role), draft, "complete")):
            assert answer.status_code == code
    assert Return.objects.get().status == "inspected"


def test_an_empty_return_offers_no_inspection(receiver: Client, house: Site, product: Product) -> None:
    empty = create_return(warehouse_id=house.id, order_ref=REF, actor=ACTOR)
    assert steps_offered(receiver, empty) == ["add-line", "cancel"]


def test_giving_up_needs_a_reason(receiver: Client, draft: Return) -> None:
    assert "reason" in take(receiver, draft, "cancel", reason=" ").context["form"].errors
    take(receiver, draft, "cancel", reason="kept after all")
    assert (Return.objects.get().status, Return.objects.get().cancellation_reason) == ("cancelled", "kept after all")
    assert receiver.post(page(draft), {"seen_version": 2}).status_code == 403


def test_looking_changes_nothing(receiver: Client, draft: Return) -> None:
    for step in ("add_line", "remove_line", "photo", "inspect", "complete", "cancel"):
        assert receiver.get(dialog(draft, step)).status_code == 200
    assert (Return.objects.get().status, Return.objects.get().version) == ("draft", 1)
    assert not Movement.objects.filter(document_type="return").exists()


def test_a_page_and_the_list_cost_the_same_with_many_lines(receiver: Client, draft: Return, house: Site, product: Product) -> None:
    def cost(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert receiver.get(url).status_code == 200
        return len(queries)

    before = cost(page(draft)), cost(listing(Return))
    item = draft.items.first()
    assert item is not None
    ReturnItem.objects.bulk_create(ReturnItem(return_document=draft, product=product, batch=item.batch, quantity=1) for _ in range(5))
    for number in range(3):
        create_return(warehouse_id=house.id, order_ref=REF, reference=f"CN-{number}", actor=ACTOR)
    assert (cost(page(draft)), cost(listing(Return))) == before
    assert before[1] <= 12


def test_two_managers_pressing_complete(receiver: Client, draft: Return) -> None:
    take(receiver, draft, "inspect", **answers(draft, {}, {}))
    document = Return.objects.get()
    complete_return(document.pk, actor=ACTOR)
    assert take(office(Role.MANAGER), document, "complete").context["error"].code == "stale_version"
    assert Movement.objects.filter(document_type="return").count() == 2

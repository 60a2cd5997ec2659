"""Returns that are refused: senseless lines and findings, wrong places, states, versions and people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.models import Location, Movement, Product, Return
from inventory.orchestrator import (
    Finding,
    PlaceNotAllowed,
    ReturnLine,
    add_return_item,
    attach_return_photo,
    cancel_return,
    change_return,
    complete_return,
    create_return,
    inspect_return,
    remove_return_item,
)
from tests.factories.inventory import ACTOR, Site, site
from tests.inventory.books import totals
from tests.inventory.returns import JPEG, REF, draft, found, line, looked_at, ship
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("quantity", ["0", "-1", "0.5", "NaN", "Infinity", "1e30"])
def test_quantities_that_are_none(milk: Product, house: Site, quantity: str) -> None:
    ship(house, (milk, 5))

    with pytest.raises(ValidationFailed) as refusal:
        draft(house, line(milk, 1), line(milk, quantity))

    assert refusal.value.errors[0]["field"] == "lines[1].quantity"
    assert not Return.objects.exists()


def test_every_senseless_line_is_named(milk: Product, house: Site) -> None:
    ship(house, (milk, 5))
    other = site()

    with pytest.raises(ValidationFailed) as refusal:
        draft(house, ReturnLine(999_999, Decimal(1)), line(milk, "0.5"))
    assert [error["field"] for error in refusal.value.errors] == ["lines[0].product", "lines[1].quantity"]
    with pytest.raises(PlaceNotAllowed, match="not an active place of this warehouse; Location 999999 is not") as refusal:
        draft(house, line(milk, 1, location_id=other.cool.pk), line(milk, 1, location_id=999_999))
    assert [error["field"] for error in refusal.value.errors] == ["lines[0].location", "lines[1].location"]
    with pytest.raises(PlaceNotAllowed, match="not an active place"):
        draft(house, place=other.cool)
    with pytest.raises(NotFound, match="no active warehouse"):
        create_return(warehouse_id=999_999, order_ref=REF, actor=ACTOR)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"condition": "wet"}, "condition"),
        ({"decision": "burn"}, "decision"),
        ({"condition": "spoiled"}, "decision"),
        ({"condition": "damaged"}, "decision"),
        ({"condition": "spoiled", "decision": "return_with_discount", "discount_percent": Decimal(5)}, "decision"),
        ({"discount_percent": Decimal(5)}, "discount_percent"),
        ({"decision": "return_with_discount"}, "discount_percent"),
        *(
            ({"decision": "return_with_discount", "discount_percent": Decimal(value)}, "discount_percent")
            for value in ("0", "100", "-5", "NaN", "1e30", "0.001")
        ),
        *(({"temperature": Decimal(value)}, "temperature") for value in ("NaN", "1e30", "-101", "3.14")),
        *(({"freshness_remaining": Decimal(value)}, "freshness_remaining") for value in ("NaN", "1.1", "-0.1", "0.12345")),
        ({"inspection_note": "x" * 201}, "inspection_note"),
        ({"location_id": 999_999}, "location"),
    ],
)
def test_findings_that_make_no_sense(milk: Product, house: Site, wrong: dict[str, Any], field: str) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 7))
    first, second = document.items.order_by("pk")

    with pytest.raises(ValidationFailed) as refusal:
        inspect_return(document.pk, findings=[found(first), found(second, **wrong)], actor=ACTOR)

    assert [error["field"] for error in refusal.value.errors] == [f"findings[1].{field}"]
    assert Return.objects.get().status == "draft"


def test_every_line_must_be_looked_at(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 7))
    first, second = document.items.order_by("pk")

    with pytest.raises(ValidationFailed, match=rf"^{document}: {second} \(MILK\) was not inspected yet\. Inspect it, or strike it off\.$") as refusal:
        inspect_return(document.pk, findings=[found(first)], actor=ACTOR)
    assert [error["line"] for error in refusal.value.errors] == [second.pk]
    with pytest.raises(ValidationFailed) as refusal:
        inspect_return(document.pk, findings=[found(first), found(first), Finding(999_999, "intact", "write_off")], actor=ACTOR)
    assert [(e["field"], e["code"]) for e in refusal.value.errors] == [("findings[1].item", "twice"), ("findings[2].item", "unknown")]
    with pytest.raises(ValidationFailed, match=r"has no lines\. Add what came back, or cancel it\.$"):
        inspect_return(draft(house, ref=REF).pk, findings=[], actor=ACTOR)


def test_a_line_added_after_the_inspection_must_be_looked_at_too(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = looked_at(draft(house, line(milk, 5)))
    (late,) = add_return_item(document.pk, line(milk, 1), actor=ACTOR)

    with pytest.raises(ValidationFailed, match=r"was not inspected yet\. Inspect it, or strike it off") as refusal:
        complete_return(document.pk, actor=ACTOR)

    assert [error["line"] for error in refusal.value.errors] == [late.pk]
    remove_return_item(document.pk, late.pk, actor=ACTOR)
    assert complete_return(document.pk, actor=ACTOR).status == "completed"


def test_places_where_it_may_not_live(milk: Product, house: Site) -> None:
    ship(house, (milk, 5))
    document = draft(house, line(milk, 5), place=house.freezer)

    with pytest.raises(PlaceNotAllowed, match="no shelf life for frozen"):
        looked_at(document)
    looked_at(document, location_id=house.cool.pk)
    Location.objects.filter(pk=house.cool.pk).update(is_active=False)
    with pytest.raises(PlaceNotAllowed, match="not an active place"):
        complete_return(document.pk, actor=ACTOR)
    assert totals(milk.pk, house.id)[0] == 5


def test_states(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 5))
    item = document.items.get()
    with pytest.raises(TransitionRefused, match="it is not possible to complete it now"):
        complete_return(document.pk, actor=ACTOR)
    complete_return(looked_at(document).pk, actor=ACTOR)

    for again in (
        lambda: complete_return(document.pk, actor=ACTOR),
        lambda: looked_at(document),
        lambda: cancel_return(document.pk, reason="too late", actor=ACTOR),
    ):
        with pytest.raises(TransitionRefused):
            again()
    for change in (
        lambda: add_return_item(document.pk, line(milk, 1), actor=ACTOR),
        lambda: remove_return_item(document.pk, item.pk, actor=ACTOR),
        lambda: change_return(document.pk, {"notes": "x"}, actor=ACTOR),
        lambda: attach_return_photo(document.pk, item.pk, JPEG, actor=ACTOR),
    ):
        with pytest.raises(TransitionRefused, match="this is possible only while it is draft or inspected"):
            change()
    assert totals(milk.pk, house.id)[0] == 8


def test_stale_versions(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 5))
    looked_at(document)

    for step in (
        lambda: complete_return(document.pk, actor=ACTOR, expected_version=1),
        lambda: inspect_return(document.pk, findings=[], actor=ACTOR, expected_version=1),
        lambda: cancel_return(document.pk, reason="x", actor=ACTOR, expected_version=1),
        lambda: add_return_item(document.pk, line(milk, 1), actor=ACTOR, expected_version=1),
    ):
        with pytest.raises(StaleVersion):
            step()


def test_who_may(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    receiver = Actor("Rada", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))
    for role in set(Role) - {Role.MANAGER, Role.RECEIVER}:
        with pytest.raises(PermissionDenied):
            create_return(warehouse_id=house.id, order_ref=REF, actor=Actor("x", ActorType.EMPLOYEE, frozenset({role})))
    document = create_return(warehouse_id=house.id, order_ref=REF, lines=[line(milk, 1)], location_id=house.cool.pk, actor=receiver)
    inspect_return(document.pk, findings=[found(document.items.get())], actor=receiver)
    assert complete_return(document.pk, actor=receiver).status == "completed"
    assert Movement.objects.order_by("-pk").first().performed_by == "Rada"

"""Other goods for a promise, from the page of the reservation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.models import Reservation
from inventory.orchestrator import OrderedLine, pick_reserved, promise_order
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.factories.office import dialog, office, page, steps_offered, take
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


def choices(answer: Any, name: str) -> list[str]:
    return [label for value, label in answer.context["form"].fields[name].choices if value]


def test_a_picker_promises_another_lot(house: Site) -> None:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 10, lot="A", expires_in_days=30)
    (made,) = promise_order("shop:1", [OrderedLine(product.pk, Decimal(4))], actor=ACTOR)
    other = stocked(product, house.dock, 10, lot="B"), stocked(product, house.shelf, 5, lot="C", expires_in_days=90)
    reservation = Reservation.objects.get(pk=made.reservation_id)
    first = reservation.items.get()
    pick_reserved(
        first.pk, Decimal(1), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk, document_type="picking_task",
        document_id=1, actor=ACTOR,
    )  # fmt: skip
    picker = office(Role.PICKER)
    assert steps_offered(picker, reservation) == ["reallocate"]
    shown = picker.get(dialog(reservation, "reallocate"))
    (part,) = choices(shown, "item_id")
    assert part.startswith("3 of MILK, lot A in A-01, expires")
    assert [label.partition(",")[0] for label in choices(shown, "goods")] == ["MILK"] * 3
    assert choices(shown, "goods")[1].startswith("MILK, lot C in A-01, expires")
    assert choices(shown, "goods")[2].endswith(": 10 free")

    def ask(**more: Any) -> Any:
        return take(
            picker, reservation, "reallocate", version=-1, **{"item_id": first.pk, "goods": other[1].pk, "quantity": "2", "reason": "wet"} | more
        )

    assert "not for picking" in ask(goods=other[0].pk).context["error"].detail
    assert ask(goods=999_999).context["form"].errors
    assert ask(reason="").context["form"].errors
    assert ask(quantity="9").context["error"].detail.endswith("holds 3, not 9.")
    assert ask().status_code == 302
    assert [(item.batch_location.batch.lot_number, item.held) for item in reservation.items.order_by("pk")] == [("A", 1), ("A", 1), ("C", 2)]
    assert "wet" in picker.get(page(reservation)).content.decode()
    assert take(office(Role.AUDITOR), reservation, "reallocate", version=-1).status_code == 403
    assert_books_balance()

"""Lots at the back office: held, released, recalled, mixed, traced."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inventory.models import Batch, BatchComponent, BatchLocation, MixedBatch, Product
from inventory.orchestrator import MixSource, OrderedLine, consume_reservation, mix_batches, promise_order, reserve_for_order, split_batch
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def lot(house: Site, milk: Product) -> BatchLocation:
    """20 of a lot: 3 sold, 4 promised, 5 split off."""
    place = stocked(milk, house.shelf, 20, lot="BAD", expires_in_days=9)
    sold = reserve_for_order("shop:1", [OrderedLine(milk.pk, Decimal(3))], warehouse_id=house.id, actor=ACTOR)
    consume_reservation(sold.reservation_id, actor=ACTOR)
    promise_order("shop:2", [OrderedLine(milk.pk, Decimal(4))], actor=ACTOR)
    split_batch(place.pk, Decimal(5), actor=ACTOR)
    return place


def step(client: Client, row: Any, name: str, **fields: Any) -> Any:
    return take(client, row, name, version=-1, **fields)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_steps_follow_the_state_and_the_role(manager: Client, lot: BatchLocation) -> None:
    assert steps_offered(manager, lot.batch) == ["hold", "recall"]
    assert steps_offered(office(Role.RECEIVER), lot.batch) == ["hold"]
    assert steps_offered(office(Role.VIEWER), lot.batch) == []
    assert step(office(Role.AUDITOR), lot.batch, "hold", reason="a smell").status_code == 302
    assert steps_offered(manager, lot.batch) == ["release", "recall"]
    assert step(manager, lot.batch, "release", reason="").status_code == 302
    assert step(manager, lot.batch, "recall", reason="glass").status_code == 302
    assert steps_offered(manager, lot.batch) == []
    assert set(Batch.objects.values_list("status", "status_reason")) == {("recalled", "glass")}


def test_a_dialog_says_before_what_it_will_do(manager: Client, lot: BatchLocation) -> None:
    shown = text(manager.get(dialog(lot.batch, "recall")))
    for part in (
        "With it: lot BAD/1.",
        "It lies in MAIN A-01; 13 of it stop being for sale.",
        "Promised to shop:2: other goods are promised instead where there are some, else released.",
        "Shipped to shop:1: write to these customers.",
    ):
        assert part in shown
    assert "Shipped to" not in text(manager.get(dialog(lot.batch, "hold")))
    assert set(Batch.objects.values_list("status", flat=True)) == {"available"}
    assert step(manager, lot.batch, "recall", reason="").status_code == 200
    assert set(Batch.objects.values_list("status", flat=True)) == {"available"}


def test_what_is_refused_is_shown_in_the_dialog(manager: Client, lot: BatchLocation) -> None:
    step(manager, lot.batch, "hold", reason="a smell")
    child = Batch.objects.get(lot_number="BAD/1")
    assert "Release that first" in text(step(manager, child, "release", reason=""))


def test_the_way_of_a_lot_on_a_page(manager: Client, lot: BatchLocation) -> None:
    answer = manager.get(reverse("admin:inventory_batch_trace", args=[lot.batch_id]))
    tables = {table.title: [[str(cell) for cell in row] for row in table.rows] for table in answer.context["tables"]}
    assert [row[-1] for row in tables["Where from: deliveries"]] == ["+20"]
    assert tables["Where from: made of"] == []
    assert "BAD/1" in tables["Where to: made into"][0][0]
    assert [row[1:5] for row in tables["Where it is"]] == [["MAIN", "A-01", "12", "4"], ["MAIN", "A-01", "5", "0"]]
    assert [(row[0], row[4]) for row in tables["Who waits for it"]] == [("shop:2", "4")]
    assert [(row[0], row[3]) for row in tables["Who got it"]] == [("shop:1", "3")]
    shown = text(answer)
    assert "The way of lot BAD" in shown
    assert "Where it is" in shown
    assert "shop:1" in shown
    assert office(Role.PICKER).get(reverse("admin:inventory_batch_trace", args=[lot.batch_id])).status_code == 200
    assert manager.get(reverse("admin:inventory_batch_trace", args=[999999])).status_code == 404
    assert reverse("admin:inventory_batch_trace", args=[lot.batch_id]) in text(manager.get(page(lot.batch)))


def test_goods_are_mixed_in_a_dialog(house: Site, milk: Product) -> None:
    one, two = (stocked(milk, house.shelf, 6, lot=name, expires_in_days=days) for name, days in (("A", 9), ("B", 20)))
    stocked(milk, house.quarantine, 6, lot="Q", expires_in_days=9)
    stocked(milk, site().shelf, 6, lot="FAR", expires_in_days=9)
    receiver = office(Role.RECEIVER)
    assert "mix" in steps_offered(receiver, one)
    assert "mix" not in steps_offered(office(Role.VIEWER), one)
    form = receiver.get(dialog(one, "mix")).context["form"]
    assert list(form.takes.values()) == [one.pk, two.pk]
    assert [field.label for field in form.sections()[1][1]] == ["Lot A in A-01", "Lot B in A-01"]
    chosen = {"to_location_id": house.shelf.pk, "lot_number": "BIN"}
    refused = step(receiver, one, "mix", **chosen, **{f"take_{one.pk}": "2"})
    assert "at least two batches" in text(refused)
    assert step(receiver, one, "mix", **chosen, **{f"take_{one.pk}": "2", f"take_{two.pk}": "3"}).status_code == 302
    mixed = MixedBatch.objects.get(lot_number="BIN")
    assert sorted(mixed.components.values_list("quantity", flat=True)) == [2, 3]


@pytest.fixture
def mixed(house: Site, milk: Product) -> MixedBatch:
    places = [stocked(milk, house.shelf, 6, lot=name, expires_in_days=9) for name in "AB"]
    made = mix_batches(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=[MixSource(p.pk, Decimal(4)) for p in places], actor=ACTOR)
    return MixedBatch.objects.get(pk=made.pk)


def test_mixes_have_a_page_of_their_own(manager: Client, mixed: MixedBatch) -> None:
    assert list(manager.get(listing(MixedBatch)).context["cl"].result_list) == [mixed]
    shown = manager.get(page(mixed))
    assert [inline.opts.verbose_name_plural for inline in shown.context["inline_admin_formsets"]] == ["where it lies", "made of"]
    source = BatchComponent.objects.order_by("pk")[0].source
    of_source = manager.get(page(source))
    assert [inline.opts.verbose_name_plural for inline in of_source.context["inline_admin_formsets"]] == ["where it lies", "mixed into"]
    assert manager.get(reverse("admin:inventory_mixedbatch_change", args=[source.pk])).status_code == 302
    assert steps_offered(manager, mixed) == ["split", "hold", "recall"]
    assert manager.get(reverse("admin:inventory_mixedbatch_trace", args=[mixed.pk])).status_code == 200


def test_a_part_is_taken_out(manager: Client, mixed: MixedBatch) -> None:
    place = BatchLocation.objects.get(batch=mixed)
    too_much = step(manager, mixed, "split", batch_location_id=place.pk, quantity="9", lot_number="")
    assert "Not enough stock" in text(too_much)
    assert step(manager, mixed, "split", batch_location_id=place.pk, quantity="3", lot_number="PART").status_code == 302
    assert Batch.objects.get(lot_number="PART").parent_id == mixed.pk
    assert step(manager, mixed, "recall", reason="glass").status_code == 302
    assert Batch.objects.get(lot_number="PART").status == "recalled"

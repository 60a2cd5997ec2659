"""A part of a lot that becomes a lot of its own."""

from __future__ import annotations

import pytest

from inventory.models import Batch, BatchLocation, Product
from inventory.orchestrator import InsufficientStock, split_batch
from tests.factories.inventory import Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import days_pass
from tests.inventory.events import heard
from tests.inventory.moves import WORKER, amount, ledger
from warehouse.core.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db


def test_a_part_of_a_lot_becomes_a_lot_of_its_own(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 10, lot="L1", expires_in_days=9)
    days_pass(2)

    with heard() as events:
        child = split_batch(shelf.pk, amount(4), reason="bruised", actor=WORKER)

    assert (child.lot_number, child.parent, child.label_expires_on) == ("L1/1", shelf.batch, shelf.batch.label_expires_on)
    there = BatchLocation.objects.get(batch=child)
    shelf.refresh_from_db()
    assert (there.location, there.quantity, shelf.quantity) == (house.shelf, 4, 6)
    assert (there.effective_expires_at, there.not_after, there.consumed_fraction, there.received_at) == (
        shelf.effective_expires_at, shelf.not_after, shelf.consumed_fraction, shelf.received_at,
    )  # fmt: skip
    assert ledger() == [("mix_out", "A-01", -4, "split off L1 as L1/1: bruised"), ("mix_in", "A-01", 4, "split off L1 as L1/1: bruised")]
    assert events == []
    assert totals(apples.pk, house.id) == (10, 0, 0, 10)
    assert split_batch(shelf.pk, amount(1), actor=WORKER).lot_number == "L1/2"
    assert split_batch(shelf.pk, amount(1), lot_number="SPECIAL", actor=WORKER).lot_number == "SPECIAL"
    assert_books_balance()


def test_a_lot_number_that_is_taken_or_too_long(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 10, lot="L1")

    with pytest.raises(Conflict, match="APPLES has a lot L1 already"):
        split_batch(shelf.pk, amount(1), lot_number="L1", actor=WORKER)
    with pytest.raises(ValidationFailed, match="may have 60 characters"):
        split_batch(shelf.pk, amount(1), lot_number="L" * 61, actor=WORKER)
    with pytest.raises(InsufficientStock):
        split_batch(shelf.pk, amount(11), actor=WORKER)

    assert Batch.objects.count() == 1

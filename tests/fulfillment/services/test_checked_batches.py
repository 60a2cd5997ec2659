"""What is fetched again in a batch after a quality check, and the tote that keeps what was good."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from fulfillment.errors import WrongScan
from fulfillment.models import PickingTask, QualityCheck
from fulfillment.queries.picking_batches import last_pick_of_batch, standing_at
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.picking_batches import complete_picking_batch
from fulfillment.services.quality_checks import start_quality_check
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.undo import undo_pick
from tests.factories.fulfillment import person, stocked
from tests.factories.quality import bad, good, rule, walked
from tests.fulfillment.batches import batch_of, goods_on, hall, pick_rest, pick_stop, settled, task_for, tote
from warehouse.core.actor import Actor, Role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def picker(transactional_db: None) -> Actor:
    return person(Role.PICKER)


@pytest.fixture
def shop(transactional_db: None) -> tuple[PickingTask, PickingTask]:
    """A task for two lots, of which there is more elsewhere, and one for other goods; everything is checked."""
    _, shelves = hall()
    rule()
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["L-02"])
    stocked(tea, shelves["M-01"], 5, lot="LATER", expires_in_days=90)
    return task_for((milk, 2), (tea, 1)), task_for((milk, 1))


def half_bad(task: PickingTask) -> PickingTask:
    """The check of a walked task finds one of its goods bad: that is to be fetched again, the others stay where they are."""
    packer = person(Role.PACKER)
    check = start_quality_check(QualityCheck.objects.get(picking_task=task).pk, actor=packer)
    first, second = check.items.order_by("pk")
    good(first, packer)
    bad(second, packer, 1)
    fail_quality_check(check.pk, actor=packer, decision="repick")
    return PickingTask.objects.get(pk=task.pk)


def test_undoing_leaves_the_tote_to_what_a_check_found_good(shop: Any, picker: Actor) -> None:
    """Its goods of the first walk lie in the tote still: no other order's may come to them."""
    task, other = shop
    batch = batch_of([task], picker)
    pick_rest(batch, picker)
    complete_picking_batch(batch.pk, actor=picker)
    again = half_bad(task)
    assert again.tote_code == tote(task)
    batch_of([again, other], picker)
    pick_stop(again.items.get(status="pending"), picker)
    undo_pick(task.pk, actor=picker)
    assert PickingTask.objects.get(pk=task.pk).tote_code == tote(task)
    with pytest.raises(WrongScan, match="has goods of"):
        pick_stop(other.items.get(), picker, tote_scan=tote(task))
    settled()


def test_what_was_good_of_a_task_walked_alone_needs_no_tote(shop: Any, picker: Actor) -> None:
    """It lies on the bench since before the batch; what is picked in the batch needs one."""
    task, other = shop
    walked(task, picker)
    batch = batch_of([half_bad(task), other], picker)
    settled()
    pick_rest(batch, picker)
    settled()
    PickingTask.objects.filter(pk=task.pk).update(tote_code="")
    with transaction.atomic():
        (found,) = everything_that_contradicts()
    assert "tote of what was picked" in str(found)


def test_the_walk_begins_anew_for_what_is_fetched_again(shop: Any, picker: Actor) -> None:
    """The scans of the first walk can't be undone any more, and its picker stands nowhere yet."""
    task, other = shop
    batch = batch_of([task], picker)
    pick_rest(batch, picker)
    assert last_pick_of_batch(batch.pk) is not None
    complete_picking_batch(batch.pk, actor=picker)
    again = half_bad(task)
    second = batch_of([again, other], picker)
    assert (last_pick_of_batch(second.pk), standing_at(second.pk)) == (None, None)
    pick_stop(again.items.get(status="pending"), picker)
    last = last_pick_of_batch(second.pk)
    assert last is not None
    assert standing_at(second.pk) == last.item.location_id

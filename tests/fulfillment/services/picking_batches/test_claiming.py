"""Who gets which batch, and what comes before it."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from fulfillment.models import PickingBatch, PickingTask
from fulfillment.queries.picking_batches import my_picking_batch, my_single_task
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import (
    assign_picking_batch,
    cancel_picking_batch,
    claim_next_picking_batch,
    claim_next_walk,
    settle_picking_batches,
    start_picking_batch,
)
from fulfillment.services.picking_tasks import assign_picking_task, claim_next_picking_task, start_picking_task
from tests.factories.fulfillment import ACTOR, begun, person
from tests.fulfillment.batches import batch_of, goods_on, settled, task_for
from tests.fulfillment.events import told
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


def test_tasks_in_a_batch_are_not_given_out_alone(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    task = task_for((milk, 1))
    batch = batch_of([task])
    assert claim_next_picking_task(here.id, actor=picker) is None
    with pytest.raises(Conflict, match=f"{task} is picked with others in {batch}"):
        assign_picking_task(task.pk, picker.user_id or 0, actor=picker)
    claimed = claim_next_picking_batch(here.id, actor=picker)
    assert claimed is not None
    with pytest.raises(Conflict, match="start that batch"):
        start_picking_task(task.pk, actor=picker)


def test_the_most_urgent_batch_is_claimed_and_kept(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    late, soon, urgent = task_for((milk, 1)), task_for((milk, 1), ship_by=timezone.now()), task_for((milk, 1), priority="urgent")
    batches = {task.pk: batch_of([task]) for task in (late, soon, urgent)}
    claimed = [claim_next_picking_batch(here.id, actor=person(Role.PICKER)) for _ in range(4)]
    assert [batch and batch.pk for batch in claimed] == [batches[urgent.pk].pk, batches[soon.pk].pk, batches[late.pk].pk, None]
    assert told("picking.batch_assigned") == ["picking.batch_assigned"] * 3
    assert PickingTask.objects.filter(status="assigned", worker__isnull=False).count() == 3
    assert claim_next_picking_batch(here.id, actor=picker) is None


def test_who_has_something_at_hand_gets_that(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    single = task_for((milk, 1))
    begun(single, picker)
    first, second = batch_of([task_for((milk, 1))]), batch_of([task_for((milk, 1))])
    assert claim_next_walk(here.id, actor=picker) == single
    with pytest.raises(Conflict, match="is at hand: finish that first"):
        claim_next_picking_batch(here.id, actor=picker)
    other = person(Role.PICKER)
    assert claim_next_picking_batch(here.id, actor=other) == first
    assert claim_next_picking_batch(here.id, actor=other) == first
    assert claim_next_walk(here.id, actor=other) == first
    assert PickingBatch.objects.get(pk=second.pk).status == "pending"
    with pytest.raises(ValidationFailed):
        claim_next_walk(here.id, actor=ACTOR)


def test_who_walks_a_batch_gets_no_task_of_it_and_none_beside_it(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    batch = batch_of([task_for((milk, 1))], picker)
    single = task_for((milk, 1))
    with pytest.raises(Conflict, match=f"{batch} is at hand: finish that first"):
        claim_next_picking_task(here.id, actor=picker)
    assert PickingTask.objects.get(pk=single.pk).status == "pending"


def test_what_is_walked_comes_before_what_was_given(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    given, walked = batch_of([task_for((milk, 1))]), batch_of([task_for((milk, 1))], picker)
    assign_picking_batch(given.pk, picker.user_id or 0, actor=ACTOR)
    assert my_picking_batch(here.id, picker.user_id or 0) == walked
    cancel_picking_batch(given.pk, "x", actor=ACTOR)
    cancel_picking_batch(walked.pk, "x", actor=ACTOR)
    first, second = PickingTask.objects.order_by("pk")
    assign_picking_task(first.pk, picker.user_id or 0, actor=ACTOR)
    begun(second, picker)
    assert my_single_task(here.id, picker.user_id or 0) == second


def test_a_batch_at_hand_with_nothing_left_is_no_work(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    gone, there = task_for((milk, 1)), task_for((milk, 1))
    empty, full = batch_of([gone]), batch_of([there])
    assign_picking_batch(empty.pk, picker.user_id or 0, actor=ACTOR)
    process_order_cancelled(gone.order.source, gone.order.external_id, "", actor=ACTOR)
    assert claim_next_picking_batch(here.id, actor=picker) == full


def test_a_claim_passes_over_what_was_cancelled(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    gone, there = task_for((milk, 1), priority="urgent"), task_for((milk, 1))
    empty, full = batch_of([gone]), batch_of([there])
    process_order_cancelled(gone.order.source, gone.order.external_id, "", actor=ACTOR)
    assert claim_next_picking_batch(here.id, actor=picker) == full
    assert settle_picking_batches([gone.pk], actor=ACTOR) == 1
    assert settle_picking_batches([gone.pk], actor=ACTOR) == 0
    closed = PickingBatch.objects.get(pk=empty.pk)
    assert (closed.status, closed.cancellation_reason) == ("cancelled", "NOTHING_LEFT_TO_PICK")
    settled()


def test_whose_batch_it_is(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    batch, other = batch_of([task_for((milk, 1))]), person(Role.PICKER)
    with pytest.raises(PermissionDenied):
        assign_picking_batch(batch.pk, other.user_id or 0, actor=picker)
    with pytest.raises(NotFound):
        assign_picking_batch(batch.pk, 999_999, actor=ACTOR)
    assign_picking_batch(batch.pk, picker.user_id or 0, actor=picker)
    with pytest.raises(PermissionDenied):
        start_picking_batch(batch.pk, actor=other)
    assign_picking_batch(batch.pk, other.user_id or 0, actor=ACTOR)
    start_picking_batch(batch.pk, actor=other)
    with pytest.raises(TransitionRefused):
        assign_picking_batch(batch.pk, picker.user_id or 0, actor=ACTOR)
    with pytest.raises(NotFound):
        start_picking_batch(999_999, actor=ACTOR)

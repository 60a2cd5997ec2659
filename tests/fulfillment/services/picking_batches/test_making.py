"""Several orders put together for one walk: which, how many, and what can not be."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.errors import CartTooSmall
from fulfillment.models import PickingBatch, PickingTask, WalkSettings
from fulfillment.services.picking_batches import (
    assign_picking_batch,
    cancel_picking_batch,
    claim_next_picking_batch,
    create_picking_batch,
    make_picking_batches,
    start_picking_batch,
)
from fulfillment.services.picking_tasks import cancel_picking_task
from tests.factories.fulfillment import ACTOR, begun, person
from tests.factories.inventory import ProductFactory, site, stocked
from tests.fulfillment.batches import batch_of, goods_on, settled, task_for, walk
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, PermissionDenied, ValidationFailed
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


def test_tasks_are_put_together_by_where_their_goods_lie(place: Any) -> None:
    here, shelves = place
    WalkSettings.objects.update(totes=2)
    goods = {code: goods_on(shelf) for code, shelf in shelves.items()}
    left, right = task_for((goods["K-01"], 1), (goods["K-04"], 1)), task_for((goods["M-01"], 1), (goods["M-04"], 1))
    right_too, left_too = task_for((goods["M-03"], 1)), task_for((goods["K-03"], 1))
    ids = [left.pk, right.pk, right_too.pk, left_too.pk]

    made = make_picking_batches(here.id, ids, actor=ACTOR)

    assert [sorted(batch.tasks.values_list("pk", flat=True)) for batch in made] == [[left.pk, left_too.pk], [right.pk, right_too.pk]]
    assert [(batch.status, batch.batching, batch.priority, batch.notes) for batch in made] == [("pending", "savings", "normal", "")] * 2
    assert [sorted(batch.tasks.values_list("tote", flat=True)) for batch in made] == [[1, 2], [1, 2]]
    assert made[0].number.startswith("PBT-")
    created = OutboxEvent.objects.filter(type="picking.batch_created").order_by("sequence")
    assert [row.payload for row in created] == [
        {"picking_batch_id": batch.pk, "number": batch.number, "task_ids": sorted(batch.tasks.values_list("pk", flat=True))} for batch in made
    ]
    settled()


def test_first_come_first_served_when_that_is_asked_for(place: Any) -> None:
    here, shelves = place
    WalkSettings.objects.update(totes=2)
    far, near = goods_on(shelves["M-04"]), goods_on(shelves["K-01"])
    tasks = [task_for((near, 1)), task_for((far, 1)), task_for((near, 1)), task_for((far, 1), priority="urgent")]
    made = make_picking_batches(here.id, [task.pk for task in tasks], method="fcfs", actor=ACTOR)
    first, second = (list(batch.tasks.order_by("tote").values_list("pk", flat=True)) for batch in made)
    assert (first, second) == ([tasks[3].pk, tasks[0].pk], [tasks[1].pk, tasks[2].pk])
    assert [batch.priority for batch in made] == ["urgent", "normal"]


def test_a_batch_leaves_as_early_as_the_first_of_its_orders(place: Any) -> None:
    here, shelves = place
    milk, soon = goods_on(shelves["K-01"]), timezone.now() + timedelta(hours=2)
    tasks = [task_for((milk, 1), ship_by=soon + timedelta(hours=5)), task_for((milk, 1), ship_by=soon), task_for((milk, 1))]
    (batch,) = make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
    assert batch.ship_by == soon


def test_the_cart_bounds_a_batch(place: Any) -> None:
    """Lines, litres, kilograms; what nobody has measured counts for nothing, and the batch says so."""
    here, shelves = place
    box = goods_on(shelves["K-01"], weight=Decimal(2), length=Decimal(10), width=Decimal(10), height=Decimal(10))
    unmeasured = goods_on(shelves["L-01"])
    tasks = [task_for((box, 3)) for _ in range(4)] + [task_for((unmeasured, 3))]
    ids = [task.pk for task in tasks]

    def sizes(**settings: Any) -> list[int]:
        WalkSettings.objects.update(**({"max_items": None, "max_volume": None, "max_weight": None} | settings))
        made = make_picking_batches(here.id, ids, actor=ACTOR)
        notes = {batch.notes for batch in made if batch.tasks.filter(items__product=unmeasured).exists()}
        assert notes == ({""} if "max_items" in settings else {"Not counted, for volume or weight is not known: SKU-L-01."})
        for batch in made:
            cancel_picking_batch(batch.pk, "again", actor=ACTOR)
        return sorted(batch.tasks.count() or len(told_ids(batch)) for batch in made)

    def told_ids(batch: PickingBatch) -> list[int]:
        return list(OutboxEvent.objects.get(type="picking.batch_created", aggregate_id=str(batch.pk)).payload["task_ids"])

    assert sizes(max_weight=Decimal(12)) == [2, 3]
    assert sizes(max_volume=Decimal(9)) == [2, 3]
    assert sizes(max_items=2) == [1, 2, 2]


def test_an_order_larger_than_the_cart_walks_alone_and_the_batch_says_so(place: Any) -> None:
    here, shelves = place
    WalkSettings.objects.update(max_weight=Decimal(5))
    heavy = goods_on(shelves["K-01"], weight=Decimal(3))
    small, large = task_for((heavy, 1)), task_for((heavy, 4))
    made = make_picking_batches(here.id, [small.pk, large.pk], actor=ACTOR)
    assert [(batch.tasks.get().pk, batch.notes) for batch in made] == [(small.pk, ""), (large.pk, "More than the cart takes: weight.")]


def test_a_hall_without_a_map(db: None) -> None:
    here, product = site(code="B"), ProductFactory()
    stocked(product, here.shelf, 10)
    tasks = [task_for((product, 1)) for _ in range(3)]
    picker = person(Role.PICKER)
    (batch,) = make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
    assign_picking_batch(batch.pk, picker.user_id or 0, actor=ACTOR)
    started = start_picking_batch(batch.pk, actor=picker)
    assert (started.route_method, started.route_length) == ("sequence", None)
    assert [position for _, position in walk(batch)] == [1, 2, 3]


def test_what_can_not_be_put_into_a_batch(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk, other = goods_on(shelves["K-01"]), site(code="ELSEWHERE", external_id="2")
    bread = ProductFactory()
    stocked(bread, other.shelf, 5)
    free, walked, batched, elsewhere = task_for((milk, 1)), task_for((milk, 1)), task_for((milk, 1)), task_for((bread, 1))
    begun(walked, picker)
    batch = batch_of([batched])
    ids = [free.pk, walked.pk, batched.pk, elsewhere.pk, 999_999]
    with pytest.raises(Conflict) as refused:
        make_picking_batches(here.id, ids, actor=ACTOR)
    assert [error["why"] for error in refused.value.errors] == [
        "it is in progress, not pending",
        f"it is in batch {batch}",
        "it is of another warehouse, ELSEWHERE",
        "there is no such task",
    ]
    with pytest.raises(ValidationFailed):
        make_picking_batches(here.id, [], actor=ACTOR)
    with pytest.raises(ValidationFailed):
        make_picking_batches(here.id, [free.pk], method="best", actor=ACTOR)
    with pytest.raises(PermissionDenied):
        make_picking_batches(here.id, [free.pk], actor=picker)
    assert PickingTask.objects.get(pk=free.pk).picking_batch_id is None
    assert PickingBatch.objects.count() == 1


def test_by_hand_not_more_than_the_cart_takes(place: Any) -> None:
    here, shelves = place
    WalkSettings.objects.update(totes=2, max_weight=Decimal(4))
    milk = goods_on(shelves["K-01"], weight=Decimal(2))
    tasks = [task_for((milk, 1)) for _ in range(3)]
    with pytest.raises(CartTooSmall) as refused:
        create_picking_batch(here.id, [task.pk for task in tasks], actor=ACTOR)
    assert refused.value.errors == [{"limit": "totes", "asked": "3", "takes": "2"}, {"limit": "weight", "asked": "6.000000", "takes": "4.000"}]
    batch = create_picking_batch(here.id, [task.pk for task in tasks[:2]], actor=ACTOR)
    assert (batch.batching, batch.tasks.count()) == ("", 2)


def test_batches_are_planned_before_anything_is_locked(place: Any) -> None:
    """Savings of a thousand orders take seconds, which is as long as others wait for a lock."""
    here, shelves = place
    tasks = [task_for((goods_on(shelves[code]), 1)) for code in ("K-01", "M-01")]
    with CaptureQueriesContext(connection) as queries:
        make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
    said = [query["sql"] for query in queries]
    first_lock = next(number for number, sql in enumerate(said) if "FOR NO KEY UPDATE" in sql)
    assert any('FROM "fulfillment_walksettings"' in sql for sql in said[:first_lock])
    assert not any('FROM "fulfillment_walksettings"' in sql and "EXISTS" not in sql for sql in said[first_lock:])


def test_statements_do_not_grow_with_the_orders(place: Any, picker: Actor) -> None:
    here, shelves = place
    goods = [goods_on(shelf, 100) for shelf in shelves.values()]
    counts: list[tuple[int, ...]] = []
    for orders in (1, 6):
        tasks = [task_for((goods[number], 1), (goods[number + 1], 1)) for number in range(orders)]
        with CaptureQueriesContext(connection) as making:
            (batch,) = make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
        with CaptureQueriesContext(connection) as claiming:
            claim_next_picking_batch(here.id, actor=picker)
        with CaptureQueriesContext(connection) as starting:
            start_picking_batch(batch.pk, actor=picker)
        with CaptureQueriesContext(connection) as cancelling:
            cancel_picking_batch(batch.pk, "again", actor=ACTOR)
        counts.append((len(making), len(claiming), len(starting), len(cancelling)))
        for task in tasks:
            cancel_picking_task(task.pk, "over", actor=ACTOR)
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 22

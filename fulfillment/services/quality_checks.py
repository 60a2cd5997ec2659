"""A look at picked goods before they are packed: asked for by rules, done by somebody, passed or cancelled. What happens to failed goods: `quality_failures`."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Max, Min, QuerySet, Sum
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import QualityDecision, QualityStatus
from fulfillment.errors import Surplus, WorkLeft
from fulfillment.locks import lock_next_quality_check, lock_quality_check, lock_quality_item
from fulfillment.models import Pick, PickingTask, QualityCheck, QualityCheckItem
from fulfillment.services import packing_tasks, put_backs
from fulfillment.services.progress import recount, settle
from fulfillment.services.quality_rules import Draw, reason_to_check
from fulfillment.services.workers import claimed, require_worker
from inventory import orchestrator
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import cancel, next_number, require_reason, take
from warehouse.core.errors import TransitionRefused, ValidationFailed
from warehouse.core.photos import keep_photo
from warehouse.core.quantities import parse_quantity, plain, require_step
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event, publish


def after_picking(task: PickingTask, *, actor: Actor, draw: Draw = random.random) -> list[Event]:
    """What follows a locked picking task that is complete: a quality check when a rule asks for one, else the packing task.

    The rules draw once, here; why they asked is kept. Goods that were fetched instead of failed ones are always looked at, those alone. Returns the
    events, for the caller to publish.
    """
    failed = QualityCheck.objects.filter(picking_task=task, status=QualityStatus.FAILED).order_by("-pk").first()
    reason = f"instead of what failed {failed.number}" if failed else reason_to_check(task, draw)
    if not reason:
        return packing_tasks.make_packing_task(task, actor=actor)
    rows = list(
        unchecked_picks(task, failed)
        .values("batch_location")
        .annotate(quantity=Sum("quantity"), product=Min("item__product"), batch=Min("item__batch"), newest=Max("pk"))
        .order_by("batch_location")
    )
    if not rows:
        return packing_tasks.make_packing_task(task, actor=actor)
    check = QualityCheck.objects.create(
        number=next_number(QualityCheck.number_prefix),
        created_by_id=actor.user_id,
        order=task.order,
        picking_task=task,
        warehouse_id=task.warehouse_id,
        reservation_id=task.reservation_id,
        priority=task.priority,
        ship_by=task.ship_by,
        total_items=len(rows),
        reason=reason,
        last_pick_id=max(row["newest"] for row in rows),
    )
    QualityCheckItem.objects.bulk_create(
        QualityCheckItem(
            check_document=check,
            product_id=row["product"],
            batch_id=row["batch"],
            batch_location_id=row["batch_location"],
            quantity=row["quantity"],
        )
        for row in rows
    )
    return [events.of_quality(events.QUALITY_CREATED, check, reason=reason)]


def unchecked_picks(task: PickingTask, failed: QualityCheck | None) -> QuerySet[Pick]:
    """What was picked of a task and lies on the bench, since the check that failed before."""
    picks = Pick.objects.filter(item__task=task, undone_at=None)
    return picks if failed is None else picks.filter(pk__gt=failed.last_pick_id)


@operation(Role.PACKER)
def claim_next_quality_check(warehouse_id: int, *, actor: Actor) -> QualityCheck | None:
    """The check that the actor should do now: the one at hand, else the best pending one of the warehouse, begun. None when there is none.

    Best is by priority, then ship-by, then age. Locks the worker, so that two scanners of one person get one check; then that one check only, passing over
    one that somebody else is claiming.
    """
    return claimed(QualityCheck, warehouse_id, actor, lock_next_quality_check, _start)


@operation(Role.PACKER)
def start_quality_check(check_id: int, *, actor: Actor, expected_version: int | None = None) -> QualityCheck:
    """The actor begins to look and becomes the check's worker. Locks order, picking task and check."""
    return _start(lock_quality_check(check_id, expected_version), actor)


@operation(Role.PACKER)
def record_quality_finding(
    item_id: int,
    *,
    condition_ok: bool,
    quantity_ok: bool,
    actor: Actor,
    failed_quantity: Any = 0,
    decision: str = "",
    note: str = "",
    expected_version: int | None = None,
) -> QualityCheckItem:
    """Keep what was found of an item; looking again is allowed until the check is finished. Nothing moves yet.

    `failed_quantity` is what may not go to the customer: damaged goods, and those that are not there at all. It goes with at least one No, and only
    with one. `decision` says what becomes of them (it may wait until the check fails). More than was picked is no fault of the goods: put the rest aside
    and say so in the note. Locks order, check and item; `expected_version` is the check's. Raises ValidationFailed, Surplus, TransitionRefused.
    """
    failed = parse_quantity(failed_quantity, field="failed_quantity", zero_allowed=True)
    note = require_reason(note, needed=False, field="note")
    item = lock_quality_item(item_id, expected_version)
    check = _require_open(item.check_document, actor)
    good = condition_ok and quantity_ok
    if decision:
        require_one_of(decision, QualityDecision.values, field="decision")
    if good and (failed or decision):
        raise _refused("failed_quantity", f"{item.product.sku}: condition and quantity are right, so nothing of it can have failed.")
    if not good and not failed:
        raise _refused("failed_quantity", f"{item.product.sku}: say how much of it is damaged or missing.")
    require_step(failed, item.product.quantity_step, sku=item.product.sku, field="failed_quantity")
    if failed > item.quantity:
        raise Surplus(
            f"Only {plain(item.quantity)} of {item.product.sku} were picked, so {plain(failed)} can't have failed.",
            missing=str(item.quantity),
            given=str(failed),
        )
    check.checked_items += not item.is_checked
    item.condition_ok, item.quantity_ok, item.failed_quantity = condition_ok, quantity_ok, failed
    item.decision, item.note, item.checked_at = decision, note, timezone.now()
    item.save(update_fields=["condition_ok", "quantity_ok", "failed_quantity", "decision", "note", "checked_at"])
    check.save_changes("checked_items")
    return item


@operation(Role.PACKER)
def attach_quality_photo(item_id: int, content: bytes, *, actor: Actor, expected_version: int | None = None) -> QualityCheckItem:
    """Keep a photo of an item of an open check, instead of one it has: JPEG, PNG or WebP, told by its first bytes, up to 10 MB. Locks order, check, item."""
    item = lock_quality_item(item_id, expected_version)
    check = _require_open(item.check_document, actor)
    keep_photo(item, content)
    check.save_changes()
    return item


@operation(Role.PACKER)
def pass_quality_check(check_id: int, *, actor: Actor, expected_version: int | None = None) -> QualityCheck:
    """All of it is good: the packing task is made in the same transaction. Locks order, picking task and check.

    Events quality.passed, packing.started. Raises WorkLeft listing the items that nobody has looked at, and those that are not good.
    """
    check = lock_quality_check(check_id, expected_version)
    take(check, "succeed")
    require_worker(check, actor)
    items = list(check.items.select_related("product"))
    require_looked_at(check, items)
    if bad := [item for item in items if item.failed_quantity]:
        raise WorkLeft(
            f"{check}: {', '.join(f'{plain(item.failed_quantity)} of {item.product.sku}' for item in bad)} is not good. Let the check fail, or look again.",
            errors=[{"item": item.pk, "sku": item.product.sku, "code": "failed", "failed": plain(item.failed_quantity)} for item in bad],
        )
    close(check)
    task = picking_task_of(check)
    started = packing_tasks.make_packing_task(task, actor=actor)
    publish([events.of_quality(events.QUALITY_PASSED, check), *started], actor=actor)
    settle(check.order, actor=actor)
    return check


@operation()
def cancel_quality_check(check_id: int, reason: str, *, actor: Actor, expected_version: int | None = None) -> QualityCheck:
    """Do not send these goods: the promise is released and what lies on the bench becomes put-backs; the order goes without it, and needs attention.

    Locks order, picking task and check, then what inventory locks. Event quality.cancelled. Raises TransitionRefused, ValidationFailed for a reason that
    is missing or too long.
    """
    check = lock_quality_check(check_id, expected_version)
    reason = cancel(check, reason)
    orchestrator.release_reservation.inside(check.reservation_id, reason=reason, actor=actor, for_order=True)
    put_backs.make_put_backs(picking_task_of(check))
    publish([events.of_quality(events.QUALITY_CANCELLED, check, reason=reason)], actor=actor)
    recount(check.order, actor=actor)
    return check


def picking_task_of(check: QualityCheck) -> PickingTask:
    """The picking task of a locked check, locked with it; it knows its order."""
    task = check.picking_task
    task.order = check.order
    return task


def require_looked_at(check: QualityCheck, items: Iterable[QualityCheckItem]) -> None:
    """Raise WorkLeft listing the items that nobody has looked at."""
    left: Sequence[QualityCheckItem] = [item for item in items if not item.is_checked]
    if left:
        raise WorkLeft(
            f"{check}: look at {', '.join(item.product.sku for item in left)} too.",
            errors=[{"item": item.pk, "sku": item.product.sku, "code": "not_checked", "quantity": plain(item.quantity)} for item in left],
        )


def close(check: QualityCheck) -> None:
    """Save a check that has passed or failed just now."""
    check.finished_at = timezone.now()
    check.save_changes("status", "finished_at")


def _start(check: QualityCheck, actor: Actor) -> QualityCheck:
    take(check, "start")
    check.worker_id, check.started_at = actor.user_id, timezone.now()
    check.save_changes("status", "worker", "started_at")
    return check


def _require_open(check: QualityCheck, actor: Actor) -> QualityCheck:
    if check.status != QualityStatus.IN_PROGRESS:
        raise TransitionRefused(f"{check} is {check.get_status_display()}: nothing can be noted now.", status=check.status, asked="record_finding")
    require_worker(check, actor)
    return check


def _refused(field: str, detail: str) -> ValidationFailed:
    return ValidationFailed(detail, errors=[{"field": field, "code": "invalid", "detail": detail}])

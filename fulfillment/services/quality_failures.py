"""What happens to goods that fail a quality check, and to the order that misses them then."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils import timezone

from fulfillment import events
from fulfillment.enums import QualityDecision, QualityStatus
from fulfillment.errors import WorkLeft
from fulfillment.locks import lock_quality_check
from fulfillment.models import Pick, PickingTask, PickingTaskItem, QualityCheck, QualityCheckItem
from fulfillment.services import packing_tasks
from fulfillment.services.progress import recount
from fulfillment.services.quality_checks import close, picking_task_of, require_looked_at, unchecked_picks
from fulfillment.services.replanning import replan_picking
from fulfillment.services.workers import require_worker
from inventory import orchestrator
from inventory.orchestrator import DocumentType, Quarantined, WriteOffLine, WriteOffReason
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import TransitionRefused
from warehouse.core.quantities import ZERO, plain
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event, publish

logger = logging.getLogger(__name__)

QUALITY_FAILED = "QUALITY_FAILED"


@operation(Role.PACKER)
def fail_quality_check(check_id: int, *, actor: Actor, decision: str = "", expected_version: int | None = None) -> QualityCheck:
    """Some of it may not go to the customer: that goes from the bench to quarantine first, out of the promise, and other goods are promised instead.

    `decision` holds for the failed items that have none of their own. `repick`: they lie in quarantine until somebody has looked. `write_off`: they leave
    the books (reason `quality_issue`; above the limit the write-off waits for a manager). `hold`: all of the lot on this bench, and of lots made of it,
    counts as failed, since nothing of a held lot may ship; the lot itself is held right after, by the subscriber of quality.failed, because a lot is
    locked before the gates which are taken here. Goods that are missing stand in quarantine on the books too, until a count or a write-off says where they are.

    Where others are promised, the picking task is open again for them, and the packing task waits: all goods of a promise are packed together. Where
    there is nothing to fetch, what is good is packed; what is missing for good needs a person. Locks order, picking task and check, then what inventory
    locks. Events quality.failed, stock.reallocated, inventory.moved, inventory.released, inventory.writeOff.confirmed, picking.short for what is missing,
    packing.started, order.needs_attention. Raises WorkLeft for items that nobody has looked at, that have no decision, or when none has failed.
    """
    check = lock_quality_check(check_id, expected_version)
    take(check, "fail")
    require_worker(check, actor)
    items = list(check.items.select_related("product", "batch").order_by("pk"))
    failed = _decide(check, items, decision)
    loss = _losses(check, failed)
    done = orchestrator.quarantine_picked.inside(
        check.reservation_id,
        loss.promises,
        reason=QUALITY_FAILED,
        document_type=DocumentType.QUALITY_CHECK,
        document_id=check.pk,
        avoid_batches={item.batch_id for item in failed if item.decision == QualityDecision.HOLD},
        actor=actor,
    )
    rows = _write_losses(check, loss)
    _ask_for_counts(check, failed, loss, rows, actor)
    _keep(check, failed, done, actor)
    close(check)
    task = picking_task_of(check)
    lost: dict[int, Decimal] = defaultdict(Decimal)
    for item in failed:
        lost[item.product_id] += item.quarantined_quantity
    others = any(quantity > done.missing.get(product, ZERO) for product, quantity in lost.items())
    publish([_failed(check, failed, again=others), *_shorts(task, loss, done.missing)], actor=actor)
    if others:
        _send_again(task, actor)
    else:
        publish(packing_tasks.make_packing_task(task, actor=actor), actor=actor)
    recount(check.order, actor=actor)
    return check


@operation()
def hold_failed_lots(lots: Mapping[int, str], *, actor: Actor) -> list[int]:
    """Hold these lots, each for the reason given: what a failed check decided. One that is held already stays as it is, a recalled one is beyond a hold.

    Locks and events as inventory's `hold_batch`, lot by lot in order of id. Returns those that are on hold now.
    """
    held = []
    for batch_id, reason in sorted(lots.items()):
        try:
            orchestrator.hold_batch.inside(batch_id, reason=reason, actor=actor)
        except TransitionRefused as error:
            logger.info("Lot %d is not held: %s", batch_id, error.detail)
        else:
            held.append(batch_id)
    return held


@dataclass(slots=True)
class _Loss:
    """Which picks lose goods, whole or a part, and which promises: by reservation item."""

    whole: list[Pick] = field(default_factory=list)
    parts: list[tuple[Pick, Decimal]] = field(default_factory=list)
    promises: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    items: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def _decide(check: QualityCheck, items: Sequence[QualityCheckItem], decision: str) -> list[QualityCheckItem]:
    """The items that lose goods, with what becomes of these and how much it is. Raises what the operation raises."""
    if decision:
        require_one_of(decision, QualityDecision.values, field="decision")
    require_looked_at(check, items)
    failed = [item for item in items if item.failed_quantity]
    if not failed:
        raise WorkLeft(f"{check}: all of it is good. Let the check pass, or look again.")
    for item in failed:
        item.decision = item.decision or decision
    if undecided := [item for item in failed if not item.decision]:
        raise WorkLeft(
            f"{check}: say what becomes of {', '.join(item.product.sku for item in undecided)}: {', '.join(QualityDecision.values)}.",
            errors=[{"item": item.pk, "sku": item.product.sku, "code": "undecided", "failed": plain(item.failed_quantity)} for item in undecided],
        )
    held = {item.batch_id for item in failed if item.decision == QualityDecision.HOLD}
    held = orchestrator.made_of(held) if held else held
    for item in items:
        item.quarantined_quantity = item.quantity if item.batch_id in held else item.failed_quantity
        if item.batch_id in held:
            item.decision = QualityDecision.HOLD
    return [item for item in items if item.quarantined_quantity]


def _losses(check: QualityCheck, failed: Sequence[QualityCheckItem]) -> _Loss:
    """Take what failed from the newest picks of each place first."""
    earlier = QualityCheck.objects.filter(picking_task=check.picking_task_id, status=QualityStatus.FAILED, pk__lt=check.pk).order_by("-pk").first()
    wanted = {item.batch_location_id: item.quarantined_quantity for item in failed}
    loss = _Loss()
    for pick in unchecked_picks(check.picking_task, earlier).filter(batch_location__in=wanted).order_by("-pk"):
        part = min(pick.quantity, wanted[pick.batch_location_id])
        if not part:
            continue
        wanted[pick.batch_location_id] -= part
        loss.promises[pick.reservation_item_id] += part
        loss.items[pick.item_id] += part
        if part == pick.quantity:
            loss.whole.append(pick)
        else:
            loss.parts.append((pick, part))
    return loss


def _write_losses(check: QualityCheck, loss: _Loss) -> dict[int, PickingTaskItem]:
    """The picks that lost all count for nothing; of those that lost a part, the part is split off. Their items, which are returned, are short by it."""
    now = timezone.now()
    Pick.objects.filter(pk__in=[pick.pk for pick in loss.whole]).update(undone_at=now)
    split = []
    for pick, part in loss.parts:
        pick.quantity -= part
        split.append(
            Pick(
                item_id=pick.item_id,
                batch_location_id=pick.batch_location_id,
                reservation_item_id=pick.reservation_item_id,
                quantity=part,
                picked_by_id=pick.picked_by_id,
                picked_at=pick.picked_at,
                undone_at=now,
            )
        )
    Pick.objects.bulk_update([pick for pick, _ in loss.parts], ["quantity"])
    Pick.objects.bulk_create(split)
    rows = list(PickingTaskItem.objects.filter(pk__in=loss.items))
    for row in rows:
        row.quantity_picked -= loss.items[row.pk]
        row.notes = f"{plain(loss.items[row.pk])} failed {check.number}"
        take(row, "lose")
    PickingTaskItem.objects.bulk_update(rows, ["quantity_picked", "status", "notes"])
    return {row.pk: row for row in rows}


def _ask_for_counts(check: QualityCheck, failed: Sequence[QualityCheckItem], loss: _Loss, rows: Mapping[int, PickingTaskItem], actor: Actor) -> None:
    """What is not on the bench may never have left its shelf: ask for a count of the places where it was picked."""
    missing = {item.batch_location_id: item for item in failed if not item.quantity_ok}
    taken = [*loss.whole, *(pick for pick, _ in loss.parts)]
    places = {(rows[pick.item_id].location_id, missing[pick.batch_location_id]) for pick in taken if pick.batch_location_id in missing}
    for location_id, item in sorted(places, key=lambda place: place[0]):
        reason = f"{check}: {plain(item.failed_quantity)} of {item.product.sku} missing"
        orchestrator.request_count.inside(location_id, item.product_id, reason=reason, actor=actor)


def _keep(check: QualityCheck, failed: Sequence[QualityCheckItem], done: Quarantined, actor: Actor) -> None:
    """Write where the goods lie now, and take off the books what is to be written off."""
    away = [item for item in failed if item.decision == QualityDecision.WRITE_OFF]
    for item in failed:
        item.quarantined_in_id = done.places[item.batch_location_id]
    if away:
        lines = [
            WriteOffLine(done.places[item.batch_location_id], item.quarantined_quantity, WriteOffReason.QUALITY_ISSUE, item.note) for item in away
        ]
        made = orchestrator.create_write_off.inside(
            warehouse_id=check.warehouse_id, lines=lines, notes=f"{check} of {check.order.order_ref}", actor=actor
        )
        orchestrator.confirm_write_off.inside(made.pk, actor=actor)
        for item in away:
            item.write_off_id = made.pk
    QualityCheckItem.objects.bulk_update(failed, ["decision", "quarantined_quantity", "quarantined_in", "write_off"])


def _send_again(task: PickingTask, actor: Actor) -> None:
    """Open the task for what is promised now instead: whoever takes it next walks for that alone. Its batch is walked; its tote keeps what was good."""
    take(task, "reopen")
    task.worker = task.started_at = task.completed_at = task.picking_batch = task.tote = None
    task.save_changes("status", "worker", "started_at", "completed_at", "picking_batch", "tote")
    replan_picking.inside([task.reservation_id], actor=actor)


def _failed(check: QualityCheck, failed: Sequence[QualityCheckItem], *, again: bool) -> Event:
    told: list[dict[str, Any]] = [
        {
            "sku": item.product.sku,
            "batch_id": item.batch_id,
            "lot_number": item.batch.lot_number,
            "failed": plain(item.failed_quantity),
            "quarantined": plain(item.quarantined_quantity),
            "decision": str(item.decision),
            "note": item.note,
        }
        for item in failed
    ]
    return events.of_quality(events.QUALITY_FAILED, check, items=told, picking_again=again)


def _shorts(task: PickingTask, loss: _Loss, missing: Mapping[int, Decimal]) -> list[Event]:
    """`picking.short` for what there is nothing to be fetched instead of, by product, at the place where it came from last."""
    if not missing:
        return []
    rows = PickingTaskItem.objects.filter(pk__in=loss.items, product__in=missing).select_related("location").order_by("pk")
    last = {row.product_id: row for row in rows}
    return [events.short(task, row, missing[product], QUALITY_FAILED) for product, row in sorted(last.items())]

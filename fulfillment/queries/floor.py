"""What the floor screens ask: the work at hand, the work that waits, the task a code names."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from fulfillment.enums import LIVING_SHIPMENTS, PackingStatus, PutBackStatus
from fulfillment.labels.sscc import scanned_sscc
from fulfillment.models import Order, PackingTask, PutBack, Shipment
from fulfillment.queries.orders import SAME_NAME, orders_called
from fulfillment.queries.picking_batches import PACKED_FROM_TOTE
from fulfillment.queries.picking_tasks import waiting_tasks
from fulfillment.queries.ranks import BY_URGENCY, ranked
from inventory import orchestrator


def picks_waiting(warehouse_id: int) -> int:
    """Picking tasks that nobody has yet and that are given out one by one."""
    return waiting_tasks(warehouse_id).count()


def packs_waiting(warehouse_id: int) -> QuerySet[PackingTask]:
    """Packing tasks that nobody has begun, the most urgent first."""
    waiting = PackingTask.objects.filter(warehouse=warehouse_id, status=PackingStatus.PENDING)
    return waiting.select_related("order", "picking_task__packing_location").order_by(*BY_URGENCY)


def my_packing_task(warehouse_id: int, user_id: int) -> int | None:
    """The id of the packing task that this person has begun."""
    mine = PackingTask.objects.filter(warehouse=warehouse_id, worker=user_id, status=PackingStatus.IN_PROGRESS)
    return mine.order_by("pk").values_list("pk", flat=True).first()


def packed_tasks(warehouse_id: int) -> QuerySet[PackingTask]:
    """Packing tasks whose packages wait for the carrier."""
    return PackingTask.objects.filter(warehouse=warehouse_id, status=PackingStatus.PACKED).select_related("order").order_by("packed_at")


def packing_task_by_scan(warehouse_id: int, code: str, location_id: int | None) -> PackingTask | None:
    """The packing task that a code names: its number, its picking task's, a package's (or its SSCC), the tote of its goods, the order's; or the most urgent
    one on a bench.

    Open work comes before finished work when an order has several.
    """
    if location_id is not None:
        return packs_waiting(warehouse_id).filter(picking_task__packing_location=location_id).first()
    open_first = ranked(PackingStatus.IN_PROGRESS, PackingStatus.PENDING, PackingStatus.PACKED)
    tasks = PackingTask.objects.filter(warehouse=warehouse_id).exclude(status=PackingStatus.CANCELLED).order_by(open_first, "pk")
    # Each is one look into an index; all at once would be a walk through the tables.
    ours = code.upper()
    ways: list[dict[str, Any]] = [{"number": ours}, {"picking_task__number": ours}, {"packages__barcode": ours}]
    if sscc := scanned_sscc(code):
        ways.append({"packages__sscc": sscc})
    for way in ways:
        if (found := tasks.filter(**way).first()) is not None:
            return found
    if (found := in_tote(tasks, ours)) is not None:
        return found
    for ids in orders_called(code):
        if (found := tasks.filter(order__in=ids).first()) is not None:
            return found
    return None


def in_tote(tasks: QuerySet[PackingTask], code: str) -> PackingTask | None:
    """Of these tasks the one whose goods lie in this tote, or are being packed out of it; the tote of packed goods is free."""
    return tasks.filter(picking_task__tote_code=code, status__in=PACKED_FROM_TOTE).first() if code else None


def living_shipments(task_id: int) -> list[Shipment]:
    """The shipments of a packing task that are still meant to go."""
    rows = Shipment.objects.filter(packing_task=task_id, status__in=LIVING_SHIPMENTS)
    return list(rows.select_related("package", "provider").order_by("package__sequence_number"))


def put_backs_waiting(warehouse_id: int) -> QuerySet[PutBack]:
    """Goods on the benches that belong on shelves, the oldest first."""
    waiting = PutBack.objects.filter(warehouse=warehouse_id, status=PutBackStatus.PENDING)
    return waiting.select_related("product", "batch", "batch_location__location", "from_location", "order").order_by("pk")


def put_backs_for(warehouse_id: int, user_id: int | None) -> QuerySet[PutBack]:
    """What this person may bring away: what nobody else has on the way."""
    others = Q(claimed_until__gt=timezone.now()) & ~Q(worker=user_id)
    return put_backs_waiting(warehouse_id).exclude(others)


def my_put_backs(warehouse_id: int, user_id: int | None) -> QuerySet[PutBack]:
    """What this person has taken in hand for one walk, in walking order."""
    mine = put_backs_waiting(warehouse_id).filter(worker=user_id, claimed_until__gt=timezone.now())
    return mine.order_by("from_location__pick_sequence", "from_location__code", "pk")


def put_back_by_scan(waiting: QuerySet[PutBack], warehouse_id: int, code: str) -> PutBack | None:
    """The first of these put-backs whose goods a code names: by SKU, barcode, GS1 code, or lot. The code is looked up once."""
    found = orchestrator.find_by_scan(code, warehouse_id=warehouse_id)
    if found.product_id is None:
        return waiting.filter(batch__lot_number__iexact=code).first()
    of_product = waiting.filter(product=found.product_id)
    return (of_product.filter(batch__lot_number=found.lot_number) if found.lot_number else of_product).first()


def order_refs_by_scan(code: str) -> list[str]:
    """What inventory knows the orders by that a code names: an order's number, a waybill's, a package's (or its SSCC), a task's."""
    ours = code.upper()
    ways: list[dict[str, Any]] = [
        {"external_id": code},
        {"order_number__iexact": code},
        {"shipments__tracking_number": code},
        {"packing_tasks__packages__barcode": ours},
        {"packing_tasks__number": ours},
    ]
    if sscc := scanned_sscc(code):
        ways.append({"packing_tasks__packages__sscc": sscc})
    for way in ways:
        if found := [order.order_ref for order in Order.objects.filter(**way).distinct()[:SAME_NAME]]:
            return found
    return []

"""Work that stands still, orders that nobody takes in, and partners that do not answer: which of it somebody should look at now, and in which words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from fulfillment.enums import PackingStatus, PickingStatus
from fulfillment.models import Package, PackingTask, PickingTask
from inventory.orchestrator import AlertDraft, Severity
from warehouse.core.partners.breaker import CircuitState
from warehouse.core.partners.outages import long_outages

PICKING_STUCK, PACKING_UNMEASURED = "picking_stuck", "packing_unmeasured"
INTAKE_STUCK = "intake_stuck"
PICKING_HOURS, PACKING_HOURS = timedelta(hours=2), timedelta(hours=1)
INTAKE_MINUTES = timedelta(minutes=5)
# More alerts at once say no more.
SHOWN = 1000


def stuck_picking_tasks() -> QuerySet[PickingTask]:
    """Picking tasks that somebody began more than two hours ago and did not end."""
    return PickingTask.objects.filter(status=PickingStatus.IN_PROGRESS, started_at__lt=timezone.now() - PICKING_HOURS)


def unmeasured_packing_tasks() -> QuerySet[PackingTask]:
    """Open packing tasks that after an hour have no package, or one without weight or sides."""
    packages = Package.objects.filter(packing_task=OuterRef("pk"))
    unpacked = (PackingStatus.PENDING, PackingStatus.IN_PROGRESS)
    unknown = Q(weight=None) | Q(length=None) | Q(width=None) | Q(height=None)
    rows = PackingTask.objects.filter(~Exists(packages) | Exists(packages.filter(unknown)), status__in=unpacked)
    return rows.filter(created_at__lt=timezone.now() - PACKING_HOURS)


def stuck_picking() -> list[AlertDraft]:
    """The alerts about `stuck_picking_tasks`, the oldest first. One statement."""
    return [
        AlertDraft(
            f"picking_task:{task.pk}",
            Severity.CRITICAL,
            f"{task} of {task.order} is being picked by {task.worker or 'nobody'} since {_said(task.started_at)}: {task.picked_items} of"
            f" {task.total_items} picked. Ask the worker, or give it to another one.",
            {
                "picking_task": task.number,
                "order": task.order.external_id,
                "worker": task.worker and task.worker.get_username(),
                "started_at": task.started_at,
            },
            warehouse_id=task.warehouse_id,
        )
        for task in stuck_picking_tasks().select_related("order", "worker").order_by("started_at", "pk")[:SHOWN]
    ]


def unmeasured_packing() -> list[AlertDraft]:
    """The alerts about `unmeasured_packing_tasks`, the oldest first. One statement."""
    return [
        AlertDraft(
            f"packing_task:{task.pk}",
            Severity.CRITICAL,
            f"{task} of {task.order} has no package with weight and sides since {_said(task.created_at)}. Pack and measure it.",
            {"packing_task": task.number, "order": task.order.external_id, "created_at": task.created_at},
            warehouse_id=task.warehouse_id,
        )
        for task in unmeasured_packing_tasks().select_related("order").order_by("pk")[:SHOWN]
    ]


def standing_intake(stream: str, since: datetime | None) -> list[AlertDraft]:
    """The stream of orders, when its oldest entry that is not done with waits for more than five minutes; `since` None: none waits."""
    if since is None or since > timezone.now() - INTAKE_MINUTES:
        return []
    text = f"Orders are not taken in: an entry of {stream} waits since {_said(since)}. Look whether consume_orders runs, and what it logs."
    return [AlertDraft(f"stream:{stream}", Severity.CRITICAL, text, {"stream": stream, "since": since})]


def down_partners(circuits: Iterable[CircuitState]) -> list[AlertDraft]:
    """Partners that gave no answer for long, whoever asked."""
    return [AlertDraft(outage.subject, Severity.CRITICAL, outage.message, outage.data) for outage in long_outages(circuits)]


def _said(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "a while"

"""Labels on their way to a printer: put in its queue, claimed by a worker, recorded. Sent once: whether to print again a person decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from fulfillment.enums import LabelKind, PrintStatus
from fulfillment.errors import NoWaybill
from fulfillment.locks import lock_next_print, lock_printer
from fulfillment.models import LabelPrint, Printer
from fulfillment.services import labels
from fulfillment.services.background import PRINT_QUEUED
from warehouse.core.actor import Actor, Role
from warehouse.core.background import soon
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.transactions import operation

# A worker that died is known by its silence about one label; whoever waits longer than this at a printer has gone to look.
SENDING_LIMIT, QUEUE_LIMIT = timedelta(minutes=3), timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PrintJob:
    """A claimed label, not drawn yet, and where it goes; without a label: it is not printed any more, for what `error` says."""

    row: LabelPrint
    printer: Printer
    label: labels.PackageLabel | None
    error: str = ""


@operation(Role.PACKER)
def queue_labels(
    task_ids: Sequence[int], printer_id: int, *, actor: Actor, kind: str = LabelKind.SHIPPING, package_id: int | None = None
) -> list[LabelPrint]:
    """Have the labels of these packed or shipped tasks (or of one package of the only one) printed; a worker sends them to the printer soon.

    Locks nothing. Raises NotFound, TransitionRefused, NoWaybill naming every package that waits for one, Conflict for a printer that is not in use,
    ValidationFailed for a printer of another warehouse.
    """
    labels.require_kind(kind)
    printer = Printer.objects.select_related("warehouse").filter(pk=printer_id).first()
    if printer is None:
        raise NotFound(f"There is no printer {printer_id}.", kind="printer", id=printer_id)
    if not printer.is_active:
        raise Conflict(f"Printer {printer} is not in use. Choose another one.", printer=printer.name)
    tasks = labels.tasks_in(task_ids, labels.LABELLED, "Labels are printed when it is packed.")
    elsewhere = [task.number for task in tasks if task.warehouse_id != printer.warehouse_id]
    if elsewhere:
        raise ValidationFailed(
            f"Printer {printer} stands in {printer.warehouse.code}; {', '.join(elsewhere)} is elsewhere.",
            errors=[{"field": "printer", "code": "elsewhere"}],
        )
    wanted = [label for found in labels.labels_of(tasks, kind) for label in found.labels if package_id in (None, label.package.pk)]
    if not wanted:
        raise NotFound(
            f"There is no package {package_id} to print." if package_id else "There is no package to print.", kind="package", id=package_id
        )
    waiting = [label.package.barcode for label in wanted if not label.content.tracking_number]
    if waiting:
        raise NoWaybill(f"No waybill yet for {', '.join(waiting)}. The carrier has to answer first; then print.", waiting=waiting)
    rows = LabelPrint.objects.bulk_create(
        LabelPrint(package=label.package, printer=printer, kind=kind, requested_by_id=actor.user_id) for label in wanted
    )
    soon(PRINT_QUEUED, printer.pk)
    return rows


@operation()
def claim_label_print(printer_id: int, *, actor: Actor) -> PrintJob | None:
    """Take what waits longest for a printer; nobody else sends it then. None when nothing waits, or somebody sends this printer a label now.

    One at a time, so that a printer may be slow and is still known to be at work; whoever sends it takes the next one. The caller draws it, outside
    this transaction. Locks the printer, then the row. Raises NotFound.
    """
    printer = lock_printer(printer_id)
    if LabelPrint.objects.filter(printer=printer, status=PrintStatus.SENDING).exists():
        return None
    row = lock_next_print(printer)
    if row is None:
        return None
    row.status, row.claimed_at = PrintStatus.SENDING, timezone.now()
    row.save(update_fields=["status", "claimed_at"])
    task = row.package.packing_task
    found = labels.labels_of([task], row.kind)[0].labels if task.status in labels.LABELLED else []
    label = next((each for each in found if each.package.pk == row.package_id and each.content.tracking_number), None)
    gone = "" if label else "It was cancelled or is carried by another meanwhile. Print its label again if it is still needed."
    return PrintJob(row, printer, label, gone)


@operation()
def record_label_print(print_id: int, error: str, *, actor: Actor) -> None:
    """What became of a claimed label; one that was given up meanwhile stays so. One conditional statement."""
    LabelPrint.objects.filter(pk=print_id, status=PrintStatus.SENDING).update(
        status=PrintStatus.FAILED if error else PrintStatus.PRINTED, error=error[:500], finished_at=timezone.now()
    )


@operation()
def give_up_label_prints(*, actor: Actor) -> int:
    """Fail what a worker that died has claimed, and what waited so long that nobody stands at the printer any more. Returns how many."""
    now = timezone.now()
    died = LabelPrint.objects.filter(status=PrintStatus.SENDING, claimed_at__lte=now - _sending_limit())
    late = LabelPrint.objects.filter(Q(status=PrintStatus.QUEUED) & Q(requested_at__lte=now - QUEUE_LIMIT))
    unknown = "It is not known whether it was printed. Look at the printer, then print again if need be."
    count = died.update(status=PrintStatus.FAILED, error=unknown, finished_at=now)
    return count + late.update(status=PrintStatus.FAILED, error="No worker printed it in time. Print again.", finished_at=now)


def _sending_limit() -> timedelta:
    """Longer than a printer may take to answer and then to read."""
    return max(SENDING_LIMIT, timedelta(seconds=3 * settings.PRINTER_TIMEOUT_SECONDS))

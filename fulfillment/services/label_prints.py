"""Labels on their way to a printer: put in its queue, claimed by a worker, recorded. Sent once: whether to print again a person decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from fulfillment.enums import LabelKind, PrintStatus
from fulfillment.errors import NoWaybill
from fulfillment.locks import lock_queued_prints
from fulfillment.models import LabelPrint, Printer
from fulfillment.services import labels
from fulfillment.services.background import PRINT_QUEUED, soon
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.transactions import operation

# A worker that died is known by its silence; whoever waits longer than this at a printer has gone to look.
SENDING_LIMIT, QUEUE_LIMIT = timedelta(minutes=3), timedelta(minutes=10)
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class PrintJob:
    """A claimed label: where it goes, and its bytes; or why it is not printed any more."""

    row: LabelPrint
    printer: Printer
    data: bytes
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
def claim_label_prints(printer_id: int, *, actor: Actor) -> list[PrintJob]:
    """Take what is queued for a printer, oldest first; nobody else sends it then. Locks these rows, passing over those that somebody else takes."""
    rows = lock_queued_prints(printer_id, AT_ONCE)
    now = timezone.now()
    LabelPrint.objects.filter(pk__in=[row.pk for row in rows]).update(status=PrintStatus.SENDING, claimed_at=now)
    ready: dict[tuple[int, str], labels.PackageLabel] = {}
    for kind in {row.kind for row in rows}:
        tasks = {row.package.packing_task_id: row.package.packing_task for row in rows if row.kind == kind}
        current = [task for task in tasks.values() if task.status in labels.LABELLED]
        ready |= {(label.package.pk, kind): label for found in labels.labels_of(current, kind) for label in found.labels}
    jobs = []
    for row in rows:
        label = ready.get((row.package_id, row.kind))
        if label is None or not label.content.tracking_number:
            jobs.append(
                PrintJob(row, row.printer, b"", "It was cancelled or is carried by another meanwhile. Print its label again if it is still needed.")
            )
        else:
            jobs.append(PrintJob(row, row.printer, label.rendered(row.printer.label_format)))
    return jobs


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
    died = LabelPrint.objects.filter(status=PrintStatus.SENDING, claimed_at__lte=now - SENDING_LIMIT)
    late = LabelPrint.objects.filter(Q(status=PrintStatus.QUEUED) & Q(requested_at__lte=now - QUEUE_LIMIT))
    unknown = "It is not known whether it was printed. Look at the printer, then print again if need be."
    count = died.update(status=PrintStatus.FAILED, error=unknown, finished_at=now)
    return count + late.update(status=PrintStatus.FAILED, error="No worker printed it in time. Print again.", finished_at=now)

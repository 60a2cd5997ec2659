"""Totes on a picker's cart: which of them stands where, and whether what was picked went into the right one.

Each order of a batch has a position on the cart. The first tote that is scanned at a position stands there for this order until its goods are packed; from then
on its code confirms a pick, and so does the label of the position (`3` or `T3`), which may be glued to the cart. A position's label alone never says which
tote stands there, so the first scan has to be a tote.
"""

from __future__ import annotations

import re

from django.db.models import Exists, OuterRef, Q

from fulfillment.enums import OPEN_PICKING, OPEN_QUALITY, PackingStatus, PickingStatus, PutBackStatus
from fulfillment.errors import WrongScan
from fulfillment.locks import lock_tote
from fulfillment.models import PackingTask, PickingTask, PutBack, QualityCheck
from inventory import orchestrator
from warehouse.core.errors import ValidationFailed

SHOWN = 80
_POSITION = re.compile(r"T?0*([1-9]\d{0,2})", re.IGNORECASE)
# The numbers of our own documents and packages: scanned on the pack screen they mean those.
_DOCUMENT = re.compile(r"[A-Z]{3}-\d{4}-\d{6,}.*")


def tote_label(task: PickingTask) -> str:
    """What stands at the position on the cart."""
    return f"T{task.tote}"


def confirm_tote(task: PickingTask, scan: str) -> bool:
    """Judge a scan that says where picked goods of a locked task were put. Returns whether it bound a tote: then `tote_code` has changed, for the caller to save.

    Of a task in no batch nothing is asked. Raises WrongScan with the right position and tote; for the first tote at a position also when its code is a position's,
    a document's, a place's, that of goods or a lot, or when it stands for another order: being picked, waiting to be packed, or cancelled and not put back yet.
    """
    scanned = scan.strip()
    if task.batch_id is None:
        if scanned:
            raise ValidationFailed(f"{task} is in no batch: leave tote_scan out.", errors=[{"field": "tote_scan", "code": "not_in_batch"}])
        return False
    code, label = scanned.upper(), tote_label(task)
    if task.tote_code:
        if code != task.tote_code and _position(code) != task.tote:
            _refuse(f"put it into tote {label} ({task.tote_code}).", task, scanned, tote=task.tote_code)
        return False
    if not code or len(code) > SHOWN or not code.isprintable() or _position(code) or _DOCUMENT.fullmatch(code):
        _refuse(f"stand a tote at position {label} and scan the tote's own barcode.", task, scanned)
    if orchestrator.is_taken_code(code, warehouse_id=task.warehouse_id):
        _refuse(f"that is no tote. Scan the barcode of the tote at position {label}.", task, scanned)
    lock_tote(task.warehouse_id, code)
    other = _holder_of(task, code)
    if other is not None:
        _refuse(f"that tote has goods of {other.order} in it ({other}). Stand an empty tote at position {label} and scan that.", task, scanned)
    task.tote_code = code
    return True


def in_use() -> Q:
    """Picking tasks whose goods may lie in their tote: being picked, looked at, waiting to be packed, or cancelled and not yet put back."""
    packing = PackingTask.objects.filter(picking_task=OuterRef("pk"), status__in=[PackingStatus.PENDING, PackingStatus.IN_PROGRESS])
    checks = QualityCheck.objects.filter(picking_task=OuterRef("pk"), status__in=sorted(OPEN_QUALITY))
    back = PutBack.objects.filter(picking_task=OuterRef("pk"), status=PutBackStatus.PENDING)
    return Q(status__in=sorted(OPEN_PICKING)) | Q(Exists(packing)) | Q(Exists(checks)) | (Q(status=PickingStatus.CANCELLED) & Q(Exists(back)))


def _holder_of(task: PickingTask, code: str) -> PickingTask | None:
    others = PickingTask.objects.filter(warehouse=task.warehouse_id, tote_code=code).exclude(pk=task.pk)
    return others.filter(in_use()).select_related("order").first()


def _position(code: str) -> int | None:
    found = _POSITION.fullmatch(code)
    return int(found[1]) if found else None


def _refuse(todo: str, task: PickingTask, scanned: str, *, tote: str = "") -> None:
    said = f"Scanned {scanned[:SHOWN]!r}" if scanned else "No tote was scanned"
    expected = {"position": tote_label(task), "tote": tote}
    raise WrongScan(f"{said}: {todo}", expected=expected, scanned=scanned[:SHOWN])

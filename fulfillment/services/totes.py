"""Totes on a picker's cart: which of them stands where, and whether what was picked went into the right one.

Each order of a batch has a position on the cart. The first tote that is scanned at a position stands there for this order until its goods are packed; from then
on its code confirms a pick, and so does the label of the position (`3` or `T3`), which may be glued to the cart. A position's label alone never says which
tote stands there, so the first scan has to be a tote.
"""

from __future__ import annotations

import re

from fulfillment.errors import WrongScan
from fulfillment.locks import LockedItem
from fulfillment.models import PickingTask
from inventory import orchestrator
from warehouse.core.errors import ValidationFailed
from warehouse.core.transactions import lost_race_on

# Two scans that bind one tote at once: the second one starts again and finds it bound.
lost_race_on(["one_open_picking_task_in_a_tote"])

SHOWN = 80
_POSITION = re.compile(r"T?0*([1-9]\d{0,2})", re.IGNORECASE)
# The numbers of our own documents and packages: scanned on the pack screen they mean those.
_DOCUMENT = re.compile(r"[A-Z]{3}-\d{4}-\d{6,}.*")


def tote_label(task: PickingTask) -> str:
    """What stands at the position on the cart."""
    return f"T{task.tote}"


def is_tote_of(task: PickingTask, scan: str) -> bool:
    """Whether a scan means the tote of this task: its code, or the label of its position on the cart (`3`, `T3` or `T03`)."""
    code = scan.strip().upper()
    return bool(code) and (code == task.tote_code or _position(code) == task.tote)


def confirm_tote(locked: LockedItem, scan: str) -> bool:
    """Judge a scan that says where goods of an item were put; the item was locked with this scan. Returns whether it bound a tote: then the task's `tote_code` has
    changed, for the caller to save.

    Of a task in no batch nothing is asked. Raises WrongScan with the right position and tote; for the first tote at a position also when its code is a
    position's, a document's, a place's, that of goods or a lot, or when it stands for another order: being picked, waiting to be packed, or cancelled and not put
    back yet.
    """
    task, scanned = locked.item.task, scan.strip()
    if task.picking_batch_id is None:
        if scanned:
            raise ValidationFailed(f"{task} is in no batch: leave tote_scan out.", errors=[{"field": "tote_scan", "code": "not_in_batch"}])
        return False
    code, label = scanned.upper(), tote_label(task)
    if task.tote_code:
        if not is_tote_of(task, scan):
            _refuse(f"put it into tote {label} ({task.tote_code}).", task, scanned, why="other_tote")
        return False
    if not code or len(code) > SHOWN or not code.isprintable() or _position(code) or _DOCUMENT.fullmatch(code):
        _refuse(f"stand a tote at position {label} and scan the tote's own barcode.", task, scanned)
    if orchestrator.is_taken_code(code, warehouse_id=task.warehouse_id):
        _refuse(f"that is no tote. Scan the barcode of the tote at position {label}.", task, scanned, why="no_tote")
    if (other := locked.tote_holder) is not None:
        _refuse(
            f"that tote has goods of {other.order} in it ({other}). Stand an empty tote at position {label} and scan that.",
            task,
            scanned,
            why="in_use",
        )
    task.tote_code = code
    return True


def _position(code: str) -> int | None:
    found = _POSITION.fullmatch(code)
    return int(found[1]) if found else None


def _refuse(todo: str, task: PickingTask, scanned: str, *, why: str = "no_tote") -> None:
    said = f"Scanned {scanned[:SHOWN]!r}" if scanned else "No tote was scanned"
    expected = {"position": tote_label(task), "tote": task.tote_code}
    raise WrongScan(f"{said}: {todo}", expected=expected, scanned=scanned[:SHOWN], why=why)

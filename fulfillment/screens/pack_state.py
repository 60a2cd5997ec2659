"""Where a packer stands in a task, kept in the session: the goods scanned last, the box that is filled, the number that is asked for."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from fulfillment.models import Package

COUNT, WEIGH = "count", "weigh"
_LAST, _BOX, _PAD = "floor_pack_last", "floor_pack_box", "floor_pack_pad"


def last_code(request: HttpRequest, task_id: int) -> str:
    """The code that was scanned last; empty when nothing was."""
    kept: str = request.session.get(_LAST, {}).get(str(task_id), "")
    return kept


def keep_code(request: HttpRequest, task_id: int, code: str) -> None:
    """These goods are at hand now."""
    request.session[_LAST] = {str(task_id): code}


def box_at_hand(request: HttpRequest, task_id: int) -> int | None:
    """The box that this person fills; None, which is the last one, when none was chosen."""
    chosen: int | None = request.session.get(_BOX, {}).get(str(task_id))
    if chosen is not None and Package.objects.filter(pk=chosen, packing_task=task_id).exists():
        return chosen
    return None


def choose_box(request: HttpRequest, task_id: int, package_id: int) -> None:
    """Fill this box from now on."""
    request.session[_BOX] = {str(task_id): package_id}


def ask_number(request: HttpRequest, task_id: int, what: str, version: int, item_id: int = 0) -> None:
    """Ask how many of the goods at hand, or what an item weighs. What is answered counts for this version of the task only."""
    request.session[_PAD] = {"task": task_id, "what": what, "version": version, "item": item_id}


def asked_number(request: HttpRequest, task_id: int) -> dict[str, Any] | None:
    """What is asked for in this task; None when nothing is."""
    asked: dict[str, Any] | None = request.session.get(_PAD)
    return asked if asked is not None and asked["task"] == task_id else None


def stop_asking(request: HttpRequest) -> None:
    """The number was given, or is not wanted any more."""
    request.session.pop(_PAD, None)

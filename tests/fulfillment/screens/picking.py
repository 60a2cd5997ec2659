"""The picker's taps as plain forms: what tests of the pick screen share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fulfillment.enums import PickingStatus
from fulfillment.models import PickingTask
from tests.fulfillment.screens.conftest import Handheld

Make = Callable[..., Handheld]


def begin(picker: Handheld) -> PickingTask:
    picker.send("/floor/pick/claim")
    return PickingTask.objects.get(worker=picker.actor.user_id, status=PickingStatus.IN_PROGRESS)


def scan(picker: Handheld, task: PickingTask, code: str = "", **more: Any) -> str:
    return picker.send(f"/floor/pick/{task.pk}/scan", code=code, **more)


def other(picker: Handheld, task: PickingTask, **data: Any) -> str:
    return picker.send(f"/floor/pick/{task.pk}/other/scan", **data)

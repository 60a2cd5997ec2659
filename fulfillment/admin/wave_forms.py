"""What the steps of a wave ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanWidget

from fulfillment.admin.base import due
from fulfillment.enums import BatchingMethod, PickingStatus
from fulfillment.models import PickingTask, Wave
from fulfillment.queries.wave_obstacles import ATTENTION, obstacles
from fulfillment.queries.waves import Wanted, tasks_wanted
from fulfillment.services.waves import release_wave
from warehouse.core.actor import Actor
from warehouse.core.admin_steps import StepForm, choice_field

# So many tasks are offered, or named, in a dialog; the wave's page shows all.
OFFERED, NAMED = 100, 8


class ReleaseForm(StepForm):
    """Tells what goes and what stays."""

    attended = forms.BooleanField(
        label="Also orders that need attention", required=False, widget=UnfoldBooleanWidget(), help_text="Somebody has looked at them."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.judged = obstacles(self.row)
        if not any(reason.code == ATTENTION for each in self.judged for reason in each.obstacles):
            del self.fields["attended"]

    def tells(self) -> list[str]:
        kept = [each for each in self.judged if each.obstacles]
        said = [f"{len(self.judged) - len(kept)} of {len(self.judged)} tasks go."]
        said += [f"{each.task}, {each.task.order}, stays: {each.obstacles[0].text}" for each in kept[:NAMED]]
        return [*said, f"{len(kept) - NAMED} more stay: the page says why."] if len(kept) > NAMED else said


class ReleaseInBatchesForm(ReleaseForm):
    method = choice_field("Put together by", [("", "as the warehouse's walk settings say"), *BatchingMethod.choices], required=False)
    field_order = ["method", "attended"]


def release_in_batches(row: Wave, arguments: dict[str, Any], actor: Actor, version: int) -> Wave:
    return release_wave(row.pk, batching=True, **arguments, actor=actor, expected_version=version)


class TasksForm(StepForm):
    """Tasks to be ticked."""

    task_ids = forms.TypedMultipleChoiceField(label="Picking tasks", coerce=int, widget=UnfoldAdminCheckboxSelectMultipleWidget())

    def offer(self, tasks: Iterable[PickingTask]) -> None:
        """Say what may be ticked."""
        self.offered = [(task.pk, _named(task)) for task in tasks]
        self.fields["task_ids"].choices = self.offered  # type: ignore[attr-defined]

    def tells(self) -> list[str]:
        return [] if self.offered else ["There is no such task now."]


class AddForm(TasksForm):
    """The free tasks of the warehouse, the most urgent first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(tasks_wanted(Wanted(self.row.warehouse_id)).select_related("order")[:OFFERED])


class TakeForm(TasksForm):
    """What nobody has, and is in no batch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        free = PickingTask.objects.filter(wave=self.row, status=PickingStatus.PENDING, picking_batch=None).select_related("order")
        self.offer(free.order_by("urgency", "ship_by", "pk"))


def _named(task: PickingTask) -> str:
    items = f"{task.total_items} item{'s' if task.total_items > 1 else ''}"
    parts = [task.number, task.order.order_number or task.order.external_id, task.get_priority_display(), items, due(task.ship_by, closed=False)]
    return " · ".join(part for part in parts if part)

"""What the steps of a wave ask."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any

from django import forms
from django.db.models import QuerySet
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanWidget

from fulfillment.admin.base import due
from fulfillment.enums import BatchingMethod, PickingStatus
from fulfillment.models import PickingTask, Wave
from fulfillment.queries.ranks import BY_URGENCY
from fulfillment.queries.wave_obstacles import ATTENTION, obstacles
from fulfillment.queries.waves import Wanted, tasks_wanted
from fulfillment.services.waves import release_wave
from warehouse.core.actor import Actor
from warehouse.core.admin_steps import StepForm, choice_field, text_field

# So many tasks are offered, or named, in a dialog.
OFFERED, NAMED = 100, 8
GONE = "It is not, or no longer, a task that can be chosen here."


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
    """Tasks to be ticked; where there are more than a dialog offers, others are named."""

    task_ids = forms.TypedMultipleChoiceField(
        label="Picking tasks", required=False, coerce=int, widget=UnfoldAdminCheckboxSelectMultipleWidget(), error_messages={"invalid_choice": GONE}
    )
    numbers = text_field("Others, by number", required=False, max_length=2000, help_text="With a space between them.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tasks = list(self.fitting().select_related("order")[: OFFERED + 1])
        self.offered, self.more = [(task.pk, _named(task)) for task in tasks[:OFFERED]], len(tasks) > OFFERED
        self.fields["task_ids"].choices = self.offered  # type: ignore[attr-defined]
        if not self.more:
            del self.fields["numbers"]

    @abstractmethod
    def fitting(self) -> QuerySet[PickingTask]:
        """What may be named, the most urgent first."""

    def tells(self) -> list[str]:
        if not self.offered:
            return ["There is no such task now."]
        return [f"There are more than {OFFERED}: the most urgent {OFFERED} can be ticked."] if self.more else []

    def clean(self) -> dict[str, Any]:
        """With the ids of the named tasks among the ticked ones."""
        values = super().clean() or self.cleaned_data
        names = {name.upper() for name in re.split(r"[\s,;]+", values.pop("numbers", "")) if name}
        found = dict(self.fitting().filter(number__in=names).values_list("number", "pk")) if names else {}
        if strange := sorted(names - found.keys()):
            self.add_error("numbers", f"{GONE} {', '.join(strange[:NAMED])}")
        elif "task_ids" in values:
            values["task_ids"] = [*values["task_ids"], *(pk for pk in found.values() if pk not in values["task_ids"])]
            if not values["task_ids"]:
                self.add_error("task_ids", "Choose a task.")
        return values


class AddForm(TasksForm):
    """The free tasks of the warehouse."""

    def fitting(self) -> QuerySet[PickingTask]:
        return tasks_wanted(Wanted(self.row.warehouse_id))


class TakeForm(TasksForm):
    """What nobody has, and is in no batch."""

    def fitting(self) -> QuerySet[PickingTask]:
        return PickingTask.objects.filter(wave=self.row, status=PickingStatus.PENDING, picking_batch=None).order_by(*BY_URGENCY)


def _named(task: PickingTask) -> str:
    items = f"{task.total_items} item{'s' if task.total_items > 1 else ''}"
    parts = [task.number, task.order.name, task.get_priority_display(), items, due(task.ship_by, closed=False)]
    return " · ".join(part for part in parts if part)

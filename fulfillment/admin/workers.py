"""Choosing who does a task."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from fulfillment.admin.base import workers_of
from warehouse.core.actor import Role
from warehouse.core.admin_steps import Step, StepForm, can
from warehouse.core.transactions import Operation


class WorkerForm(StepForm):
    """One of the active people of a role."""

    role: ClassVar[Role]
    worker_id = forms.TypedChoiceField(label="Worker", coerce=int, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["worker_id"].choices = workers_of(self.role)  # type: ignore[attr-defined]


class PackerForm(WorkerForm):
    role = Role.PACKER


def hand_on_step(operation: Operation[..., Any], form: type[WorkerForm]) -> Step:
    """The button of managers that gives work that is begun to another one."""
    return Step(
        "hand_on",
        "Give to another",
        operation,
        can("hand_on"),
        description="What is done stays done; the other one goes on with the rest.",
        form=form,
        icon="swap_horiz",
    )

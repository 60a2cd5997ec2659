"""How urgent work is: the dialog of orders and picking tasks."""

from __future__ import annotations

from typing import Any

from fulfillment.enums import Priority
from warehouse.core.admin_steps import StepForm, choice_field


class PriorityForm(StepForm):
    priority = choice_field("Priority", Priority.choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("priority", self.row.priority)

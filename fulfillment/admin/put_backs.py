"""Goods on the benches that belong on shelves."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from fulfillment.admin.base import COLOURS
from fulfillment.models import PutBack
from fulfillment.services.put_backs import complete_put_back
from warehouse.core.admin import BigTableAdmin, plain
from warehouse.core.admin_steps import Step, StepForm, StepsAdmin, can, quantity_field, text_field


class PutBackForm(StepForm):
    location_scan = text_field("Shelf", autofocus=True, help_text="Scan the place, or type its code.")
    quantity = quantity_field("How many")


@admin.register(PutBack)
class PutBackAdmin(StepsAdmin, BigTableAdmin):
    list_display = ["id", "product", "batch", "amount", "done", "state", "from_location", "warehouse", "order", "created_at"]
    list_display_links = ["id", "product"]
    list_select_related = ["product", "batch", "from_location", "warehouse", "order"]
    list_filter = [("status", ChoicesDropdownFilter), ("warehouse", RelatedDropdownFilter)]
    search_fields = ["=order__external_id"]
    search_help_text = "An order's id"
    readonly_fields = ["status", "amount", "done"]
    fields = ["order", "picking_task", "warehouse", "product", "batch", "amount", "done", "status", "from_location", "created_at", "done_at"]
    steps = [
        Step(
            "complete",
            "Put back",
            complete_put_back,
            can("finish"),
            description="The goods lie on the shelf again and are for sale.",
            form=PutBackForm,
            icon="shelves",
            variant=ActionVariant.PRIMARY,
        )
    ]

    @display(description="quantity")
    def amount(self, row: PutBack) -> str:
        return plain(row.quantity)

    @display(description="put back")
    def done(self, row: PutBack) -> str:
        return plain(row.done_quantity)

    @display(description="status", label=COLOURS)
    def state(self, row: PutBack) -> tuple[str, str]:
        return row.status, row.get_status_display()

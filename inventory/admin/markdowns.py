"""The steps of the automatic markdown."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from inventory.models import MarkdownStep
from inventory.services.markdowns import change_markdown_step, create_markdown_step, delete_markdown_step
from warehouse.core.admin_forms import SavedByOperations


@admin.register(MarkdownStep)
class MarkdownStepAdmin(SavedByOperations):
    create_operation, change_operation, delete_operation = create_markdown_step, change_markdown_step, delete_markdown_step
    list_display = ["freshness", "reduction", "channel"]
    list_display_links = ["freshness"]
    list_select_related = ["storefront"]
    list_filter = [("storefront", RelatedDropdownFilter)]
    autocomplete_fields = ["storefront"]
    ordering = ["storefront", "-freshness_percent"]
    sortable_by = ()
    actions = None

    @display(description="when so much of the life is left")
    def freshness(self, row: MarkdownStep) -> str:
        return f"{row.freshness_percent} % or less"

    @display(description="off")
    def reduction(self, row: MarkdownStep) -> str:
        return f"{row.discount_percent} %"

    @display(description="storefront")
    def channel(self, row: MarkdownStep) -> str:
        return str(row.storefront or "all of them")

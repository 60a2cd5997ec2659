"""The steps of the automatic markdown."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from inventory.models import MarkdownStep
from inventory.services.markdowns import change_markdown_step, create_markdown_step, delete_markdown_step
from warehouse.core.admin import actor_of
from warehouse.core.admin_forms import SavedByOperations


@admin.register(MarkdownStep)
class MarkdownStepAdmin(SavedByOperations):
    create_operation, change_operation = create_markdown_step, change_markdown_step
    list_display = ["freshness", "reduction", "channel"]
    list_display_links = ["freshness"]
    list_select_related = ["storefront"]
    list_filter = [("storefront", RelatedDropdownFilter)]
    autocomplete_fields = ["storefront"]
    ordering = ["storefront", "-freshness_percent"]
    sortable_by = ()
    actions = None

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        delete_markdown_step.inside(obj.pk, actor=actor_of(request))

    @display(description="when so much of the life is left")
    def freshness(self, row: MarkdownStep) -> str:
        return f"{row.freshness_percent} % or less"

    @display(description="off")
    def reduction(self, row: MarkdownStep) -> str:
        return f"{row.discount_percent} %"

    @display(description="storefront")
    def channel(self, row: MarkdownStep) -> str:
        return str(row.storefront or "all of them")

"""Waves: what was chosen, how far it is, what can't be let go and why."""

from __future__ import annotations

from typing import Any, cast
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from fulfillment.admin.base import COLOURS
from fulfillment.admin.picking_shown import PickingTaskInline
from fulfillment.admin.wave_forms import AddForm, ReleaseForm, ReleaseInBatchesForm, TakeForm, release_in_batches
from fulfillment.admin.wave_plan import PlansWaves
from fulfillment.admin.wave_waiting import waiting_told
from fulfillment.models import Wave
from fulfillment.queries.ranks import BY_URGENCY
from fulfillment.queries.wave_obstacles import obstacles
from fulfillment.queries.waves import WaveProgress, wave_progress
from fulfillment.services.waves import add_to_wave, cancel_wave, release_wave, take_from_wave
from warehouse.core.admin import BigTableAdmin, pairs
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin, can


def far_of(row: Wave) -> WaveProgress:
    """How far a wave is, read once for each row in hand."""
    if "far" not in vars(row):
        vars(row)["far"] = wave_progress([row.pk])[row.pk]
    return cast(WaveProgress, vars(row)["far"])


def waits(row: Wave) -> bool:
    return row.is_open and far_of(row).waiting > 0


def may_leave(row: Wave) -> bool:
    return row.is_open and far_of(row).waiting + far_of(row).released > 0


def is_open(row: Wave) -> bool:
    return row.is_open


class WaveTaskInline(PickingTaskInline):
    fields = ["task", "order", "state", "priority", "left", "where", "worker", "progress"]
    verbose_name_plural = "tasks"
    ordering = BY_URGENCY


@admin.register(Wave)
class WaveAdmin(PlansWaves, StepsAdmin, BigTableAdmin):
    list_display = ["number", "warehouse", "state", "chosen_by", "bar", "tasks", "late", "created_at"]
    list_display_links = ["number"]
    list_select_related = ["warehouse", "provider"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("warehouse", RelatedDropdownFilter),
        ("provider", RelatedDropdownFilter),
        ("cut_off", RangeDateTimeFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["=number"]
    search_help_text = "A wave's number"
    readonly_fields = ["status", "chosen_by", "how_far", "waiting"]
    inlines = [WaveTaskInline]
    steps = [
        Step(
            "release",
            "Release",
            release_wave,
            waits,
            description="What can go is given out one by one from now on, the most urgent first. The rest stays, and may be released later.",
            form=ReleaseForm,
            icon="play_arrow",
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            "release_in_batches",
            "Release in batches",
            release_wave,
            waits,
            description="What can go is put together into walks with a tote for each order. The rest stays, and may be released later.",
            form=ReleaseInBatchesForm,
            call=release_in_batches,
            icon="shopping_cart",
        ),
        Step("add", "Add tasks", add_to_wave, is_open, description="They wait in it until it is released.", form=AddForm, icon="playlist_add"),
        Step(
            "take",
            "Take tasks out",
            take_from_wave,
            may_leave,
            description="They are picked without it, or wait for another wave.",
            form=TakeForm,
            icon="playlist_remove",
        ),
        Step(
            "cancel",
            "Cancel wave",
            cancel_wave,
            can("cancel"),
            description="Its tasks stay. What nobody has is free again, out of its batches too; what somebody has is finished.",
            form=ReasonForm,
            icon="close",
            variant=ActionVariant.DANGER,
        ),
    ]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With how far each wave of the page is, read at once."""
        page = super().get_changelist_instance(request)
        far = wave_progress(row.pk for row in page.result_list)
        for row in page.result_list:
            vars(row)["far"] = far[row.pk]
        return page

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().upper()
        return (queryset.filter(number=term) if term else queryset), False

    def get_fieldsets(self, request: HttpRequest, obj: Wave | None = None) -> list[Any]:
        fields = ["number", "warehouse", "status", "chosen_by", "created_at", "created_by"]
        later = [name for name in ("released_at", "completed_at", "cancelled_at", "cancellation_reason") if obj and getattr(obj, name)]
        shown: list[Any] = [(None, {"fields": [*pairs([*fields, *later]), "how_far"]})]
        return [*shown, ("Not released", {"fields": ["waiting"]})] if obj and waits(obj) else shown

    @display(description="status", label=COLOURS)
    def state(self, row: Wave) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="chosen by")
    def chosen_by(self, row: Wave) -> str:
        asked = [f"zone {row.zone}"] if row.zone else []
        asked += [str(row.provider)] if row.provider else []
        asked += [f"leaves {_there(row)}"] if row.cut_off else []
        asked += [f"at least {row.get_priority_display()}"] if row.priority else []
        return ", ".join(asked) or "anything that waited, or by hand"

    @display(description="progress")
    def bar(self, row: Wave) -> SafeString:
        far = far_of(row)
        label = f"{row}: {far.items_done} of {far.items} items done"
        return format_html(
            '<span class="wave-bar"><progress value="{}" max="100" aria-label="{}"></progress> {} %</span>', far.percent, label, far.percent
        )

    @display(description="tasks done")
    def tasks(self, row: Wave) -> str:
        far = far_of(row)
        kept = f", {far.waiting} not released" if row.is_open and far.waiting else ""
        return f"{far.completed} of {far.tasks}{kept}"

    @display(description="late", label={True: "danger"})
    def late(self, row: Wave) -> tuple[bool, str]:
        late = far_of(row).late
        return late > 0, str(late or "")

    @display(description="how far")
    def how_far(self, row: Wave) -> SafeString:
        return render_to_string("admin/wave_progress.html", {"wave": row, "far": far_of(row)})

    @display(description="when it is released")
    def waiting(self, row: Wave) -> SafeString:
        return render_to_string("admin/wave_waiting.html", waiting_told(obstacles(row)))


def _there(row: Wave) -> str:
    """The cut-off on the clock of the warehouse."""
    assert row.cut_off is not None
    return date_format(timezone.localtime(row.cut_off, ZoneInfo(row.warehouse.time_zone)), "j M H:i")

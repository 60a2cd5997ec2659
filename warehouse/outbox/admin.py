"""What went out and what came in: read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.contrib.filters.admin import FieldTextFilter, RangeDateTimeFilter
from unfold.decorators import display

from warehouse.core.admin import BigTableAdmin, RoleAdmin
from warehouse.outbox.models import IdempotencyKey, InboxEntry, OutboxEvent, Subscription

for _model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class PublishedFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "waiting"), ("parked", "parked after a failure"), ("published", "published")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent]:
        chosen = {
            "waiting": Q(published_at=None),
            "parked": Q(published_at=None, retry_at__isnull=False),
            "published": Q(published_at__isnull=False),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(OutboxEvent)
class OutboxEventAdmin(BigTableAdmin):
    list_display = ["sequence", "type", "aggregate", "actor", "occurred_at", "state", "attempts", "position"]
    list_filter = [PublishedFilter, ("aggregate_type", FieldTextFilter), ("occurred_at", RangeDateTimeFilter)]
    search_fields = ["=aggregate_id"]
    search_help_text = "What the event is about: its kind and id (order 42), or the id alone"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """By aggregate, which has an index; a bare number is looked for among all kinds that there are."""
        words = search_term.split()
        if not words:
            return queryset, False
        if len(words) > 1:
            return queryset.filter(aggregate_type=words[0], aggregate_id=words[1]), False
        return queryset.filter(aggregate_type__in=_aggregate_types(), aggregate_id=words[0]), False

    @display(description="about")
    def aggregate(self, row: OutboxEvent) -> str:
        return f"{row.aggregate_type} {row.aggregate_id}"

    @display(description="state", label={"published": "success", "waiting": "info", "parked": "danger"})
    def state(self, row: OutboxEvent) -> str:
        if row.published_at:
            return "published"
        return "parked" if row.retry_at else "waiting"


def _aggregate_types() -> list[str]:
    """The kinds of aggregates, by a loose index scan: as many steps as there are kinds, however many rows."""
    kinds: list[str] = []
    rows = OutboxEvent.objects.order_by("aggregate_type").values_list("aggregate_type", flat=True)
    kind = rows.first()
    while kind is not None:
        kinds.append(kind)
        kind = rows.filter(aggregate_type__gt=kind).first()
    return kinds


@admin.register(Subscription)
class SubscriptionAdmin(RoleAdmin):
    list_display = ["name", "position", "attempts", "retry_at", "failed_at"]
    search_fields = ["name"]


@admin.register(InboxEntry)
class InboxEntryAdmin(BigTableAdmin):
    list_display = ["stream", "entry_id", "taken_at"]
    search_fields = ["=entry_id"]


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(BigTableAdmin):
    list_display = ["client", "key", "created_at"]
    search_fields = ["=key"]


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(RoleAdmin):
    list_display = ["name", "task", "schedule", "enabled", "last_run_at", "total_run_count"]
    list_select_related = ["interval", "crontab", "solar", "clocked"]
    list_filter = ["enabled"]
    search_fields = ["name", "task"]
    fields = ["name", "task", "enabled", "description", "interval", "crontab", "args", "kwargs", "queue", "expires", "last_run_at", "total_run_count"]
    readonly_fields = ["last_run_at", "total_run_count"]


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(RoleAdmin):
    list_display = ["every", "period"]


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(RoleAdmin):
    list_display = ["minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone"]

"""`/waves`: picking tasks that are chosen together and let go together."""

from __future__ import annotations

from typing import Any, cast

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.names import named_warehouse
from fulfillment.api.wave_bodies import WaveCriteria, WaveIn, WaveOut, WavePreviewOut, WaveReleaseIn, WaveSummary, WaveTasksIn
from fulfillment.enums import Priority, WaveStatus
from fulfillment.models import PickingTask, Wave
from fulfillment.queries.ranks import BY_URGENCY
from fulfillment.queries.wave_obstacles import judge
from fulfillment.queries.waves import Criteria, preview, wanted_for, wave_progress
from fulfillment.services import wave_planning, waves
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import Reason
from warehouse.outbox.http import ReadEndpoints


class WaveFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=WaveStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    warehouse_id = TextFilter(field_name="warehouse__external_id")
    zone = TextFilter(field_name="zone")
    provider = TextFilter(field_name="provider__code")
    priority = django_filters.ChoiceFilter(choices=Priority.choices)
    cut_off_from = MomentFilter(field_name="cut_off", lookup_expr="gte")
    cut_off_to = MomentFilter(field_name="cut_off", lookup_expr="lt")

    class Meta:
        model = Wave
        fields: list[str] = []


SUMMARIES = Wave.objects.select_related("warehouse", "provider").order_by("-pk")
TASKS = PickingTask.objects.select_related("order", "worker").order_by(*BY_URGENCY)


class Waves(ReadEndpoints):
    """Waves: `pending → in_progress → completed`, or cancelled. Their tasks are given out when they are released, not before."""

    rows: QuerySet[Any] = SUMMARIES.prefetch_related(Prefetch("tasks", queryset=TASKS))
    serializer_class = WaveOut
    filterset_class = WaveFilters
    search_fields = ("number",)
    orderings = {"created_at": "created_at", "cut_off": "cut_off"}
    version_field = "version"
    operations = {
        "create": wave_planning.plan_wave,
        "add": waves.add_to_wave,
        "take": waves.take_from_wave,
        "release": waves.release_wave,
        "cancel": waves.cancel_wave,
    }
    inputs = {"create": WaveIn, "add": WaveTasksIn, "take": WaveTasksIn, "release": WaveReleaseIn, "cancel": Reason}
    outputs = {"list": WaveSummary, "preview": WavePreviewOut}
    parameters = {"preview": [WaveCriteria]}

    def get_queryset(self) -> QuerySet[Any]:
        return SUMMARIES.all() if self.action == "list" else self.rows.all()

    def get_serializer_class(self) -> Any:
        return WaveSummary if self.action == "list" else WaveOut

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Of a list, how far each wave is comes by one statement."""
        if kwargs.get("many"):
            kwargs["context"] = {**self.get_serializer_context(), "progress": wave_progress(wave.pk for wave in args[0])}
        return super().get_serializer(*args, **kwargs)

    @extend_schema(
        examples=[
            OpenApiExample(
                "What D Express fetches at five",
                {"warehouse_id": "1", "zone": "Ambient", "provider": "dexpress", "cut_off": "2026-05-04T17:00:00+02:00", "max_tasks": 60},
                request_only=True,
            )
        ]
    )
    def create(self, request: Request) -> Response:
        """Plan a wave: choose picking tasks that nobody has, by what is asked for or by hand; 409 when nothing fits."""
        body = self.body()
        warehouse_id = named_warehouse(body)
        return self.run(warehouse_id, task_ids=body.pop("tasks", ()), **_criteria(body))

    @extend_schema(operation_id="preview_wave")
    @action(detail=False)
    def preview(self, request: Request) -> Response:
        """What a wave would take now. Nothing is written; 409 when nothing fits."""
        asked = WaveCriteria(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        criteria = _criteria(dict(asked.validated_data))
        wanted = wanted_for(named_warehouse(dict(asked.validated_data)), **criteria)
        tasks = preview(wanted)
        judged = judge(tasks, warehouse_id=wanted.warehouse_id, cut_off=wanted.cut_off)
        return Response(WavePreviewOut({"tasks": tasks, "items": sum(task.total_items for task in tasks), "waiting": judged}).data)

    @action(detail=True, methods=["post"])
    def add(self, request: Request, pk: str) -> Response:
        """Put more tasks in; they wait until the wave is released, or released again."""
        return self.run(int(pk), self.body()["tasks"])

    @action(detail=True, methods=["post"])
    def take(self, request: Request, pk: str) -> Response:
        """Take tasks out that nobody has yet."""
        return self.run(int(pk), self.body()["tasks"])

    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Let go what can go; the rest waits, with its reasons in `waiting`. 409 with all reasons when nothing can go."""
        return self.run(int(pk), **self.body())

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Give it up: what nobody has leaves it, what somebody has is finished."""
        return self.run(int(pk), self.body()["reason"])


def _criteria(body: dict[str, Any]) -> Criteria:
    return cast(Criteria, {name: body[name] for name in Criteria.__annotations__ if name in body})

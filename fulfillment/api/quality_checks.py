"""`/quality-checks`: picked goods that somebody looks at before they are packed."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.names import named_warehouse
from fulfillment.api.picking_bodies import ReassignIn
from fulfillment.api.tasks import ChangesHands, TaskSummary
from fulfillment.enums import Priority, QualityDecision, QualityStatus
from fulfillment.models import QualityCheck, QualityCheckItem
from fulfillment.services import quality_checks, quality_failures, reassigning
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import CodeField, Input, Nothing, QuantityField, Reason
from warehouse.core.photos import IMAGES, PHOTO_BYTES, photo_response


class QualityItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    lot_number = serializers.CharField(source="batch.lot_number")
    quarantined_in = serializers.CharField(source="quarantined_in.location.code", default=None, allow_null=True)
    photo = serializers.SerializerMethodField(help_text="Where it is shown to those who may read quality checks.")

    class Meta:
        model = QualityCheckItem
        fields = (
            "id", "product", "sku", "name", "batch", "lot_number", "quantity", "condition_ok", "quantity_ok", "failed_quantity", "decision", "note",
            "photo", "checked_at", "quarantined_quantity", "quarantined_in", "write_off",
        )  # fmt: skip

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_photo(self, item: QualityCheckItem) -> str | None:
        return f"/api/v1/quality-checks/{item.check_document_id}/items/{item.pk}/photo" if item.photo else None


class QualityCheckSummary(TaskSummary):
    class Meta:
        model = QualityCheck
        fields = (
            "id", "number", "order", "order_id", "picking_task", "warehouse", "warehouse_id", "worker", "status", "reason", "priority", "ship_by",
            "total_items", "checked_items", "reservation", "created_at", "started_at", "finished_at", "cancelled_at", "cancellation_reason",
            "updated_at", "version",
        )  # fmt: skip


class QualityCheckOut(QualityCheckSummary):
    items = QualityItemOut(many=True)

    class Meta(QualityCheckSummary.Meta):
        fields = (*QualityCheckSummary.Meta.fields, "items")  # type: ignore[assignment]


class ClaimedCheckOut(serializers.Serializer):
    check = QualityCheckOut(allow_null=True, help_text="Null when there is nothing to look at.")


class QualitySiteIn(Input):
    warehouse_id = CodeField(required=False)
    warehouse = CodeField(required=False, max_length=40)


class QualityFindingIn(Input):
    condition_ok = serializers.BooleanField(help_text="Nothing of it is damaged.")
    quantity_ok = serializers.BooleanField(help_text="As many are there as were picked.")
    failed_quantity = QuantityField(zero_allowed=True, required=False, help_text="How much may not go to the customer: damaged or missing.")
    decision = serializers.ChoiceField(
        choices=QualityDecision.choices, required=False, help_text="What becomes of it; may wait until the check fails."
    )
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class QualityPhotoIn(Input):
    photo = serializers.FileField(help_text="JPEG, PNG or WebP, up to 10 MB.")


class QualityFailIn(Input):
    decision = serializers.ChoiceField(choices=QualityDecision.choices, required=False, help_text="For the failed items that have none of their own.")


class QualityFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=QualityStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    warehouse_id = TextFilter(field_name="warehouse__external_id")
    worker = TextFilter(field_name="worker__username")
    order = django_filters.NumberFilter(field_name="order_id")
    order_id = TextFilter(field_name="order__external_id")
    picking_task = django_filters.NumberFilter(field_name="picking_task_id")
    priority = django_filters.ChoiceFilter(choices=Priority.choices)

    class Meta:
        model = QualityCheck
        fields: list[str] = []


SUMMARIES = QualityCheck.objects.select_related("order", "warehouse", "worker").order_by("-pk")
ITEMS = QualityCheckItem.objects.select_related("product", "batch", "quarantined_in__location").order_by("pk")


class QualityChecks(ChangesHands):
    """Checks of picked goods: `pending → in_progress → passed | failed`, or cancelled. They come when a picking task is completed and a rule asks for one."""

    rows: QuerySet[Any] = SUMMARIES.prefetch_related(Prefetch("items", queryset=ITEMS))
    serializer_class = QualityCheckOut
    filterset_class = QualityFilters
    search_fields = ("number", "order__external_id", "order__order_number")
    orderings = {"created_at": "created_at", "ship_by": "ship_by", "urgency": "urgency"}
    version_field = "version"
    operations = {
        "claim_next": quality_checks.claim_next_quality_check,
        "reassign": reassigning.reassign_quality_check,
        "start": quality_checks.start_quality_check,
        "find": quality_checks.record_quality_finding,
        "attach_photo": quality_checks.attach_quality_photo,
        "succeed": quality_checks.pass_quality_check,
        "fail": quality_failures.fail_quality_check,
        "cancel": quality_checks.cancel_quality_check,
    }
    inputs = {
        "claim_next": QualitySiteIn,
        "reassign": ReassignIn,
        "start": Nothing,
        "find": QualityFindingIn,
        "attach_photo": QualityPhotoIn,
        "succeed": Nothing,
        "fail": QualityFailIn,
        "cancel": Reason,
    }
    outputs = {"list": QualityCheckSummary, "claim_next": ClaimedCheckOut}

    def get_queryset(self) -> QuerySet[Any]:
        return SUMMARIES.all() if self.action == "list" else self.rows.all()

    def get_serializer_class(self) -> Any:
        return QualityCheckSummary if self.action == "list" else QualityCheckOut

    @action(detail=False, methods=["post"], url_path="claim-next")
    def claim_next(self, request: Request) -> Response:
        """The check that the caller should do now: the one at hand, else the best pending one, begun."""
        return self.run(named_warehouse(self.body()), render=lambda check: {"check": check and self.show(check)})

    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Begin to look."""
        self.body()
        return self.run(int(pk))

    @extend_schema(
        examples=[
            OpenApiExample(
                "Two are crushed",
                {"condition_ok": False, "quantity_ok": True, "failed_quantity": "2", "decision": "write_off", "note": "crushed"},
                request_only=True,
            )
        ]
    )
    @action(detail=True, methods=["post"], url_path="items/(?P<item>[0-9]{1,18})/finding")
    def find(self, request: Request, pk: str, item: str) -> Response:
        """Keep what was found of an item; looking again is allowed until the check is finished."""
        return self.run(self._item(pk, item), render=self._show_check, **self.body())

    @action(detail=True, methods=["post"], url_path="items/(?P<item>[0-9]{1,18})/photo", parser_classes=[MultiPartParser])
    def attach_photo(self, request: Request, pk: str, item: str) -> Response:
        """Keep a photo of an item, instead of one it has."""
        photo = self.body()["photo"]
        # One byte more than is allowed is enough to be refused.
        return self.run(self._item(pk, item), photo.read(PHOTO_BYTES + 1), render=self._show_check)

    @extend_schema(responses={(200, kind): OpenApiResponse(OpenApiTypes.BINARY) for kind in IMAGES.values()})
    @attach_photo.mapping.get
    def photo(self, request: Request, pk: str, item: str) -> FileResponse:
        """The photo of an item."""
        return photo_response(ITEMS.filter(check_document=self.get_object().pk, pk=item).first())

    @action(detail=True, methods=["post"], url_path="pass")
    def succeed(self, request: Request, pk: str) -> Response:
        """All of it is good: it is packed next."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def fail(self, request: Request, pk: str) -> Response:
        """Some of it is not: that goes to quarantine, and others are fetched where there are some."""
        return self.run(int(pk), **self.body())

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Do not send these goods."""
        return self.run(int(pk), self.body()["reason"])

    def _item(self, pk: str, item: str) -> int:
        """The item that the address names, which must be of this check."""
        if not QualityCheckItem.objects.filter(pk=item, check_document=int(pk)).exists():
            raise NotFound(f"Check {pk} has no item {item}.")
        return int(item)

    def _show_check(self, item: QualityCheckItem) -> Any:
        return QualityCheckOut(self.rows.get(pk=item.check_document_id)).data

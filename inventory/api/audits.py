"""`/audits`: counting what is there. Of a blind count the figures of the books are shown to managers only, until it is completed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.names import SkuField, locations_by_code, named_warehouse, product_ids_by_sku
from inventory.enums import AuditLineStatus, AuditScope, AuditStatus, Phase, Uncounted
from inventory.models import Audit, AuditLine
from inventory.queries.audit_report import audit_report, progress, with_difference
from inventory.queries.audits import sees_books
from inventory.queries.cycle_counts import suggest_cycle_count
from inventory.queries.scan import find_by_scan
from inventory.queries.stock import visible_to
from inventory.services.audits import CYCLE_PLACES
from warehouse.core.actor import Actor
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, DayField, IdField, Input, Nothing, QuantityField, Reason, by_id
from warehouse.core.errors import PermissionDenied, ValidationFailed
from warehouse.outbox.http import Endpoints, ReadEndpoints

MOST_COUNTS = 1000
HIDDEN = ("books_quantity", "difference", "first_counted_quantity")
BLIND = "This count is blind: what the books say is shown when it is completed."


class AuditLineOut(serializers.ModelSerializer):
    location = serializers.CharField(source="location.code")
    sku = serializers.CharField(source="product.sku")
    difference = serializers.DecimalField(
        max_digits=14, decimal_places=3, source="off", allow_null=True, help_text="What was booked, or would be if the audit were completed now."
    )
    counted_by = serializers.CharField(source="counted_by.username", default=None, allow_null=True)

    class Meta:
        model = AuditLine
        fields = (
            "id", "location", "product", "sku", "lot_number", "label_expires_on", "phase", "found", "status", "recount_reason", "scanned_at",
            "books_quantity", "counted_quantity", "counted_by", "counted_at", "first_counted_quantity", "difference", "unit_cost", "currency",
        )  # fmt: skip
        extra_kwargs = {name: {"help_text": "Not shown of a blind count before it is completed."} for name in ("books_quantity",)}

    def to_representation(self, instance: AuditLine) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if self.context.get("blind"):
            shown |= dict.fromkeys(HIDDEN)
        return shown


class AuditSummary(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = Audit
        fields = (
            "id", "number", "status", "warehouse", "scope", "zone", "blind", "recount_above_percent", "notes", "uncounted", "started_at", "completed_at",
            "cancellation_reason", "created_by", "created_at", "updated_at", "version",
        )  # fmt: skip


class AuditProgressOut(serializers.Serializer):
    lines = serializers.IntegerField()
    counted = serializers.IntegerField()
    to_recount = serializers.IntegerField()


class AuditOut(AuditSummary):
    locations: Any = serializers.SlugRelatedField("code", many=True, read_only=True)
    products: Any = serializers.SlugRelatedField("sku", many=True, read_only=True)
    progress = serializers.SerializerMethodField()

    class Meta(AuditSummary.Meta):
        fields = (*AuditSummary.Meta.fields, "locations", "products", "progress")  # type: ignore[assignment]

    def get_progress(self, audit: Audit) -> AuditProgressOut:
        return AuditProgressOut(progress(audit)).data  # type: ignore[return-value]


class AuditLinesOut(serializers.Serializer):
    """Lines of an audit, and its version."""

    lines = AuditLineOut(many=True)
    version = serializers.IntegerField()


class AuditUnitsOut(serializers.Serializer):
    unit = serializers.CharField()
    books = serializers.DecimalField(max_digits=14, decimal_places=3)
    missing = serializers.DecimalField(max_digits=14, decimal_places=3)
    surplus = serializers.DecimalField(max_digits=14, decimal_places=3)
    accuracy = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True, help_text="Percent of what the books said that was right.")


class AuditMoneyOut(serializers.Serializer):
    currency = serializers.CharField()
    missing = serializers.DecimalField(max_digits=18, decimal_places=4)
    surplus = serializers.DecimalField(max_digits=18, decimal_places=4)
    net = serializers.DecimalField(max_digits=18, decimal_places=4)


class AuditPlaceOut(serializers.Serializer):
    location = serializers.CharField()
    zone = serializers.CharField()
    lines = serializers.IntegerField()
    counted = serializers.IntegerField()
    right = serializers.IntegerField()
    accuracy = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)
    money = AuditMoneyOut(many=True)


class AuditReportOut(serializers.Serializer):
    lines = serializers.IntegerField()
    counted = serializers.IntegerField()
    uncounted = serializers.IntegerField()
    to_recount = serializers.IntegerField()
    found = serializers.IntegerField()
    right = serializers.IntegerField(help_text="Counted lines without a difference.")
    accuracy = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True, help_text="Percent of the counted lines that were right.")
    units = AuditUnitsOut(many=True)
    money = AuditMoneyOut(many=True)
    places = AuditPlaceOut(many=True)


class AuditHead(Input):
    scope = serializers.ChoiceField(choices=AuditScope.choices, required=False)
    zone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    locations = serializers.ListField(child=CodeField(max_length=40), required=False, max_length=MOST_COUNTS)
    products = serializers.ListField(child=CodeField(), required=False, max_length=MOST_COUNTS, help_text="SKUs.")
    blind = serializers.BooleanField(required=False)
    recount_above_percent = serializers.DecimalField(max_digits=6, decimal_places=2, min_value=0, required=False)
    notes = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class AuditIn(AuditHead):
    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)
    cycle_places = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST_COUNTS, help_text="For the scope `cycle` without locations: how many places."
    )


class AuditPlaceIn(Input):
    location = serializers.CharField(max_length=200, help_text="The place's barcode or code.")


class AuditCountIn(Input):
    line = IdField()
    quantity = QuantityField(zero_allowed=True)


class AuditCountsIn(Input):
    counts = AuditCountIn(many=True, max_length=MOST_COUNTS, min_length=1)  # type: ignore[call-arg]


class FoundGoodsIn(AuditPlaceIn):
    sku = SkuField()
    quantity = QuantityField()
    lot_number = serializers.CharField(max_length=60, required=False)
    label_expires_on = DayField(required=False, allow_null=True)
    produced_on = DayField(required=False, allow_null=True)
    phase = serializers.ChoiceField(choices=Phase.choices, required=False)


class CountAgainIn(Reason):
    lines = serializers.ListField(child=IdField(), min_length=1, max_length=MOST_COUNTS)


class AuditCompleteIn(Input):
    uncounted = serializers.ChoiceField(choices=Uncounted.choices, required=False, help_text="What becomes of lines that nobody counted.")


class AuditFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=AuditStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    scope = django_filters.ChoiceFilter(choices=AuditScope.choices)
    number = TextFilter()
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Audit
        fields: list[str] = []


class AuditLineFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=AuditLineStatus.choices)
    location = TextFilter(field_name="location__code")
    sku = TextFilter(field_name="product__sku", lookup_expr="iexact")
    found = django_filters.BooleanFilter()

    class Meta:
        model = AuditLine
        fields: list[str] = []


def summary_rows() -> QuerySet[Audit]:
    return Audit.objects.select_related("warehouse", "created_by").order_by("-pk")


def line_rows() -> QuerySet[AuditLine]:
    return with_difference(AuditLine.objects.select_related("location", "product", "counted_by")).order_by("pk")


def shown_lines(lines: Iterable[AuditLine], audit: Audit, actor: Actor) -> Any:
    """The lines as the actor may see them."""
    return AuditLineOut(lines, many=True, context={"blind": not sees_books(audit, actor)}).data


class Audits(ReadEndpoints):
    """Counts: `draft → in_progress → completed`, or cancelled before."""

    rows: QuerySet[Any] = summary_rows()
    serializer_class = AuditOut
    filterset_class = AuditFilters
    search_fields = ("number",)
    orderings = {"created_at": "created_at", "number": "number"}
    programs_read = False
    version_field = "version"
    operations = {
        "create": orchestrator.create_audit,
        "partial_update": orchestrator.change_audit,
        "start": orchestrator.start_audit,
        "scan_place": orchestrator.scan_audit_place,
        "count": orchestrator.update_audit_items,
        "found": orchestrator.add_found_goods,
        "count_again": orchestrator.count_again,
        "complete": orchestrator.complete_audit,
        "cancel": orchestrator.cancel_audit,
    }
    inputs = {
        "create": AuditIn, "partial_update": AuditHead, "start": Nothing, "scan_place": AuditPlaceIn, "count": AuditCountsIn, "found": FoundGoodsIn,
        "count_again": CountAgainIn, "complete": AuditCompleteIn, "cancel": Reason,
    }  # fmt: skip
    outputs = {"list": AuditSummary, "scan_place": AuditLinesOut, "count": AuditLinesOut, "found": AuditLinesOut, "report": AuditReportOut}
    created = {"create": 201, "found": 201}

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor)

    def get_serializer_class(self) -> Any:
        return AuditSummary if self.action == "list" else AuditOut

    def create(self, request: Request) -> Response:
        """Write a draft: what is to be counted."""
        body = self.body()
        site = named_warehouse(body)
        return self.run(warehouse_id=site.pk, **self._named(body, site.pk))

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a draft; If-Match is demanded."""
        audit = self._audit(pk)
        return self.run(audit.pk, self._named(self.body(), audit.warehouse_id))

    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """List what is to be counted."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"], url_path="scan-place")
    def scan_place(self, request: Request, pk: str) -> Response:
        """The moment of counting a place; answers with its lines."""
        audit = self._audit(pk)
        place = self._place(self.body()["location"], audit.warehouse_id)
        return self.run(audit.pk, place, render=lambda lines: self.show_lines(audit.pk, [line.pk for line in lines]))

    @action(detail=True, methods=["post"])
    def count(self, request: Request, pk: str) -> Response:
        """Keep one count or many."""
        counts = by_id(self.body()["counts"], "line", "quantity", "counts")
        return self.run(int(pk), counts, render=lambda audit: self.show_lines(audit.pk, list(counts)))

    @action(detail=True, methods=["post"])
    def found(self, request: Request, pk: str) -> Response:
        """Count goods that are not on the list."""
        audit = self._audit(pk)
        body = self.body()
        place = self._place(body.pop("location"), audit.warehouse_id)
        sku = body.pop("sku")
        return self.run(audit.pk, place, sku.pk, body.pop("quantity"), render=lambda line: self.show_lines(audit.pk, [line.pk]), **body)

    @action(detail=True, methods=["post"], url_path="count-again")
    def count_again(self, request: Request, pk: str) -> Response:
        """Send lines back to be counted again."""
        body = self.body()
        return self.run(int(pk), body["lines"], reason=body["reason"])

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Book the differences."""
        return self.run(int(pk), **self.body())

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Give it up; nothing was booked."""
        return self.run(int(pk), reason=self.body()["reason"])

    @action(detail=True)
    def report(self, request: Request, pk: str) -> Response:
        """How right the books were: accuracy, and the value of the differences."""
        audit = self._audit(pk)
        if not sees_books(audit, self.actor):
            raise PermissionDenied(BLIND)
        return Response(AuditReportOut(audit_report(audit)).data)

    def show_lines(self, audit_id: int, line_ids: Sequence[int]) -> Any:
        audit = Audit.objects.get(pk=audit_id)
        return {"lines": shown_lines(line_rows().filter(pk__in=line_ids), audit, self.actor), "version": audit.version}

    def _audit(self, pk: str) -> Audit:
        return get_object_or_404(self.get_queryset(), pk=int(pk))

    def _place(self, code: str, warehouse_id: int) -> int:
        found = find_by_scan(code, warehouse_id=warehouse_id)
        if found.location_id is None:
            raise ValidationFailed(f"{code[:40]!r} is no place. Scan the label of the place.", errors=[{"field": "location", "code": "unknown"}])
        return found.location_id

    def _named(self, body: dict[str, Any], warehouse_id: int) -> dict[str, Any]:
        """Places and products by their ids."""
        if "locations" in body:
            found = locations_by_code(warehouse_id, body["locations"], field="locations[{}]")
            body["location_ids"] = list(found.values())
        if "products" in body:
            body["product_ids"] = list(product_ids_by_sku(body["products"], field="products[{}]").values())
        return {name: value for name, value in body.items() if name not in ("locations", "products")}


class AuditLines(Endpoints):
    """The lines of an audit."""

    rows: QuerySet[Any] = line_rows()
    serializer_class = AuditLineOut
    filterset_class = AuditLineFilters
    programs_read = False

    @extend_schema(operation_id="list_audit_items")
    def list(self, request: Request, audit: str) -> Response:
        """The lines, in walking order; what was added later comes last."""
        paper = get_object_or_404(visible_to(Audit.objects.all(), self.actor), pk=int(audit))
        page = self.paginate_queryset(self.filter_queryset(line_rows().filter(audit=paper)))
        return self.get_paginated_response(shown_lines(page or [], paper, self.actor))


class CycleCountsIn(Input):
    warehouse = CodeField(required=False)
    warehouse_id = CodeField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=500, default=CYCLE_PLACES)


class CycleCountOut(serializers.Serializer):
    location = serializers.CharField()
    zone = serializers.CharField()
    lots = serializers.IntegerField()
    bookings = serializers.IntegerField(help_text="How often what lies there was booked since it was last counted.")
    counted_at = serializers.DateTimeField(allow_null=True)
    asked = serializers.IntegerField(help_text="How many open requests to count it there are, because goods were missed.")


class CycleCounts(Endpoints):
    """What is worth counting next."""

    rows: QuerySet[Any] = Audit.objects.none()
    serializer_class = CycleCountOut
    pagination_class = None
    filter_backends: list[Any] = []
    programs_read = False
    parameters = {"list": [CycleCountsIn]}

    def list(self, request: Request) -> Response:
        """The places of a warehouse where goods were missed, then those whose contents moved most since their last count."""
        asked = CycleCountsIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        site = named_warehouse(dict(asked.validated_data))
        found = suggest_cycle_count(site.pk, asked.validated_data["limit"])
        return Response(CycleCountOut([asdict(each) for each in found], many=True).data)

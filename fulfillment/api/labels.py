"""Labels and packing slips of packing tasks and packages: as data, as files, and on a printer."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.enums import LabelFormat, LabelKind, PrintStatus
from fulfillment.models import LabelPrint, Package
from fulfillment.services.label_prints import queue_labels
from fulfillment.services.labels import MAX_TASKS, TaskLabels, print_label, print_package_label
from fulfillment.services.packing_slips import print_packing_slip, print_packing_slips
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import BIGGEST_ID, IdField, Input
from warehouse.core.errors import ValidationFailed
from warehouse.core.files import file_response
from warehouse.core.transactions import Operation
from warehouse.outbox.http import Endpoints, ReadEndpoints

TYPES = {LabelFormat.ZPL: "application/zpl", LabelFormat.PDF: "application/pdf", LabelFormat.PNG: "image/png"}
KIND = OpenApiParameter("kind", str, enum=LabelKind.values, default=LabelKind.SHIPPING.value, description="The one that goes out, or the way back.")
FORMAT = OpenApiParameter("format", str, enum=LabelFormat.values, description="Default: as its carrier has it.")
TASKS = OpenApiParameter("task", int, many=True, required=True, description=f"Numbers of packing tasks, {MAX_TASKS} at most; once for each.")
PDF = {(200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY)}


class LabelIn(Input):
    kind = serializers.ChoiceField(choices=LabelKind.choices, default=LabelKind.SHIPPING, help_text="The one that goes out, or the way back.")
    format = serializers.ChoiceField(choices=LabelFormat.choices, required=False, help_text="Default: as the carrier of its first package has it.")
    package = IdField(required=False, help_text="Default: all of them.")


class PackageLabelOut(serializers.Serializer):
    package = serializers.IntegerField()
    sequence_number = serializers.IntegerField()
    barcode = serializers.CharField()
    sscc = serializers.CharField()
    tracking_number = serializers.CharField(help_text="Empty while the carrier has not answered; the label says so then.")
    label_url = serializers.CharField(help_text="The carrier's own label, where it gives one.")
    label_data = serializers.CharField(help_text="ZPL as it is, PDF and PNG in base64.")


class LabelOut(serializers.Serializer):
    task = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=LabelKind.choices)
    format = serializers.ChoiceField(choices=LabelFormat.choices)
    label_url = serializers.CharField(help_text="The carrier's own label of the first package.")
    label_data = serializers.CharField(help_text="That of the first package: ZPL as it is, PDF and PNG in base64.")
    labels = PackageLabelOut(many=True)


class PrintIn(Input):
    tasks = serializers.ListField(child=IdField(), min_length=1, max_length=MAX_TASKS, help_text="Packing tasks that are packed or shipped.")
    printer = IdField()
    kind = serializers.ChoiceField(choices=LabelKind.choices, default=LabelKind.SHIPPING)
    package = IdField(required=False, help_text="Only this package of the only task.")


class LabelPrintOut(serializers.ModelSerializer):
    package_barcode = serializers.CharField(source="package.barcode")
    packing_task = serializers.IntegerField(source="package.packing_task_id")
    printer_name = serializers.CharField(source="printer.name")
    requested_by = serializers.CharField(source="requested_by.username", default=None, allow_null=True)

    class Meta:
        model = LabelPrint
        fields = (
            "id", "packing_task", "package", "package_barcode", "printer", "printer_name", "kind", "status", "requested_by", "requested_at",
            "finished_at", "error",
        )  # fmt: skip


class PrintsOut(serializers.Serializer):
    prints = LabelPrintOut(many=True)


PRINTS = LabelPrint.objects.select_related("package", "printer", "requested_by").order_by("-pk")
LABEL_OPERATIONS: dict[str, Operation[..., Any]] = {
    "label": print_label,
    "print_labels": queue_labels,
    "packing_slip": print_packing_slip,
    "packing_slips": print_packing_slips,
}
LABEL_INPUTS: dict[str, type[Input]] = {"label": LabelIn, "print_labels": PrintIn}
LABEL_OUTPUTS: dict[str, Any] = {"label": LabelOut, "print_labels": PrintsOut}


class LabelActions(Endpoints):
    """What is printed of packing tasks."""

    @extend_schema(examples=[OpenApiExample("For a thermal printer", {"format": "zpl"}, request_only=True)])
    @action(detail=True, methods=["post"])
    def label(self, request: Request, pk: str) -> Response:
        """The labels of its packages, and the carrier's own where it gives one."""
        # Nothing changes: each request is answered anew, and what is drawn is drawn outside the transaction.
        body = self.body()
        found = print_label(int(pk), kind=body["kind"], package_id=body.get("package"), actor=self.actor)
        return Response(LabelOut(_shown(found, body.get("format"))).data)

    @action(detail=False, methods=["post"], url_path="print-labels")
    def print_labels(self, request: Request) -> Response:
        """Have labels printed; `/label-prints` says how it went."""
        body = self.body()
        return self.run(
            body["tasks"],
            body["printer"],
            kind=body["kind"],
            package_id=body.get("package"),
            render=lambda rows: PrintsOut({"prints": PRINTS.filter(pk__in=[row.pk for row in rows]).order_by("pk")}).data,
        )

    @extend_schema(responses=PDF)
    @action(detail=True, url_path="packing-slip")
    def packing_slip(self, request: Request, pk: str) -> HttpResponse:
        """Its packing slip as PDF."""
        return file_response(print_packing_slip(int(pk), actor=self.actor).pdf, f"packing-slip-{pk}.pdf", "application/pdf")

    @extend_schema(responses=PDF, parameters=[TASKS])
    @action(detail=False, url_path="packing-slips", filter_backends=[], pagination_class=None)
    def packing_slips(self, request: Request) -> HttpResponse:
        """The packing slips of several tasks as one PDF."""
        asked = request.query_params.getlist("task")
        tasks = [int(each) for each in asked if each.isascii() and each.isdigit() and int(each) <= BIGGEST_ID]
        if len(tasks) != len(asked) or not tasks:
            raise ValidationFailed("Name the tasks: ?task=1&task=2.", errors=[{"field": "task", "code": "invalid" if asked else "required"}])
        return file_response(print_packing_slips(tasks, actor=self.actor).pdf, "packing-slips.pdf", "application/pdf")


def _shown(found: TaskLabels, asked: str | None) -> dict[str, Any]:
    label_format = asked or found.label_format
    labels = [
        {
            "package": label.package.pk,
            "sequence_number": label.package.sequence_number,
            "barcode": label.package.barcode,
            "sscc": label.package.sscc,
            "tracking_number": label.content.tracking_number,
            "label_url": label.label_url,
            "label_data": label.data(label_format),
        }
        for label in found.labels
    ]
    first = labels[0]["label_data"] if labels else ""
    return {"task": found.task.pk, "kind": found.kind, "format": label_format, "label_url": found.label_url, "label_data": first, "labels": labels}


class PackageSummary(serializers.ModelSerializer):
    order_id = serializers.CharField(source="packing_task.order.external_id")

    class Meta:
        model = Package
        fields = (
            "id", "packing_task", "order_id", "sequence_number", "barcode", "sscc", "packaging_type", "weight", "length", "width", "height",
            "tracking_number", "label_url", "created_at",
        )  # fmt: skip
        extra_kwargs = {"sscc": {"help_text": "Its number in the world: eighteen digits by GS1."}}


class PackageFilters(django_filters.FilterSet):
    barcode = TextFilter()
    sscc = TextFilter()
    tracking_number = TextFilter()
    packing_task = django_filters.NumberFilter()

    class Meta:
        model = Package
        fields: list[str] = []


class AnyFormat(DefaultContentNegotiation):
    """`format` is what label is asked for, not how the answer is written; whoever wants a PDF accepts one."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Packages(ReadEndpoints):
    """Boxes, bags and pallets that are packed or being packed."""

    rows: QuerySet[Any] = Package.objects.select_related("packing_task__order").order_by("-pk")
    serializer_class = PackageSummary
    filterset_class = PackageFilters
    search_fields = ("barcode", "tracking_number")
    content_negotiation_class = AnyFormat
    operations = {"label": print_package_label}
    parameters = {"label": [FORMAT, KIND]}

    @extend_schema(responses={(200, kind): OpenApiResponse(OpenApiTypes.BINARY) for kind in TYPES.values()})
    @action(detail=True)
    def label(self, request: Request, pk: str) -> HttpResponse:
        """Its label as a file."""
        asked = _chosen(request, "format", LabelFormat.values, "")
        found = print_package_label(int(pk), kind=_chosen(request, "kind", LabelKind.values, LabelKind.SHIPPING), actor=self.actor)
        label_format = asked or found.label_format
        name = f"{found.content.code}{'-return' if found.content.is_return else ''}.{label_format}"
        return file_response(found.rendered(label_format), name, TYPES[LabelFormat(label_format)])


def _chosen(request: Request, name: str, known: list[str], default: str) -> str:
    asked = request.query_params.get(name)
    if asked is None:
        return default
    if asked not in known:
        raise ValidationFailed(
            f"There is no {name} {asked[:20]!r}; known: {', '.join(known)}.", errors=[{"field": name, "code": "invalid", "known": known}]
        )
    return asked


class PrintFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=PrintStatus.choices)
    package = django_filters.NumberFilter()
    packing_task = django_filters.NumberFilter(field_name="package__packing_task")
    printer = django_filters.NumberFilter()

    class Meta:
        model = LabelPrint
        fields: list[str] = []


class LabelPrints(ReadEndpoints):
    """What was sent to label printers, and how it went: `queued → sending → printed`, or `failed` with what to do."""

    rows: QuerySet[Any] = PRINTS
    programs_read = False
    serializer_class = LabelPrintOut
    filterset_class = PrintFilters

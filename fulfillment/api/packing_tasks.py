"""`/packing-tasks`: goods to be put into packages, measured and handed to the carrier."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.labels import LABEL_INPUTS, LABEL_OPERATIONS, LABEL_OUTPUTS, LabelActions
from fulfillment.api.tasks import TaskSummary
from fulfillment.enums import PackagingType, PackingStatus, Priority
from fulfillment.models import Package, PackageItem, PackingTask, PackingTaskItem
from fulfillment.services import packages, packing_tasks
from fulfillment.services.providers import change_provider
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import CodeField, IdField, Input, Nothing, QuantityField, Reason
from warehouse.outbox.http import ReadEndpoints


class PackingItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    lot_number = serializers.CharField(source="batch.lot_number")
    remaining = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True)
    progress = serializers.DecimalField(max_digits=4, decimal_places=1, read_only=True, help_text="Per cent.")

    class Meta:
        model = PackingTaskItem
        fields = (
            "id", "product", "sku", "name", "batch", "lot_number", "listing_id", "quantity", "packed_quantity", "remaining", "progress", "status",
            "packed_at",
        )  # fmt: skip


class PackageItemOut(serializers.ModelSerializer):
    class Meta:
        model = PackageItem
        fields = ("item", "quantity")


class PackageOut(serializers.ModelSerializer):
    volumetric_weight = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True, allow_null=True, help_text="Kilograms.")
    chargeable_weight = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True, allow_null=True, help_text="Kilograms.")
    items = PackageItemOut(many=True)

    class Meta:
        model = Package
        fields = (
            "id", "sequence_number", "barcode", "sscc", "packaging_type", "weight", "length", "width", "height", "volumetric_weight", "chargeable_weight",
            "tracking_number", "label_url", "items",
        )  # fmt: skip


class PackingSummary(TaskSummary):
    provider = serializers.CharField(source="provider.code", default=None, allow_null=True)

    class Meta:
        model = PackingTask
        fields = (
            "id", "number", "order", "order_id", "picking_task", "warehouse", "warehouse_id", "worker", "provider", "status", "priority", "ship_by",
            "total_items", "packed_items", "tracking_number", "label_url", "reservation", "notes", "created_at", "started_at", "packed_at", "shipped_at",
            "cancelled_at", "cancellation_reason", "updated_at", "version",
        )  # fmt: skip


class PackingOut(PackingSummary):
    """The task; `packaging_type` and the measures are those of its first package."""

    packaging_type = serializers.CharField(source="first_package.packaging_type", default=None, allow_null=True)
    weight = serializers.DecimalField(source="first_package.weight", max_digits=10, decimal_places=3, default=None, allow_null=True)
    length = serializers.DecimalField(source="first_package.length", max_digits=10, decimal_places=2, default=None, allow_null=True)
    width = serializers.DecimalField(source="first_package.width", max_digits=10, decimal_places=2, default=None, allow_null=True)
    height = serializers.DecimalField(source="first_package.height", max_digits=10, decimal_places=2, default=None, allow_null=True)
    items = PackingItemOut(many=True)
    packages = PackageOut(many=True)

    class Meta(PackingSummary.Meta):
        fields = (  # type: ignore[assignment]
            *PackingSummary.Meta.fields, "packaging_type", "weight", "length", "width", "height", "items", "packages",
        )  # fmt: skip


class PackItemIn(Input):
    scan = serializers.CharField(max_length=200, help_text="SKU, barcode, lot number or GS1 code, as scanned.")
    quantity = QuantityField(required=False, help_text="Default: one.")
    package = IdField(required=False, help_text="Default: the last one; a first one is made when there is none.")


class MeasureField(serializers.DecimalField):
    """Kilograms or centimetres, greater than zero."""

    def __init__(self, decimal_places: int, **kwargs: Any) -> None:
        super().__init__(max_digits=10, decimal_places=decimal_places, min_value=0, **kwargs)


class DetailsIn(Input):
    weight = MeasureField(3, help_text="Kilograms.")
    length = MeasureField(2, help_text="Centimetres.")
    width = MeasureField(2, help_text="Centimetres.")
    height = MeasureField(2, help_text="Centimetres.")
    packaging_type = serializers.ChoiceField(choices=PackagingType.choices, required=False)
    package = IdField(required=False, help_text="Which one, where there are several.")


class PackageIn(Input):
    packaging_type = serializers.ChoiceField(choices=PackagingType.choices, required=False)
    weight = MeasureField(3, required=False, allow_null=True)
    length = MeasureField(2, required=False, allow_null=True)
    width = MeasureField(2, required=False, allow_null=True)
    height = MeasureField(2, required=False, allow_null=True)


class ProviderIn(Input):
    provider = CodeField(max_length=40, help_text="The carrier's code.")


class PackingFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=PackingStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    warehouse_id = TextFilter(field_name="warehouse__external_id")
    worker = TextFilter(field_name="worker__username")
    order = django_filters.NumberFilter(field_name="order_id")
    order_id = TextFilter(field_name="order__external_id")
    tracking_number = TextFilter()
    priority = django_filters.ChoiceFilter(choices=Priority.choices)

    class Meta:
        model = PackingTask
        fields: list[str] = []


SUMMARIES = PackingTask.objects.select_related("order", "warehouse", "worker", "provider").order_by("-pk")
ITEMS = PackingTaskItem.objects.select_related("product", "batch").order_by("pk")
PACKAGES = Package.objects.select_related("packing_task__provider").prefetch_related("items").order_by("sequence_number")


class PackingTasks(LabelActions, ReadEndpoints):
    """The picked goods of one picking task: `pending → in_progress → packed → shipped`, or cancelled before. They come when a picking task is completed."""

    rows: QuerySet[Any] = SUMMARIES.prefetch_related(Prefetch("items", queryset=ITEMS), Prefetch("packages", queryset=PACKAGES))
    serializer_class = PackingOut
    filterset_class = PackingFilters
    search_fields = ("number", "order__external_id", "order__order_number", "tracking_number")
    orderings = {"created_at": "created_at", "ship_by": "ship_by", "urgency": "urgency"}
    version_field = "version"
    operations = {
        "start": packing_tasks.start_packing_task,
        "pack_item": packages.pack_item,
        "package_details": packages.set_package_details,
        "add_package": packages.add_package,
        "remove_package": packages.remove_package,
        "pack": packing_tasks.complete_packing_task,
        "ship": packing_tasks.ship_packing_task,
        "cancel": packing_tasks.cancel_packing_task,
        "change_provider": change_provider,
        **LABEL_OPERATIONS,
    }
    inputs = {
        "start": Nothing,
        "pack_item": PackItemIn,
        "package_details": DetailsIn,
        "add_package": PackageIn,
        "pack": Nothing,
        "ship": Nothing,
        "cancel": Reason,
        "change_provider": ProviderIn,
        **LABEL_INPUTS,
    }
    outputs = {"list": PackingSummary, "packages": PackageOut(many=True), **LABEL_OUTPUTS}
    created = {"add_package": 201}

    def get_queryset(self) -> QuerySet[Any]:
        return SUMMARIES.all() if self.action == "list" else self.rows.all()

    def get_serializer_class(self) -> Any:
        return PackingSummary if self.action == "list" else PackingOut

    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Begin to pack."""
        self.body()
        return self.run(int(pk))

    @extend_schema(examples=[OpenApiExample("One carton", {"scan": "4006381333931", "quantity": "1"}, request_only=True)])
    @action(detail=True, methods=["post"], url_path="pack-item")
    def pack_item(self, request: Request, pk: str) -> Response:
        """Put scanned goods into a package."""
        body = self.body()
        return self.run(int(pk), body["scan"], body.get("quantity", 1), package_id=body.get("package"), render=self._show_task)

    @extend_schema(examples=[OpenApiExample("A box", {"weight": "2.4", "length": "40", "width": "30", "height": "20"}, request_only=True)])
    @action(detail=True, methods=["post"], url_path="package-details")
    def package_details(self, request: Request, pk: str) -> Response:
        """Measure a package."""
        body = self.body()
        return self.run(
            int(pk),
            body["weight"],
            body["length"],
            body["width"],
            body["height"],
            packaging_type=body.get("packaging_type", PackagingType.BOX),
            package_id=body.get("package"),
            render=self._show_package,
        )

    @action(detail=True, pagination_class=None, filter_backends=[])
    def packages(self, request: Request, pk: str) -> Response:
        """Its packages."""
        return Response(PackageOut(self.get_object().packages.all(), many=True).data)

    @packages.mapping.post
    def add_package(self, request: Request, pk: str) -> Response:
        """Begin another package."""
        return self.run(int(pk), render=self._show_package, **self.body())

    @action(detail=True, methods=["delete"], url_path="packages/(?P<package>[0-9]{1,18})")
    def remove_package(self, request: Request, pk: str, package: str) -> Response:
        """Take away an empty package."""
        self.run(int(pk), int(package))
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def pack(self, request: Request, pk: str) -> Response:
        """Everything is packed and measured: waybills are asked for."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def ship(self, request: Request, pk: str) -> Response:
        """The carrier takes all packages of the task."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Do not ship it."""
        return self.run(int(pk), self.body()["reason"])

    @action(detail=True, methods=["post"], url_path="provider")
    def change_provider(self, request: Request, pk: str) -> Response:
        """Have it carried by another carrier, as long as no package has a waybill."""
        return self.run(int(pk), self.body()["provider"])

    def _show_task(self, item: PackingTaskItem) -> Any:
        return PackingOut(self.rows.get(pk=item.task_id)).data

    def _show_package(self, package: Package) -> Any:
        return PackingOut(self.rows.get(pk=package.packing_task_id)).data

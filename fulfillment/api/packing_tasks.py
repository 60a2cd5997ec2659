"""`/packing-tasks`: goods to be put into packages, measured and handed to the carrier."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api import packing_bodies as bodies
from fulfillment.api.labels import LABEL_INPUTS, LABEL_OPERATIONS, LABEL_OUTPUTS, LabelActions
from fulfillment.api.names import named_warehouse
from fulfillment.api.packing_bodies import PackageOut, PackingOut, PackingSummary
from fulfillment.api.picking_bodies import ReassignIn, SiteIn
from fulfillment.api.tasks import ChangesHands
from fulfillment.enums import PackingStatus, Priority
from fulfillment.models import BoxType, Package, PackageItem, PackingTask, PackingTaskItem
from fulfillment.queries.box_suggestions import suggest_boxes
from fulfillment.services import pack_scans, packages, packing_tasks, reassigning, weighing
from fulfillment.services.providers import change_provider
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import Nothing, Reason
from warehouse.core.errors import ValidationFailed


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
CONTENTS = Prefetch("items", queryset=PackageItem.objects.order_by("pk"))
PACKAGES = Package.objects.select_related("packing_task__provider", "box_type").prefetch_related(CONTENTS).order_by("sequence_number")


class PackingTasks(LabelActions, ChangesHands):
    """The picked goods of one picking task: `pending → in_progress → packed → shipped`, or cancelled before. They come when a picking task is completed."""

    rows: QuerySet[Any] = SUMMARIES.prefetch_related(Prefetch("items", queryset=ITEMS), Prefetch("packages", queryset=PACKAGES))
    serializer_class = PackingOut
    filterset_class = PackingFilters
    search_fields = ("number", "order__external_id", "order__order_number", "tracking_number")
    orderings = {"created_at": "created_at", "ship_by": "ship_by", "urgency": "urgency"}
    version_field = "version"
    operations = {
        "create": packing_tasks.create_packing_task,
        "claim_next": packing_tasks.claim_next_packing_task,
        "reassign": reassigning.reassign_packing_task,
        "start": packing_tasks.start_packing_task,
        "pack_item": packages.pack_item,
        "undo": pack_scans.undo_pack_scan,
        "move": pack_scans.move_packed,
        "weigh_item": weighing.weigh_item,
        "choose_box": packages.choose_box,
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
        "create": bodies.PackingIn,
        "claim_next": SiteIn,
        "reassign": ReassignIn,
        "start": Nothing,
        "pack_item": bodies.PackItemIn,
        "undo": Nothing,
        "move": bodies.MovePackedIn,
        "weigh_item": bodies.WeighIn,
        "choose_box": bodies.BoxIn,
        "package_details": bodies.DetailsIn,
        "add_package": bodies.PackageIn,
        "pack": Nothing,
        "ship": Nothing,
        "cancel": Reason,
        "change_provider": bodies.ProviderIn,
        **LABEL_INPUTS,
    }
    outputs = {
        "list": PackingSummary,
        "claim_next": bodies.ClaimedPackingOut,
        "packages": PackageOut(many=True),
        "suggest_boxes": bodies.BoxSuggestionOut,
        **LABEL_OUTPUTS,
    }
    created = {"create": 201, "add_package": 201}
    described = frozenset({"create"})

    def get_queryset(self) -> QuerySet[Any]:
        return SUMMARIES.all() if self.action == "list" else self.rows.all()

    def get_serializer_class(self) -> Any:
        return PackingSummary if self.action == "list" else PackingOut

    def create(self, request: Request) -> Response:
        """Have a completed picking task packed that lacks its packing task; others get theirs by themselves. The one there is, is shown."""
        return self.run(self.body()["picking_task"])

    @action(detail=False, methods=["post"], url_path="claim-next")
    def claim_next(self, request: Request) -> Response:
        """The task that the caller should pack now: the one at hand, else the best pending one, begun."""
        return self.run(named_warehouse(self.body()), render=lambda task: {"task": task and self.show(task)})

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

    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take the goods of the last scan out again."""
        self.body()
        return self.run(int(pk), render=lambda scans: self._show_task(scans[0].item))

    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Lay goods from one package into another."""
        body = self.body()
        return self.run(int(pk), body["from_package"], body["item"], body.get("quantity"), to_package_id=body["to_package"])

    @extend_schema(examples=[OpenApiExample("A piece of cheese", {"item": 1, "quantity": "0.512"}, request_only=True)])
    @action(detail=True, methods=["post"], url_path="weigh-item")
    def weigh_item(self, request: Request, pk: str) -> Response:
        """Keep what weighed goods really are; so much leaves the books."""
        body = self.body()
        return self.run(int(pk), body["item"], body["quantity"], render=self._show_task)

    @extend_schema(operation_id="get_box_suggestion")
    @action(detail=True, url_path="box-suggestion", pagination_class=None, filter_backends=[])
    def suggest_boxes(self, request: Request, pk: str) -> Response:
        """Which boxes to take for what is still to be packed."""
        found = suggest_boxes(self.get_object())
        names = {name: [item.product.sku for item in getattr(found, name)] for name in ("unsized", "too_big")}
        return Response(bodies.BoxSuggestionOut({"boxes": found.boxes, "too_many": found.too_many, **names}).data)

    @action(detail=True, methods=["post"], url_path="box")
    def choose_box(self, request: Request, pk: str) -> Response:
        """Take a box of this type for a package."""
        body = self.body()
        return self.run(int(pk), _box_type(body), package_id=body.get("package"), render=self._show_package)

    @extend_schema(examples=[OpenApiExample("A box", {"weight": "2.4", "length": "40", "width": "30", "height": "20"}, request_only=True)])
    @action(detail=True, methods=["post"], url_path="package-details")
    def package_details(self, request: Request, pk: str) -> Response:
        """Weigh and measure a package."""
        body = self.body()
        return self.run(
            int(pk),
            body["weight"],
            *(body.get(side) for side in ("length", "width", "height")),
            packaging_type=body.get("packaging_type", ""),
            box_type_id=_box_type(body),
            weight_reason=body.get("weight_reason", ""),
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
        body = self.body()
        return self.run(int(pk), render=self._show_package, box_type_id=_box_type(body), **body)

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


def _box_type(body: dict[str, Any]) -> int | None:
    """The id of the box type that a body names by its code, taken out of it; None when it names none. Raises ValidationFailed."""
    code = body.pop("box_type", None)
    if code is None:
        return None
    pk = BoxType.objects.filter(code=code).values_list("pk", flat=True).first()
    if pk is None:
        raise ValidationFailed(f"There is no box type {code}.", errors=[{"field": "box_type", "code": "unknown"}])
    return pk

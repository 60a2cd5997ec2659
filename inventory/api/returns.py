"""`/returns`: goods that come back from customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.names import locations_by_code, named_warehouse, product_ids_by_sku
from inventory.enums import ReturnCondition, ReturnDecision, ReturnStatus
from inventory.models import Batch, Return, ReturnItem
from inventory.models.batches import lot_key
from inventory.orchestrator import Finding, ReturnLine
from inventory.queries.lots import lot_ids
from inventory.queries.order_lines import MAX_LINES
from inventory.queries.stock import visible_to
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, IdField, Input, Nothing, QuantityField, Reason
from warehouse.core.errors import ValidationFailed
from warehouse.core.photos import IMAGES, PHOTO_BYTES, photo_response
from warehouse.outbox.http import ReadEndpoints


class ReturnItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    lot_number = serializers.CharField(source="batch.lot_number")
    location = serializers.CharField(source="location.code", default=None, allow_null=True)
    photo = serializers.SerializerMethodField(help_text="Where it is shown to those who may read returns.")

    class Meta:
        model = ReturnItem
        fields = (
            "id", "product", "sku", "batch", "lot_number", "quantity", "location", "condition", "temperature", "freshness_remaining", "inspection_note",
            "photo", "decision", "discount_percent", "new_expires_at", "batch_location", "discount", "write_off",
        )  # fmt: skip

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_photo(self, item: ReturnItem) -> str | None:
        return f"/api/v1/returns/{item.return_document_id}/items/{item.pk}/photo" if item.photo else None


class ReturnSummary(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    location = serializers.CharField(source="location.code")
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = Return
        fields = (
            "id", "number", "status", "warehouse", "location", "order_ref", "reference", "customer_reason", "notes", "inspected_at", "completed_at",
            "cancellation_reason", "created_by", "created_at", "updated_at", "version",
        )  # fmt: skip


class ReturnOut(ReturnSummary):
    items = ReturnItemOut(many=True)

    class Meta(ReturnSummary.Meta):
        fields = (*ReturnSummary.Meta.fields, "items")  # type: ignore[assignment]


class ReturnLinesOut(serializers.Serializer):
    """The lines that were added, one per batch, and the version of their return."""

    items = ReturnItemOut(many=True)
    version = serializers.IntegerField()


class ReturnLineIn(Input):
    sku = CodeField()
    quantity = QuantityField()
    lot_number = CodeField(required=False, max_length=60, help_text="Default: the lots that left under the order, in the order they left.")
    location = CodeField(required=False, max_length=40, help_text="Where this line goes, if not where the return goes.")


class ReturnHead(Input):
    location = CodeField(required=False, max_length=40, help_text="Default: the receiving dock.")
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True, help_text="Your number of it; once per order.")
    customer_reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class ReturnIn(ReturnHead):
    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)
    order_ref = CodeField(max_length=120, help_text="Under which the goods left: the order's source and number, such as `listings:1001`.")
    items = ReturnLineIn(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]


class FindingIn(Input):
    item = IdField()
    condition = serializers.ChoiceField(choices=ReturnCondition.choices)
    decision = serializers.ChoiceField(choices=ReturnDecision.choices)
    temperature = serializers.DecimalField(max_digits=5, decimal_places=1, required=False, allow_null=True, help_text="°C")
    freshness_remaining = serializers.DecimalField(
        max_digits=5, decimal_places=4, required=False, allow_null=True, help_text="The share of life left; 1 is fresh. It can only shorten the life."
    )
    discount_percent = serializers.DecimalField(max_digits=5, decimal_places=2, required=False, allow_null=True)
    location = CodeField(required=False, max_length=40)
    inspection_note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class InspectionIn(Input):
    findings = FindingIn(many=True, max_length=MAX_LINES)  # type: ignore[call-arg]


class PhotoIn(Input):
    photo = serializers.FileField(help_text="JPEG, PNG or WebP, up to 10 MB.")


class ReturnFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=ReturnStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    order_ref = TextFilter()
    reference = TextFilter()
    number = TextFilter()
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Return
        fields: list[str] = []


def item_rows() -> QuerySet[ReturnItem]:
    return ReturnItem.objects.select_related("product", "batch", "location").order_by("pk")


def summary_rows() -> QuerySet[Return]:
    return Return.objects.select_related("warehouse", "location", "created_by").order_by("-pk")


def return_rows() -> QuerySet[Return]:
    """Returns with all that is shown of them."""
    return summary_rows().prefetch_related(Prefetch("items", queryset=item_rows()))


def return_lines(items: Sequence[Mapping[str, Any]], locations: Mapping[str, int], field: str = "{}") -> list[ReturnLine]:
    """Lines as the operations want them; products and lots are looked up in one statement each. `field` has places for the index and the name."""
    products = product_ids_by_sku([item["sku"] for item in items], field=field.replace("name", "sku"))
    wanted = {lot_key(products[item["sku"].upper()], item["lot_number"]) for item in items if item.get("lot_number")}
    lots = _lots(wanted)
    missing = [
        {"field": field.replace("name", "lot_number").format(index), "code": "unknown", "lot_number": item["lot_number"]}
        for index, item in enumerate(items)
        if item.get("lot_number") and lot_key(products[item["sku"].upper()], item["lot_number"]) not in lots
    ]
    if missing:
        raise ValidationFailed(f"There is no lot {', '.join(each['lot_number'] for each in missing)} of this product.", errors=missing)
    return [
        ReturnLine(
            product_id=products[item["sku"].upper()],
            quantity=item["quantity"],
            batch_id=lots.get(lot_key(products[item["sku"].upper()], item.get("lot_number", ""))),
            location_id=locations.get(item.get("location", "")),
        )
        for item in items
    ]


def _lots(wanted: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    rows = Batch.objects.filter(pk__in=lot_ids(wanted))
    return {lot_key(row.product_id, row.lot_number): row.pk for row in rows}


class Returns(ReadEndpoints):
    """Goods that come back: `draft → inspected → completed`, or cancelled before."""

    rows: QuerySet[Any] = return_rows()
    serializer_class = ReturnOut
    filterset_class = ReturnFilters
    search_fields = ("number", "order_ref", "reference")
    orderings = {"created_at": "created_at", "number": "number"}
    programs_read = False
    version_field = "version"
    operations = {
        "create": orchestrator.create_return,
        "partial_update": orchestrator.change_return,
        "add_item": orchestrator.add_return_item,
        "remove_item": orchestrator.remove_return_item,
        "attach_photo": orchestrator.attach_return_photo,
        "inspect": orchestrator.inspect_return,
        "complete": orchestrator.complete_return,
        "cancel": orchestrator.cancel_return,
    }
    inputs = {
        "create": ReturnIn, "partial_update": ReturnHead, "add_item": ReturnLineIn, "attach_photo": PhotoIn, "inspect": InspectionIn, "complete": Nothing,
        "cancel": Reason,
    }  # fmt: skip
    outputs = {"list": ReturnSummary, "items": ReturnItemOut(many=True), "add_item": ReturnLinesOut, "attach_photo": ReturnLinesOut}
    created = {"create": 201, "add_item": 201}

    def get_queryset(self) -> QuerySet[Any]:
        return visible_to(summary_rows() if self.action == "list" else return_rows(), self.actor)

    def get_serializer_class(self) -> Any:
        return ReturnSummary if self.action == "list" else ReturnOut

    def create(self, request: Request) -> Response:
        """Write a draft of what came back."""
        body = self.body()
        site = named_warehouse(body)
        items = body.pop("items", [])
        own = locations_by_code(site.pk, [body.get("location", "")], field="location")
        locations = locations_by_code(site.pk, [item.get("location", "") for item in items], field="items[{}].location")
        return self.run(
            warehouse_id=site.pk,
            location_id=own.get(body.pop("location", "")),
            lines=return_lines(items, locations, "items[{}].name"),
            **body,
        )

    def partial_update(self, request: Request, pk: str) -> Response:
        """Rewrite the head of one that is open; If-Match is demanded."""
        body = self.body()
        document = self.get_object()
        if "location" in body:
            code = body.pop("location")
            body["location_id"] = locations_by_code(document.warehouse_id, [code], field="location")[code]
        return self.run(document.pk, body)

    @action(detail=True, pagination_class=None)
    def items(self, request: Request, pk: str) -> Response:
        """The lines."""
        return Response(ReturnItemOut(self.get_object().items.all(), many=True).data)

    @items.mapping.post
    def add_item(self, request: Request, pk: str) -> Response:
        """Add a line; it becomes one per batch."""
        item = self.body()
        document = self.get_object()
        locations = locations_by_code(document.warehouse_id, [item.get("location", "")], field="location")
        return self.run(document.pk, return_lines([item], locations, "name")[0], render=self.show_items)

    @action(detail=True, methods=["delete"], url_path="items/(?P<item>[0-9]{1,18})")
    def remove_item(self, request: Request, pk: str, item: str) -> Response:
        """Strike a line off."""
        done = self.run(int(pk), int(item))
        return Response(status=204, headers={"ETag": done["ETag"]})

    @action(detail=True, methods=["post"], url_path="items/(?P<item>[0-9]{1,18})/photo", parser_classes=[MultiPartParser])
    def attach_photo(self, request: Request, pk: str, item: str) -> Response:
        """Keep a photo of a line, instead of one it has."""
        photo = self.body()["photo"]
        # One byte more than is allowed is enough to be refused.
        return self.run(int(pk), int(item), photo.read(PHOTO_BYTES + 1), render=lambda row: self.show_items([row]))

    @extend_schema(responses={(200, kind): OpenApiResponse(OpenApiTypes.BINARY) for kind in IMAGES.values()})
    @attach_photo.mapping.get
    def photo(self, request: Request, pk: str, item: str) -> FileResponse:
        """The photo of a line."""
        row = item_rows().filter(return_document=self.get_object().pk, pk=item).exclude(photo="").first()
        return photo_response(row)

    @action(detail=True, methods=["post"])
    def inspect(self, request: Request, pk: str) -> Response:
        """Keep what was found, line by line."""
        findings = self.body()["findings"]
        document = self.get_object()
        locations = locations_by_code(document.warehouse_id, [finding.get("location", "") for finding in findings], field="findings[{}].location")
        return self.run(
            document.pk,
            findings=[
                Finding(item_id=finding.pop("item"), location_id=locations.get(finding.pop("location", "")), **finding) for finding in findings
            ],
        )

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Bring the goods back as was decided."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Give it up; nothing was booked."""
        return self.run(int(pk), reason=self.body()["reason"])

    def show_items(self, items: Sequence[ReturnItem]) -> Any:
        rows = list(item_rows().select_related("return_document").filter(pk__in=[item.pk for item in items]))
        return ReturnLinesOut({"items": rows, "version": rows[0].return_document.version}).data

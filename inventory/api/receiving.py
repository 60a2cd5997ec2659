"""`/receivings`: goods that arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.names import SupplierField, locations_by_code, named_warehouse, product_ids_by_sku
from inventory.enums import Condition, ReceivingStatus
from inventory.models import Receiving, ReceivingItem
from inventory.orchestrator import ReceivingLine
from inventory.queries.order_lines import MAX_LINES
from inventory.queries.stock import visible_to
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, DayField, Input, Nothing, QuantityField, Reason
from warehouse.core.quantities import ZERO
from warehouse.outbox.http import ReadEndpoints


class ReceivingItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    location = serializers.CharField(source="location.code", default=None, allow_null=True)
    difference = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True)

    class Meta:
        model = ReceivingItem
        fields = (
            "id", "product", "sku", "lot_number", "produced_on", "label_expires_on", "label_condition", "expected_quantity", "actual_quantity",
            "damaged_quantity", "difference", "purchase_price", "currency", "location", "accept_short_dated", "short_dated_reason", "batch",
        )  # fmt: skip


class ReceivingSummary(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    location = serializers.CharField(source="location.code")
    supplier = serializers.CharField(source="supplier.code", default=None, allow_null=True)
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = Receiving
        fields = (
            "id", "number", "status", "warehouse", "location", "supplier", "supplier_reference", "notes", "confirmed_at", "cancellation_reason",
            "created_by", "created_at", "updated_at", "version",
        )  # fmt: skip


class ReceivingOut(ReceivingSummary):
    items = ReceivingItemOut(many=True)

    class Meta(ReceivingSummary.Meta):
        fields = (*ReceivingSummary.Meta.fields, "items")  # type: ignore[assignment]


class CountedOut(serializers.Serializer):
    """The line that was counted, and the version of its delivery."""

    item = ReceivingItemOut()
    version = serializers.IntegerField()


class LineIn(Input):
    sku = CodeField()
    lot_number = serializers.CharField(max_length=60, required=False, help_text="Made up when missing.")
    produced_on = DayField(required=False, allow_null=True)
    label_expires_on = DayField(required=False, allow_null=True)
    label_condition = serializers.ChoiceField(choices=Condition.choices, required=False)
    damaged_quantity = QuantityField(required=False, zero_allowed=True, help_text="The part of what arrived that goes to quarantine.")
    purchase_price = serializers.DecimalField(max_digits=14, decimal_places=4, min_value=ZERO, required=False)
    currency = serializers.RegexField("^[A-Z]{3}$", required=False)
    location = CodeField(required=False, max_length=40, help_text="Where this line goes, if not where the delivery goes.")
    accept_short_dated = serializers.BooleanField(required=False)
    short_dated_reason = serializers.CharField(max_length=200, required=False)


class ReceivingItemIn(LineIn):
    expected_quantity = QuantityField(required=False, zero_allowed=True)
    actual_quantity = QuantityField(required=False, zero_allowed=True, help_text="Default: as expected.")


class ReceivingIn(Input):
    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)
    location = CodeField(required=False, max_length=40, help_text="Default: the receiving dock.")
    supplier = SupplierField(required=False, allow_null=True)
    supplier_reference = serializers.CharField(max_length=80, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    items = ReceivingItemIn(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]


class ReceivingHead(Input):
    """What may be rewritten while it is open."""

    location = CodeField(required=False, max_length=40)
    supplier = SupplierField(required=False, allow_null=True)
    supplier_reference = serializers.CharField(max_length=80, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class ReceivingItemHead(ReceivingItemIn):
    """What of a line is to be another; the product stays."""

    sku = None  # type: ignore[assignment]
    location = CodeField(required=False, max_length=40, allow_null=True)
    lot_number = serializers.CharField(max_length=60, required=False, allow_blank=True)
    short_dated_reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    label_condition = serializers.ChoiceField(choices=Condition.choices, required=False, allow_blank=True)


class ScanIn(Input):
    scan = serializers.CharField(max_length=200, help_text="GS1 (product, lot, expiry at once), a barcode, or a SKU.")
    quantity = QuantityField(required=False, help_text="Default: as many as the code's pack holds.")
    damaged_quantity = QuantityField(required=False, zero_allowed=True, help_text="The part of it that goes to quarantine.")
    lot_number = serializers.CharField(max_length=60, required=False, help_text="What the code does not say.")
    label_expires_on = DayField(required=False, allow_null=True, help_text="What the code does not say.")
    short_dated_reason = serializers.CharField(max_length=200, required=False, help_text="Why goods that expire too soon are accepted.")
    location = CodeField(required=False, max_length=40)


class StartIn(Input):
    from_zero = serializers.BooleanField(required=False, help_text="Forget what the lines say has arrived: it is counted.")


class ReceivingFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=ReceivingStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    supplier = TextFilter(field_name="supplier__code")
    number = TextFilter()
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Receiving
        fields: list[str] = []


def item_rows() -> QuerySet[ReceivingItem]:
    return ReceivingItem.objects.select_related("product", "location").order_by("pk")


def receiving_rows() -> QuerySet[Receiving]:
    """Deliveries with all that is shown of them."""
    return summary_rows().prefetch_related(Prefetch("items", queryset=item_rows()))


def summary_rows() -> QuerySet[Receiving]:
    return Receiving.objects.select_related("warehouse", "location", "supplier", "created_by").order_by("-pk")


def receiving_lines(items: Sequence[Mapping[str, Any]], locations: Mapping[str, int], field: str = "sku") -> list[ReceivingLine]:
    """Lines as the operations want them; products are looked up in one statement."""
    products = product_ids_by_sku([item["sku"] for item in items], field=field)
    lines = []
    for item in items:
        values = {name: value for name, value in item.items() if name not in ("sku", "location")}
        lines.append(ReceivingLine(products[item["sku"].upper()], location_id=locations.get(item.get("location", "")), **values))
    return lines


class Receivings(ReadEndpoints):
    """Deliveries: `draft → in_progress → confirmed`, or cancelled before."""

    rows: QuerySet[Any] = receiving_rows()
    serializer_class = ReceivingOut
    filterset_class = ReceivingFilters
    search_fields = ("number", "supplier_reference")
    orderings = {"created_at": "created_at", "number": "number"}
    programs_read = False
    version_field = "version"
    operations = {
        "create": orchestrator.create_receiving,
        "partial_update": orchestrator.change_receiving,
        "add_item": orchestrator.add_item,
        "change_item": orchestrator.change_item,
        "remove_item": orchestrator.remove_item,
        "start": orchestrator.start_receiving,
        "receive_item": orchestrator.receive_item,
        "confirm": orchestrator.confirm_receiving,
        "cancel": orchestrator.cancel_receiving,
    }
    inputs = {
        "create": ReceivingIn, "partial_update": ReceivingHead, "add_item": ReceivingItemIn, "change_item": ReceivingItemHead, "start": StartIn,
        "receive_item": ScanIn, "confirm": Nothing, "cancel": Reason,
    }  # fmt: skip
    outputs = {
        "list": ReceivingSummary, "items": ReceivingItemOut(many=True), "add_item": CountedOut, "change_item": CountedOut, "receive_item": CountedOut,
    }  # fmt: skip
    created = {"create": 201, "add_item": 201}

    def get_queryset(self) -> QuerySet[Any]:
        return visible_to(summary_rows() if self.action == "list" else receiving_rows(), self.actor)

    def get_serializer_class(self) -> Any:
        return ReceivingSummary if self.action == "list" else ReceivingOut

    def create(self, request: Request) -> Response:
        """Write a draft, with its lines."""
        body = self.body()
        site = named_warehouse(body)
        items = body.pop("items", [])
        own = locations_by_code(site.pk, [body.get("location", "")], field="location")
        locations = locations_by_code(site.pk, [item.get("location", "") for item in items], field="items[{}].location")
        supplier = body.pop("supplier", None)
        return self.run(
            warehouse_id=site.pk,
            location_id=own.get(body.pop("location", "")),
            supplier_id=supplier.pk if supplier else None,
            lines=receiving_lines(items, locations, "items[{}].sku"),
            **body,
        )

    def partial_update(self, request: Request, pk: str) -> Response:
        """Rewrite the head of one that is open; If-Match is demanded."""
        body = self.body()
        receiving = self.get_object()
        if "location" in body:
            code = body.pop("location")
            body["location_id"] = locations_by_code(receiving.warehouse_id, [code], field="location")[code]
        if "supplier" in body:
            supplier = body.pop("supplier")
            body["supplier_id"] = supplier.pk if supplier else None
        return self.run(receiving.pk, body)

    @action(detail=True, pagination_class=None)
    def items(self, request: Request, pk: str) -> Response:
        """The lines."""
        return Response(ReceivingItemOut(self.get_object().items.all(), many=True).data)

    @items.mapping.post
    def add_item(self, request: Request, pk: str) -> Response:
        """Add a line."""
        item = self.body()
        receiving = self.get_object()
        locations = locations_by_code(receiving.warehouse_id, [item.get("location", "")], field="location")
        return self.run(receiving.pk, receiving_lines([item], locations)[0], render=self.show_item)

    @action(detail=True, methods=["patch"], url_path="items/(?P<item>[0-9]{1,18})")
    def change_item(self, request: Request, pk: str, item: str) -> Response:
        """Rewrite values of a line; If-Match, demanded, is the delivery's."""
        body = self.body()
        receiving = self.get_object()
        if "location" in body:
            code = body.pop("location")
            body["location_id"] = locations_by_code(receiving.warehouse_id, [code], field="location")[code] if code else None
        return self.run(receiving.pk, int(item), body, render=self.show_item)

    @change_item.mapping.delete
    def remove_item(self, request: Request, pk: str, item: str) -> Response:
        """Strike a line off."""
        done = self.run(self.get_object().pk, int(item))
        return Response(status=204, headers={"ETag": done["ETag"]})

    @action(detail=True, methods=["post"], url_path="receive-item")
    def receive_item(self, request: Request, pk: str) -> Response:
        """Count goods by scan."""
        body = self.body()
        receiving = self.get_object()
        locations = locations_by_code(receiving.warehouse_id, [body.get("location", "")], field="location")
        location_id = locations.get(body.pop("location", ""))
        return self.run(receiving.pk, location_id=location_id, render=self.show_item, **body)

    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Begin to count."""
        return self.run(int(pk), **self.body())

    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Bring what arrived onto the books."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Give it up; nothing was booked."""
        return self.run(int(pk), reason=self.body()["reason"])

    def show_item(self, item: ReceivingItem) -> Any:
        row = item_rows().select_related("receiving").get(pk=item.pk)
        return CountedOut({"item": row, "version": row.receiving.version}).data

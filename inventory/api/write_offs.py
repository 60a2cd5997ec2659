"""`/write-offs`: goods that leave the books without being sold; and `/stock/remove`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.goods import NAMES, GoodsIn, goods_by_name
from inventory.api.names import named_warehouse
from inventory.enums import WriteOffOrigin, WriteOffReason, WriteOffStatus
from inventory.models import WriteOff, WriteOffItem
from inventory.orchestrator import WriteOffLine
from inventory.queries.order_lines import MAX_LINES
from inventory.queries.stock import require_own_site, visible_to
from inventory.queries.write_offs import value_shown, with_values
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, Input, Nothing, QuantityField, Reason
from warehouse.core.quantities import plain
from warehouse.outbox.http import Endpoints, ReadEndpoints


class WriteOffItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    lot_number = serializers.CharField(source="batch.lot_number")
    location = serializers.CharField(source="batch_location.location.code")
    value = serializers.SerializerMethodField("worth", help_text="At the batch's purchase price, in `currency`.")

    class Meta:
        model = WriteOffItem
        fields = (
            "id", "product", "sku", "batch", "lot_number", "batch_location", "location", "quantity", "reason", "note", "unit_cost", "currency", "value",
        )  # fmt: skip

    def worth(self, row: WriteOffItem) -> str:
        return plain(row.value)


class WriteOffSummary(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    value = serializers.SerializerMethodField("worth", help_text="What the goods cost, by currency.")
    approved_by = serializers.CharField(source="approved_by.username", default=None, allow_null=True)
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = WriteOff
        fields = (
            "id", "number", "status", "origin", "warehouse", "release_reservations", "notes", "value", "confirmed_at", "approved_by",
            "cancellation_reason", "created_by", "created_at", "updated_at", "version",
        )  # fmt: skip

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string", "format": "decimal"}, "example": {"EUR": "12.5"}})
    def worth(self, row: WriteOff) -> dict[str, str]:
        return {currency: plain(value) for currency, value in value_shown(row).items()}


class WriteOffOut(WriteOffSummary):
    items = WriteOffItemOut(many=True)

    class Meta(WriteOffSummary.Meta):
        fields = (*WriteOffSummary.Meta.fields, "items")  # type: ignore[assignment]


class WrittenOut(serializers.Serializer):
    """The line that was added, and the version of its write-off."""

    item = WriteOffItemOut()
    version = serializers.IntegerField()


class WriteOffItemIn(GoodsIn):
    quantity = QuantityField()
    reason = serializers.ChoiceField(choices=WriteOffReason.choices)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="Needed for the reason `other`.")


class WriteOffHead(Input):
    notes = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    release_reservations = serializers.BooleanField(
        required=False, help_text="Take promised goods too: the newest promises give way first and are promised other goods where there are some."
    )


class WriteOffIn(WriteOffHead):
    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)
    items = WriteOffItemIn(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]


class RemoveIn(WriteOffItemIn):
    """A write-off of one line."""

    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)
    notes = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    release_reservations = serializers.BooleanField(required=False, default=False)


class WriteOffFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=WriteOffStatus.choices)
    origin = django_filters.MultipleChoiceFilter(choices=WriteOffOrigin.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    number = TextFilter()
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = WriteOff
        fields: list[str] = []


def item_rows() -> QuerySet[WriteOffItem]:
    return WriteOffItem.objects.select_related("product", "batch", "batch_location__location").order_by("pk")


def summary_rows() -> QuerySet[WriteOff]:
    return with_values(WriteOff.objects.select_related("warehouse", "approved_by", "created_by").order_by("-pk"))


def write_off_rows() -> QuerySet[WriteOff]:
    """Write-offs with all that is shown of them."""
    return summary_rows().prefetch_related(Prefetch("items", queryset=item_rows()))


def write_off_lines(warehouse_id: int, items: Sequence[Mapping[str, Any]], *, field: str) -> list[WriteOffLine]:
    """Lines as the operations want them; goods are looked up in one statement."""
    goods = goods_by_name(warehouse_id, items, field=field)
    values = [{name: value for name, value in item.items() if name not in NAMES} for item in items]
    return [WriteOffLine(pk, **value) for pk, value in zip(goods, values, strict=True)]


class WriteOffs(ReadEndpoints):
    """Write-offs: `draft → confirmed`, above a limit over `awaiting_approval`, or cancelled before."""

    rows: QuerySet[Any] = write_off_rows()
    serializer_class = WriteOffOut
    filterset_class = WriteOffFilters
    search_fields = ("number",)
    orderings = {"created_at": "created_at", "number": "number"}
    programs_read = False
    version_field = "version"
    operations = {
        "create": orchestrator.create_write_off,
        "partial_update": orchestrator.change_write_off,
        "add_item": orchestrator.add_write_off_item,
        "remove_item": orchestrator.remove_write_off_item,
        "confirm": orchestrator.confirm_write_off,
        "approve": orchestrator.approve_write_off,
        "cancel": orchestrator.cancel_write_off,
    }
    inputs = {
        "create": WriteOffIn, "partial_update": WriteOffHead, "add_item": WriteOffItemIn, "confirm": Nothing, "approve": Nothing, "cancel": Reason,
    }  # fmt: skip
    outputs = {"list": WriteOffSummary, "items": WriteOffItemOut(many=True), "add_item": WrittenOut}
    created = {"create": 201, "add_item": 201}

    def get_queryset(self) -> QuerySet[Any]:
        return visible_to(summary_rows() if self.action == "list" else write_off_rows(), self.actor)

    def get_serializer_class(self) -> Any:
        return WriteOffSummary if self.action == "list" else WriteOffOut

    def create(self, request: Request) -> Response:
        """Write a draft, with its lines."""
        body = self.body()
        site = named_warehouse(body, closed=True)
        require_own_site(site.pk, self.actor)
        items = body.pop("items", [])
        return self.run(warehouse_id=site.pk, lines=write_off_lines(site.pk, items, field="items[{}].batch_location"), **body)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Rewrite the head of a draft; If-Match is demanded."""
        return self.run(self.get_object().pk, **self.body())

    @action(detail=True, pagination_class=None)
    def items(self, request: Request, pk: str) -> Response:
        """The lines."""
        return Response(WriteOffItemOut(self.get_object().items.all(), many=True).data)

    @items.mapping.post
    def add_item(self, request: Request, pk: str) -> Response:
        """Add a line."""
        item = self.body()
        write_off = self.get_object()
        (line,) = write_off_lines(write_off.warehouse_id, [item], field="batch_location")
        return self.run(write_off.pk, line, render=self.show_item)

    @action(detail=True, methods=["delete"], url_path="items/(?P<item>[0-9]{1,18})")
    def remove_item(self, request: Request, pk: str, item: str) -> Response:
        """Strike a line off."""
        done = self.run(self.get_object().pk, int(item))
        return Response(status=204, headers={"ETag": done["ETag"]})

    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Take the goods off the books; above the limit, without being a manager: ask for approval (`awaiting_approval`)."""
        self.body()
        return self.run(self.get_object().pk)

    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Agree to one above the limit: the goods leave the books."""
        self.body()
        return self.run(self.get_object().pk)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Give it up; the goods stay."""
        return self.run(self.get_object().pk, reason=self.body()["reason"])

    def show_item(self, item: WriteOffItem) -> Any:
        row = item_rows().select_related("write_off").get(pk=item.pk)
        return WrittenOut({"item": row, "version": row.write_off.version}).data


class Removals(Endpoints):
    """Goods taken off the books in one call."""

    rows: QuerySet[Any] = write_off_rows()
    serializer_class = WriteOffOut
    programs_read = False
    pagination_class = None
    filter_backends: list[Any] = []
    operations = {"remove": orchestrator.remove_stock}
    inputs = {"remove": RemoveIn}
    created = {"remove": 201}

    @action(detail=False, methods=["post"])
    def remove(self, request: Request) -> Response:
        """Write goods off in one call: a write-off of one line, made and confirmed at once. Above the limit it waits for a manager."""
        body = self.body()
        site = named_warehouse(body, closed=True)
        require_own_site(site.pk, self.actor)
        notes, release = body.pop("notes"), body.pop("release_reservations")
        (line,) = write_off_lines(site.pk, [body], field="batch_location")
        return self.run(warehouse_id=site.pk, line=line, notes=notes, release_reservations=release)

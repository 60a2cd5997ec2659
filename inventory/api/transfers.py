"""`/transfers`: goods on their way from one site to another, or within one."""

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
from inventory.api.goods import GoodsIn, goods_by_name
from inventory.api.names import WarehouseField, locations_by_code
from inventory.enums import TransferStatus
from inventory.models import Transfer, TransferItem
from inventory.orchestrator import TransferLine
from inventory.queries.order_lines import MAX_LINES
from inventory.queries.stock import visible_to
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, IdField, Input, Nothing, QuantityField, by_id
from warehouse.outbox.http import ReadEndpoints


class TransferItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    lot_number = serializers.CharField(source="batch.lot_number")
    source_location = serializers.CharField(source="source.location.code")
    target_location = serializers.CharField(source="target_location.code", default=None, allow_null=True)

    class Meta:
        model = TransferItem
        fields = (
            "id", "source", "source_location", "product", "sku", "batch", "lot_number", "quantity", "target_location", "received_quantity",
            "freshness_before", "freshness_after", "expires_before", "expires_after", "transit", "target",
        )  # fmt: skip


class TransferSummary(serializers.ModelSerializer):
    source_warehouse = serializers.CharField(source="source_warehouse.code")
    target_warehouse = serializers.CharField(source="target_warehouse.code")
    target_location = serializers.CharField(source="target_location.code")
    loss = serializers.CharField(source="loss.number", default=None, allow_null=True, help_text="The write-off of what got lost on the way.")
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = Transfer
        fields = (
            "id", "number", "status", "source_warehouse", "target_warehouse", "target_location", "notes", "sent_at", "received_at", "loss",
            "cancellation_reason", "created_by", "created_at", "updated_at", "version",
        )  # fmt: skip


class TransferOut(TransferSummary):
    items = TransferItemOut(many=True)

    class Meta(TransferSummary.Meta):
        fields = (*TransferSummary.Meta.fields, "items")  # type: ignore[assignment]


class TransferLineOut(serializers.Serializer):
    """The line that was added, and the version of its transfer."""

    item = TransferItemOut()
    version = serializers.IntegerField()


class TransferItemIn(GoodsIn):
    quantity = QuantityField()
    target_location = CodeField(required=False, max_length=40, help_text="Where this line goes, if not where the transfer goes.")


class TransferHead(Input):
    target_location = CodeField(required=False, max_length=40, help_text="Default: the target's receiving dock.")
    notes = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class TransferIn(TransferHead):
    source_warehouse = WarehouseField()
    target_warehouse = WarehouseField(help_text="May be the source.")
    items = TransferItemIn(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]


class ReceivedIn(Input):
    item = IdField()
    quantity = QuantityField(zero_allowed=True, required=False, help_text="How much arrived; default everything.")
    location = CodeField(required=False, max_length=40, help_text="Another place than was planned.")


class ReceiveIn(Input):
    items = ReceivedIn(
        many=True,
        required=False,
        max_length=MAX_LINES,  # type: ignore[call-arg]
        help_text="Without any everything has arrived. As soon as one line says how much, all have to: what has not arrived is written off as lost.",
    )


class CancelIn(Input):
    reason = serializers.CharField(max_length=200)
    location = CodeField(required=False, max_length=40, help_text="Where everything goes that comes back, if not where it came from.")


class TransferFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=TransferStatus.choices)
    source_warehouse = TextFilter(field_name="source_warehouse__code")
    target_warehouse = TextFilter(field_name="target_warehouse__code")
    number = TextFilter()
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Transfer
        fields: list[str] = []


def item_rows() -> QuerySet[TransferItem]:
    return TransferItem.objects.select_related("product", "batch", "source__location", "target_location").order_by("pk")


def summary_rows() -> QuerySet[Transfer]:
    return Transfer.objects.select_related("source_warehouse", "target_warehouse", "target_location", "loss", "created_by").order_by("-pk")


def transfer_rows() -> QuerySet[Transfer]:
    """Transfers with all that is shown of them."""
    return summary_rows().prefetch_related(Prefetch("items", queryset=item_rows()))


def transfer_lines(source_id: int, target_id: int, items: Sequence[Mapping[str, Any]], field: str) -> list[TransferLine]:
    """Lines as the operations want them; `field` has places for the index and the name."""
    goods = goods_by_name(source_id, items, field=field.replace("name", "sku"))
    codes = [item.get("target_location", "") for item in items]
    places = locations_by_code(target_id, codes, field=field.replace("name", "target_location"))
    return [TransferLine(pk, item["quantity"], places.get(code)) for pk, item, code in zip(goods, items, codes, strict=True)]


class Transfers(ReadEndpoints):
    """Transfers: `draft → sent → received`, or cancelled before they arrive."""

    rows: QuerySet[Any] = transfer_rows()
    serializer_class = TransferOut
    filterset_class = TransferFilters
    search_fields = ("number",)
    orderings = {"created_at": "created_at", "number": "number"}
    programs_read = False
    version_field = "version"
    operations = {
        "create": orchestrator.create_transfer,
        "partial_update": orchestrator.change_transfer,
        "add_item": orchestrator.add_transfer_item,
        "remove_item": orchestrator.remove_transfer_item,
        "send": orchestrator.send_transfer,
        "receive": orchestrator.receive_transfer,
        "cancel": orchestrator.cancel_transfer,
    }
    inputs = {
        "create": TransferIn, "partial_update": TransferHead, "add_item": TransferItemIn, "send": Nothing, "receive": ReceiveIn, "cancel": CancelIn,
    }  # fmt: skip
    outputs = {"list": TransferSummary, "items": TransferItemOut(many=True), "add_item": TransferLineOut}
    created = {"create": 201, "add_item": 201}

    def get_queryset(self) -> QuerySet[Any]:
        """A seller sees what leaves its own sites, and what comes to them."""
        rows = summary_rows() if self.action == "list" else transfer_rows()
        return visible_to(rows, self.actor, warehouse="source_warehouse") | visible_to(rows, self.actor, warehouse="target_warehouse")

    def get_serializer_class(self) -> Any:
        return TransferSummary if self.action == "list" else TransferOut

    def create(self, request: Request) -> Response:
        """Write a draft, with its lines."""
        body = self.body()
        source, target = body.pop("source_warehouse").pk, body.pop("target_warehouse").pk
        own = locations_by_code(target, [body.get("target_location", "")], field="target_location")
        return self.run(
            source_warehouse_id=source,
            target_warehouse_id=target,
            target_location_id=own.get(body.pop("target_location", "")),
            lines=transfer_lines(source, target, body.pop("items", []), "items[{}].name"),
            **body,
        )

    def partial_update(self, request: Request, pk: str) -> Response:
        """Rewrite the head of a draft; If-Match is demanded."""
        body = self.body()
        transfer = self.get_object()
        own = locations_by_code(transfer.target_warehouse_id, [body.get("target_location", "")], field="target_location")
        return self.run(transfer.pk, target_location_id=own.get(body.get("target_location", "")), notes=body.get("notes"))

    @action(detail=True, pagination_class=None)
    def items(self, request: Request, pk: str) -> Response:
        """The lines."""
        return Response(TransferItemOut(self.get_object().items.all(), many=True).data)

    @items.mapping.post
    def add_item(self, request: Request, pk: str) -> Response:
        """Add a line to a draft."""
        item = self.body()
        transfer = self.get_object()
        (line,) = transfer_lines(transfer.source_warehouse_id, transfer.target_warehouse_id, [item], "name")
        return self.run(transfer.pk, line, render=self.show_item)

    @action(detail=True, methods=["delete"], url_path="items/(?P<item>[0-9]{1,18})")
    def remove_item(self, request: Request, pk: str, item: str) -> Response:
        """Strike a line off a draft."""
        done = self.run(int(pk), int(item))
        return Response(status=204, headers={"ETag": done["ETag"]})

    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: str) -> Response:
        """The goods leave, and stand in transit."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def receive(self, request: Request, pk: str) -> Response:
        """The goods arrive; what does not is written off as lost."""
        items = self.body().get("items", [])
        transfer = self.get_object()
        places = locations_by_code(transfer.target_warehouse_id, [item.get("location", "") for item in items], field="items[{}].location")
        received = by_id(items, "item", "quantity", "items")
        return self.run(
            transfer.pk,
            received=received or None,
            locations={item["item"]: places[item["location"]] for item in items if item.get("location")},
        )

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Give it up; what is on its way comes back."""
        body = self.body()
        transfer = self.get_object()
        places = locations_by_code(transfer.source_warehouse_id, [body.get("location", "")], field="location")
        return self.run(transfer.pk, reason=body["reason"], to_location_id=places.get(body.get("location", "")))

    def show_item(self, item: TransferItem) -> Any:
        row = item_rows().select_related("transfer").get(pk=item.pk)
        return TransferLineOut({"item": row, "version": row.transfer.version}).data

"""`/mixed-batches`: batches poured together."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.batches import Batches, BatchOut
from inventory.api.names import locations_by_code, named_warehouse
from inventory.enums import BatchStatus
from inventory.models import Batch, BatchComponent, MixedBatch, Product
from inventory.orchestrator import MixSource
from inventory.queries.mixed_batches import mixed_batches
from inventory.queries.order_lines import MAX_LINES
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.core.api.inputs import CodeField, IdField, Input, QuantityField
from warehouse.outbox.http import ReadEndpoints


class ComponentOut(serializers.ModelSerializer):
    batch = serializers.IntegerField(source="source_id")
    lot_number = serializers.CharField(source="source.lot_number")

    class Meta:
        model = BatchComponent
        fields = ("batch", "lot_number", "quantity")


class MixedBatchOut(BatchOut):
    components = ComponentOut(many=True)

    class Meta(BatchOut.Meta):
        model = MixedBatch
        fields = (*BatchOut.Meta.fields, "components")  # type: ignore[assignment]


class MixSourceIn(Input):
    batch_location = IdField(help_text="What lies where: see `products/{id}/stock`.")
    quantity = QuantityField()


class MixIn(Input):
    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False, help_text="Instead of the code: the partners' id.")
    location = CodeField(max_length=40, help_text="Where the mix lies: a shelf, a display, a dock.")
    sources = MixSourceIn(many=True, allow_empty=False, max_length=MAX_LINES)  # type: ignore[call-arg]
    lot_number = serializers.CharField(max_length=60, required=False, allow_blank=True, help_text="Made up when missing.")


class SplitMixIn(Input):
    batch_location = IdField(help_text="Where the part is taken from.")
    quantity = QuantityField()
    lot_number = serializers.CharField(max_length=60, required=False, allow_blank=True, help_text="Made up when missing.")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class MixedBatchFilters(django_filters.FilterSet):
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")
    lot_number = TextFilter()
    status = django_filters.ChoiceFilter(choices=BatchStatus.choices)
    component = django_filters.NumberFilter(method="made_of", label="The id of a batch that went into it.")

    class Meta:
        model = MixedBatch
        fields = ("product",)

    def made_of(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        return rows.filter(pk__in=BatchComponent.objects.filter(source=int(value)).values("mixed"))


PARTS = BatchComponent.objects.select_related("source").order_by("pk")


class MixedBatches(ReadEndpoints):
    """Batches made of others. Held, released, recalled and traced as every batch: `/batches/{id}/…`."""

    rows: QuerySet[Any] = mixed_batches().select_related("product", "supplier").prefetch_related(Prefetch("components", queryset=PARTS))
    serializer_class = MixedBatchOut
    filterset_class = MixedBatchFilters
    search_fields = ("lot_number", "product__sku")
    orderings = {"received_at": "received_at", "label_expires_on": "label_expires_on", "lot_number": "lot_number"}
    operations = {"create": orchestrator.mix_batches, "split": orchestrator.split_mixed_batch}
    inputs = {"create": MixIn, "split": SplitMixIn}
    outputs = {"split": BatchOut}
    created = {"create": 201, "split": 201}

    def create(self, request: Request) -> Response:
        """Pour goods of several batches of one product together into a place."""
        body = self.body()
        site = named_warehouse(body)
        location = locations_by_code(site.pk, [body["location"]], field="location")[body["location"]]
        sources = [MixSource(source["batch_location"], source["quantity"]) for source in body["sources"]]
        return self.run(warehouse_id=site.pk, to_location_id=location, sources=sources, lot_number=body.get("lot_number", ""))

    @action(detail=True, methods=["post"])
    def split(self, request: Request, pk: str) -> Response:
        """Take a part of it out into a lot of its own."""
        body = self.body()
        return self.run(int(pk), body.pop("batch_location"), body.pop("quantity"), render=self.show_part, **body)

    def show_part(self, part: Batch) -> Any:
        return BatchOut(Batches.rows.get(pk=part.pk), context=self.get_serializer_context()).data

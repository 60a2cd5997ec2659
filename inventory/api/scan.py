"""`/scan/{code}`: what a scanned code is."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.models import Batch, Location, Product
from inventory.queries.scan import seen_by
from warehouse.core.api.inputs import QuantityField
from warehouse.core.errors import ValidationFailed
from warehouse.outbox.http import Endpoints


class ScannedOut(serializers.Serializer):
    code = serializers.CharField()
    kind = serializers.ChoiceField(choices=["location", "product", "batch", "unknown"])
    product = serializers.IntegerField(allow_null=True)
    sku = serializers.CharField()
    location = serializers.CharField()
    warehouse = serializers.CharField()
    batch = serializers.IntegerField(allow_null=True)
    lot_number = serializers.CharField()
    expires_on = serializers.DateField(allow_null=True)
    produced_on = serializers.DateField(allow_null=True)
    pack_quantity = QuantityField()


class Scan(Endpoints):
    """Any barcode: of a place, a product, a pack, a batch; GS1 is parsed."""

    rows: QuerySet[Any] = Product.objects.all()
    serializer_class = ScannedOut
    pagination_class = None
    filter_backends: list[Any] = []
    lists = frozenset()
    lookup_field = lookup_url_kwarg = "code"
    lookup_value_regex = ".+"
    parameters = {"retrieve": [OpenApiParameter("warehouse", str, description="Our code: then a location's short code is known too.")]}

    def retrieve(self, request: Request, code: str) -> Response:
        """What the code is. `unknown` is an answer, not an error."""
        if "\0" in code or len(code) > 200:
            raise ValidationFailed("This can't be a code.", errors=[{"field": "code", "code": "invalid"}])
        site = orchestrator.find_warehouse(code=request.query_params.get("warehouse", "").replace("\0", ""))
        found = seen_by(orchestrator.find_by_scan(code, warehouse_id=site.pk if site else None), self.actor)
        product = Product.objects.filter(pk=found.product_id or 0).first()
        location = Location.objects.select_related("warehouse").filter(pk=found.location_id or 0).first()
        batch = Batch.objects.filter(pk=found.batch_id or 0).first()
        return Response(
            {
                "code": found.code,
                "kind": found.kind,
                "product": found.product_id,
                "sku": product.sku if product else "",
                "location": location.code if location else "",
                "warehouse": location.warehouse.code if location else "",
                "batch": found.batch_id,
                "lot_number": batch.lot_number if batch else found.lot_number,
                "expires_on": found.expires_on,
                "produced_on": found.produced_on,
                "pack_quantity": str(found.pack_quantity),
            }
        )

"""`/stock/availability`, `/stock/picking-locations`, `/stock/place`: what programs ask of stock, and how they add to it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.batch_locations import BatchLocationOut
from inventory.api.names import SkuField, locations_by_code, named_warehouse, product_of_listing
from inventory.api.receiving import LineIn, ReceivingOut, receiving_lines, receiving_rows
from inventory.models import BatchLocation, Stock, Warehouse
from inventory.models.stock import StockKey
from inventory.queries.locations import find_warehouse
from inventory.queries.stock import visible_to
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from warehouse.core.api.inputs import CodeField, Input, MomentField, QuantityField
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import ZERO
from warehouse.outbox.http import Endpoints


class _Question(Input):
    sku = SkuField(required=False)
    listing = CodeField(required=False, help_text="Instead of the SKU: what a storefront calls the product.")
    storefront_id = CodeField(required=False, help_text="Which storefront, where two use the same listing.")
    warehouse = CodeField(required=False, help_text="Our code.")
    warehouse_id = CodeField(required=False, help_text="Instead of the code: the partners' id.")
    ship_at = MomentField(required=False, help_text="When it is to leave; default now.")
    min_remaining_days = serializers.IntegerField(required=False, default=0, min_value=0, max_value=3650)


class AvailabilityIn(_Question):
    quantity = QuantityField(required=False, help_text="How much `can_reserve` is to judge; default anything at all.")


class PickingLocationsIn(_Question):
    all = serializers.BooleanField(required=False, default=False, help_text="Also what is unfit, with the reason.")


class AvailabilityOut(serializers.Serializer):
    product = serializers.IntegerField()
    sku = serializers.CharField()
    warehouse = serializers.CharField()
    warehouse_id = serializers.CharField()
    available = QuantityField()
    can_reserve = serializers.BooleanField()
    next_expiry = serializers.DateTimeField(allow_null=True)


class PickingLocationOut(BatchLocationOut):
    pick_sequence = serializers.IntegerField(source="location.pick_sequence")
    reason = serializers.CharField(source="unfit", allow_null=True, help_text="Why it may not be promised; null when it may.")

    class Meta(BatchLocationOut.Meta):
        fields = (*BatchLocationOut.Meta.fields, "pick_sequence", "reason")  # type: ignore[assignment]


class PlaceIn(LineIn):
    """A delivery of one line."""

    warehouse = CodeField(required=False)
    warehouse_id = CodeField(required=False)
    quantity = QuantityField()
    reason = serializers.CharField(max_length=200, required=False, default="")


class StockQuestions(Endpoints):
    """What may be promised, computed now."""

    rows: QuerySet[Any] = Stock.objects.all()
    serializer_class = AvailabilityOut
    pagination_class = None
    filter_backends: list[Any] = []
    operations = {"place": orchestrator.place_stock}
    inputs = {"place": PlaceIn}
    outputs = {"availability": AvailabilityOut(many=True), "picking_locations": PickingLocationOut(many=True), "place": ReceivingOut}
    created = {"place": 201}
    parameters = {"availability": [AvailabilityIn], "picking_locations": [PickingLocationsIn]}

    @action(detail=False)
    def availability(self, request: Request) -> Response:
        """How much of a product may be promised, per warehouse, for a ship time: with the predicate, never lagging behind a job."""
        asked = self._asked(AvailabilityIn)
        sites = self._sites(find_warehouse(code=asked.get("warehouse", ""), external_id=asked.get("warehouse_id", "")))
        found = orchestrator.get_availability(
            [self._product(asked)],
            warehouse_ids=sites,
            ship_at=asked.get("ship_at"),
            min_remaining_days=asked["min_remaining_days"],
            quantity=asked.get("quantity", ZERO),
        )
        names = Warehouse.objects.in_bulk({row.warehouse_id for row in found})
        return Response(
            [
                {
                    "product": row.product_id,
                    "sku": row.sku,
                    "warehouse": names[row.warehouse_id].code,
                    "warehouse_id": names[row.warehouse_id].external_id,
                    "available": str(row.available),
                    "can_reserve": row.can_reserve,
                    "next_expiry": row.next_expiry,
                }
                for row in found
            ]
        )

    @action(detail=False, url_path="picking-locations")
    def picking_locations(self, request: Request) -> Response:
        """From where a product would be picked in a warehouse, in the order of leaving."""
        asked = self._asked(PickingLocationsIn)
        sites = self._sites(named_warehouse(asked)) or []
        product_id = self._product(asked)
        found = read_candidates(StockKey(site, product_id) for site in sites)
        rows = BatchLocation.objects.select_related("batch", "product", "location", "warehouse").in_bulk([each.batch_location_id for each in found])
        rotation = next((row.product.rotation for row in rows.values()), "fefo")
        minimum = max([asked["min_remaining_days"], *(row.product.min_remaining_days for row in rows.values())])
        shown = []
        for candidate in fefo.leaving_order(found, rotation):
            row: Any = rows[candidate.batch_location_id]
            row.unfit = fefo.unfit(candidate, asked.get("ship_at") or timezone.now(), minimum)
            if row.unfit is None or asked["all"]:
                shown.append(row)
        return Response(PickingLocationOut(shown, many=True).data)

    @action(detail=False, methods=["post"])
    def place(self, request: Request) -> Response:
        """Put goods on the books in one call: a delivery of one line, made and confirmed at once."""
        body = self.body()
        site = named_warehouse(body)
        reason = body.pop("reason")
        quantity = body.pop("quantity")
        body["expected_quantity"] = body["actual_quantity"] = quantity
        locations = locations_by_code(site.pk, [body.get("location", "")], field="location")
        return self.run(warehouse_id=site.pk, line=receiving_lines([body], locations)[0], reason=reason)

    def show(self, row: Any) -> Any:
        return ReceivingOut(receiving_rows().get(pk=row.pk)).data

    def _asked(self, question: type[Input]) -> dict[str, Any]:
        serializer = question(data=self.request.query_params.dict())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _product(self, asked: dict[str, Any]) -> int:
        if "sku" in asked:
            return int(asked["sku"].pk)
        if "listing" not in asked:
            raise ValidationFailed("Name the product, by sku or listing.", errors=[{"field": "sku", "code": "required"}])
        return product_of_listing(asked["listing"], asked.get("storefront_id"), field="listing")

    def _sites(self, site: Warehouse | None) -> list[int] | None:
        """The warehouses to look at: the named one, those that a seller may see, or (None) all."""
        everything = Warehouse.objects.filter(is_active=True) if site is None else Warehouse.objects.filter(pk=site.pk)
        seen = visible_to(everything, self.actor, warehouse="")
        return None if site is None and seen is everything else list(seen.values_list("pk", flat=True))

"""`/seller/shops/{shop}/stock`: what a seller sees of its own shop, and how it says what came, went and is there."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.movements import MovementFilters, MovementOut, Movements
from inventory.api.names import locations_by_code, named_product
from inventory.api.receiving import LineIn
from inventory.api.stock import StockOut, Stocks
from inventory.enums import StockStatus, WriteOffReason
from inventory.models import Product, Stock, Warehouse
from inventory.orchestrator import ReceivingLine
from inventory.queries.locations import usual_place
from inventory.queries.stock import get_low_stock, visible_to
from warehouse.core.actor import Actor
from warehouse.core.api.filters import NamedRowFilter
from warehouse.core.api.inputs import CodeField, Input, QuantityField
from warehouse.core.errors import NotFound
from warehouse.outbox.http import Endpoints


class _ProductIn(Input):
    sku = CodeField(required=False)
    listing_id = CodeField(required=False, help_text="Instead of the SKU.")
    storefront_id = CodeField(required=False, help_text="Which storefront, where two use the same listing.")


class SellerReceiveIn(LineIn):
    """What came. Without a place it goes to the shelf where the product usually lies."""

    sku = CodeField(required=False)
    listing_id = CodeField(required=False, help_text="Instead of the SKU.")
    storefront_id = CodeField(required=False, help_text="Which storefront, where two use the same listing.")
    quantity = QuantityField()
    reason = serializers.CharField(max_length=200, required=False, default="")


class SellerWriteOffIn(_ProductIn):
    """What leaves without being sold, first expired first."""

    quantity = QuantityField()
    reason = serializers.ChoiceField(choices=WriteOffReason.choices)
    note = serializers.CharField(max_length=200, required=False, default="", help_text="Required for the reason `other`.")


class SellerAdjustIn(_ProductIn):
    """What is really there."""

    new_quantity = QuantityField(zero_allowed=True)
    reason = serializers.CharField(max_length=200)


class PaperOut(serializers.Serializer):
    """The document that was made of it."""

    type = serializers.CharField()
    id = serializers.IntegerField()
    number = serializers.CharField()
    status = serializers.CharField()


class SellerDone(serializers.Serializer):
    """The total as it is now, and the paper behind the change."""

    stock = StockOut()
    document = PaperOut()


class SellerStockFilters(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=StockStatus.choices)
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")

    class Meta:
        model = Stock
        fields = ("product",)


class SellerMovementFilters(MovementFilters):
    warehouse = None  # type: ignore[assignment]


def own_shop(shop: str, actor: Actor) -> Warehouse:
    """The shop with this code or id, of those that the actor may see. Raises NotFound, whether it is a stranger's or nobody's."""
    sites = visible_to(Warehouse.objects.all(), actor, warehouse="")
    named = sites.filter(code=shop).first() if "\0" not in shop else None
    if named is None and shop.isascii() and shop.isdigit() and len(shop) <= 18:
        named = sites.filter(pk=int(shop)).first()
    if named is None:
        raise NotFound(f"There is no shop {shop[:40]!r} among yours.", shop=shop[:40])
    return named


class SellerStock(ListModelMixin, Endpoints):
    """The stock of one's own shop, by its code or id."""

    rows: QuerySet[Any] = Stocks.rows
    serializer_class = StockOut
    filterset_class = SellerStockFilters
    search_fields = Stocks.search_fields
    search_in = Stocks.search_in
    orderings = Stocks.orderings
    operations = {"receive": orchestrator.place_stock, "writeoff": orchestrator.write_off_stock, "adjust": orchestrator.adjust_stock}
    inputs = {"receive": SellerReceiveIn, "writeoff": SellerWriteOffIn, "adjust": SellerAdjustIn}
    outputs = {"receive": SellerDone, "writeoff": SellerDone, "adjust": SellerDone}
    created = {"receive": 201, "writeoff": 201, "adjust": 201}
    lists = frozenset({"list", "low"})

    @property
    def shop(self) -> Warehouse:
        return own_shop(self.kwargs["shop"], self.actor)

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if "shop" not in self.kwargs else rows.filter(warehouse=self.shop.pk)  # none: the API is only being described

    @extend_schema(operation_id="list_shop_stock")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The totals of the shop."""
        return super().list(request, *args, **kwargs)

    @action(detail=False)
    def low(self, request: Request, shop: str) -> Response:
        """What is at or below its threshold, the emptiest first."""
        rows = self.filter_queryset(self.visible(get_low_stock().order_by("available", "pk")))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(operation_id="receive_shop_stock")
    @action(detail=False, methods=["post"])
    def receive(self, request: Request, shop: str) -> Response:
        """Goods came: a delivery of one line, made and confirmed at once. A lot number is made up where there is none."""
        body, site = self.body(), self.shop
        product_id, quantity, reason = named_product(body), body.pop("quantity"), body.pop("reason")
        place = body.pop("location", "")
        locations = locations_by_code(site.pk, [place], field="location")
        values = {name: value for name, value in body.items() if name not in ("sku", "listing_id", "storefront_id")}
        line = ReceivingLine(
            product_id, expected_quantity=quantity, location_id=locations[place] if place else usual_place(site.pk, product_id), **values
        )
        return self._done("receiving", product_id, warehouse_id=site.pk, line=line, reason=reason)

    @action(detail=False, methods=["post"])
    def writeoff(self, request: Request, shop: str) -> Response:
        """Goods leave without being sold, by FEFO: a write-off made and confirmed at once; above the limit it waits for a manager."""
        body, site = self.body(), self.shop
        product_id = named_product(body)
        return self._done(
            "write_off",
            product_id,
            warehouse_id=site.pk,
            product_id=product_id,
            quantity=body["quantity"],
            reason=body["reason"],
            note=body["note"],
        )

    @action(detail=False, methods=["post"])
    def adjust(self, request: Request, shop: str) -> Response:
        """Say what is really there: a completed audit of the product. A loss leaves by FEFO, a surplus joins the newest batch."""
        body, site = self.body(), self.shop
        product_id = named_product(body)
        return self._done("audit", product_id, site.pk, product_id, body["new_quantity"], reason=body["reason"])

    def _done(self, kind: str, of_product: int, *args: Any, **kwargs: Any) -> Response:
        shop_id = self.shop.pk

        def shown(document: Any) -> Any:
            paper = {"type": kind, "id": document.pk, "number": document.number, "status": document.status}
            return SellerDone({"stock": self.rows.get(warehouse=shop_id, product=of_product), "document": paper}).data

        return self.run(*args, render=shown, **kwargs)


class SellerMovements(ListModelMixin, Endpoints):
    """The ledger of one's own shop."""

    rows: QuerySet[Any] = Movements.rows
    serializer_class = MovementOut
    filterset_class = SellerMovementFilters
    orderings = Movements.orderings

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if "shop" not in self.kwargs else rows.filter(warehouse=own_shop(self.kwargs["shop"], self.actor).pk)

    @extend_schema(operation_id="list_shop_movements")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What changed in the shop, and why; the newest first."""
        return super().list(request, *args, **kwargs)

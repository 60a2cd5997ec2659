"""`/reservations`: promises of stock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.goods import goods_by_name
from inventory.api.names import named_warehouse
from inventory.enums import ReservationStatus
from inventory.models import Reservation, ReservationItem
from inventory.queries.order_lines import MAX_LINES
from inventory.services.reservations import default_ttl
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, IdField, Input, MomentField, QuantityField, Reason, by_id
from warehouse.core.errors import NotFound
from warehouse.outbox.http import ReadEndpoints

LONGEST_TTL_MINUTES = 60 * 24 * 30


class ReservationItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    batch = serializers.IntegerField(source="batch_location.batch_id")
    lot_number = serializers.CharField(source="batch_location.batch.lot_number")
    location = serializers.CharField(source="batch_location.location.code")
    held = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True)

    class Meta:
        model = ReservationItem
        fields = ("id", "product", "sku", "batch", "lot_number", "batch_location", "location", "quantity", "consumed", "released", "actual", "held")


class ReservationOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    items = ReservationItemOut(many=True)

    class Meta:
        model = Reservation
        fields = (
            "id", "order_ref", "warehouse", "status", "expires_at", "started_at", "closed_at", "reason", "created_at", "version", "items",
        )  # fmt: skip


class ReservationLineIn(Input):
    sku = CodeField(required=False)
    listing_id = CodeField(required=False, help_text="Instead of the SKU.")
    quantity = QuantityField()
    min_remaining_days = serializers.IntegerField(required=False, min_value=0, max_value=3650)


class ReservationIn(Input):
    order_ref = serializers.CharField(max_length=120, help_text="`source:id` of the order that it is for, such as `listings:10234`.")
    warehouse = CodeField(required=False, max_length=40, help_text="Our code.")
    warehouse_id = CodeField(required=False, help_text="Instead of the code: the partners' id.")
    storefront_id = CodeField(required=False, help_text="Whose listings the lines name.")
    items = ReservationLineIn(many=True, allow_empty=False, max_length=MAX_LINES)  # type: ignore[call-arg]
    ttl_minutes = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LONGEST_TTL_MINUTES, help_text="Default: the setting; null: without a limit."
    )
    ship_at = MomentField(required=False, help_text="When it is to leave; default now.")


class ActualIn(Input):
    item = IdField()
    quantity = QuantityField(zero_allowed=True)


class ConsumeIn(Input):
    actual = ActualIn(many=True, required=False, max_length=MAX_LINES, help_text="What weighed items really were; the others as promised.")  # type: ignore[call-arg]


class ExtendIn(Input):
    until = MomentField()


class ReallocateIn(Input):
    item = IdField(help_text="Of the reservation's items.")
    batch_location = IdField(required=False, help_text="The goods to promise instead.")
    location = CodeField(
        required=False, max_length=40, help_text="Instead of `batch_location`: the place where they lie, with `lot_number` if needed."
    )
    lot_number = CodeField(required=False, max_length=60)
    quantity = QuantityField(required=False, help_text="Default: all that the item holds.")
    reason = serializers.CharField(max_length=200)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if "batch_location" not in data and "location" not in data:
            raise serializers.ValidationError({"batch_location": ["Name the other goods: by batch_location, or by location."]}, code="required")
        return data


class PartOut(serializers.Serializer):
    batch_location = serializers.IntegerField()
    batch = serializers.IntegerField()
    lot = serializers.CharField()
    location = serializers.CharField()
    quantity = serializers.CharField(required=False, help_text="What was taken.")
    free = serializers.CharField(required=False, help_text="What was free of it.")
    expires_at = serializers.CharField(required=False, allow_null=True)
    reason = serializers.CharField(required=False, help_text="Why it was passed over.")


class InsteadOut(serializers.Serializer):
    batch_location = serializers.IntegerField()
    lot = serializers.CharField()
    location = serializers.CharField()


class ExplainedLineOut(serializers.Serializer):
    """One choice: by the order of leaving, or another one by somebody (`override`), or made anew when goods were taken away (`reallocated`)."""

    warehouse = serializers.IntegerField()
    product = serializers.IntegerField()
    sku = serializers.CharField()
    asked = serializers.CharField(required=False)
    rule = serializers.CharField(required=False)
    min_remaining_days = serializers.IntegerField(required=False)
    ship_at = serializers.DateTimeField(required=False, help_text="For which time it was judged.")
    considered = serializers.IntegerField(required=False)
    adopted = serializers.BooleanField(required=False, help_text="The confirmed order asked for more than its checkout.")
    override = serializers.CharField(required=False, help_text="Why somebody chose against the order of leaving.")
    by = serializers.CharField(required=False, help_text="Who did.")
    reallocated = serializers.CharField(required=False, help_text="Why goods that were promised before had to be given up.")
    instead_of = InsteadOut(required=False)
    taken = PartOut(many=True)
    skipped = PartOut(many=True)


class ExplanationOut(serializers.Serializer):
    reservation = serializers.IntegerField()
    order_ref = serializers.CharField()
    warehouse = serializers.IntegerField()
    lines = ExplainedLineOut(many=True)


class ReservationFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=ReservationStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    order_ref = TextFilter()
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Reservation
        fields: list[str] = []


ITEMS = ReservationItem.objects.select_related("product", "batch_location__batch", "batch_location__location").order_by("pk")


class Reservations(ReadEndpoints):
    """Promises: `active → fulfilled | released | expired`."""

    rows: QuerySet[Any] = Reservation.objects.select_related("warehouse").prefetch_related(Prefetch("items", queryset=ITEMS)).order_by("-pk")
    serializer_class = ReservationOut
    filterset_class = ReservationFilters
    orderings = {"created_at": "created_at", "expires_at": "expires_at"}
    version_field = "version"
    operations = {
        "create": orchestrator.reserve_for_order,
        "release": orchestrator.release_reservation,
        "consume": orchestrator.consume_reservation,
        "extend": orchestrator.extend_reservation,
        "reallocate": orchestrator.reallocate_item,
    }
    inputs = {"create": ReservationIn, "release": Reason, "consume": ConsumeIn, "extend": ExtendIn, "reallocate": ReallocateIn}
    outputs = {"explain": ExplanationOut}

    def create(self, request: Request) -> Response:
        """Promise these lines from one warehouse by FEFO: all of them, or none (409 lists every short line)."""
        body = self.body()
        site = named_warehouse(body)
        lines = orchestrator.resolve_lines(body["items"], storefront_id=body.get("storefront_id"))
        ttl = default_ttl() if "ttl_minutes" not in body else body["ttl_minutes"] and timedelta(minutes=body["ttl_minutes"])
        return self.run(body["order_ref"], lines, warehouse_id=site.pk, ttl=ttl, ship_at=body.get("ship_at"), render=self.show_promise)

    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Take back what it still holds."""
        return self.run(int(pk), reason=self.body()["reason"])

    @action(detail=True, methods=["post"])
    def consume(self, request: Request, pk: str) -> Response:
        """Keep it: the goods leave the books."""
        actual = by_id(self.body().get("actual", []), "item", "quantity", "actual")
        return self.run(int(pk), actual=actual or None)

    @action(detail=True, methods=["post"])
    def extend(self, request: Request, pk: str) -> Response:
        """Move the limit further away."""
        return self.run(int(pk), until=self.body()["until"])

    @action(detail=True, methods=["post"])
    def reallocate(self, request: Request, pk: str) -> Response:
        """Promise other goods for an item, against the order of leaving; why is kept."""
        body = self.body()
        item = ReservationItem.objects.select_related("reservation", "product").filter(pk=body["item"], reservation=int(pk)).first()
        if item is None:
            raise NotFound(f"Reservation {pk} has no item {body['item']}.", item=body["item"])
        (goods,) = goods_by_name(item.reservation.warehouse_id, [{"sku": item.product.sku, **body}], field="batch_location")
        return self.run(item.pk, goods, quantity=body.get("quantity"), reason=body["reason"], render=self.show_reservation)

    @action(detail=True)
    def explain(self, request: Request, pk: str) -> Response:
        """Why these goods: what was taken, what was passed over, and for which reason."""
        return Response(orchestrator.explain_reservation(self.get_object().pk))

    def show_reservation(self, item: ReservationItem) -> Any:
        return ReservationOut(self.rows.get(pk=item.reservation_id)).data

    def show_promise(self, promised: orchestrator.Reserved) -> Any:
        return ReservationOut(self.rows.get(pk=promised.reservation_id)).data

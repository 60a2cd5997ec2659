"""`/stock/move`, `/stock/moves`, `/stock/put-away`, `/stock/change-phase`: goods that change their place or their phase inside a warehouse."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.batch_locations import BatchLocationOut
from inventory.api.names import locations_by_code
from inventory.enums import PhaseChange
from inventory.models import BatchLocation
from inventory.orchestrator import Move
from inventory.queries.order_lines import MAX_LINES
from inventory.queries.stock import visible_to
from warehouse.core.api.inputs import CodeField, IdField, Input, QuantityField
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.outbox.http import Endpoints


class PartIn(Input):
    batch_location = IdField(help_text="What lies where, as `locations/{id}/stock` shows it.")
    quantity = QuantityField()


class MoveLineIn(PartIn):
    to_location = CodeField(max_length=40, help_text="The code of another place of the same warehouse.")


class MoveIn(MoveLineIn):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class MovesIn(Input):
    items = MoveLineIn(many=True, max_length=MAX_LINES)  # type: ignore[call-arg]
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class PutAwayIn(PartIn):
    to_location = CodeField(required=False, max_length=40, help_text="Default: the first place that is suggested.")


class ChangePhaseIn(PartIn):
    change = serializers.ChoiceField(choices=PhaseChange.choices)
    to_location = CodeField(required=False, max_length=40, help_text="Where they freeze or thaw. Opened goods stay where they are without one.")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class WhereIn(Input):
    batch_location = IdField()


class SuggestionOut(serializers.Serializer):
    """A place for goods, and why; the best comes first."""

    location = serializers.IntegerField(source="location_id")
    code = serializers.CharField()
    zone = serializers.CharField()
    condition = serializers.CharField()
    reason = serializers.CharField()


class StockMoves(Endpoints):
    """Goods that change their place or their phase. The answer is where they lie now."""

    rows: QuerySet[Any] = BatchLocation.objects.select_related("batch", "product", "location", "warehouse")
    serializer_class = BatchLocationOut
    pagination_class = None
    filter_backends: list[Any] = []
    operations = {
        "move": orchestrator.move_stock,
        "moves": orchestrator.move_goods,
        "put_away": orchestrator.put_away,
        "change_phase": orchestrator.change_phase,
    }
    inputs = {"move": MoveIn, "moves": MovesIn, "put_away": PutAwayIn, "change_phase": ChangePhaseIn}
    outputs = {"moves": BatchLocationOut(many=True), "put_away_places": SuggestionOut(many=True)}
    parameters = {"put_away_places": [WhereIn]}

    @action(detail=False, methods=["post"])
    def move(self, request: Request) -> Response:
        """Bring goods to another place of their warehouse."""
        body = self.body()
        (place,) = self.places([body])
        return self.run(body["batch_location"], body["quantity"], place, reason=body.get("reason", ""))

    @action(detail=False, methods=["post"])
    def moves(self, request: Request) -> Response:
        """Several moves at once: all of them or none."""
        body = self.body()
        places = self.places(body["items"], "items[{}].to_location")
        moves = [Move(item["batch_location"], item["quantity"], place or 0) for item, place in zip(body["items"], places, strict=True)]
        return self.run(moves, reason=body.get("reason", ""), render=self.show_all)

    @action(detail=False, url_path="put-away")
    def put_away_places(self, request: Request) -> Response:
        """Where these goods had best be put, and why."""
        asked = WhereIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        pk = asked.validated_data["batch_location"]
        if not self.get_queryset().filter(pk=pk).exists():
            raise NotFound(f"There are no goods {pk}.", batch_location=pk)
        return Response(SuggestionOut(orchestrator.suggest_places(pk), many=True).data)

    @put_away_places.mapping.post
    def put_away(self, request: Request) -> Response:
        """Bring goods from a receiving dock to a place."""
        body = self.body()
        (place,) = self.places([body])
        return self.run(body["batch_location"], body["quantity"], place)

    @action(detail=False, methods=["post"], url_path="change-phase")
    def change_phase(self, request: Request) -> Response:
        """Freeze, thaw or open goods."""
        body = self.body()
        (place,) = self.places([body])
        return self.run(body["batch_location"], body["quantity"], body["change"], place, reason=body.get("reason", ""))

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor)

    def places(self, items: list[dict[str, Any]], field: str = "to_location") -> list[int | None]:
        """The places that the lines name, each within the warehouse where its goods lie; two statements and one per warehouse."""
        sites = dict(self.get_queryset().filter(pk__in=[item["batch_location"] for item in items]).values_list("pk", "warehouse_id"))
        unknown = sorted({item["batch_location"] for item in items} - set(sites))
        if unknown:
            raise NotFound(f"There are no goods {', '.join(map(str, unknown))}.", batch_locations=unknown)
        found: dict[tuple[int, str], int] = {}
        faults: list[dict[str, Any]] = []
        for site in dict.fromkeys(sites.values()):
            codes = [item.get("to_location", "") if sites[item["batch_location"]] == site else "" for item in items]
            try:
                found |= {(site, code): pk for code, pk in locations_by_code(site, codes, field=field).items()}
            except ValidationFailed as error:
                faults += error.errors
        if faults:
            raise ValidationFailed(f"The warehouse has no location {', '.join(fault['location'] for fault in faults)}.", errors=faults)
        return [found.get((sites[item["batch_location"]], item.get("to_location", ""))) for item in items]

    def show(self, row: Any) -> Any:
        return BatchLocationOut(self.rows.get(pk=row)).data

    def show_all(self, found: list[int]) -> Any:
        rows = {row.pk: row for row in self.rows.filter(pk__in=found)}
        return BatchLocationOut([rows[pk] for pk in found], many=True).data

"""Where goods had best be put."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, Exists, F, FloatField, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from inventory.enums import PICKABLE_KINDS, Condition, Phase
from inventory.models import BatchLocation, Location
from inventory.stock.place import lives_of
from warehouse.core.errors import NotFound

SUGGESTED = 5
FIXED, SAME_BATCH, SAME_PRODUCT, FREE, OTHER = range(5)
_REASONS = {
    FIXED: "the product's own place",
    SAME_BATCH: "goods of the same batch lie there",
    SAME_PRODUCT: "goods of the same product lie there",
    FREE: "the nearest empty place of the right kind",
    OTHER: "the nearest place of the right kind, with other goods in it",
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A place for goods, and why."""

    location_id: int
    code: str
    zone: str
    condition: str
    rule: int
    reason: str


def suggest_places(batch_location_id: int, *, limit: int = SUGGESTED) -> list[Suggestion]:
    """Places where these goods may lie, the best first: the product's own, where the same batch lies, where the same product lies, the nearest empty one,
    the nearest at all. Among equals the condition that the goods are kept in comes first, then the shortest way, then the walk.

    Only shelves in use, of a condition in which the product may live; what is not frozen is not sent to the freezer, nor the reverse. Another product's
    own place is left out. Three statements. Raises NotFound when there is no such place.
    """
    source = BatchLocation.objects.select_related("batch__product", "location").filter(pk=batch_location_id).first()
    if source is None:
        raise NotFound(f"There are no goods {batch_location_id}.", batch_location=batch_location_id)
    found = list(_ranked(source)[:limit])
    if not found:
        raise NotFound(
            f"No shelf of this warehouse suits {source.batch.product.sku} ({source.get_phase_display()}). Make one, or add a shelf life to the product.",
            batch_location=batch_location_id,
        )
    return [Suggestion(row.pk, row.code, row.zone, row.condition, row.rule, _REASONS[row.rule]) for row in found]  # type: ignore[attr-defined]


def _ranked(source: BatchLocation) -> QuerySet[Location]:
    lying = BatchLocation.objects.filter(location=OuterRef("pk"), has_stock=True)
    rule = Case(
        When(fixed_product=source.product_id, then=Value(FIXED)),
        When(Exists(lying.filter(batch=source.batch_id)), then=Value(SAME_BATCH)),
        When(Exists(lying.filter(product=source.product_id)), then=Value(SAME_PRODUCT)),
        When(~Exists(lying), then=Value(FREE)),
        default=Value(OTHER),
        output_field=IntegerField(),
    )
    kept = Case(When(Q(condition=source.clock_condition), then=Value(0)), default=Value(1), output_field=IntegerField())
    shelves = Location.objects.filter(warehouse=source.warehouse_id, kind__in=PICKABLE_KINDS, is_active=True, is_pickable=True)
    suiting = shelves.filter(Q(fixed_product=None) | Q(fixed_product=source.product_id), condition__in=_conditions(source)).exclude(
        pk=source.location_id
    )
    order = (F("rule"), F("kept"), F("way").asc(nulls_last=True), F("pick_sequence"), F("code"))
    return suiting.annotate(rule=rule, kept=kept, way=_way_from(source.location)).order_by(*order)


def _conditions(source: BatchLocation) -> list[str]:
    """The conditions of a place that these goods may come to without being frozen or thawed."""
    lives = lives_of([source.batch])[source.batch_id]
    frozen = source.phase == Phase.SEALED and source.clock_condition == Condition.FROZEN
    allowed = [condition for condition in ("", *Condition.values) if lives.allows(condition, source.phase)]
    if not source.batch.product.tracks_expiry:
        return allowed
    return [condition for condition in allowed if not condition or (condition == Condition.FROZEN) == frozen]


def _way_from(place: Location) -> Combinable:
    """The square of the distance, where both places have coordinates."""
    if place.x is None or place.y is None:
        return Value(None, output_field=FloatField())
    across, along = Cast("x", FloatField()) - float(place.x), Cast("y", FloatField()) - float(place.y)
    return across * across + along * along

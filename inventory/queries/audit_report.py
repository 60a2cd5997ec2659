"""How right the books were: what an audit found, in lines, units and money."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Case, Count, DecimalField, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from inventory.enums import AuditLineStatus
from inventory.models import Audit, AuditLine
from warehouse.core.quantities import ZERO

NONE = Value(ZERO, output_field=DecimalField())
WORTH = F("off") * F("unit_cost")


@dataclass(frozen=True, slots=True)
class Units:
    """Quantities of one unit: what the books said of all that was counted, how much of it was missing, how much more there was."""

    unit: str
    books: Decimal
    missing: Decimal
    surplus: Decimal

    @property
    def accuracy(self) -> Decimal | None:
        """The percentage of the books that was right; none where they had nothing."""
        return percent(self.books - min(self.books, self.missing + self.surplus), self.books)


@dataclass(frozen=True, slots=True)
class Money:
    """What the differences are worth at purchase prices in one currency."""

    currency: str
    missing: Decimal
    surplus: Decimal

    @property
    def net(self) -> Decimal:
        return self.missing + self.surplus


@dataclass(slots=True)
class PlaceReport:
    """One place of an audit."""

    location_id: int
    location: str
    zone: str
    lines: int
    counted: int
    right: int
    money: list[Money] = field(default_factory=list)

    @property
    def accuracy(self) -> Decimal | None:
        return percent(self.right, self.counted)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found. `right` are the counted lines without a difference; `accuracy` their percentage."""

    lines: int
    counted: int
    right: int
    to_recount: int
    found: int
    units: list[Units]
    money: list[Money]
    places: list[PlaceReport]

    @property
    def uncounted(self) -> int:
        return self.lines - self.counted - self.to_recount

    @property
    def accuracy(self) -> Decimal | None:
        return percent(self.right, self.counted)


def percent(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """To a hundredth; none of nothing."""
    return (Decimal(part) * 100 / Decimal(whole)).quantize(Decimal("0.01")) if whole else None


def progress(audit: Audit) -> dict[str, int]:
    """How far the counting is: lines, counted, to_recount. One statement."""
    return AuditLine.objects.filter(audit=audit).aggregate(
        lines=Count("pk"),
        counted=Count("pk", filter=Q(status=AuditLineStatus.COUNTED)),
        to_recount=Count("pk", filter=Q(status=AuditLineStatus.RECOUNT)),
    )


def with_difference(lines: QuerySet[AuditLine]) -> QuerySet[AuditLine]:
    """Lines with `off`: what was booked, or what would be."""
    return lines.annotate(off=Coalesce(F("difference"), F("counted_quantity") - F("books_quantity")))


def audit_report(audit: Audit) -> AuditReport:
    """Accuracy by lines and by units, the value of the differences by currency, and all of that by place. Six statements.

    Of an audit that is not completed: as it would be if it were now. Lines that were taken for empty without a count are in the differences, not in the
    accuracy.
    """
    rows = with_difference(AuditLine.objects.filter(audit=audit)).order_by()
    counted = Q(status=AuditLineStatus.COUNTED)
    short, over = Q(off__lt=0), Q(off__gt=0)
    units = (
        rows.filter(counted)
        .values_list("product__base_unit")
        .annotate(
            books=Coalesce(Sum("books_quantity"), NONE), short=Coalesce(-Sum("off", filter=short), NONE), over=Coalesce(Sum("off", filter=over), NONE)
        )
    )
    worth = {"short": Coalesce(Sum(WORTH, filter=short), NONE), "over": Coalesce(Sum(WORTH, filter=over), NONE)}
    off = rows.filter(short | over)
    money = off.values_list("currency").annotate(**worth).order_by("currency")
    by_place: dict[int, list[Money]] = defaultdict(list)
    for place, *rest in off.values_list("location_id", "currency").annotate(**worth).order_by("location_id", "currency"):
        by_place[place].append(Money(*rest))
    exact = Case(When(off=0, then=1), default=None)
    found = rows.values_list("location_id", "location__code", "location__zone").annotate(
        lines=Count("pk"), counted=Count("pk", filter=counted), right=Count(exact, filter=counted)
    )
    places = [
        PlaceReport(place, code, zone, lines, done, right, by_place[place])
        for place, code, zone, lines, done, right in found.order_by("location__pick_sequence", "location__code")
    ]
    totals = progress(audit) | rows.aggregate(found=Count("pk", filter=Q(found=True)))
    return AuditReport(
        lines=totals["lines"],
        counted=totals["counted"],
        right=sum(place.right for place in places),
        to_recount=totals["to_recount"],
        found=totals["found"],
        units=[Units(*row) for row in units.order_by("product__base_unit")],
        money=[Money(*row) for row in money],
        places=places,
    )

"""What waits for a person: both sides next to each other, what it means, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from stocksync.admin.base import DASH, age, badge, link, orders_named
from stocksync.admin.bulk import BulkAdmin
from stocksync.admin.shown import lines_of
from stocksync.admin.sides import MEANING, facts
from stocksync.enums import DiscrepancyKind, Resolution
from stocksync.models import Discrepancy
from stocksync.services.resolutions import UNTOLD, possible, resolve_discrepancy
from warehouse.core.actor import Actor
from warehouse.core.admin import BigTableAdmin, actor_of, pairs
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin
from warehouse.core.errors import Conflict

KIND_COLOURS = dict.fromkeys(DiscrepancyKind.values, "warning") | {
    "": "default",
    DiscrepancyKind.GIVEN_UP: "danger",
    DiscrepancyKind.NO_STOCK: "danger",
    DiscrepancyKind.NOT_DEDUCTED: "danger",
    DiscrepancyKind.AFTER_SHIPPING: "danger",
}
# The same thing tried once more: what is first possible of these.
AGAIN = (Resolution.DEDUCT, Resolution.RETRY, Resolution.PUSH)

# The buttons: title, what it does, icon, how loud.
BUTTONS: dict[Resolution, tuple[str, str, str, ActionVariant]] = {
    Resolution.DEDUCT: (
        "Deduct now",
        "The order's goods are taken off our stock and the marketplace is told. If that fails again, this stays open with the newest reason.",
        "remove_shopping_cart",
        ActionVariant.PRIMARY,
    ),
    Resolution.RETRY: ("Tell again", "The marketplace is told at once what is true here.", "replay", ActionVariant.PRIMARY),
    Resolution.PUSH: ("Send the quantity again", "The listing is told its quantity anew, as a new command.", "publish", ActionVariant.PRIMARY),
    Resolution.ROLL_BACK: (
        "Give the goods back",
        "The deduction is undone: the goods come back to our stock, or a return awaits them, and the marketplace is told.",
        "undo",
        ActionVariant.DANGER,
    ),
    Resolution.ACCEPT: (
        "Leave it as it is",
        "Nothing is changed on either side, and this is closed.",
        "check",
        ActionVariant.DEFAULT,
    ),
}


def _possible(resolution: Resolution) -> Callable[[Discrepancy], bool]:
    return lambda row: resolution in possible(row)


def _call(resolution: Resolution) -> Callable[[Discrepancy, dict[str, Any], Actor, int], Any]:
    def call(row: Discrepancy, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
        return resolve_discrepancy(row.pk, resolution, note=arguments["reason"], actor=actor)

    return call


class AcceptForm(ReasonForm):
    """What leaving it as it is means from now on is not the same for every kind."""

    def tells(self) -> list[str]:
        row = self.row
        if row.order is None:
            return ["The listing is told its quantity again as soon as that changes."]
        if row.kind in UNTOLD:
            return [f"What {row.channel} is owed of the order now is cancelled.", "What it says of the order later is followed."]
        return [
            f"Order {row.order} is left alone for good: nothing more is deducted for it, given back or told of it, whatever {row.channel} says.",
            "“Follow it again” on the order's page ends that.",
        ]


def _step(resolution: Resolution) -> Step:
    title, description, icon, variant = BUTTONS[resolution]
    return Step(
        resolution.value,
        title,
        resolve_discrepancy,
        _possible(resolution),
        description=description,
        form=AcceptForm if resolution == Resolution.ACCEPT else ReasonForm,
        icon=icon,
        variant=variant,
        call=_call(resolution),
        version="",
    )


class StateFilter(admin.SimpleListFilter):
    """Open ones, unless others are asked for: the list opens with what is to be done."""

    title, parameter_name = "state", "state"
    OPEN, RESOLVED, ALL = "open", "resolved", "all"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(self.OPEN, "open"), (self.RESOLVED, "resolved"), (self.ALL, "all, the open ones first")]

    def value(self) -> str:
        return super().value() or self.OPEN

    def choices(self, changelist: Any) -> Iterator[Any]:
        for lookup, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: lookup})
            yield {"selected": self.value() == str(lookup), "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> QuerySet[Discrepancy]:
        if self.value() == self.ALL:
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() == self.OPEN)


@admin.register(Discrepancy)
class DiscrepancyAdmin(BulkAdmin, StepsAdmin, BigTableAdmin):
    list_display = ["what", "of", "account", "why", "for_how_long"]
    list_display_links = ["what"]
    list_select_related = ["channel", "order", "level"]
    list_filter = [StateFilter, ("kind", ChoicesDropdownFilter), ("channel", RelatedDropdownFilter)]
    search_fields = ["=order__external_id"]
    search_help_text = "An order's id, exactly"
    actions = ["look_again"]  # type: ignore[assignment]
    readonly_fields = ["what", "of", "means", "both_sides", "operation_page", "lines", "resolution", "for_how_long"]
    steps = [_step(resolution) for resolution in (*AGAIN, Resolution.ROLL_BACK, Resolution.ACCEPT)]

    def get_ordering(self, request: HttpRequest) -> Any:
        return (
            [ExpressionWrapper(Q(resolved_at__isnull=False), output_field=BooleanField()), "-found_at", "-id"]
            if _shows_all(request)
            else ["-found_at", "-id"]
        )

    def get_fieldsets(self, request: HttpRequest, obj: Discrepancy | None = None) -> list[Any]:
        names = ["what", "of", "channel", "operation_page", "found_at", "seen_at"]
        ended = ["resolved_at", "resolved_by", "resolution"] if obj and obj.resolved_at else []
        shown: list[Any] = [
            (None, {"fields": ["means", "both_sides", *pairs([*names, *ended])]}),
        ]
        return [*shown, ("What was ordered", {"fields": ["lines"]})] if obj and obj.order_id else shown

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(order__in=orders_named(search_term)) if search_term.strip() else queryset), False

    @display(description="what")
    def what(self, row: Discrepancy) -> SafeString:
        return badge((row.kind if row.resolved_at is None else ""), row.get_kind_display(), KIND_COLOURS)

    @display(description="order or listing")
    def of(self, row: Discrepancy) -> SafeString | str:
        subject = row.order or row.level
        return link(subject) if subject else DASH

    @display(description="channel")
    def account(self, row: Discrepancy) -> str:
        return row.channel.code

    @display(description="why")
    def why(self, row: Discrepancy) -> str:
        """What was found; of a resolved one how it ended."""
        said = f"Resolved. {row.resolution}" if row.resolved_at else row.detail
        return Truncator(said).chars(140)

    @display(description="for")
    def for_how_long(self, row: Discrepancy) -> str:
        return age(row.found_at, row.resolved_at)

    @display(description="what it means")
    def means(self, row: Discrepancy) -> SafeString:
        return render_to_string("admin/stocksync/means.html", {"row": row, "meaning": MEANING[row.kind]})

    @display(description="both sides")
    def both_sides(self, row: Discrepancy) -> SafeString:
        words = {"row": row, "facts": facts(row.here, row.there), "age": age(row.seen_at)}
        return render_to_string("admin/stocksync/sides.html", words)

    @display(description="operation")
    def operation_page(self, row: Discrepancy) -> SafeString | str:
        if row.operation is None:
            return DASH
        return link(row.operation, f"{row.operation.get_operation_type_display()}, {row.operation.get_status_display()}")

    @display(description="lines")
    def lines(self, row: Discrepancy) -> SafeString | str:
        return lines_of(row.order) if row.order else DASH

    def has_work_permission(self, request: HttpRequest) -> bool:
        return resolve_discrepancy.allowed(actor_of(request))

    @admin.action(description="Look again", permissions=["work"])
    def look_again(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> HttpResponse | None:
        return self.in_bulk(
            request,
            queryset,
            _again,
            title="Look again",
            action="look_again",
            description="What could not be deducted is tried once more, what was not acknowledged is told again, quantities are sent again.",
        )


def _again(row: Discrepancy, asked: dict[str, Any], actor: Actor) -> None:
    """Try once more what opened it. Raises Conflict when that is not for a program to do, or when it failed again."""
    resolution = next((each for each in AGAIN if each in possible(row)), None)
    if resolution is None:
        raise Conflict("This needs a decision: open it.")
    if resolve_discrepancy(row.pk, resolution, note="Looked at again with others", actor=actor).resolved_at is None:
        row.refresh_from_db(fields=["detail"])
        raise Conflict(row.detail)


def _shows_all(request: HttpRequest) -> bool:
    return request.GET.get(StateFilter.parameter_name) == StateFilter.ALL

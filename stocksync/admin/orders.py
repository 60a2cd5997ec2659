"""Orders of channels: what was ordered, what became of its stock, what the marketplace knows."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from inventory import orchestrator
from stocksync.admin.base import DASH, REMOTE_COLOURS, age, badge, found, once, orders_named
from stocksync.admin.shown import DiscrepancyInline, LineInline, OperationInline
from stocksync.enums import Fulfilment
from stocksync.models import ChannelOrder
from stocksync.services.resolutions import follow_again
from stocksync.services.reversals import refund
from warehouse.core.admin import BigTableAdmin, pairs
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin

HERE_COLOURS = {"deducted": "success", "asked": "warning", "given": "warning", "alone": "default", "not": "default"}
HERE_WORDS = {
    "deducted": "deducted",
    "asked": "being cancelled",
    "given": "given back",
    "alone": "left alone",
    "not": "not deducted",
}


def stock_of(row: ChannelOrder) -> str:
    """What became of its stock here, as a key of `HERE_WORDS`."""
    if row.reversed_at is not None:
        return "given"
    if row.deducted_at is not None:
        return "deducted" if row.reversal_asked_at is None else "asked"
    return "alone" if row.left_alone else "not"


class StockFilter(admin.SimpleListFilter):
    title, parameter_name = "stock", "stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(HERE_WORDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChannelOrder]) -> QuerySet[ChannelOrder]:
        deducted = Q(deducted_at__isnull=False, reversed_at=None)
        chosen = {
            "given": Q(reversed_at__isnull=False),
            "asked": deducted & Q(reversal_asked_at__isnull=False),
            "deducted": deducted & Q(reversal_asked_at=None),
            "alone": Q(deducted_at=None, left_alone=True),
            "not": Q(deducted_at=None, left_alone=False),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(ChannelOrder)
class ChannelOrderAdmin(StepsAdmin, BigTableAdmin):
    list_display = ["external_id", "account", "at_the_marketplace", "here", "known", "sent_by", "ordered", "compared"]
    list_display_links = ["external_id"]
    list_select_related = ["channel"]
    list_filter = [("channel", RelatedDropdownFilter), StockFilter, ("state", ChoicesDropdownFilter)]
    ordering = ["-id"]
    search_fields = ["=external_id"]
    search_help_text = "An order's id at the marketplace, exactly"
    inlines = [LineInline, OperationInline, DiscrepancyInline]
    readonly_fields = ["at_the_marketplace", "own_words", "here", "known", "sent_by", "alone", "elsewhere", "held", "compared"]
    steps = [
        Step(
            "refund",
            "Refund",
            refund,
            attrgetter("stands"),
            description="The deduction is undone: the goods come back, or a return awaits them, and the marketplace is told.",
            form=ReasonForm,
            icon="undo",
            variant=ActionVariant.DANGER,
        ),
        Step(
            "follow_again",
            "Follow it again",
            follow_again,
            attrgetter("left_alone"),
            description="What the marketplace says of it is done again, beginning with what it says now: the next comparison looks at it.",
            icon="visibility",
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: ChannelOrder | None = None) -> list[Any]:
        there = ["external_id", "channel", "at_the_marketplace", "own_words", "known", "revision", "ordered_at", "changed_at", "compared"]
        later = [name for name in ("deducted_at", "reversal_asked_at", "reversed_at") if obj and getattr(obj, name)]
        alone = ["alone"] if obj and obj.left_alone else []
        return [
            ("At the marketplace", {"fields": pairs(there)}),
            ("Here", {"fields": [*pairs(["here", "sent_by", *later]), *alone, "held", "elsewhere"]}),
        ]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(pk__in=orders_named(search_term)) if search_term.strip() else queryset), False

    @display(description="at the marketplace")
    def at_the_marketplace(self, row: ChannelOrder) -> SafeString:
        return badge(row.state, row.get_state_display(), REMOTE_COLOURS)

    @display(description="in its own words")
    def own_words(self, row: ChannelOrder) -> str:
        return row.status or DASH

    @display(description="channel")
    def account(self, row: ChannelOrder) -> str:
        return row.channel.code

    @display(description="ordered")
    def ordered(self, row: ChannelOrder) -> str:
        return date_format(timezone.localtime(row.ordered_at), "j M H:i") if row.ordered_at else DASH

    @display(description="stock here")
    def here(self, row: ChannelOrder) -> SafeString:
        return badge(stock_of(row), HERE_WORDS[stock_of(row)], HERE_COLOURS)

    @display(description="left alone")
    def alone(self, row: ChannelOrder) -> str:
        return (
            "Nothing is deducted for it, given back or told of it, whatever the marketplace says: the scheme before this one dealt with it, or a person"
            " left it as it was. “Follow it again” ends that."
        )

    @display(description="known there as")
    def known(self, row: ChannelOrder) -> SafeString:
        return badge(
            row.known_there, {None: "never seen", True: "deducted", False: "not deducted"}[row.known_there], {True: "success", False: "default"}
        )

    @display(description="sent by")
    def sent_by(self, row: ChannelOrder) -> str:
        return str(Fulfilment(row.fulfilment).label) if row.fulfilment else DASH

    @display(description="compared")
    def compared(self, row: ChannelOrder) -> str:
        return f"{age(row.compared_at)} ago" if row.compared_at else "never"

    @display(description="in our books")
    def held(self, row: ChannelOrder) -> str:
        """What inventory's books hold under its name now."""
        books = once(row, "books", lambda: orchestrator.what_order_holds(row.order_ref))
        said = [word for word, holds in (("promised", books.promised), ("sold", books.sold)) if holds]
        return " and ".join(said) or "nothing"

    @display(description="look further")
    def elsewhere(self, row: ChannelOrder) -> SafeString:
        """The ways to the same order in other parts of the house."""
        ways = [found("inventory_movement", row.order_ref, "Movements"), found("inventory_reservation", row.order_ref, "Promises")]
        if row.fulfilment == Fulfilment.WAREHOUSE:
            ways.insert(0, found("fulfillment_order", row.external_id, "Its order in the warehouse"))
        return format_html_join("", '<span class="mr-4">{}</span>', ((way,) for way in ways))

"""What listings show: the quantity they are to show, what they were told, what was read back, and the way it took."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from stocksync.admin.base import DASH, age, badge, once
from stocksync.enums import ChannelMode
from stocksync.models import ListingLevel
from stocksync.queries.explaining import explain
from stocksync.queries.timeline import DEFAULT_PERIOD, Entry, EntryKind, timeline
from stocksync.services.levels import change_level, push_again, unlist
from warehouse.core.admin import BigTableAdmin, pairs, plain
from warehouse.core.admin_steps import Step, StepForm, StepsAdmin

# How a level stands: key, colour, words.
STATES = {
    "right": ("success", "as it should be"),
    "on_its_way": ("info", "on its way"),
    "differs": ("danger", "shows another"),
    "failing": ("warning", "can't be told"),
    "unlisted": ("default", "unlisted"),
}


# Of each kind of entry, the newest so many.
ENTRIES = 60
WORDS = {
    EntryKind.LEDGER: "ledger",
    EntryKind.EVENT: "event",
    EntryKind.ORDER: "order",
    EntryKind.WANTED: "wanted",
    EntryKind.COMMAND: "command",
    EntryKind.ANSWER: "answer",
    EntryKind.SHOWN: "read back",
}


def buffer_field(help_text: str) -> forms.IntegerField:
    return forms.IntegerField(label="Safety buffer", required=False, min_value=0, widget=UnfoldAdminIntegerFieldWidget(), help_text=help_text)


class BufferForm(StepForm):
    safety_buffer = buffer_field("So many pieces are not offered there. Empty: as many as the channel says.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["safety_buffer"].initial = self.row.safety_buffer

    def tells(self) -> list[str]:
        return [f"The channel's buffer is {self.row.channel.safety_buffer}."]


def state_of(row: ListingLevel) -> str:
    """How a level stands, as a key of `STATES`."""
    if row.unlisted_at is not None:
        return "unlisted"
    if row.failures:
        return "failing"
    if row.sent_version < row.version or row.shown_version < row.sent_version:
        return "on_its_way"
    return "right" if row.shown == row.wanted else "differs"


def is_listed(row: ListingLevel) -> bool:
    return row.unlisted_at is None


def can_be_pushed(row: ListingLevel) -> bool:
    return is_listed(row) and row.channel.mode == ChannelMode.ON


class StandsFilter(admin.SimpleListFilter):
    title, parameter_name = "how it stands", "stands"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, words) for key, (_, words) in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ListingLevel]) -> QuerySet[ListingLevel]:
        listed, works = Q(unlisted_at=None), Q(failures=0)
        on_its_way = Q(sent_version__lt=F("version")) | Q(shown_version__lt=F("sent_version"))
        arrived = listed & works & ~on_its_way
        chosen = {
            "unlisted": ~listed,
            "failing": listed & ~works,
            "on_its_way": listed & works & on_its_way,
            "right": arrived & Q(shown=F("wanted")),
            "differs": arrived & ~Q(shown=F("wanted")),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(ListingLevel)
class LevelAdmin(StepsAdmin, BigTableAdmin):
    list_display = ["offer_id", "goods", "account", "state", "is_wanted", "was_sent", "is_shown", "seen", "error"]
    list_display_links = ["offer_id"]
    list_select_related = ["channel", "product"]
    list_filter = [("channel", RelatedDropdownFilter), StandsFilter]
    search_fields = ["=offer_id", "=product__sku"]
    search_help_text = "A listing's id, or a SKU, exactly"
    readonly_fields = ["answer", "state", "goods", "own_buffer", "can_be_sold", "ordered_there", "way"]
    steps = [
        Step(
            "push",
            "Push again",
            push_again,
            can_be_pushed,
            description="The listing is told its quantity anew: a new version, a new command, at once.",
            icon="publish",
            variant=ActionVariant.PRIMARY,
            version="",
        ),
        Step(
            "buffer",
            "Safety buffer",
            change_level,
            is_listed,
            description="How many pieces this listing shows less than can be sold.",
            form=BufferForm,
            icon="shield",
            version="",
        ),
        Step(
            "unlist",
            "Unlist",
            unlist,
            is_listed,
            description="It is told nothing any more and goes on showing what it shows. Its history stays.",
            icon="link_off",
            variant=ActionVariant.DANGER,
            version="",
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: ListingLevel | None = None) -> list[Any]:
        what = ["offer_id", "channel", "goods", "state", "wanted", "sent", "shown", "own_buffer", "can_be_sold", "ordered_there"]
        later = [name for name in ("on_sale", "failing_since", "error_message", "unlisted_at") if obj and getattr(obj, name) not in (None, "")]
        return [(None, {"fields": ["answer", *pairs([*what, *later])]}), ("The way of its quantities", {"fields": ["way"]})]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(Q(offer_id=term) | Q(product__sku__iexact=term)) if term else queryset), False

    @display(description="why")
    def answer(self, row: ListingLevel) -> SafeString:
        """Why the marketplace shows what it shows."""
        return once(row, "answer", lambda: _answer(row))

    @display(description="newest first")
    def way(self, row: ListingLevel) -> SafeString:
        """What happened to its stock and to its quantities in the last days."""
        return once(row, "way", lambda: _way(row))

    @display(description="product")
    def goods(self, row: ListingLevel) -> str:
        return str(row.product)

    @display(description="status")
    def state(self, row: ListingLevel) -> SafeString:
        return badge(state_of(row), STATES[state_of(row)][1], {key: colour for key, (colour, _) in STATES.items()})

    @display(description="channel")
    def account(self, row: ListingLevel) -> str:
        return row.channel.code

    @display(description="wanted")
    def is_wanted(self, row: ListingLevel) -> str:
        return str(row.wanted)

    @display(description="sent")
    def was_sent(self, row: ListingLevel) -> SafeString:
        return badge(row.sent != row.wanted, DASH if row.sent is None else str(row.sent), {True: "warning", False: "default"})

    @display(description="shown")
    def is_shown(self, row: ListingLevel) -> SafeString:
        return badge(row.shown != row.wanted, DASH if row.shown is None else str(row.shown), {True: "danger", False: "default"})

    @display(description="buffer")
    def own_buffer(self, row: ListingLevel) -> str:
        own = row.safety_buffer
        return f"{row.channel.safety_buffer} (channel)" if own is None else f"{own} (own)"

    @display(description="can be sold here")
    def can_be_sold(self, row: ListingLevel) -> str:
        return plain(row.sellable)

    @display(description="ordered there, not deducted")
    def ordered_there(self, row: ListingLevel) -> str:
        return plain(row.ordered)

    @display(description="read back")
    def seen(self, row: ListingLevel) -> str:
        return f"{age(row.shown_at)} ago" if row.shown_at else "never"

    @display(description="last error")
    def error(self, row: ListingLevel) -> str:
        return Truncator(row.error_message).chars(80)


def _answer(row: ListingLevel) -> SafeString:
    question = "What does the marketplace show?" if row.shown is None else f"Why does the marketplace show {row.shown}?"
    return format_html('<div class="sync-means"><p class="sync-question">{}</p><p>{}</p></div>', question, explain(row.pk))


def _way(row: ListingLevel) -> SafeString:
    entries = [
        {
            "entry": entry,
            "what": WORDS[entry.kind],
            "order": _order_of(entry),
            "then": "" if entry.quantity is None else plain(entry.quantity),
        }
        for entry in reversed(timeline(row.pk, limit=ENTRIES))
    ]
    return render_to_string("admin/stocksync/way.html", {"entries": entries, "shown": EntryKind.SHOWN, "days": DEFAULT_PERIOD.days})


def _order_of(entry: Entry) -> str:
    """The page of the order that an entry is about."""
    return reverse("admin:stocksync_channelorder_change", args=[entry.links["order"]]) if "order" in entry.links else ""

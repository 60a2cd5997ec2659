"""Accounts at marketplaces: set up, switched, and how far each was read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant

from stocksync.admin.base import DASH, MODE_COLOURS, age, badge, once
from stocksync.admin.channel_forms import ChannelForm, CredentialsForm, ListingForm, ModeForm, OffForm, OnForm, ShadowForm, switched_to
from stocksync.admin.connecting import ConnectsChannel, connection_of
from stocksync.admin.ready import offers_in_words, orders_in_words
from stocksync.enums import ChannelKind, ChannelMode
from stocksync.models import Channel, PendingStockOperation
from stocksync.services.asking import ask_for_reconciliation, ask_to_read
from stocksync.services.channels import CHANGEABLE, change_channel, create_channel, set_mode
from stocksync.services.credentials import store_application
from stocksync.services.levels import list_product
from warehouse.core.admin import actor_of, pairs
from warehouse.core.admin_forms import RefusalsSaid, values_of
from warehouse.core.admin_steps import Step


def is_not_off(row: Channel) -> bool:
    return row.mode != ChannelMode.OFF


def is_reached_directly(row: Channel) -> bool:
    """Whether it is asked with credentials of its own."""
    return row.kind == ChannelKind.ALLEGRO_REST


def _switch(form: type[ModeForm], title: str, icon: str, variant: ActionVariant) -> Step:
    mode = form.mode
    return Step(
        f"switch_{mode.value}", title, set_mode, lambda row: row.mode != mode, form=form, icon=icon, variant=variant, call=switched_to(mode, set_mode)
    )


@admin.register(Channel)
class ChannelAdmin(RefusalsSaid, ConnectsChannel):
    form = ChannelForm
    list_display = ["code", "name", "kind", "state", "fulfilment", "warehouse", "buffer", "read"]
    list_select_related = ["warehouse"]
    search_fields = ["code", "name"]
    actions = None
    sortable_by: tuple[str, ...] = ()
    autocomplete_fields = ["warehouse"]
    readonly_fields = ["connection", "state", "read", "swept", "journal", "trouble", "ways", "orders", "unlisted"]
    steps = [
        Step(
            "read_now",
            "Read now",
            ask_to_read,
            is_not_off,
            description="A worker reads its orders that are new or changed. It does so every half minute anyway.",
            icon="download",
            version="",
        ),
        Step(
            "compare_now",
            "Compare now",
            ask_for_reconciliation,
            is_not_off,
            description="A worker compares both sides, order by order, and mends what is small and clear. The rest are discrepancies.",
            icon="compare_arrows",
            version="",
        ),
        Step(
            "list_product",
            "List a product",
            list_product,
            lambda row: row.takes_quantities,
            description="The listing shows from then on how much of the product can be sold.",
            form=ListingForm,
            icon="add_business",
            version="",
        ),
        Step(
            "credentials",
            "Credentials",
            store_application,
            is_reached_directly,
            description="The client id and the secret of the application, as Allegro shows them.",
            form=CredentialsForm,
            icon="key",
            version="",
        ),
        _switch(OnForm, "Switch on", "play_arrow", ActionVariant.PRIMARY),
        _switch(ShadowForm, "Switch to shadow", "visibility", ActionVariant.DEFAULT),
        _switch(OffForm, "Switch off", "power_settings_new", ActionVariant.DANGER),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> list[str]:
        return [*self.readonly_fields, "code", "kind"] if obj else list(self.readonly_fields)

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> list[Any]:
        own = ["safety_buffer", "token_id"] if obj is None else ["safety_buffer" if obj.takes_quantities else "token_id"]
        account = (None, {"fields": [*pairs(["code", "name", "kind", "warehouse", "fulfilment", *own, "base_url"]), "seen_version"]})
        if obj is None:
            return [account]
        once(obj, "may_list", lambda: list_product.allowed(actor_of(request)))
        journal = ["journal"] if obj.journal_cursor else []
        stands = [*pairs(["state", "connection", "read", "swept", *journal]), "trouble", "ways"]
        title = "Its orders: what would be deducted" if obj.mode == ChannelMode.SHADOW else "Its orders"
        parts = [(title, {"fields": ["orders"]})] if is_not_off(obj) else []
        parts += [("Sold there, not listed here", {"fields": ["unlisted"]})] if obj.takes_quantities else []
        return [("How it stands", {"fields": stands}), *parts, account]

    def save_model(self, request: HttpRequest, obj: Channel, form: ModelForm[Any], change: bool) -> None:
        actor = actor_of(request)
        if not change:
            values = values_of(obj, ["code", "kind", "name", "fulfilment", "warehouse", "token_id", "base_url", "safety_buffer"])
            obj.pk = create_channel.inside(**values, actor=actor).pk
            obj._state.adding = False
        elif values := {name: value for name, value in values_of(obj, form.changed_data).items() if name in CHANGEABLE}:
            change_channel.inside(obj.pk, values, actor=actor, expected_version=form.cleaned_data["seen_version"] or 0)
        obj.refresh_from_db()

    @display(description="mode")
    def state(self, row: Channel) -> SafeString:
        return badge(row.mode, f"{row.get_mode_display()} for {age(row.mode_since)}", MODE_COLOURS)

    @display(description="buffer")
    def buffer(self, row: Channel) -> str:
        return str(row.safety_buffer) if row.takes_quantities else DASH

    @display(description="orders")
    def orders(self, row: Channel) -> SafeString:
        return once(row, "orders", lambda: orders_in_words(row))

    @display(description="listings")
    def unlisted(self, row: Channel) -> SafeString:
        return once(row, "unlisted", lambda: offers_in_words(row, may_list=once(row, "may_list", lambda: False)))

    @display(description="connection")
    def connection(self, row: Channel) -> str:
        return once(row, "connection", lambda: connection_of(row))

    @display(description="read to its end")
    def read(self, row: Channel) -> str:
        return f"{age(row.read_to_end_at)} ago" if row.read_to_end_at else "never"

    @display(description="changes swept until")
    def swept(self, row: Channel) -> str:
        return f"{age(row.swept_until)} ago" if row.swept_until else DASH

    @display(description="last event of its journal")
    def journal(self, row: Channel) -> str:
        return row.journal_cursor or DASH

    @display(description="newest trouble")
    def trouble(self, row: Channel) -> str:
        rows = PendingStockOperation.objects.filter(channel=row).exclude(error_message="").order_by("-created_at", "-id")
        newest = once(row, "trouble", rows.values_list("order__external_id", "error_message").first)
        return f"Order {newest[0]}: {newest[1]}" if newest else "none"

    @display(description="look further")
    def ways(self, row: Channel) -> SafeString:
        lists = [
            ("pendingstockoperation", "Owed to it", "due=open"),
            ("discrepancy", "Discrepancies", ""),
            ("channelorder", "Orders", ""),
            ("listinglevel", "Levels", ""),
        ]
        links = [
            format_html(
                '<a class="text-link mr-4" href="{}?channel__id__exact={}{}">{}</a>',
                reverse(f"admin:stocksync_{model}_changelist"),
                row.pk,
                f"&{query}" if query else "",
                title,
            )
            for model, title, query in lists
        ]
        return format_html("{}" * len(links), *links)

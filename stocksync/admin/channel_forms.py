"""What the pages of a channel ask."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from django import forms
from django.db.models import Min
from unfold.widgets import UnfoldAdminPasswordWidget

from stocksync.admin.levels import buffer_field
from stocksync.enums import ChannelMode, OperationStatus
from stocksync.models import Channel, PendingStockOperation
from warehouse.core.actor import Actor
from warehouse.core.admin_forms import VersionedForm
from warehouse.core.admin_steps import StepForm, text_field


class ChannelForm(VersionedForm):
    class Meta:
        model = Channel
        fields = ("code", "name", "kind", "fulfilment", "warehouse", "token_id", "base_url", "safety_buffer")
        field_classes: ClassVar[dict[str, Any]] = {"base_url": partial(forms.URLField, assume_scheme="https")}
        help_texts: ClassVar[dict[str, str]] = {
            "safety_buffer": "So many pieces of each product are not offered there. Only where listings are told quantities: Allegro REST."
        }


class ModeForm(StepForm):
    """Nothing is asked: it tells what switching does to what there is now."""

    mode: ClassVar[ChannelMode]

    def tells(self) -> list[str]:
        return [*_WORDS[self.mode], *self._waiting()]

    def _waiting(self) -> list[str]:
        """What is owed to the marketplace now."""
        rows = PendingStockOperation.objects.filter(channel=self.row, status__in=(OperationStatus.PENDING, OperationStatus.PROCESSING))
        oldest = rows.aggregate(oldest=Min("created_at"))["oldest"]
        if oldest is None:
            return []
        if self.mode == ChannelMode.ON:
            return ["Acknowledgements that have waited are told to it now."]
        return ["Acknowledgements wait for it now: they are kept, and told when it is on again."]


_WORDS: dict[ChannelMode, list[str]] = {
    ChannelMode.OFF: ["Nothing is read from it and nothing told to it.", "What was deducted stays deducted."],
    ChannelMode.SHADOW: [
        "Its orders are read and noted. Its page says what would be deducted, and lines without a SKU that we know are discrepancies.",
        "Nothing is deducted, nothing is told to the marketplace, and no quantity is changed there.",
    ],
    ChannelMode.ON: [
        "Its orders are deducted from now on and the marketplace is told; its listings show our quantities.",
        "Orders that the marketplace calls deducted already were dealt with before: they are left alone.",
    ],
}


class OffForm(ModeForm):
    mode = ChannelMode.OFF


class ShadowForm(ModeForm):
    mode = ChannelMode.SHADOW


class OnForm(ModeForm):
    mode = ChannelMode.ON


def switched_to(mode: ChannelMode, operation: Any) -> Any:
    """The call of a step that switches."""

    def call(row: Channel, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
        return operation(row.pk, mode, actor=actor, expected_version=version)

    return call


class CredentialsForm(StepForm):
    """The application that the account is reached as. What was entered is never shown again."""

    client_id = text_field("Client id", autofocus=True, max_length=100)
    client_secret = forms.CharField(
        label="Client secret",
        max_length=200,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="Kept encrypted and never shown.",
    )

    def tells(self) -> list[str]:
        return ["Those of another application end the connection: it is to be connected anew."]


class ListingForm(StepForm):
    """A listing of the account, and what it sells."""

    filled_by_links = ("offer_id", "sku")

    offer_id = text_field("Listing", autofocus=True, max_length=80, help_text="Its id at the marketplace.")
    sku = text_field("SKU", max_length=64)
    safety_buffer = buffer_field("So many pieces are not offered there. Empty: as many as the channel says.")

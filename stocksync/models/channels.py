"""Accounts at marketplaces."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from stocksync.enums import KINDS_WITH_QUANTITIES, ChannelKind, ChannelMode, Fulfilment
from warehouse.core.documents import Versioned


class Channel(Versioned):
    """An account at a marketplace: whose orders are deducted from our stock, and whose listings show it. Changes through `services.channels`.

    `code` begins the order_ref of its orders. `token_id` names the account at the Allegro microservice. How far its orders were read: `journal_cursor` (the last
    event), `swept_until` (changes up to this moment), `read_to_end_at` (when nothing more was there to read: what is younger may not be published yet).
    """

    code = models.CharField(max_length=20, unique=True, validators=[RegexValidator(r"\A[a-z0-9][a-z0-9-]*\Z", "Small letters, digits and hyphens.")])
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=ChannelKind.choices)
    mode = models.CharField(max_length=6, choices=ChannelMode.choices, default=ChannelMode.OFF)
    fulfilment = models.CharField(max_length=9, choices=Fulfilment.choices, default=Fulfilment.WAREHOUSE)
    warehouse = models.ForeignKey("inventory.Warehouse", on_delete=models.PROTECT, related_name="+", help_text="Whose stock it sells.")
    token_id = models.CharField(
        "account", max_length=64, blank=True, help_text="Its id at the microservice. No secret: the token belongs in the settings."
    )
    base_url = models.URLField("address", blank=True, help_text="Empty: the one of the settings.")
    mode_since = models.DateTimeField(default=timezone.now, editable=False)
    deducts_since = models.DateTimeField(null=True, blank=True, editable=False, help_text="What was ordered before was for another scheme to deduct.")
    safety_buffer = models.PositiveIntegerField(default=0, help_text="So many pieces of each product are not offered there.")
    journal_cursor = models.CharField(max_length=200, blank=True, editable=False)
    swept_until = models.DateTimeField(null=True, blank=True, editable=False)
    read_to_end_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name

    @property
    def takes_quantities(self) -> bool:
        """Whether its listings can be told a quantity."""
        return self.kind in KINDS_WITH_QUANTITIES

    def order_ref(self, external_id: str) -> str:
        """How inventory's books name an order of this channel."""
        return f"{self.code}:{external_id}"


class ChannelCredentials(models.Model):
    """The OAuth tokens of a channel, encrypted. Both are replaced at once, by the one refresher that has claimed them (`services.credentials`)."""

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="credentials")
    client_id = models.CharField(max_length=100)
    client_secret = models.BinaryField(editable=False)
    access_token = models.BinaryField(editable=False, default=b"")
    refresh_token = models.BinaryField(editable=False, default=b"")
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    refreshed_at = models.DateTimeField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False, help_text="Somebody refreshes them until then.")
    refused_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="They help no more since then: the channel has to be connected anew."
    )

    class Meta:
        verbose_name_plural = "channel credentials"

    def __str__(self) -> str:
        return f"credentials of {self.channel_id}"

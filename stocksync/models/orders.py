"""Orders of marketplaces, as far as stock is concerned."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from stocksync.enums import RemoteState
from stocksync.models.channels import Channel
from warehouse.core.documents import Versioned
from warehouse.core.quantities import QuantityField, plain


class ChannelOrder(Versioned):
    """An order of a channel. Two facts are kept apart: whether it is deducted here (`deducted_at`, once) and whether the marketplace knows (its operations).

    `revision`, `status` and `state` are of what was read last; `fulfilment` is who sends it, fixed when it is deducted; its lines are what was deducted.
    `known_there` is the marketplace's own flag as it was seen at `compared_at`. One that is `left_alone` is nobody's business here: the scheme before ours
    did it, or a person decided so. Changes through `stocksync.services`.
    """

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, db_index=False, related_name="orders")
    external_id = models.CharField(max_length=80)
    revision = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=40, blank=True, help_text="The marketplace's word.")
    state = models.CharField(max_length=9, choices=RemoteState.choices, default=RemoteState.WAITING)
    ordered_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True, help_text="There.")
    fulfilment = models.CharField(max_length=9, blank=True)
    deducted_at = models.DateTimeField(null=True, blank=True)
    asked = models.JSONField(
        default=dict, blank=True, editable=False, help_text="The quantities that the warehouse was asked to send instead, until it answers."
    )
    reversal_asked_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the warehouse was asked to cancel it.")
    reversed_at = models.DateTimeField(null=True, blank=True, help_text="When its deduction was undone: cancelled, refunded or rolled back.")
    left_alone = models.BooleanField(default=False)
    known_there = models.BooleanField(null=True, blank=True)
    compared_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="channel_order_once"),
            models.CheckConstraint(condition=Q(reversed_at=None) | Q(deducted_at__isnull=False), name="channel_order_reversed_was_deducted"),
        ]
        indexes = [
            models.Index(F("channel"), F("ordered_at").desc(nulls_last=True), F("id").desc(), name="channel_order_newest"),
            models.Index(
                fields=["channel", "id"],
                condition=Q(deducted_at=None, left_alone=False) & ~Q(state=RemoteState.CANCELLED),
                name="channel_order_not_deducted",
            ),
            models.Index(fields=["channel", "changed_at"], name="channel_order_changed"),
            models.Index(fields=["external_id"], name="channel_order_named"),
        ]

    def __str__(self) -> str:
        return self.external_id

    @property
    def order_ref(self) -> str:
        """How inventory's books name it; the channel must be loaded."""
        return self.channel.order_ref(self.external_id)

    def flag_after(self, told: bool | None) -> bool | None:
        """The marketplace's flag once it is told; one that says nothing leaves what was told last."""
        return self.known_there if told is None else told

    @property
    def asked_quantities(self) -> dict[str, Decimal]:
        """What the warehouse was asked to send instead, by SKU; nothing when it has answered."""
        return {sku: Decimal(quantity) for sku, quantity in self.asked.items()}

    @property
    def is_deducted(self) -> bool:
        """Whether its goods are off the shelf, or promised, on its account now."""
        return self.deducted_at is not None and self.reversed_at is None

    @property
    def stands(self) -> bool:
        """Whether it is deducted, and nobody undoes that already: it can be given back."""
        return self.is_deducted and self.reversal_asked_at is None


class ChannelOrderLine(models.Model):
    """A line of it. `product` is empty for a SKU that we don't know: then the order waits for a person."""

    order = models.ForeignKey(ChannelOrder, on_delete=models.CASCADE, db_index=False, related_name="lines")
    external_id = models.CharField(max_length=80)
    offer_id = models.CharField(max_length=80, blank=True)
    sku = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=200, blank=True)
    product = models.ForeignKey("inventory.Product", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    quantity = QuantityField()

    class Meta:
        ordering = ["order", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "external_id"], name="channel_order_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="channel_order_line_quantity"),
        ]
        indexes = [
            models.Index(fields=["offer_id"], name="channel_order_line_of_offer"),
            models.Index(fields=["product"], name="channel_order_line_of_product"),
            models.Index(Upper("sku"), name="channel_order_line_of_sku"),
        ]

    def __str__(self) -> str:
        return f"{self.sku or self.offer_id} × {plain(self.quantity)}"

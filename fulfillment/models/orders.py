"""Orders, as far as the warehouse needs to know them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone
from django_fsm import FSMField, transition

from fulfillment.enums import OPEN_ORDERS, SOURCE_LISTINGS, OrderStatus, Priority
from warehouse.core.documents import Versioned
from warehouse.core.quantities import QuantityField


class Order(Versioned):
    """An order of another system: `accepted → picking → packing → ready_for_shipment → shipped`. Changes through `fulfillment.services`.

    `needs_attention` as long as it goes without goods (`missing`) that a manager has not accepted, however far the work on the rest is.
    (source, external_id) is the business key that makes its intake idempotent. `rejected` keeps in `shortages` what there was not enough of.
    A cancellation that came before the order leaves a cancelled row without lines: the tombstone that the order will meet.
    """

    source = models.CharField(max_length=30)
    external_id = models.CharField(max_length=80)
    order_number = models.CharField(max_length=80, blank=True)
    storefront_external_id = models.CharField("storefront", max_length=64, blank=True)
    status = FSMField(default=OrderStatus.ACCEPTED, choices=OrderStatus.choices, protected=True)
    priority = models.CharField(max_length=6, choices=Priority.choices, default=Priority.NORMAL)
    ship_by = models.DateTimeField(null=True, blank=True)
    retry_when_stocked = models.BooleanField(default=True, help_text="Try again when stock arrives, should it be rejected.")
    retry_due_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="It is to be tried again since this time.")
    reservation_ref = models.CharField(
        max_length=120, blank=True, editable=False, help_text="The order_ref of the checkout's reservation that it adopts."
    )
    shortages = models.JSONField(default=list, blank=True)
    provider = models.ForeignKey("fulfillment.DeliveryProvider", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    cancellation_reason = models.CharField(max_length=200, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    compared_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When it was last compared with the order system's.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="order_once_per_source")]
        indexes = [
            models.Index(fields=["status", "-id"], name="order_by_status"),
            models.Index(fields=["external_id"], name="order_external_id"),
            models.Index(fields=["id"], condition=Q(status=OrderStatus.REJECTED, retry_when_stocked=True), name="order_to_retry"),
            models.Index(fields=["retry_due_at"], condition=Q(retry_due_at__isnull=False), name="order_retry_due"),
            models.Index(Upper("order_number"), name="order_by_number"),
            models.Index(
                F("compared_at").asc(nulls_first=True),
                "id",
                condition=Q(status__in=sorted(OPEN_ORDERS), source=SOURCE_LISTINGS),
                name="order_to_compare",
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.name}"

    @property
    def name(self) -> str:
        """What people call it."""
        return self.order_number or self.external_id

    @property
    def order_ref(self) -> str:
        """What inventory knows the order by."""
        return f"{self.source}:{self.external_id}"

    @property
    def ships_at(self) -> datetime | None:
        """When its goods leave, as far as is known: by `ship_by`, or now when that has passed. They must be good until then."""
        return max(self.ship_by, timezone.now()) if self.ship_by else None

    @transition(field=status, source=OrderStatus.REJECTED, target=OrderStatus.ACCEPTED)
    def accept(self) -> None:
        """There was enough this time."""

    @transition(field=status, source=OrderStatus.ACCEPTED, target=OrderStatus.REJECTED)
    def reject(self) -> None:
        """There is not enough; nothing is promised."""

    @transition(
        field=status,
        source=[OrderStatus.ACCEPTED, OrderStatus.NEEDS_ATTENTION, OrderStatus.PACKING, OrderStatus.READY_FOR_SHIPMENT],
        target=OrderStatus.PICKING,
    )
    def begin_picking(self) -> None:
        """Somebody walks for it, for the first time or for what was short."""

    @transition(
        field=status,
        source=[OrderStatus.ACCEPTED, OrderStatus.PICKING, OrderStatus.READY_FOR_SHIPMENT, OrderStatus.NEEDS_ATTENTION],
        target=OrderStatus.PACKING,
    )
    def begin_packing(self) -> None:
        """Everything that could be picked lies on the benches; or a package lost its waybill again."""

    @transition(field=status, source=[OrderStatus.PACKING, OrderStatus.PICKING, OrderStatus.NEEDS_ATTENTION], target=OrderStatus.READY_FOR_SHIPMENT)
    def get_ready(self) -> None:
        """Every package has a waybill."""

    @transition(
        field=status,
        source=[OrderStatus.READY_FOR_SHIPMENT, OrderStatus.PACKING, OrderStatus.PICKING, OrderStatus.NEEDS_ATTENTION],
        target=OrderStatus.SHIPPED,
    )
    def ship(self) -> None:
        """The last package has left, and what it goes without, if anything, is accepted."""

    @transition(
        field=status,
        source=[OrderStatus.ACCEPTED, OrderStatus.PICKING, OrderStatus.PACKING, OrderStatus.READY_FOR_SHIPMENT],
        target=OrderStatus.NEEDS_ATTENTION,
    )
    def ask_attention(self) -> None:
        """It goes without goods, and nobody has agreed to that yet."""

    @transition(field=status, source=[*sorted(OPEN_ORDERS), OrderStatus.REJECTED], target=OrderStatus.CANCELLED)
    def cancel(self) -> None:
        """It is not wanted any more."""


class OrderLine(models.Model):
    """What was ordered, as it was ordered; which warehouses serve it shows in the picking tasks."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey("inventory.Product", on_delete=models.PROTECT, db_index=False, related_name="+")
    listing_id = models.CharField("listing", max_length=64, blank=True)
    quantity = QuantityField()
    warehouse = models.ForeignKey(
        "inventory.Warehouse",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="+",
        help_text="The warehouse the order asked for.",
    )
    min_remaining_days = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="order_line_quantity_positive")]

    def __str__(self) -> str:
        return f"line {self.pk}"


class StatusReport(models.Model):
    """A status that the order system is owed, with what it is to know beside it (`message`); kept after it was told. Another message is owed anew.

    `next_attempt_at` is empty when nothing more is to be tried by itself.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, db_index=False, related_name="status_reports")
    status = models.CharField(max_length=40)
    message = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0, editable=False, help_text="How many answers could not be used.")
    waiting_since = models.DateTimeField(default=timezone.now, editable=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "status"], name="status_reported_once")]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(next_attempt_at__isnull=False), name="status_report_due"),
            models.Index(fields=["waiting_since"], condition=Q(sent_at__isnull=True), name="status_report_unsent"),
        ]

    def __str__(self) -> str:
        return f"{self.status} of {self.order}"

"""Packages under way, and who carries them."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django_fsm import FSMField, transition

from fulfillment.enums import LIVING_SHIPMENTS, LabelFormat, ShipmentStatus
from warehouse.core.documents import Document, Versioned

DEFAULT_DIVISOR = 5000
LEAST_LIMIT = MinValueValidator(Decimal("0.01"))


class DeliveryProvider(Versioned):
    """A carrier. `code` is what the delivery service calls it. Changes through `services.carriers`."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    volumetric_divisor = models.PositiveIntegerField(
        default=DEFAULT_DIVISOR, validators=[MinValueValidator(1)], help_text="Cubic centimetres that count as a kilogram."
    )
    max_weight = models.DecimalField("heaviest package, kg", max_digits=8, decimal_places=2, null=True, blank=True, validators=[LEAST_LIMIT])
    max_length = models.DecimalField("longest side, cm", max_digits=8, decimal_places=2, null=True, blank=True, validators=[LEAST_LIMIT])
    max_girth = models.DecimalField("length and girth, cm", max_digits=8, decimal_places=2, null=True, blank=True, validators=[LEAST_LIMIT])
    label_format = models.CharField(
        max_length=3, choices=LabelFormat.choices, default=LabelFormat.ZPL, help_text="How its labels are given to whoever does not say how."
    )
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_provider"),
            models.CheckConstraint(condition=Q(volumetric_divisor__gt=0), name="provider_divisor_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class Shipment(Document):
    """A package with a carrier: `requested → created → handed_over → delivered | returned`. Changes through `services`.

    While `requested`, `next_attempt_at` says when a worker asks the carrier; it is empty when only a person can go on (`last_error` says why), and while
    the one that it `replaces` is still being voided. A worker that asks holds it until `leased_until`. `in_doubt`: the carrier may have got a request
    whose answer nobody knows. `void_requested`: not wanted any more when the carrier has, or may have, a waybill; a worker has it voided there. What
    becomes of a package that was handed over the carrier says.
    """

    number_prefix = "SHP"

    order = models.ForeignKey("fulfillment.Order", on_delete=models.PROTECT, related_name="shipments")
    packing_task = models.ForeignKey("fulfillment.PackingTask", on_delete=models.PROTECT, related_name="shipments")
    package = models.ForeignKey("fulfillment.Package", on_delete=models.PROTECT, related_name="shipments")
    provider = models.ForeignKey(DeliveryProvider, on_delete=models.PROTECT, db_index=False, related_name="shipments")
    status = FSMField(default=ShipmentStatus.REQUESTED, choices=ShipmentStatus.choices, protected=True)
    external_id = models.CharField("carrier's shipment id", max_length=100, blank=True)
    tracking_number = models.CharField(max_length=100, blank=True)
    label_url = models.URLField(max_length=1000, blank=True)
    carrier_status = models.CharField(max_length=50, blank=True)
    estimated_delivery = models.DateField(null=True, blank=True)
    carrier_status_at = models.DateTimeField(null=True, blank=True, editable=False)
    polled_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the carrier was last asked how it fares.")
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by", help_text="The former shipment of the same package."
    )
    request = models.JSONField(null=True, blank=True, editable=False, help_text="What the carrier is asked, word for word, kept before it is asked.")
    in_doubt = models.BooleanField(default=False, editable=False, help_text="A request went out whose answer nobody knows.")
    attempts = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0, editable=False, help_text="How many answers could not be used.")
    waiting_since = models.DateTimeField(default=timezone.now, editable=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    waybill_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the carrier answered with its waybill.")
    handed_over_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancellation_reason = models.CharField(max_length=200, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)
    return_id = models.BigIntegerField(null=True, blank=True, editable=False, help_text="The return that inventory made of it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["package"], condition=Q(status__in=sorted(LIVING_SHIPMENTS)), name="one_living_shipment_per_package")
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(status__in=[ShipmentStatus.REQUESTED, ShipmentStatus.VOID_REQUESTED], next_attempt_at__isnull=False),
                name="shipment_due",
            ),
            models.Index(fields=["tracking_number"], condition=~Q(tracking_number=""), name="shipment_tracking"),
            models.Index(fields=["status", "-id"], name="shipment_by_status"),
            models.Index(F("polled_at").asc(nulls_first=True), "id", condition=Q(status=ShipmentStatus.HANDED_OVER), name="shipment_to_poll"),
        ]

    @property
    def key(self) -> uuid.UUID:
        """Its id towards the carrier: a request for it is made once. The first shipment of a package has the package's; reads the package."""
        return self.package.key if self.replaces_id is None else uuid.uuid5(self.package.key, self.number)

    @transition(field=status, source=ShipmentStatus.REQUESTED, target=ShipmentStatus.CREATED)
    def create(self) -> None:
        """The carrier has made a waybill."""

    @transition(field=status, source=ShipmentStatus.CREATED, target=ShipmentStatus.HANDED_OVER)
    def hand_over(self) -> None:
        """The carrier has the package."""

    @transition(field=status, source=ShipmentStatus.REQUESTED, target=ShipmentStatus.CANCELLED)
    def cancel(self) -> None:
        """The carrier never got a request for it."""

    @transition(
        field=status,
        source=[ShipmentStatus.REQUESTED, ShipmentStatus.CREATED, ShipmentStatus.CANCELLED, ShipmentStatus.VOIDED],
        target=ShipmentStatus.VOID_REQUESTED,
    )
    def request_void(self) -> None:
        """The carrier has a waybill, or may have one, that nobody needs; of one that is closed it says so late."""

    @transition(field=status, source=ShipmentStatus.VOID_REQUESTED, target=ShipmentStatus.VOIDED)
    def void(self) -> None:
        """The carrier has taken its waybill back, or never made one."""

    @transition(field=status, source=ShipmentStatus.HANDED_OVER, target=ShipmentStatus.DELIVERED)
    def deliver(self) -> None:
        """The customer has it."""

    @transition(field=status, source=[ShipmentStatus.HANDED_OVER, ShipmentStatus.DELIVERED], target=ShipmentStatus.RETURNED)
    def come_back(self) -> None:
        """It is back, or on its way back."""

"""A look at picked goods before they are packed."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, transition

from fulfillment.enums import OPEN_QUALITY, QualityDecision, QualityStatus
from fulfillment.models.picking_tasks import PickingTask
from fulfillment.models.tasks import Task
from warehouse.core.documents import Versioned
from warehouse.core.quantities import QuantityField


class QualityRule(Versioned):
    """Which picked goods are looked at: those of an order with a product, of a storefront, of both, or of any; so many per cent of them, by chance.

    Changes through `services.quality_rules`.
    """

    name = models.CharField(max_length=100)
    product = models.ForeignKey("inventory.Product", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    storefront_external_id = models.CharField("storefront", max_length=64, blank=True)
    share = models.PositiveSmallIntegerField("share, %", default=100, validators=[MinValueValidator(1), MaxValueValidator(100)])
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(share__gte=1, share__lte=100), name="quality_rule_share_is_a_percentage")]

    def __str__(self) -> str:
        return self.name


class QualityCheck(Task):
    """The goods of a picking task on the bench: `pending → in_progress → passed | failed`, or cancelled. Changes through `services.quality_checks`.

    Passed, it makes the packing task. Failed, it sends the walker for other goods; what comes then is looked at by a check of its own. `total_items`
    counts the items, `checked_items` those that somebody has looked at.
    """

    number_prefix = "QCK"

    order = models.ForeignKey("fulfillment.Order", on_delete=models.PROTECT, related_name="quality_checks")
    picking_task = models.ForeignKey(PickingTask, on_delete=models.PROTECT, related_name="quality_checks")
    reason = models.CharField(max_length=200, help_text="The rules that asked for it, with what was drawn.")
    status = FSMField(default=QualityStatus.PENDING, choices=QualityStatus.choices, protected=True)
    checked_items = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    # By number, not by time: the clocks of two web servers differ.
    last_pick_id = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="The last scan of its walk that it is about; later ones are for the next check."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["picking_task"], condition=Q(status__in=sorted(OPEN_QUALITY)), name="one_open_quality_check_per_task"),
            models.CheckConstraint(condition=Q(checked_items__lte=F("total_items")), name="checked_items_within_total"),
        ]
        indexes = [
            models.Index(fields=["warehouse", "urgency", "ship_by", "id"], condition=Q(status=QualityStatus.PENDING), name="quality_check_queue"),
            models.Index(fields=["worker"], condition=Q(status=QualityStatus.IN_PROGRESS), name="quality_check_at_hand"),
            models.Index(fields=["status", "-id"], name="quality_check_by_status"),
        ]

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_QUALITY

    @transition(field=status, source=QualityStatus.PENDING, target=QualityStatus.IN_PROGRESS)
    def start(self) -> None:
        """Somebody looks."""

    @transition(field=status, source=QualityStatus.IN_PROGRESS, target=QualityStatus.IN_PROGRESS)
    def hand_on(self) -> None:
        """Another one looks on."""

    @transition(field=status, source=QualityStatus.IN_PROGRESS, target=QualityStatus.PASSED)
    def succeed(self) -> None:
        """All of it is good."""

    @transition(field=status, source=QualityStatus.IN_PROGRESS, target=QualityStatus.FAILED)
    def fail(self) -> None:
        """Some of it is not: that lies in quarantine now."""

    @transition(field=status, source=sorted(OPEN_QUALITY), target=QualityStatus.CANCELLED)
    def cancel(self) -> None:
        """The order is not wanted any more."""


class QualityCheckItem(models.Model):
    """What lies on the bench of one batch, and what was found of it."""

    check_document = models.ForeignKey(QualityCheck, on_delete=models.CASCADE, db_index=False, related_name="items")
    product = models.ForeignKey("inventory.Product", on_delete=models.PROTECT, db_index=False, related_name="+")
    batch = models.ForeignKey("inventory.Batch", on_delete=models.PROTECT, db_index=False, related_name="+")
    batch_location = models.ForeignKey("inventory.BatchLocation", on_delete=models.PROTECT, db_index=False, related_name="+")
    quantity = QuantityField()
    condition_ok = models.BooleanField(null=True, blank=True)
    quantity_ok = models.BooleanField(null=True, blank=True)
    failed_quantity = QuantityField(default=Decimal(0))
    decision = models.CharField(max_length=10, choices=QualityDecision.choices, blank=True)
    note = models.CharField(max_length=200, blank=True)
    photo = models.FileField(upload_to="quality/%Y/%m", blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    quarantined_quantity = QuantityField(
        default=Decimal(0), help_text="What was taken out of the order: the failed ones, with a hold all of the lot."
    )
    quarantined_in = models.ForeignKey(
        "inventory.BatchLocation", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+", help_text="Where they lie then."
    )
    write_off = models.ForeignKey("inventory.WriteOff", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")

    class Meta:
        ordering = ["check_document", "id"]
        constraints = [
            models.UniqueConstraint(fields=["check_document", "batch_location"], name="quality_item_once_per_batch_location"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0)
                & Q(failed_quantity__gte=0)
                & Q(failed_quantity__lte=F("quantity"))
                & Q(quarantined_quantity__gte=0)
                & Q(quarantined_quantity__lte=F("quantity")),
                name="quality_item_quantities",
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"

    @property
    def is_checked(self) -> bool:
        """Whether somebody has looked at it."""
        return self.condition_ok is not None and self.quantity_ok is not None

"""Picked goods that nobody needs any more."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, transition

from fulfillment.enums import PutBackStatus
from warehouse.core.documents import Versioned
from warehouse.core.quantities import QuantityField


class PutBack(Versioned):
    """Free goods of a cancelled order on the bench, to be brought to a shelf: `pending → done`. Changes through `services.put_backs`.

    `picked_at` is when the first of them left the shelf: how long they have been out of its condition. Somebody who has them on the way is the `worker`,
    until `claimed_until`. What was not fit any more went to quarantine: `quarantined_quantity`, a part of `done_quantity`.
    """

    order = models.ForeignKey("fulfillment.Order", on_delete=models.PROTECT, related_name="put_backs")
    picking_task = models.ForeignKey("fulfillment.PickingTask", on_delete=models.PROTECT, db_index=False, related_name="put_backs")
    warehouse = models.ForeignKey("inventory.Warehouse", on_delete=models.PROTECT, db_index=False, related_name="+")
    product = models.ForeignKey("inventory.Product", on_delete=models.PROTECT, db_index=False, related_name="+")
    batch = models.ForeignKey("inventory.Batch", on_delete=models.PROTECT, db_index=False, related_name="+")
    batch_location = models.ForeignKey(
        "inventory.BatchLocation", on_delete=models.PROTECT, db_index=False, related_name="+", help_text="Where they lie on the bench."
    )
    from_location = models.ForeignKey(
        "inventory.Location",
        on_delete=models.PROTECT,
        db_index=False,
        related_name="+",
        help_text="The shelf they were picked from: a good place to bring them.",
    )
    quantity = QuantityField()
    done_quantity = QuantityField(default=Decimal(0))
    quarantined_quantity = QuantityField(default=Decimal(0))
    status = FSMField(default=PutBackStatus.PENDING, choices=PutBackStatus.choices, protected=True)
    picked_at = models.DateTimeField(null=True, blank=True, help_text="When the first of them left the shelf.")
    worker = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    note = models.CharField(max_length=200, blank=True, help_text="Why goods went to quarantine.")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(done_quantity__gte=0) & Q(done_quantity__lte=F("quantity")), name="put_back_quantities"
            ),
            models.CheckConstraint(
                condition=Q(quarantined_quantity__gte=0) & Q(quarantined_quantity__lte=F("done_quantity")), name="put_back_quarantined_is_done"
            ),
        ]
        indexes = [
            models.Index(fields=["warehouse", "id"], condition=Q(status=PutBackStatus.PENDING), name="put_back_pending"),
            models.Index(fields=["worker"], condition=Q(status=PutBackStatus.PENDING, worker__isnull=False), name="put_back_at_hand"),
        ]

    def __str__(self) -> str:
        return f"put-back {self.pk}"

    @property
    def remaining(self) -> Decimal:
        """What still lies on the bench."""
        return self.quantity - self.done_quantity

    @transition(field=status, source=PutBackStatus.PENDING, target=PutBackStatus.DONE)
    def finish(self) -> None:
        """Nothing of it is left on the bench: it lies on shelves again, or, what was not put back, was written off."""

"""Goods to be put into packages."""

from __future__ import annotations

import uuid
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django_fsm import FSMField, transition

from fulfillment.enums import OPEN_PACKING, PackagingType, PackingItemStatus, PackingStatus
from fulfillment.models.picking_tasks import PickingTask
from fulfillment.models.serials import next_sscc
from fulfillment.models.shipments import DEFAULT_DIVISOR, DeliveryProvider
from fulfillment.models.tasks import Task
from warehouse.core.quantities import QuantityField

if TYPE_CHECKING:
    from collections.abc import Iterable


class PackingTask(Task):
    """The picked goods of one picking task: `pending → in_progress → packed → shipped`, or cancelled. Changes through `services.packing_tasks`.

    `tracking_number` and `label_url` are those of the first package; `packed_items` counts the items that are fully packed.
    """

    number_prefix = "PAK"

    order = models.ForeignKey("fulfillment.Order", on_delete=models.PROTECT, related_name="packing_tasks")
    picking_task = models.OneToOneField(PickingTask, on_delete=models.PROTECT, related_name="packing_task")
    provider = models.ForeignKey(DeliveryProvider, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    status = FSMField(default=PackingStatus.PENDING, choices=PackingStatus.choices, protected=True)
    packed_items = models.PositiveIntegerField(default=0)
    tracking_number = models.CharField(max_length=100, blank=True)
    label_url = models.URLField(max_length=1000, blank=True)
    packed_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(packed_items__lte=F("total_items")), name="packed_items_within_total")]
        indexes = [
            models.Index(fields=["warehouse", "urgency", "ship_by", "id"], condition=Q(status=PackingStatus.PENDING), name="packing_task_queue"),
            models.Index(fields=["worker"], condition=Q(status=PackingStatus.IN_PROGRESS), name="packing_task_at_hand"),
            models.Index(fields=["status", "-id"], name="packing_task_by_status"),
        ]

    @property
    def first_package(self) -> Package | None:
        """The package whose details the task shows; uses prefetched packages."""
        packages: Iterable[Package] = self.packages.all()
        return min(packages, key=lambda package: package.sequence_number, default=None)

    @transition(field=status, source=PackingStatus.PENDING, target=PackingStatus.IN_PROGRESS)
    def start(self) -> None:
        """Somebody packs it."""

    @transition(field=status, source=PackingStatus.IN_PROGRESS, target=PackingStatus.IN_PROGRESS)
    def hand_on(self) -> None:
        """Another one packs on."""

    @transition(field=status, source=PackingStatus.IN_PROGRESS, target=PackingStatus.PACKED)
    def pack(self) -> None:
        """Every item is in a package, every package is measured."""

    @transition(field=status, source=PackingStatus.PACKED, target=PackingStatus.SHIPPED)
    def ship(self) -> None:
        """The carrier has it."""

    @transition(field=status, source=sorted(OPEN_PACKING), target=PackingStatus.CANCELLED)
    def cancel(self) -> None:
        """It will not be shipped."""


class PackingTaskItem(models.Model):
    """What lies on the bench of one batch, to be packed."""

    task = models.ForeignKey(PackingTask, on_delete=models.CASCADE, db_index=False, related_name="items")
    product = models.ForeignKey("inventory.Product", on_delete=models.PROTECT, db_index=False, related_name="+")
    batch = models.ForeignKey("inventory.Batch", on_delete=models.PROTECT, db_index=False, related_name="+")
    batch_location = models.ForeignKey("inventory.BatchLocation", on_delete=models.PROTECT, db_index=False, related_name="+")
    listing_id = models.CharField("listing", max_length=64, blank=True)
    quantity = QuantityField()
    packed_quantity = QuantityField(default=Decimal(0))
    status = FSMField(default=PackingItemStatus.PENDING, choices=PackingItemStatus.choices, protected=True)
    packed_at = models.DateTimeField(null=True, blank=True)
    actual_quantity = QuantityField(null=True, blank=True, help_text="What a weighed item really is, once it was weighed.")
    surplus_pick = models.OneToOneField(
        "fulfillment.Pick",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What was brought to the bench beyond the promise, because the scale showed more.",
    )

    class Meta:
        ordering = ["task", "id"]
        constraints = [
            models.UniqueConstraint(fields=["task", "batch_location"], name="packing_item_once_per_batch_location"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(packed_quantity__gte=0) & Q(packed_quantity__lte=F("quantity")), name="packing_item_quantities"
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"

    @property
    def remaining(self) -> Decimal:
        """What is still to be packed."""
        return self.quantity - self.packed_quantity

    @property
    def progress(self) -> Decimal:
        """Packed per cent."""
        return (self.packed_quantity * 100 / self.quantity).quantize(Decimal("0.1"))

    @transition(field=status, source=PackingItemStatus.PENDING, target=PackingItemStatus.FULLY_PACKED)
    def finish(self) -> None:
        """All of it is in packages."""

    @transition(field=status, source=PackingItemStatus.FULLY_PACKED, target=PackingItemStatus.PENDING)
    def reopen(self) -> None:
        """Some of it was taken out again."""


class Package(models.Model):
    """A box, bag or pallet. Weight in kilograms, sides in centimetres. `key` is its id towards the partners: a request for it is made once.

    `own_weight` is what it weighs empty. `weight_reason` says why it weighs otherwise than its goods and itself should; it is asked for again when its
    contents change.
    """

    packing_task = models.ForeignKey(PackingTask, on_delete=models.CASCADE, db_index=False, related_name="packages")
    sequence_number = models.PositiveIntegerField()
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    barcode = models.CharField(max_length=40, unique=True, editable=False)
    packaging_type = models.CharField(max_length=8, choices=PackagingType.choices, default=PackagingType.BOX)
    box_type = models.ForeignKey("fulfillment.BoxType", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    sscc = models.CharField("SSCC", max_length=18, editable=False, help_text="Its number in the world, by GS1.")
    own_weight = models.DecimalField("own weight, kg", max_digits=10, decimal_places=3, null=True, blank=True)
    weight = models.DecimalField("weight, kg", max_digits=10, decimal_places=3, null=True, blank=True)
    weight_reason = models.CharField("why that weight", max_length=200, blank=True)
    length = models.DecimalField("length, cm", max_digits=10, decimal_places=2, null=True, blank=True)
    width = models.DecimalField("width, cm", max_digits=10, decimal_places=2, null=True, blank=True)
    height = models.DecimalField("height, cm", max_digits=10, decimal_places=2, null=True, blank=True)
    tracking_number = models.CharField(max_length=100, blank=True)
    label_url = models.URLField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["packing_task", "sequence_number"]
        constraints = [
            models.UniqueConstraint(fields=["packing_task", "sequence_number"], name="package_sequence_once"),
            models.UniqueConstraint(fields=["sscc"], condition=~Q(sscc=""), name="package_sscc_once"),
            models.CheckConstraint(condition=~Q(sscc=""), name="package_has_sscc"),
            models.CheckConstraint(condition=Q(weight__gt=0) & Q(length__gt=0) & Q(width__gt=0) & Q(height__gt=0), name="package_measures_positive"),
        ]

    def __str__(self) -> str:
        return self.barcode

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding and not self.sscc:
            self.sscc = next_sscc()
        super().save(*args, **kwargs)

    @property
    def is_measured(self) -> bool:
        """Whether weight and all sides are known."""
        return None not in (self.weight, self.length, self.width, self.height)

    @property
    def volumetric_weight(self) -> Decimal | None:
        """L × W × H over the provider's divisor, in kilograms; None until it is measured."""
        if self.length is None or self.width is None or self.height is None:
            return None
        provider = self.packing_task.provider
        divisor = provider.volumetric_divisor if provider else DEFAULT_DIVISOR
        return (self.length * self.width * self.height / divisor).quantize(Decimal("0.001"))

    @property
    def chargeable_weight(self) -> Decimal | None:
        """What the carrier charges for: the larger of weight and volumetric weight, in kilograms; None until it is measured."""
        if self.weight is None or self.volumetric_weight is None:
            return None
        return max(self.weight, self.volumetric_weight)


class PackageItem(models.Model):
    """Which goods are in which package."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, db_index=False, related_name="items")
    item = models.ForeignKey(PackingTaskItem, on_delete=models.CASCADE, related_name="package_items")
    quantity = QuantityField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["package", "item"], name="package_item_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="package_item_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"package item {self.pk}"

    @property
    def real_quantity(self) -> Decimal:
        """What was packed; of a weighed item its share of what the scale said, in steps of the product, so that the shares of all packages are just that.

        Reads the item's product, and for a weighed item all its `package_items` (prefetch them).
        """
        actual = self.item.actual_quantity
        if actual is None:
            return self.quantity
        before = sum((part.quantity for part in self.item.package_items.all() if part.pk < self.pk), Decimal(0))
        return self._share(actual, before + self.quantity) - self._share(actual, before)

    def _share(self, actual: Decimal, quantity: Decimal) -> Decimal:
        step = self.item.product.quantity_step
        return (actual * quantity / self.item.quantity / step).to_integral_value(ROUND_FLOOR) * step


class PackScan(models.Model):
    """Goods that one scan of a packer put into a package; `key` is that scan's, which may have filled items of several lots.

    The scans in a package that are not undone are what is in it; goods that move to another package take their scans with them. One that was undone
    is kept though its package is taken away (`removed_package` names it then).
    """

    key = models.UUIDField(editable=False)
    package = models.ForeignKey(Package, null=True, blank=True, on_delete=models.PROTECT, related_name="scans")
    removed_package = models.CharField(
        max_length=40, blank=True, default="", db_default="", editable=False, help_text="The package that it was in, taken away since."
    )
    item = models.ForeignKey(PackingTaskItem, on_delete=models.CASCADE, db_index=False, related_name="scans")
    quantity = QuantityField()
    scanned_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    scanned_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="pack_scan_positive"),
            models.CheckConstraint(
                condition=Q(package__isnull=False) | (Q(undone_at__isnull=False) & ~Q(removed_package="")), name="pack_scan_somewhere"
            ),
        ]

    def __str__(self) -> str:
        return f"scan {self.pk}"

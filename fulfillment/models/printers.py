"""Label printers in the network, and what was printed on them."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from fulfillment.enums import LabelFormat, LabelKind, PrintStatus
from warehouse.core.documents import Versioned


class Printer(Versioned):
    """A printer that takes labels over a raw socket (port 9100)."""

    warehouse = models.ForeignKey("inventory.Warehouse", on_delete=models.CASCADE, db_index=False, related_name="+")
    name = models.CharField(max_length=100)
    host = models.CharField(max_length=200, help_text="An address or a name within the networks of PRINTER_NETWORKS.")
    port = models.PositiveIntegerField(default=9100, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    label_format = models.CharField(max_length=3, choices=LabelFormat.choices, default=LabelFormat.ZPL)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["warehouse", "name"]
        constraints = [models.UniqueConstraint(fields=["warehouse", "name"], name="printer_name_once_per_warehouse")]

    def __str__(self) -> str:
        return self.name


class LabelPrint(models.Model):
    """A label of a package on its way to a printer: `queued → sending → printed`, or `failed` with what to do in `error`.

    It is sent once. What a worker that died in between has sent is not known: the row fails then, and a person looks and prints again.
    """

    package = models.ForeignKey("fulfillment.Package", on_delete=models.CASCADE, related_name="prints")
    printer = models.ForeignKey(Printer, on_delete=models.PROTECT, related_name="prints")
    kind = models.CharField(max_length=8, choices=LabelKind.choices, default=LabelKind.SHIPPING)
    status = models.CharField(max_length=7, choices=PrintStatus.choices, default=PrintStatus.QUEUED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [models.Index(fields=["id"], condition=Q(status__in=[PrintStatus.QUEUED, PrintStatus.SENDING]), name="label_print_open")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

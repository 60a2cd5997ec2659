"""Freshness clocks of goods that are gone."""

from __future__ import annotations

from django.db import models

from inventory.enums import Condition
from inventory.models.batches import BatchLocation
from warehouse.core.triggers import append_only


class PastClock(models.Model):
    """The clock that a BatchLocation had before it was emptied and filled again by goods with another: what left it earlier may come back.

    It was in force for the lines of the ledger up to `last_movement_id`. Written by `inventory.stock.place` only, under the gate, changed by nobody.
    """

    batch_location = models.ForeignKey(BatchLocation, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="past_clocks")
    consumed_fraction = models.DecimalField(max_digits=22, decimal_places=18)
    clock_started_at = models.DateTimeField()
    clock_condition = models.CharField(max_length=8, choices=Condition.choices, blank=True)
    not_after = models.DateTimeField(null=True)
    frozen_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    last_movement_id = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["batch_location", "last_movement_id"], name="past_clock_of_place")]
        triggers = append_only("past_clock")

    def __str__(self) -> str:
        return f"past clock {self.pk}"

"""What comparing our orders with the order system's remembers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fulfillment.enums import DisagreementKind


class SweepCursor(models.Model):
    """How far a list of the order system has been read: everything that changed there up to `updated_after` is with us, or is an open disagreement.

    Who reads holds it until `leased_until`; `turn` counts who that was, so that one who lost it can't move it any more. Nobody reads before
    `next_attempt_at`: the order system could not be reached.
    """

    name = models.CharField(max_length=30, primary_key=True)
    updated_after = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    turn = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0, help_text="Failures since it last succeeded.")
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class OrderDisagreement(models.Model):
    """An order of which the order system says something else than we do, and that no rule settles. Resolved by itself when both agree again."""

    external_id = models.CharField("order", max_length=80)
    kind = models.CharField(max_length=20, choices=DisagreementKind.choices)
    ours = models.CharField(max_length=50, blank=True)
    theirs = models.CharField(max_length=50, blank=True)
    detail = models.CharField("what to do", max_length=400, blank=True)
    first_seen_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now, editable=False)
    count = models.PositiveIntegerField(default=1)
    resolved_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["external_id"], condition=Q(resolved_at=None), name="one_open_disagreement_per_order")]
        indexes = [models.Index(fields=["last_seen_at"], condition=Q(resolved_at=None), name="disagreement_open")]

    def __str__(self) -> str:
        return f"order {self.external_id}: {self.get_kind_display()}"

"""Forgetting what only protects against repetition, once nobody repeats it any more."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from warehouse.outbox.models import IdempotencyKey, InboxEntry


@shared_task(name="outbox.forget_repetitions")
def forget_repetitions() -> int:
    """Delete idempotency keys and inbox entries older than the setting REPETITION_DAYS. Events are kept: they are the history."""
    old = timezone.now() - timedelta(days=settings.REPETITION_DAYS)
    keys, _ = IdempotencyKey.objects.filter(created_at__lt=old).delete()
    entries, _ = InboxEntry.objects.filter(taken_at__lt=old).delete()
    return keys + entries

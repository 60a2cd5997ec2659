from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from warehouse.outbox.models import IdempotencyKey, InboxEntry
from warehouse.outbox.tasks import forget_repetitions


@pytest.mark.django_db
def test_only_what_is_old_enough_is_forgotten(settings):
    now = timezone.now()
    for key, days in (("old", 31), ("young", 29)):
        IdempotencyKey.objects.create(client="shop", key=key, fingerprint="", answer={}, created_at=now - timedelta(days=days))
        InboxEntry.objects.create(stream="orders", entry_id=key, taken_at=now - timedelta(days=days))

    assert forget_repetitions() == 2

    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["young"]
    assert list(InboxEntry.objects.values_list("entry_id", flat=True)) == ["young"]

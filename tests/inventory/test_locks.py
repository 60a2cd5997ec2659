"""Locks of inventory insist on the transaction that they are to last for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.transaction import TransactionManagementError

from inventory import locks


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lock", [locks.share_products, locks.share_batches, locks.share_locations, locks.lock_batches])
def test_outside_a_transaction_nothing_is_locked(lock: Callable[[list[int]], Any]) -> None:
    with pytest.raises(TransactionManagementError):
        lock([1])

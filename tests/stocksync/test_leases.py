"""Leases outlast what is done under them, however slow a marketplace is."""

from __future__ import annotations

from datetime import timedelta

from pytest_django.fixtures import Settings

from stocksync.marketplaces.base import PATIENCE_SECONDS
from stocksync.services import level_commands, operations
from warehouse.core.partners.http import longest_call


def test_a_batch_of_operations_ends_before_its_claim_does(settings: Settings) -> None:
    """Told at the worst: read, told, refused because it changed meanwhile, read and told again."""
    connect, answer = settings.PARTNER_TIMEOUT_SECONDS
    turn, body = 2, answer
    slowest = timedelta(seconds=4 * (turn + connect + answer + body))
    assert operations.BATCH * slowest < operations.LEASE


def test_a_step_of_a_level_fits_into_its_lease() -> None:
    assert longest_call(level_commands.REQUESTS, PATIENCE_SECONDS) < level_commands.LEASE / 2

"""Random days in two warehouses, done to the real thing and to its shadow alike; after every step both say the same, and the books balance."""

from __future__ import annotations

from typing import Any

from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.inventory.days.counts import Counts
from tests.inventory.days.lots import Lots
from tests.inventory.days.till import Till
from tests.inventory.days.trade import Trade


class Office(Till, Lots, Counts):
    """What papers do: write-offs, transfers, returns, audits; and what is done to lots."""


class Days(Trade, Office):
    """All of it."""


def run(machine: type[RuleBasedStateMachine] = Days, **more: Any) -> None:
    """Run the machine; `more` goes to hypothesis."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    with connection.cursor() as cursor:
        cursor.execute("SET work_mem = '16MB'")
    run_state_machine_as_test(machine, settings=settings(deadline=None, suppress_health_check=checks, **more))

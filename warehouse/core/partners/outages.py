"""Partners that do not answer, in words for whoever looks after them: the same whichever app asks them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from warehouse.core.partners.breaker import CircuitState

# The kind of the alerts about it.
PARTNER_DOWN = "partner_down"
LONG = timedelta(minutes=5)


class Outage(NamedTuple):
    """A partner that has given no answer for long: how an alert names it, what it says, and the facts."""

    subject: str
    message: str
    data: dict[str, Any]


def long_outages(circuits: Iterable[CircuitState]) -> list[Outage]:
    """Partners that gave no answer for more than five minutes, whoever asked."""
    return [
        Outage(
            f"partner:{circuit.partner}",
            f"No answer from {circuit.partner} since {circuit.down_since:%Y-%m-%d %H:%M} UTC. What it is owed waits and is tried again by itself.",
            {"partner": circuit.partner, "circuit": circuit.state, "down_since": circuit.down_since},
        )
        for circuit in circuits
        if circuit.down_for > LONG
    ]

"""How the circuits to all partners stand: for metrics, alerts and whoever looks after them."""

from __future__ import annotations

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN

from fulfillment.partners.delivery import DeliveryClient
from fulfillment.partners.order_system import OrderSystemClient
from warehouse.core.partners.breaker import UNKNOWN, CircuitState

STATES = (STATE_CLOSED, STATE_OPEN, STATE_HALF_OPEN, UNKNOWN)


def circuit_states() -> list[CircuitState]:
    """One for each partner, read without changing it."""
    return [client.circuit_state() for client in (DeliveryClient, OrderSystemClient)]

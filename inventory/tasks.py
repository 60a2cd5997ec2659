"""What Celery does for inventory by itself. The database is the truth: a task that is lost or runs twice changes nothing."""

from __future__ import annotations

from celery import shared_task

from inventory.services.expiry import expire_stock
from inventory.services.reservations import expire_reservations
from warehouse.core.actor import Actor


@shared_task(name="inventory.expire_reservations")
def expire_reservations_task() -> int:
    """Release the promises whose time is up."""
    return expire_reservations(actor=Actor.system("expire_reservations"))


@shared_task(name="inventory.expire_stock")
def expire_stock_task() -> int:
    """Take what has become too short dated out of the figures."""
    return expire_stock(actor=Actor.system("expire_stock"))

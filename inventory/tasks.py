"""What Celery does for inventory by itself. The database is the truth: a task that is lost or runs twice changes nothing."""

from __future__ import annotations

from celery import shared_task

from inventory.flows import send_alerts
from inventory.services.alerts import evaluate_alerts
from inventory.services.discounts import follow_discounts
from inventory.services.expiry import expire_stock
from inventory.services.markdowns import mark_down
from inventory.services.reservations import expire_reservations
from inventory.services.write_off_drafts import draft_expired_write_offs
from warehouse.core.actor import Actor


@shared_task(name="inventory.expire_reservations")
def expire_reservations_task() -> int:
    """Release the promises whose time is up."""
    return expire_reservations(actor=Actor.system("expire_reservations"))


@shared_task(name="inventory.expire_stock")
def expire_stock_task() -> int:
    """Take what has become too short dated out of the figures."""
    return expire_stock(actor=Actor.system("expire_stock"))


@shared_task(name="inventory.follow_discounts")
def follow_discounts_task() -> int:
    """Let prices follow the discounts that have begun or ended."""
    return follow_discounts(actor=Actor.system("follow_discounts"))


@shared_task(name="inventory.mark_down")
def mark_down_task() -> int:
    """Mark down what has little of its life left, and end the markdowns of what is fresh again."""
    return mark_down(actor=Actor.system("mark_down"))


@shared_task(name="inventory.evaluate_alerts")
def evaluate_alerts_task() -> None:
    """Raise and resolve the alerts."""
    evaluate_alerts(actor=Actor.system("evaluate_alerts"))


@shared_task(name="inventory.send_alerts")
def send_alerts_task() -> int:
    """Tell the channels of the alerts that they were not told of."""
    return send_alerts()


@shared_task(name="inventory.draft_expired_write_offs")
def draft_expired_write_offs_task() -> int:
    """Draft write-offs for what has expired."""
    return draft_expired_write_offs(actor=Actor.system("draft_expired_write_offs"))

"""Statuses owed to the order system: a debt in the database, paid between two transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from fulfillment.enums import OrderStatus
from fulfillment.locks import lock_order, lock_status_report, lock_unsent_reports
from fulfillment.models import Order, StatusReport
from fulfillment.services import stuck
from fulfillment.services.background import REPORT_STATUS
from fulfillment.services.progress import settle
from warehouse.core.actor import Actor, Role
from warehouse.core.background import soon
from warehouse.core.errors import Conflict
from warehouse.core.partners.http import longest_call
from warehouse.core.transactions import operation

# Twice what telling it may take; a worker that died is followed by another after it.
LEASE = 2 * longest_call(1)
# Then the order system is owed a report, should it ever lack one.
GONE_FAR = {OrderStatus.READY_FOR_SHIPMENT, OrderStatus.SHIPPED}


@dataclass(frozen=True, slots=True)
class ClaimedReport:
    """What is to be told. `attempt` counts from 0; `lease` proves, when the report is laid down, that nobody else took it since."""

    id: int
    attempt: int
    lease: datetime
    order_external_id: str
    status: str
    message: str


@operation()
def claim_status_report(report_id: int, *, actor: Actor) -> ClaimedReport | None:
    """Take the right to tell it for a while; None when it is not to be told now, or somebody else does. Locks the report alone."""
    report = lock_status_report(report_id, wait=False)
    now = timezone.now()
    if report is None or report.next_attempt_at is None or report.next_attempt_at > now or (report.leased_until and report.leased_until > now):
        return None
    report.attempts += 1
    report.leased_until = lease = now + LEASE
    report.save(update_fields=["attempts", "leased_until"])
    return ClaimedReport(report.pk, report.attempts - 1, lease, report.order.external_id, report.status, report.message)


@operation()
def record_status_sent(claimed: ClaimedReport, *, actor: Actor) -> None:
    """The order system knows; its alert is resolved. Another message than the one it was told now is still owed. Locks the report alone.

    One that another worker took since is left to that one, which tells the same again.
    """
    report = _still_claimed(claimed)
    if report is None:
        return
    if report.message != claimed.message:
        report.leased_until = None
        report.save(update_fields=["leased_until"])
        soon(REPORT_STATUS, report.pk)
        return
    stuck.resolve_alert_of(report, actor=actor)
    report.sent_at, report.next_attempt_at, report.leased_until, report.last_error = timezone.now(), None, None, ""
    report.save(update_fields=["sent_at", "next_attempt_at", "leased_until", "last_error"])


@operation()
def postpone_status_report(
    claimed: ClaimedReport, error: str, next_attempt_at: datetime | None, *, actor: Actor, answered: bool = False, asked: bool = True
) -> None:
    """It could not be told: a worker tries again at that time, or nobody does until a person says so. Locks the report alone.

    `answered`: the try counts; after `SHIPMENT_MAX_ATTEMPTS` of them a person has to look. Not `asked`: the try is as if it had never been. An alert is
    opened when a person has to look, and after some hours without an answer. One that another worker took since is left to that one.
    """
    report = _still_claimed(claimed)
    if report is None:
        return
    report.answered += answered
    if not asked:
        report.attempts = max(report.attempts - 1, 0)
    enough = report.answered >= settings.SHIPMENT_MAX_ATTEMPTS
    report.last_error, report.next_attempt_at, report.leased_until = error[:2000], None if enough else next_attempt_at, None
    report.save(update_fields=["last_error", "next_attempt_at", "leased_until", "answered", "attempts"])
    stuck.tell_if_stuck(report, actor=actor)


@operation(Role.INTEGRATION)
def report_order_status(order_id: int, *, actor: Actor, expected_version: int | None = None) -> Order:
    """Have the order system told now what it has not been told of an order, also what it refused, or what was never noted; their alerts are resolved.

    Locks the order, then its reports. Raises Conflict when nothing is owed.
    """
    order = lock_order(order_id, expected_version)
    if order.status in GONE_FAR:
        settle(order, actor=actor)
    owed = lock_unsent_reports(order)
    if not owed:
        raise Conflict(f"{order}: the order system knows every status it is to know.")
    for report in owed:
        report.order = order
        stuck.resolve_alert_of(report, actor=actor)
        report.next_attempt_at = report.waiting_since = timezone.now()
        report.answered = 0
        report.save(update_fields=["next_attempt_at", "waiting_since", "answered"])
        soon(REPORT_STATUS, report.pk)
    return order


def _still_claimed(claimed: ClaimedReport) -> StatusReport | None:
    report = lock_status_report(claimed.id, wait=True)
    return report if report is not None and report.leased_until == claimed.lease else None

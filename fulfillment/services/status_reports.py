"""Statuses owed to the order system: a debt in the database, paid between two transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from fulfillment.locks import lock_order, lock_status_report, lock_unsent_reports
from fulfillment.models import Order, StatusReport
from fulfillment.services.background import REPORT_STATUS, soon
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound
from warehouse.core.transactions import operation

LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ClaimedReport:
    """What is to be told. `attempt` counts from 0."""

    id: int
    attempt: int
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
    report.leased_until = now + LEASE
    report.save(update_fields=["attempts", "leased_until"])
    return ClaimedReport(report.pk, report.attempts - 1, report.order.external_id, report.status, report.message)


@operation()
def record_status_sent(report_id: int, *, actor: Actor) -> None:
    """The order system knows. Locks the report alone."""
    report = _lock(report_id)
    report.sent_at, report.next_attempt_at, report.leased_until, report.last_error = timezone.now(), None, None, ""
    report.save(update_fields=["sent_at", "next_attempt_at", "leased_until", "last_error"])


@operation()
def postpone_status_report(report_id: int, error: str, next_attempt_at: datetime | None, *, actor: Actor) -> None:
    """It could not be told: a worker tries again at that time, or nobody does until a person says so. Locks the report alone."""
    report = _lock(report_id)
    report.last_error, report.next_attempt_at, report.leased_until = error[:2000], next_attempt_at, None
    report.save(update_fields=["last_error", "next_attempt_at", "leased_until"])


@operation(Role.INTEGRATION)
def report_order_status(order_id: int, *, actor: Actor, expected_version: int | None = None) -> Order:
    """Have the order system told now what it has not been told of an order, also what it refused. Locks the order, then its reports.

    Raises Conflict when nothing is owed.
    """
    order = lock_order(order_id, expected_version)
    owed = lock_unsent_reports(order)
    if not owed:
        raise Conflict(f"{order}: the order system knows every status it is to know.")
    for report in owed:
        report.next_attempt_at = timezone.now()
        report.save(update_fields=["next_attempt_at"])
        soon(REPORT_STATUS, report.pk)
    return order


def _lock(report_id: int) -> StatusReport:
    report = lock_status_report(report_id, wait=True)
    if report is None:
        raise NotFound(f"There is no status report {report_id}.", kind="statusreport", id=report_id)
    return report

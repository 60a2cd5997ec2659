"""Alerts about what the partners are owed and do not take: a waybill that does not come, one that is not voided, a status that can't be told.

Opened at once by the operation that sees it, and again by the job, which finds what no operation saw: a worker that never came to an end.
"""

from __future__ import annotations

from fulfillment.models import Shipment, StatusReport
from fulfillment.queries import stuck
from inventory import orchestrator
from warehouse.core.actor import Actor
from warehouse.core.transactions import operation

AlertDraft = orchestrator.AlertDraft


def tell_if_stuck(row: Shipment | StatusReport, *, actor: Actor) -> None:
    """Open the alert of a locked row, which is saved, when a person has to look, or somebody should know that it takes long."""
    if stuck.is_stuck(row):
        draft = stuck.draft_of(row)
        orchestrator.open_alert.inside(
            stuck.kind_of(row),
            draft.subject,
            message=draft.message,
            severity=draft.severity,
            data=draft.data,
            warehouse_id=draft.warehouse_id,
            actor=actor,
        )


def resolve_alert_of(row: Shipment | StatusReport, *, actor: Actor) -> None:
    """Resolve the alert of a locked row, if it has one: it has got on, or is tried again. One statement."""
    orchestrator.resolve_alert.inside(stuck.kind_of(row), stuck.subject_of(row), actor=actor)


@operation()
def watch_partners(*, actor: Actor) -> int:
    """Make the open alerts those of what is stuck now. Returns how many are new. Locks the alerts of the two kinds, one after the other."""
    shipments = [stuck.draft_of(row) for row in stuck.stuck_shipments()]
    new = orchestrator.settle_alerts.inside(stuck.SHIPMENT_STUCK, shipments, actor=actor)
    reports = [stuck.draft_of(row) for row in stuck.stuck_reports()]
    return new + orchestrator.settle_alerts.inside(stuck.REPORT_STUCK, reports, actor=actor)

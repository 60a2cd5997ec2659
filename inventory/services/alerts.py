"""What somebody should look at: one open alert per cause, raised, counted and resolved in sets. Sending them: `inventory.flows`."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from inventory.enums import AlertKind, Severity
from inventory.locks import lock_alert, lock_alerts_of_kind
from inventory.models import Alert
from inventory.queries.alerts import AlertDraft, current_causes, stock_subject
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict
from warehouse.core.jobs import one_by_one
from warehouse.core.transactions import operation

# Told by the stock events at once; the job settles them too.
OF_STOCK = (AlertKind.LOW_STOCK, AlertKind.OUT_OF_STOCK)
MESSAGE_LENGTH = 300
# Decimals and times as text.
_AS_JSON = functools.partial(json.dumps, cls=DjangoJSONEncoder)

_RAISE = """
    INSERT INTO inventory_alert (kind, subject, severity, message, data, warehouse_id, product_id, first_seen_at, last_seen_at, count)
    SELECT %(kind)s::text, d.subject, d.severity, d.message, d.data, d.warehouse_id, d.product_id, %(at)s::timestamptz, %(at)s::timestamptz, 1
    FROM unnest(%(subjects)s::text[], %(severities)s::text[], %(messages)s::text[], %(data)s::jsonb[], %(warehouses)s::bigint[], %(products)s::bigint[])
         AS d (subject, severity, message, data, warehouse_id, product_id)
    ORDER BY d.subject
    ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO UPDATE
    SET count = inventory_alert.count + 1, last_seen_at = excluded.last_seen_at, severity = excluded.severity, message = excluded.message,
        data = excluded.data
    RETURNING id, count
"""

_RESOLVE = """
    UPDATE inventory_alert SET resolved_at = %(at)s::timestamptz
    WHERE kind = %(kind)s::text AND resolved_at IS NULL AND NOT subject = ANY(%(subjects)s::text[])
      AND (%(among)s::text[] IS NULL OR subject = ANY(%(among)s::text[]))
"""


def evaluate_alerts(*, actor: Actor) -> None:
    """The job: compare every kind with what there is now, each in its own transaction. A kind that is busy waits for the next run."""
    one_by_one(partial(evaluate_kind, actor=actor), AlertKind, told="evaluate the alerts of a kind")


@operation()
def evaluate_kind(kind: AlertKind, *, actor: Actor, stock_ids: Iterable[int] | None = None) -> None:
    """Raise what there is of this kind and resolve what is gone; of kinds that speak of totals only these totals, if they are named.

    Locks the alerts of the kind, so that of two at once the one that reads later has the last word. Five statements for any number of causes.
    """
    lock_alerts_of_kind(kind)
    ids = None if stock_ids is None else list(stock_ids)
    among = None if ids is None else [stock_subject(pk) for pk in ids]
    settle_alerts.inside(kind, current_causes(kind, ids), among=among, actor=actor)


@operation()
def settle_alerts(kind: str, current: Sequence[AlertDraft], *, actor: Actor, among: Iterable[str] | None = None) -> int:
    """Make the open alerts of a kind those of `current`: new causes are inserted, known ones counted and told anew, gone ones resolved.

    `among`: only the alerts of these subjects may be resolved (default: of all). Locks the alerts of the kind. Returns how many are new.
    Three statements for any number of causes.
    """
    lock_alerts_of_kind(kind)
    now = timezone.now()
    drafts = list({draft.subject: draft for draft in current}.values())
    subjects = [draft.subject for draft in drafts]
    known = None if among is None else list(among)
    with connection.cursor() as cursor:
        cursor.execute(_RESOLVE, {"kind": kind, "subjects": subjects, "among": known, "at": now})
        cursor.execute(_RAISE, _values(kind, drafts) | {"at": now})
        return sum(count == 1 for _, count in cursor.fetchall())


@operation()
def open_alert(
    kind: str,
    subject: str,
    *,
    message: str,
    actor: Actor,
    severity: Severity = Severity.WARNING,
    data: dict[str, Any] | None = None,
    warehouse_id: int | None = None,
    product_id: int | None = None,
) -> Alert:
    """Say that something is wrong with one subject: a new alert, or one more sighting of the open one. One statement, two with the answer."""
    draft = AlertDraft(subject, severity, message, data or {}, warehouse_id, product_id)
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, _values(kind, [draft]) | {"at": timezone.now()})
        ((pk, _),) = cursor.fetchall()
    return Alert.objects.get(pk=pk)


@operation()
def resolve_alert(kind: str, subject: str, *, actor: Actor) -> bool:
    """Say that what was wrong with the subject is gone. Whether there was an open alert; one statement."""
    return bool(Alert.objects.filter(kind=kind, subject=subject, resolved_at=None).update(resolved_at=timezone.now()))


@operation(Role.RECEIVER, Role.AUDITOR)
def acknowledge_alert(alert_id: int, *, actor: Actor) -> Alert:
    """Say that somebody looks after it; it stays open until its cause is gone. Locks the alert.

    Raises NotFound, and Conflict when it is resolved or somebody else does already.
    """
    alert = lock_alert(alert_id)
    if alert.resolved_at is not None:
        raise Conflict("The cause of this alert is gone: there is nothing to look after.", alert=alert_id)
    if alert.acknowledged_at is not None:
        who = alert.acknowledged_by.get_username() if alert.acknowledged_by else "somebody"
        raise Conflict(f"{who} looks after this since {alert.acknowledged_at:%Y-%m-%d %H:%M} UTC.", alert=alert_id)
    alert.acknowledged_at, alert.acknowledged_by_id = timezone.now(), actor.user_id
    alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
    return alert


def _values(kind: str, drafts: Sequence[AlertDraft]) -> dict[str, Any]:
    return {
        "kind": kind,
        "subjects": [draft.subject for draft in drafts],
        "severities": [draft.severity for draft in drafts],
        "messages": [draft.message[:MESSAGE_LENGTH] for draft in drafts],
        "data": [Jsonb(draft.data, dumps=_AS_JSON) for draft in drafts],
        "warehouses": [draft.warehouse_id for draft in drafts],
        "products": [draft.product_id for draft in drafts],
    }

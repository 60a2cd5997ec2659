"""The kinds of work that inventory offers on the floor."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from inventory.queries import floor
from inventory.queries.count_requests import places_asked_for
from inventory.screens.lookup import LOOKUP
from inventory.services.audit_counts import record_count
from inventory.services.moving import move_stock, put_away
from inventory.services.receiving import receive_item
from inventory.services.return_inspection import inspect_return
from warehouse.core.actor import Actor
from warehouse.core.screens import Work


def _receivings(warehouse_id: int, actor: Actor) -> int:
    return floor.open_receivings(warehouse_id).count()


def _on_docks(warehouse_id: int, actor: Actor) -> int:
    return floor.on_docks(warehouse_id).count()


def _to_count(warehouse_id: int, actor: Actor) -> int:
    """Audits that are being counted, and places where goods were missed; one statement, for everybody's home screen."""
    audits = floor.running_audits(warehouse_id).order_by().values_list("pk")
    return audits.union(places_asked_for(warehouse_id).order_by().values_list("location").distinct(), all=True).count()


def _returns(warehouse_id: int, actor: Actor) -> int:
    return floor.open_returns(warehouse_id).count()


def _nothing_waits(warehouse_id: int, actor: Actor) -> None:
    """What one does when one wants to."""


WORK = [
    Work(_("Receive"), "floor:receive", receive_item, _receivings),
    Work(_("Put away"), "floor:put_away", put_away, _on_docks),
    Work(_("Move"), "floor:move", move_stock, _nothing_waits),
    Work(_("Count"), "floor:count", record_count, _to_count),
    Work(_("Returns"), "floor:returns", inspect_return, _returns),
    Work(_("Look up"), "floor:lookup", LOOKUP, _nothing_waits),
]

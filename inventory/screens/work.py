"""The kinds of work that inventory offers on the floor."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from inventory.queries import floor
from inventory.screens.lookup import LOOKUP
from inventory.services.receiving import receive_item
from warehouse.core.actor import Actor
from warehouse.core.screens import Work


def _receivings(warehouse_id: int, actor: Actor) -> int:
    return floor.open_receivings(warehouse_id).count()


def _nothing_waits(warehouse_id: int, actor: Actor) -> None:
    """What one does when one wants to."""


WORK = [
    Work(_("Receive"), "floor:receive", receive_item, _receivings),
    Work(_("Look up"), "floor:lookup", LOOKUP, _nothing_waits),
]

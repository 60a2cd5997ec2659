"""What was moved last at a site on a floor screen, kept in the session under the screen's own key for its undo."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from inventory.models import Warehouse
from inventory.screens.once import once, posted_token
from inventory.services.moving import move_stock
from warehouse.core.actor import Actor
from warehouse.core.screens import RIGHT, Feedback


def last_move(request: HttpRequest, key: str, warehouse: Warehouse) -> dict[str, Any] | None:
    """What was done last at this site."""
    last: dict[str, Any] | None = request.session.get(key)
    return last if last and last["warehouse"] == warehouse.pk else None


def take_back(request: HttpRequest, key: str, warehouse: Warehouse, actor: Actor) -> Feedback | None:
    """Move it back where it came from; None for a tap that came twice, or when it came from nowhere."""
    last = last_move(request, key, warehouse)
    if not last or not last["from"] or posted_token(request) != last["token"]:
        return None
    say = Feedback(RIGHT, _("Taken back"), last["name"])
    quantity = Decimal(last["quantity"])
    said, _done = once(last["token"], move_stock, last["row"], quantity, last["from"], actor=actor, say=lambda row: say, reason="taken back")
    request.session.pop(key)
    return said

"""Where a scanned tote leads: to what is to be done with the goods in it."""

from __future__ import annotations

from django.urls import reverse

from fulfillment.enums import PickingStatus
from fulfillment.models import PackingTask
from fulfillment.queries.floor import in_tote
from fulfillment.queries.picking_batches import holders_of
from fulfillment.services.packages import pack_item
from fulfillment.services.picks import pick_item
from warehouse.core.actor import Actor


def screen_of_tote(warehouse_id: int, code: str, actor: Actor) -> str | None:
    """The screen of the packing task whose goods lie in the tote, else of the walk on which it stands on the cart; None for what is no tote in use."""
    ours = code.upper()
    packing = in_tote(PackingTask.objects.filter(warehouse=warehouse_id), ours) if pack_item.allowed(actor) else None
    if packing is not None:
        return reverse("floor:pack_task", args=[packing.pk])
    walked = holders_of(ours, warehouse_id).filter(status=PickingStatus.IN_PROGRESS).first() if pick_item.allowed(actor) else None
    return None if walked is None else reverse("floor:pick_task", args=[walked.pk])

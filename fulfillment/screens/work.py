"""The kinds of work that fulfilment offers on the floor."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from fulfillment.queries import floor, pick_ups, quality
from fulfillment.queries.picking_batches import batches_waiting, my_picking_batch, my_single_task
from fulfillment.services.hand_over import hand_over_shipments
from fulfillment.services.packages import pack_item
from fulfillment.services.picks import pick_item
from fulfillment.services.put_backs import complete_put_back
from fulfillment.services.quality_checks import record_quality_finding
from warehouse.core.actor import Actor
from warehouse.core.screens import Work


def _picks(warehouse_id: int, actor: Actor) -> int:
    person = actor.user_id
    at_hand = person is not None and (my_picking_batch(warehouse_id, person) or my_single_task(warehouse_id, person)) is not None
    return floor.picks_waiting(warehouse_id) + batches_waiting(warehouse_id).count() + at_hand


def _checks(warehouse_id: int, actor: Actor) -> int:
    mine = actor.user_id is not None and quality.my_check(warehouse_id, actor.user_id) is not None
    return quality.checks_waiting(warehouse_id).count() + mine


def _packs(warehouse_id: int, actor: Actor) -> int:
    mine = actor.user_id is not None and floor.my_packing_task(warehouse_id, actor.user_id) is not None
    return floor.packs_waiting(warehouse_id).count() + mine


def _put_backs(warehouse_id: int, actor: Actor) -> int:
    return floor.put_backs_for(warehouse_id, actor.user_id).count()


def _parcels(warehouse_id: int, actor: Actor) -> int:
    return pick_ups.ready_parcels(warehouse_id).count()


WORK = [
    Work(_("Pick"), "floor:pick", pick_item, _picks),
    Work(_("Quality check"), "floor:quality", record_quality_finding, _checks),
    Work(_("Pack"), "floor:pack", pack_item, _packs),
    Work(_("Hand over"), "floor:hand_over", hand_over_shipments, _parcels),
    Work(_("Put back"), "floor:put_back", complete_put_back, _put_backs),
]

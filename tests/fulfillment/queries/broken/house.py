"""A house with one product, brought as far on the way of an order as a test needs."""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment.models import Order, PackingTask, PickingTask, PutBack, Shipment
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import ship_packing_task
from fulfillment.services.waybills import Waybill, claim_shipment, keep_shipment_request, record_waybill
from inventory.models import Product
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, picked
from tests.factories.inventory import Site
from warehouse.core.actor import Role


@dataclass
class House:
    site: Site
    product: Product

    def accepted(self) -> Order:
        return order_for([(self.product, 10)], external_id="7")

    def half_picked(self) -> PickingTask:
        self.accepted()
        picker = person(Role.PICKER)
        task = begun(PickingTask.objects.get(), picker)
        pick(task.items.get(), picker, 7)
        return task

    def to_pack(self) -> PackingTask:
        self.accepted()
        return picked(PickingTask.objects.get(), person(Role.PICKER))

    def packed(self) -> Shipment:
        packed(self.to_pack(), person(Role.PACKER))
        return Shipment.objects.get()

    def ready(self) -> Shipment:
        shipment = self.packed()
        claimed = claim_shipment(shipment.pk, actor=ACTOR)
        assert claimed is not None
        keep_shipment_request(claimed, {}, actor=ACTOR)
        return record_waybill(shipment.pk, Waybill("w-1", "TRACK-1", "", "created", None), actor=ACTOR)

    def shipped(self) -> PackingTask:
        return ship_packing_task(self.ready().packing_task_id, actor=ACTOR)

    def put_back(self) -> PutBack:
        self.half_picked()
        process_order_cancelled("listings", "7", "", actor=ACTOR)
        return PutBack.objects.get()

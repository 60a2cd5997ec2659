"""Fulfilment's addresses under `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from fulfillment.api.box_types import BoxTypes
from fulfillment.api.disagreements import OrderDisagreements
from fulfillment.api.labels import LabelPrints, Packages
from fulfillment.api.orders import Orders
from fulfillment.api.packing_tasks import PackingTasks
from fulfillment.api.picking_batches import PickingBatches
from fulfillment.api.picking_tasks import PickingTasks
from fulfillment.api.printers import Printers
from fulfillment.api.put_backs import PutBacks
from fulfillment.api.quality_checks import QualityChecks
from fulfillment.api.quality_rules import QualityRules
from fulfillment.api.shipments import Shipments
from fulfillment.api.walk_settings import WalkSettingsOfWarehouses
from fulfillment.api.waves import Waves


def register(router: SimpleRouter) -> None:
    """Give every resource its address."""
    router.register("orders", Orders, basename="orders")
    router.register("order-disagreements", OrderDisagreements, basename="order-disagreements")
    router.register("waves", Waves, basename="waves")
    router.register("picking-tasks", PickingTasks, basename="picking-tasks")
    router.register("picking-batches", PickingBatches, basename="picking-batches")
    router.register("packing-tasks", PackingTasks, basename="packing-tasks")
    router.register("shipments", Shipments, basename="shipments")
    router.register("put-backs", PutBacks, basename="put-backs")
    router.register("quality-checks", QualityChecks, basename="quality-checks")
    router.register("quality-rules", QualityRules, basename="quality-rules")
    router.register("box-types", BoxTypes, basename="box-types")
    router.register("packages", Packages, basename="packages")
    router.register("printers", Printers, basename="printers")
    router.register("walk-settings", WalkSettingsOfWarehouses, basename="walk-settings")
    router.register("label-prints", LabelPrints, basename="label-prints")

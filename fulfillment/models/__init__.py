from fulfillment.models.box_types import BoxType
from fulfillment.models.missing import MissingGoods
from fulfillment.models.orders import Order, OrderLine, StatusReport
from fulfillment.models.packing_tasks import Package, PackageItem, PackingTask, PackingTaskItem, PackScan
from fulfillment.models.picking_batches import PickingBatch
from fulfillment.models.picking_tasks import Pick, PickingTask, PickingTaskItem
from fulfillment.models.printers import LabelPrint, Printer
from fulfillment.models.put_backs import PutBack
from fulfillment.models.quality_checks import QualityCheck, QualityCheckItem, QualityRule
from fulfillment.models.shipments import DeliveryProvider, Shipment
from fulfillment.models.sweeps import OrderDisagreement, SweepCursor
from fulfillment.models.walks import WalkSettings
from fulfillment.models.waves import Wave

__all__ = [
    "BoxType",
    "DeliveryProvider",
    "LabelPrint",
    "MissingGoods",
    "Order",
    "OrderDisagreement",
    "OrderLine",
    "PackScan",
    "Package",
    "PackageItem",
    "PackingTask",
    "PackingTaskItem",
    "Pick",
    "PickingBatch",
    "PickingTask",
    "PickingTaskItem",
    "Printer",
    "PutBack",
    "QualityCheck",
    "QualityCheckItem",
    "QualityRule",
    "Shipment",
    "StatusReport",
    "SweepCursor",
    "WalkSettings",
    "Wave",
]

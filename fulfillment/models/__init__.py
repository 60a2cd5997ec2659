from fulfillment.models.orders import Order, OrderLine, StatusReport
from fulfillment.models.packing_tasks import Package, PackageItem, PackingTask, PackingTaskItem
from fulfillment.models.picking_tasks import Pick, PickingTask, PickingTaskItem
from fulfillment.models.put_backs import PutBack
from fulfillment.models.shipments import DeliveryProvider, Shipment

__all__ = [
    "DeliveryProvider",
    "Order",
    "OrderLine",
    "Package",
    "PackageItem",
    "PackingTask",
    "PackingTaskItem",
    "Pick",
    "PickingTask",
    "PickingTaskItem",
    "PutBack",
    "Shipment",
    "StatusReport",
]

"""Who works in the background, and the tasks that operations ask for with `soon`; what a lost message leaves behind, the sweeps of `fulfillment.tasks` find."""

from __future__ import annotations

from warehouse.core.actor import Actor

# Who does what nobody asked for.
ACTOR = Actor.system("worker")

REQUEST_SHIPMENT = "fulfillment.tasks.request_shipment"
VOID_SHIPMENT = "fulfillment.tasks.void_shipment"
REPORT_STATUS = "fulfillment.tasks.report_status"
PRINT_QUEUED = "fulfillment.tasks.print_queued"
RETRY_DUE_ORDERS = "fulfillment.tasks.retry_due_orders"

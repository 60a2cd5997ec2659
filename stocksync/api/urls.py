"""Stock synchronisation's addresses under `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from stocksync.api.channels import Channels, Reports
from stocksync.api.discrepancies import Discrepancies
from stocksync.api.levels import Levels
from stocksync.api.operations import Operations, OperationSteps, PendingOperations
from stocksync.api.orders import ChannelOrders
from stocksync.api.sync import StockSync


def register(router: SimpleRouter) -> None:
    """Give every resource its address."""
    router.register("stock-sync/pending", PendingOperations, basename="stock-sync-pending")
    router.register("stock-sync/operations", Operations, basename="stock-sync-operations")
    router.register("stock-sync/orders", ChannelOrders, basename="stock-sync-orders")
    router.register("stock-sync/discrepancies", Discrepancies, basename="stock-sync-discrepancies")
    router.register("stock-sync/levels", Levels, basename="stock-sync-levels")
    router.register("stock-sync/channels", Channels, basename="stock-sync-channels")
    router.register("stock-sync/reports", Reports, basename="stock-sync-reports")
    router.register("stock-sync", OperationSteps, basename="stock-sync-steps")
    router.register("stock-sync", StockSync, basename="stock-sync")

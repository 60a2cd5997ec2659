from stocksync.models.channels import Channel, ChannelCredentials
from stocksync.models.discrepancies import Discrepancy
from stocksync.models.levels import LevelCommand, ListingLevel
from stocksync.models.operations import PendingStockOperation, StockSynchronizationLog
from stocksync.models.orders import ChannelOrder, ChannelOrderLine
from stocksync.models.reports import SyncReport

__all__ = [
    "Channel",
    "ChannelCredentials",
    "ChannelOrder",
    "ChannelOrderLine",
    "Discrepancy",
    "LevelCommand",
    "ListingLevel",
    "PendingStockOperation",
    "StockSynchronizationLog",
    "SyncReport",
]

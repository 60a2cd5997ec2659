"""The tasks that operations ask for with `soon`; what a lost message leaves behind, the jobs of `stocksync.tasks` find."""

from __future__ import annotations

PROCESS_OPERATION = "stocksync.process_operation"
PUSH_LEVELS = "stocksync.push_levels"
RECONCILE = "stocksync.reconcile_stock_states"
FOLLOW_LEVELS = "stocksync.follow_levels"
READ_CHANNEL = "stocksync.read_channel"

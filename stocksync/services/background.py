"""Who works in the background, and the tasks that operations ask for with `soon`; what a lost message leaves behind, the jobs of `stocksync.tasks` find."""

from __future__ import annotations

from warehouse.core.actor import Actor

# Who does what nobody asked for.
ACTOR = Actor.system("stock-sync")

PROCESS_OPERATION = "stocksync.process_operation"
PUSH_LEVELS = "stocksync.push_levels"
RECONCILE = "stocksync.reconcile_stock_states"
FOLLOW_LEVELS = "stocksync.follow_levels"
READ_CHANNEL = "stocksync.read_channel"

"""The one door to inventory: the operations that others need, each as `name` and `name.inside`, and readings, with the words they speak. Other apps import
from here only; what only inventory's own faces and jobs do stands in its services."""

from inventory.enums import DocumentType, LocationKind, PhaseChange, Severity, WriteOffReason
from inventory.errors import InsufficientStock, MoreThanShipped, PlaceNotAllowed, TooLongOut, UnfitNow, UnknownProduct, UnknownWarehouse
from inventory.events import (
    AUDIT_COMPLETED,
    BATCH_MIXED,
    BATCH_RELEASED,
    INVENTORY_MOVED,
    RESERVATION_RELEASED,
    STOCK_CHANGED,
    STOCK_REALLOCATED,
    STOCK_RECEIVED,
    STOCK_RELEASED,
    WRITE_OFF_CONFIRMED,
)
from inventory.queries.alerts import AlertDraft
from inventory.queries.availability import Availability, get_availability
from inventory.queries.channel_levels import NamedProduct, products_by_sku, sellable_in, what_order_holds
from inventory.queries.cycle_counts import suggest_cycle_count
from inventory.queries.held_goods import HeldGoods, held_goods
from inventory.queries.ledger import LedgerLine, ledger_of
from inventory.queries.locations import Place, active_warehouses, default_location, find_warehouse, places_of
from inventory.queries.lot_families import made_of
from inventory.queries.offline_sales import SaleConflict, SaleLine
from inventory.queries.order_lines import OrderedLine, resolve_lines
from inventory.queries.product_names import product_named, skus_of
from inventory.queries.promises import Reserved, ReservedItem, get_reserved_items
from inventory.queries.put_away import suggest_places
from inventory.queries.returns import Shipped, shipped_under
from inventory.queries.scan import Scanned, find_by_scan, is_taken_code
from inventory.queries.site_maps import SitePlace, site_map
from inventory.queries.stock import explain_reservation, free_in, get_location_stock, get_low_stock, get_product_stock
from inventory.queries.tracing import trace_batch
from inventory.services.alerts import acknowledge_alert, evaluate_alerts, open_alert, resolve_alert, settle_alerts
from inventory.services.audit_adjustment import adjust_stock
from inventory.services.audit_completion import complete_audit
from inventory.services.audit_counts import add_found_goods, count_again, record_count, scan_audit_place, update_audit_items
from inventory.services.audits import cancel_audit, change_audit, create_audit, start_audit
from inventory.services.consumption import consume_reservation, take_gates_of
from inventory.services.count_requests import count_requested_places, dismiss_count_request, request_count
from inventory.services.discounts import apply_discount, end_discount, follow_discounts
from inventory.services.expiry import expire_stock
from inventory.services.markdowns import mark_down
from inventory.services.mixing import MixSource, mix_batches, split_mixed_batch
from inventory.services.moving import Move, move_goods, move_stock, put_away
from inventory.services.offline_sales import check_offline_sale_conflict, process_offline_sale
from inventory.services.order_promises import promise_order
from inventory.services.order_sales import sell_for_order
from inventory.services.overrides import reallocate_item
from inventory.services.phases import change_phase
from inventory.services.picks import PickedItem, UnpickedItem, pick_reserved, put_back, unpick_reserved
from inventory.services.quarantine import Quarantined, quarantine_picked
from inventory.services.recalls import Withdrawal, hold_batch, recall_batch, release_hold
from inventory.services.receiving import (
    ReceivingLine,
    add_item,
    cancel_receiving,
    change_item,
    change_receiving,
    create_receiving,
    place_stock,
    receive_at_once,
    receive_item,
    remove_item,
    start_receiving,
)
from inventory.services.receiving_confirmation import confirm_receiving
from inventory.services.reservations import (
    expire_reservation,
    expire_reservations,
    extend_reservation,
    release_items,
    release_order,
    release_reservation,
    reserve_for_order,
)
from inventory.services.return_completion import complete_return
from inventory.services.return_inspection import Finding, attach_return_photo, inspect_return
from inventory.services.returns import ReturnLine, add_return_item, cancel_return, change_return, create_return, remove_return_item
from inventory.services.sale_reversal import CameBack, return_sold
from inventory.services.short_promises import ShortPart, reallocate_short
from inventory.services.splitting import split_batch
from inventory.services.stock_settings import set_low_stock_threshold
from inventory.services.surplus import bring_surplus
from inventory.services.transfer_steps import cancel_transfer, receive_transfer, send_transfer
from inventory.services.transfers import TransferLine, add_transfer_item, change_transfer, create_transfer, remove_transfer_item
from inventory.services.write_off_confirmation import approve_write_off, confirm_write_off
from inventory.services.write_off_drafts import draft_expired_write_offs, write_off_stock
from inventory.services.write_offs import (
    WriteOffLine,
    add_write_off_item,
    cancel_write_off,
    change_write_off,
    create_write_off,
    remove_stock,
    remove_write_off_item,
)

__all__ = [
    "AUDIT_COMPLETED",
    "BATCH_MIXED",
    "BATCH_RELEASED",
    "INVENTORY_MOVED",
    "RESERVATION_RELEASED",
    "STOCK_CHANGED",
    "STOCK_REALLOCATED",
    "STOCK_RECEIVED",
    "STOCK_RELEASED",
    "WRITE_OFF_CONFIRMED",
    "AlertDraft",
    "Availability",
    "CameBack",
    "DocumentType",
    "Finding",
    "HeldGoods",
    "InsufficientStock",
    "LedgerLine",
    "LocationKind",
    "MixSource",
    "MoreThanShipped",
    "Move",
    "NamedProduct",
    "OrderedLine",
    "PhaseChange",
    "PickedItem",
    "Place",
    "PlaceNotAllowed",
    "Quarantined",
    "ReceivingLine",
    "Reserved",
    "ReservedItem",
    "ReturnLine",
    "SaleConflict",
    "SaleLine",
    "Scanned",
    "Severity",
    "Shipped",
    "ShortPart",
    "SitePlace",
    "TooLongOut",
    "TransferLine",
    "UnfitNow",
    "UnknownProduct",
    "UnknownWarehouse",
    "UnpickedItem",
    "Withdrawal",
    "WriteOffLine",
    "WriteOffReason",
    "acknowledge_alert",
    "active_warehouses",
    "add_found_goods",
    "add_item",
    "add_return_item",
    "add_transfer_item",
    "add_write_off_item",
    "adjust_stock",
    "apply_discount",
    "approve_write_off",
    "attach_return_photo",
    "bring_surplus",
    "cancel_audit",
    "cancel_receiving",
    "cancel_return",
    "cancel_transfer",
    "cancel_write_off",
    "change_audit",
    "change_item",
    "change_phase",
    "change_receiving",
    "change_return",
    "change_transfer",
    "change_write_off",
    "check_offline_sale_conflict",
    "complete_audit",
    "complete_return",
    "confirm_receiving",
    "confirm_write_off",
    "consume_reservation",
    "count_again",
    "count_requested_places",
    "create_audit",
    "create_receiving",
    "create_return",
    "create_transfer",
    "create_write_off",
    "default_location",
    "dismiss_count_request",
    "draft_expired_write_offs",
    "end_discount",
    "evaluate_alerts",
    "expire_reservation",
    "expire_reservations",
    "expire_stock",
    "explain_reservation",
    "extend_reservation",
    "find_by_scan",
    "find_warehouse",
    "follow_discounts",
    "free_in",
    "get_availability",
    "get_location_stock",
    "get_low_stock",
    "get_product_stock",
    "get_reserved_items",
    "held_goods",
    "hold_batch",
    "inspect_return",
    "is_taken_code",
    "ledger_of",
    "made_of",
    "mark_down",
    "mix_batches",
    "move_goods",
    "move_stock",
    "open_alert",
    "pick_reserved",
    "place_stock",
    "places_of",
    "process_offline_sale",
    "product_named",
    "products_by_sku",
    "promise_order",
    "put_away",
    "put_back",
    "quarantine_picked",
    "reallocate_item",
    "reallocate_short",
    "recall_batch",
    "receive_at_once",
    "receive_item",
    "receive_transfer",
    "record_count",
    "release_hold",
    "release_items",
    "release_order",
    "release_reservation",
    "remove_item",
    "remove_return_item",
    "remove_stock",
    "remove_transfer_item",
    "remove_write_off_item",
    "request_count",
    "reserve_for_order",
    "resolve_alert",
    "resolve_lines",
    "return_sold",
    "scan_audit_place",
    "sell_for_order",
    "sellable_in",
    "send_transfer",
    "set_low_stock_threshold",
    "settle_alerts",
    "shipped_under",
    "site_map",
    "skus_of",
    "split_batch",
    "split_mixed_batch",
    "start_audit",
    "start_receiving",
    "suggest_cycle_count",
    "suggest_places",
    "take_gates_of",
    "trace_batch",
    "unpick_reserved",
    "update_audit_items",
    "what_order_holds",
    "write_off_stock",
]

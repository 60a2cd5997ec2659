"""The one door to inventory: every operation, each as `name` and `name.inside`, with the words they speak. Other apps import from here only."""

from inventory.enums import DocumentType, LocationKind
from inventory.errors import InsufficientStock, PlaceNotAllowed, Shortage, UnfitNow, UnknownProduct, UnknownWarehouse
from inventory.events import STOCK_CHANGED, STOCK_RECEIVED, STOCK_RELEASED
from inventory.queries.availability import Availability, get_availability
from inventory.queries.locations import Place, default_location, find_warehouse, places_of
from inventory.queries.order_lines import OrderedLine, resolve_lines
from inventory.queries.scan import Scanned, find_by_scan
from inventory.queries.stock import explain_reservation, get_location_stock, get_low_stock, get_product_stock
from inventory.services.consumption import consume_reservation
from inventory.services.discounts import apply_discount, end_discount, follow_discounts
from inventory.services.expiry import expire_stock
from inventory.services.order_promises import promise_order
from inventory.services.picks import PickedItem, pick_reserved, put_back
from inventory.services.promises import Reserved, ReservedItem
from inventory.services.receiving import (
    ReceivingLine,
    add_item,
    cancel_receiving,
    create_receiving,
    place_stock,
    receive_at_once,
    receive_item,
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
from inventory.services.stock_settings import set_low_stock_threshold
from inventory.services.write_off_confirmation import approve_write_off, confirm_write_off
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
    "STOCK_CHANGED",
    "STOCK_RECEIVED",
    "STOCK_RELEASED",
    "Availability",
    "DocumentType",
    "InsufficientStock",
    "LocationKind",
    "OrderedLine",
    "PickedItem",
    "Place",
    "PlaceNotAllowed",
    "ReceivingLine",
    "Reserved",
    "ReservedItem",
    "Scanned",
    "Shortage",
    "UnfitNow",
    "UnknownProduct",
    "UnknownWarehouse",
    "WriteOffLine",
    "add_item",
    "add_write_off_item",
    "approve_write_off",
    "apply_discount",
    "cancel_receiving",
    "cancel_write_off",
    "change_write_off",
    "confirm_receiving",
    "confirm_write_off",
    "consume_reservation",
    "create_receiving",
    "create_write_off",
    "default_location",
    "end_discount",
    "expire_reservation",
    "expire_reservations",
    "expire_stock",
    "explain_reservation",
    "extend_reservation",
    "find_by_scan",
    "find_warehouse",
    "follow_discounts",
    "get_availability",
    "get_location_stock",
    "get_low_stock",
    "get_product_stock",
    "pick_reserved",
    "place_stock",
    "places_of",
    "promise_order",
    "put_back",
    "receive_at_once",
    "receive_item",
    "release_items",
    "release_order",
    "release_reservation",
    "remove_stock",
    "remove_write_off_item",
    "reserve_for_order",
    "resolve_lines",
    "set_low_stock_threshold",
    "start_receiving",
]

"""Errors of inventory, beside the common family of `warehouse.core.errors`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.quantities import plain


@dataclass(frozen=True, slots=True)
class Shortage:
    """One line that can't be promised: what was asked, what there was, and what was passed over and why."""

    product_id: int
    sku: str
    warehouse_id: int | None
    asked: Decimal
    available: Decimal
    skipped: tuple[dict[str, Any], ...] = ()

    def as_data(self) -> dict[str, Any]:
        return asdict(self) | {"asked": str(self.asked), "available": str(self.available), "skipped": list(self.skipped)}


class InsufficientStock(Conflict):
    """Not enough to promise. `errors` lists every short line, not only the first."""

    code = "insufficient_stock"
    title = "Not enough stock"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        text = "; ".join(f"{s.sku}: asked {plain(s.asked)}, available {plain(s.available)}" for s in shortages)
        super().__init__(f"Not enough stock. {text}.", errors=[shortage.as_data() for shortage in shortages])
        self.shortages = tuple(shortages)


class UnknownProduct(ValidationFailed):
    """A SKU, listing or barcode that names no active product. `errors` lists every one."""

    code = "unknown_product"
    title = "Unknown product"
    status = 422


class UnknownWarehouse(ValidationFailed):
    """A warehouse that does not exist or is not active."""

    code = "unknown_warehouse"
    title = "Unknown warehouse"
    status = 422


class BooksDisagree(Conflict):
    """The rows that a change met are not the rows it was planned on. Nothing was written; a programming error or a hand in the database."""

    code = "books_disagree"
    title = "The books do not allow this change"


class ShortDated(ValidationFailed):
    """Goods that are expired on arrival, or keep for less than the product asks for. `errors` lists every such line."""

    code = "short_dated"
    title = "Too short dated"
    status = 422


class LotMismatch(Conflict):
    """A lot that is known with another expiry: probably a typing error. `errors` lists every such line."""

    code = "lot_mismatch"
    title = "Known lot, other expiry"


class UnfitNow(Conflict):
    """Goods that are promised, but may not leave: expired, held, recalled, or their place was closed."""

    code = "unfit_now"
    title = "These goods may not leave"


class PlaceNotAllowed(ValidationFailed):
    """A place where the product may not live, or that is not of this warehouse."""

    code = "place_not_allowed"
    title = "Not in this place"
    status = 422


class TooLongOut(Conflict):
    """Goods that lay out of the conditions they can live in for too long to be sold: they go to quarantine. `data` says how long, and how long they may."""

    code = "too_long_out"
    title = "Too long out of the cold"


class GoodsPromised(Conflict):
    """Goods that are promised to orders, and that nobody said may be taken from them. `errors` lists the reservations."""

    code = "goods_promised"
    title = "These goods are promised"


class CountAgain(Conflict):
    """Counts that can't be booked: they are to be made again. `errors` lists every such line."""

    code = "count_again"
    title = "To be counted again"


class MoreThanShipped(Conflict):
    """More is to come back under an order than the ledger shipped under it, less what came back. `errors` lists every such line."""

    code = "more_than_shipped"
    title = "More than was shipped"

    def __init__(self, told: str, lines: Sequence[Mapping[str, Any]]) -> None:
        names = [f"{line['sku']} lot {line['lot']}" if "lot" in line else line["sku"] for line in lines]
        text = "; ".join(f"{name}: asked {line['asked']}, may come back {line['may_come_back']}" for name, line in zip(names, lines, strict=True))
        super().__init__(f"{told}. {text}.", errors=[dict(line) for line in lines])


class PromiseMoved(Conflict):
    """An order is promised these goods from another place now. `errors` lists the places."""

    code = "promise_moved"
    title = "Promised from another place now"


class FileRefused(ValidationFailed):
    """A file with faults: nothing of it was taken. `errors` names row, field and what was expected; `faults` counts them all."""

    code = "file_refused"
    title = "The file has faults"

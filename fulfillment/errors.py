"""Errors of fulfilment, beside the common family of `warehouse.core.errors`."""

from __future__ import annotations

from warehouse.core.errors import Conflict, ValidationFailed


class WrongScan(ValidationFailed):
    """Something else was scanned than what the task asks for. `data` says what was expected and what was scanned."""

    code = "wrong_scan"
    title = "Wrong scan"
    status = 422


class Surplus(Conflict):
    """More than the task still needs. `data` says how much is missing and how much was given."""

    code = "surplus"
    title = "Too much"


class WorkLeft(Conflict):
    """A task can't be closed: `errors` lists what is left to do."""

    code = "work_left"
    title = "Not finished yet"


class WeightDiffers(Conflict):
    """A package weighs otherwise than its goods and its box should. `errors` says what it weighs and what it should; a reason lets it pass."""

    code = "weight_differs"
    title = "The weight does not fit"


class NoWaybill(Conflict):
    """A label that goes out is printed when the carrier has answered. `data` names the packages that wait."""

    code = "no_waybill"
    title = "No waybill yet"


class CartTooSmall(Conflict):
    """More than fits on one cart. `data` says by which limits; the warehouse's walk settings hold them."""

    code = "cart_too_small"
    title = "More than the cart takes"

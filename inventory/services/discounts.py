"""Reductions of prices on storefronts' pages. They start and end by themselves: `follow_discounts` is the job that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.utils import timezone

from inventory.enums import DiscountKind, DiscountReason
from inventory.locks import lock_listings, lock_listings_of
from inventory.models import Discount, StorefrontProduct
from inventory.queries.prices import listings_to_reprice
from inventory.services.pricing import LARGEST_PRICE, NewPrice, write_prices
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.jobs import in_parts, one_by_one
from warehouse.core.quantities import plain
from warehouse.core.transactions import operation

AT_ONCE = 500


@operation(Role.INTEGRATION)
def apply_discount(
    *,
    kind: str,
    value: Decimal,
    actor: Actor,
    product_id: int | None = None,
    listing_ids: Iterable[int] = (),
    reason: str = DiscountReason.MANUAL,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    note: str = "",
) -> list[Discount]:
    """Reduce the price of these pages, or of all pages of the product (there may be none), from `valid_from` (now) until before `valid_to` (until ended).

    `percent`: more than 0 and less than 100; `fixed`: an amount in the page's currency that leaves something of each page's price. Locks the pages, after
    stock and reservations where it runs inside another operation. Emits inventory.price.changed for what costs less at once. Raises ValidationFailed
    naming every page whose price the amount would use up, NotFound. Three statements for any number of pages.
    """
    now = timezone.now()
    amount = _judge_value(kind, value)
    start = valid_from or now
    _judge_period(start, valid_to, now)
    _judge_word(reason)
    pages = lock_listings_of([product_id]) if product_id is not None else list(lock_listings(listing_ids).values())
    if product_id is None and not pages:
        raise ValidationFailed("Say what gets the discount: a product or listings.", errors=[{"field": "listing_ids", "code": "required"}])
    if kind == DiscountKind.FIXED:
        _refuse_giving_away(pages, amount)
    discounts = Discount.objects.bulk_create(
        Discount(
            storefront_product=page,
            kind=kind,
            value=amount,
            reason=reason,
            valid_from=start,
            valid_to=valid_to,
            note=note,
            created_by_id=actor.user_id,
        )
        for page in pages
    )
    write_prices([NewPrice.unchanged(page) for page in pages], reason=_told(reason, note), actor=actor)
    return discounts


@operation(Role.INTEGRATION)
def end_discount(discount_id: int, *, actor: Actor) -> Discount:
    """End a discount now; one that has not begun never will. Locks its page. Emits inventory.price.changed.

    Raises NotFound, and Conflict when it has ended already or is the markdown's, which ends by itself.
    """
    listing_id = Discount.objects.filter(pk=discount_id).values_list("storefront_product", flat=True).first()
    if listing_id is None:
        raise NotFound(f"There is no discount {discount_id}.", kind="discount", id=discount_id)
    page = lock_listings([listing_id])[listing_id]
    discount = Discount.objects.get(pk=discount_id)
    now = timezone.now()
    if discount.automatic:
        raise Conflict("This discount is made by the markdown steps and ends by itself; change the steps instead.", discount=discount_id)
    if discount.valid_to is not None and discount.valid_to <= now:
        raise Conflict(f"This discount has ended already, at {discount.valid_to:%Y-%m-%d %H:%M} UTC.", discount=discount_id)
    discount.valid_to = max(now, discount.valid_from)
    discount.save(update_fields=["valid_to"])
    write_prices([NewPrice.unchanged(page)], reason="discount ended", actor=actor)
    return discount


def follow_discounts(*, actor: Actor) -> int:
    """The job that follows the clock: pages whose discount has begun or ended get their price, some at a time, each lot in its own transaction.

    Returns how many pages it looked at. A lot that is busy stays for the next run and does not keep the others waiting.
    """
    due = listings_to_reprice()
    one_by_one(partial(reprice, actor=actor), in_parts(due, AT_ONCE), told="give pages the price of their discounts")
    return len(due)


@operation()
def reprice(listing_ids: Sequence[int], *, actor: Actor) -> None:
    """Find the best discount of each page anew. Locks the pages; emits inventory.price.changed for those whose price changes by it. Two statements."""
    pages = lock_listings(listing_ids)
    write_prices([NewPrice.unchanged(page) for page in pages.values()], reason="a discount began or ended", actor=actor)


def _judge_value(kind: str, value: Decimal) -> Decimal:
    """The value as the column keeps it. Raises ValidationFailed for what is no discount."""
    if kind not in DiscountKind.values:
        raise _refused("kind", f"A discount is one of {', '.join(DiscountKind.values)}, not {kind!r}.")
    limit = Decimal(100) if kind == DiscountKind.PERCENT else LARGEST_PRICE
    if not (value.is_finite() and 0 < value < limit):
        raise _refused("value", f"A discount of {value!s:.40} is none: more than 0 and less than {plain(limit)}.")
    if value != round(value, 4):
        raise _refused("value", f"{value!s:.40} is finer than a ten-thousandth.")
    return value


def _judge_period(start: datetime, end: datetime | None, now: datetime) -> None:
    if end is not None and end <= max(start, now):
        raise _refused("valid_to", "A discount ends after it starts, and not in the past.")


def _judge_word(reason: str) -> None:
    if reason not in DiscountReason.values:
        raise _refused("reason", f"The reason is one of {', '.join(DiscountReason.values)}, not {reason!r}.")


def _refuse_giving_away(pages: Iterable[StorefrontProduct], amount: Decimal) -> None:
    errors: list[dict[str, Any]] = [
        {"listing": page.external_listing_id, "price": plain(page.price), "currency": page.currency, "asked": plain(amount)}
        for page in pages
        if page.price <= amount
    ]
    if errors:
        text = "; ".join(f"{error['listing']}: the price is {error['price']} {error['currency']}" for error in errors)
        raise ValidationFailed(f"A discount of {plain(amount)} leaves nothing of the price. {text}.", errors=errors)


def _refused(field: str, text: str) -> ValidationFailed:
    return ValidationFailed(text, errors=[{"field": field, "code": "invalid", "detail": text}])


def _told(reason: str, note: str) -> str:
    label = str(DiscountReason(reason).label)
    return f"discount: {label}, {note}" if note else f"discount: {label}"

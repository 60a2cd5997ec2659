"""The moment when returned goods come onto the books again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import DiscountKind, DiscountReason, DocumentType, MovementType, ReturnDecision, WriteOffOrigin, WriteOffReason
from inventory.errors import MoreThanShipped
from inventory.locks import lock_listings_of, lock_return, lock_returns_of, share_batches, share_products
from inventory.models import Discount, Return, ReturnItem, WriteOff
from inventory.queries.returns import shipped_under
from inventory.services.pricing import NewPrice, write_prices
from inventory.services.return_goods import GoodsBack, goods_of
from inventory.services.return_inspection import require_decided
from inventory.services.write_offs import WriteOffLine, confirm_write_off, make_write_off
from inventory.stock.gate import Gate, StockKey, lock_stock
from inventory.stock.place import place
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.columns import write_columns
from warehouse.core.documents import take
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event, publish

_BOUND = ("batch_location_id", "new_expires_at", "discount_id", "write_off_id")


@operation(Role.RECEIVER)
def complete_return(return_id: int, *, actor: Actor, expected_version: int | None = None) -> Return:
    """Bring the goods back as the inspection decided: to their places with the clock they have now; at a discount on every page of the product until
    they expire; or into quarantine and off the books again by a write-off (`quality_issue`, without approval) in the same transaction.

    Locks the document, the order's returns, the products FOR KEY SHARE, the batches FOR SHARE, the gates, then the pages. Ledger `return_to_stock`,
    `write_off`; events stock.changed, inventory.writeOff.confirmed, inventory.price.changed, inventory.return.completed. Raises MoreThanShipped when more
    would come back than the ledger shipped under the order, ShortDated for what expired since the inspection, PlaceNotAllowed, StaleVersion,
    TransitionRefused. The number of statements does not grow with the lines.
    """
    document = lock_return(return_id, expected_version)
    take(document, "complete")
    lock_returns_of(document.order_ref)
    items = list(document.items.select_related("product", "batch").order_by("pk"))
    _judge(document, items)
    share_products({item.product_id for item in items})
    share_batches({item.batch_id for item in items})
    gate = lock_stock({StockKey(document.warehouse_id, item.product_id) for item in items}, create=True)
    _refuse_more_than_shipped(document, items)
    now = timezone.now()
    goods, lives = goods_of(document, items, now)
    spots = place([one.arrival for one in goods], lives, actor=actor)
    entries = [Entry(spot, MovementType.RETURN_TO_STOCK, one.item.quantity, ZERO) for spot, one in zip(spots, goods, strict=True)]
    header = Header(
        actor=actor, document_type=DocumentType.RETURN, document_id=document.pk, order_ref=document.order_ref, reason=document.customer_reason
    )
    post(entries, header)
    places = {one.item.pk: spot for spot, one in zip(spots, goods, strict=True)}
    write_off = _write_off(document, goods, places, actor)
    discounts = _discount(document, goods, now, actor)
    _bind(goods, places, write_off, discounts)
    document.completed_at = now
    document.save_changes("status", "completed_at")
    publish([_completed(document, goods, gate, write_off)], actor=actor)
    return document


def _judge(document: Return, items: Sequence[ReturnItem]) -> None:
    require_decided(document, items)
    for item in items:
        require_step(item.quantity, item.product.quantity_step, sku=item.product.sku, zero_allowed=False)


def _refuse_more_than_shipped(document: Return, items: Sequence[ReturnItem]) -> None:
    """Judged again under the lock of the order's returns: what stands in the ledger decides, whatever was claimed when the lines were written."""
    asked: dict[int, Decimal] = defaultdict(Decimal)
    for item in items:
        asked[item.batch_id] += item.quantity
    shipped = {row.batch_id: row for row in shipped_under(document.order_ref)}
    faults: list[dict[str, Any]] = []
    for item in items:
        row = shipped.get(item.batch_id)
        left = row.quantity - row.back if row else ZERO
        if asked.get(item.batch_id, ZERO) > left:
            faults.append(
                {"sku": item.product.sku, "lot": item.batch.lot_number, "asked": plain(asked.pop(item.batch_id)), "may_come_back": plain(left)}
            )
    if faults:
        raise MoreThanShipped(f"More than was shipped under {document.order_ref}", faults)


def _write_off(document: Return, goods: Sequence[GoodsBack], places: Mapping[int, int], actor: Actor) -> WriteOff | None:
    lines = [
        WriteOffLine(places[one.item.pk], one.item.quantity, WriteOffReason.QUALITY_ISSUE, one.item.inspection_note)
        for one in goods
        if not one.for_sale
    ]
    if not lines:
        return None
    made = make_write_off(
        warehouse_id=document.warehouse_id, lines=lines, notes=f"{document} of {document.order_ref}", origin=WriteOffOrigin.RETURN, actor=actor
    )
    return confirm_write_off.inside(made.pk, actor=actor)


def _discount(document: Return, goods: Sequence[GoodsBack], now: datetime, actor: Actor) -> dict[tuple[int, Decimal], Discount]:
    """Reduce the prices of the products' pages that sell this site's goods until they expire; returns the first page's discount by (product, percent).

    All pages are locked in one ordered statement, therefore not by `apply_discount`, which does it product by product.
    """
    ends: dict[tuple[int, Decimal], list[datetime | None]] = defaultdict(list)
    for one in goods:
        if one.item.decision == ReturnDecision.RETURN_WITH_DISCOUNT and one.item.discount_percent is not None:
            ends[one.item.product_id, one.item.discount_percent].append(one.expires_at)
    if not ends:
        return {}
    pages = lock_listings_of({product for product, _ in ends}, sold_from=document.warehouse_id)
    made = Discount.objects.bulk_create(
        Discount(
            storefront_product=page,
            kind=DiscountKind.PERCENT,
            value=percent,
            reason=DiscountReason.RETURNED_ITEM,
            valid_from=now,
            valid_to=None if None in until else max(end for end in until if end is not None),
            note=document.number,
            created_by_id=actor.user_id,
        )
        for page in pages
        for (product, percent), until in ends.items()
        if product == page.product_id
    )
    write_prices([NewPrice.unchanged(page) for page in pages], reason=f"discount: returned item, {document.number}", actor=actor, at=now)
    first: dict[tuple[int, Decimal], Discount] = {}
    for discount in made:
        first.setdefault((discount.storefront_product.product_id, discount.value), discount)
    return first


def _bind(
    goods: Sequence[GoodsBack], places: Mapping[int, int], write_off: WriteOff | None, discounts: Mapping[tuple[int, Decimal], Discount]
) -> None:
    """Write into each line what it became."""
    rows: list[tuple[Any, ...]] = []
    for one in goods:
        discount = None
        if one.item.discount_percent is not None:
            discount = discounts.get((one.item.product_id, one.item.discount_percent))
        rows.append(
            (
                one.item.pk,
                places[one.item.pk],
                one.expires_at if one.for_sale else None,
                discount.pk if discount else None,
                None if one.for_sale or write_off is None else write_off.pk,
            )
        )
    write_columns(ReturnItem, _BOUND, rows)


def _completed(document: Return, goods: Sequence[GoodsBack], gate: Gate, write_off: WriteOff | None) -> Event:
    told = [
        {
            "sku": one.batch.product.sku,
            "listing_id": gate[StockKey(document.warehouse_id, one.item.product_id)].listing_id,
            "product_id": one.item.product_id,
            "batch_id": one.item.batch_id,
            "lot": one.batch.lot_number,
            "quantity": plain(one.item.quantity),
            "decision": one.item.decision,
            "discount_percent": plain(one.item.discount_percent),
            "location": one.arrival.location.code,
            "expires_at": one.expires_at.isoformat() if one.for_sale and one.expires_at else None,
        }
        for one in goods
    ]
    facts = {
        "return_id": document.pk,
        "number": document.number,
        "reference": document.reference,
        "order_ref": document.order_ref,
        "order_id": document.order_ref.partition(":")[2],
        "warehouse_id": document.warehouse.external_id,
        "write_off_id": write_off.pk if write_off else None,
        "items": told,
    }
    return Event(events.RETURN_COMPLETED, "return", document.pk, facts)

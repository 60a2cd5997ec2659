"""The lines of an order as the marketplace tells them, and what its changes ask of our stock once they are deducted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db import transaction

from inventory import orchestrator
from stocksync import events
from stocksync.enums import DiscrepancyKind, Fulfilment, OperationType
from stocksync.marketplaces.base import RemoteLine
from stocksync.models import ChannelOrder, ChannelOrderLine, PendingStockOperation
from stocksync.queries.comparison import Quantities, by_sku
from stocksync.services.discrepancies import close_discrepancies, open_discrepancy
from stocksync.services.owed import owe
from stocksync.services.reversals import follow_cancellation
from warehouse.core.actor import Actor
from warehouse.core.errors import DomainError
from warehouse.core.order_events import ORDER_CHANGED
from warehouse.core.quantities import ZERO, plain
from warehouse.outbox.events import publish

# What a line says.
SAID = attrgetter("external_id", "offer_id", "sku", "name", "quantity", "product_id")


def follow_lines(order: ChannelOrder, lines: Sequence[RemoteLine], revision: str, *, actor: Actor) -> PendingStockOperation | None:
    """Have a locked order that is deducted have these quantities from now on; the adjustment that is owed, None when nothing has changed.

    Sent by somebody else, the difference is sold or given back at once. Sent by this warehouse, it is asked for by order.changed; `asked` keeps what it is to
    be until the answer comes (`answers`), so that a change of the change is seen. What can't be followed opens a Discrepancy, and nothing changes.
    """
    wanted, had = by_sku(lines), order.asked_quantities or by_sku(order.lines.all())
    if wanted == had or _is_refused(order, wanted):
        return None
    if not wanted:
        return follow_cancellation(order, f"Everything was taken out of it at {order.channel}.", actor=actor)
    try:
        with transaction.atomic():
            _adjust(order, wanted, had, lines, actor)
    except DomainError as error:
        refuse(order, f"Its quantities were changed at {order.channel}. {error.detail}", wanted)
        return None
    close_discrepancies(order, DiscrepancyKind.REFUSED)
    return owe(order, OperationType.ADJUSTMENT, revision, wanted_there=True, actor=actor)


def write_lines(order: ChannelOrder, lines: Sequence[RemoteLine]) -> None:
    """Make the lines of a locked order those that are told, each with the product that its SKU names. What is so already stays."""
    had = list(order.lines.all())
    # A product that is not sold any more is still what was deducted.
    products = {line.sku.strip().upper(): line.product_id for line in had}
    products |= {sku: known.product_id for sku, known in orchestrator.products_by_sku({line.sku for line in lines}).items()}
    told = [
        ChannelOrderLine(
            order=order, external_id=line.external_id, offer_id=line.offer_id, sku=line.sku, name=line.name, quantity=line.quantity,
            product_id=products.get(line.sku.strip().upper()),
        )
        for line in lines
    ]  # fmt: skip
    if [SAID(line) for line in told] != [SAID(line) for line in had]:
        order.lines.all().delete()
        ChannelOrderLine.objects.bulk_create(told)


def set_quantities(order: ChannelOrder, lines: Sequence[Mapping[str, Any]]) -> None:
    """Note the quantities that fulfilment sends for a locked order now, whatever lines the marketplace made of them.

    `lines` are as `orchestrator.resolve_lines` reads them, which raises what it raises.
    """
    wanted: dict[int, Decimal] = defaultdict(Decimal)
    for told in orchestrator.resolve_lines(lines):
        wanted[told.product_id] += told.quantity
    for line in order.lines.all():
        quantity = wanted.pop(line.product_id or 0, None)
        if quantity is None:
            line.delete()
        elif quantity != line.quantity:
            line.quantity = quantity
            line.save(update_fields=["quantity"])
    skus = orchestrator.skus_of(wanted)
    ChannelOrderLine.objects.bulk_create(
        ChannelOrderLine(order=order, external_id=skus[product], sku=skus[product], quantity=quantity, product_id=product)
        for product, quantity in wanted.items()
    )


def refuse(order: ChannelOrder, detail: str, wanted: Quantities) -> None:
    """Have a person look at what a locked order should be and can't."""
    open_discrepancy(order, DiscrepancyKind.REFUSED, detail, here=_plain(by_sku(order.lines.all())), there=_plain(wanted))


def _adjust(order: ChannelOrder, wanted: Quantities, had: Quantities, lines: Sequence[RemoteLine], actor: Actor) -> None:
    warehouse = order.channel.warehouse.code
    if order.fulfilment == Fulfilment.WAREHOUSE:
        orchestrator.resolve_lines(events.lines_of(wanted.items(), warehouse))
        order.asked = _plain(wanted)
        order.save_changes("asked")
        publish([events.of_order(ORDER_CHANGED, order, lines=events.lines_of(wanted.items(), warehouse))], actor=actor)
        return
    more = [(sku, quantity - had.get(sku, ZERO)) for sku, quantity in wanted.items() if quantity > had.get(sku, ZERO)]
    less = [(sku, quantity - wanted.get(sku, ZERO)) for sku, quantity in had.items() if quantity > wanted.get(sku, ZERO)]
    if less:
        back: dict[int, Decimal] = defaultdict(Decimal)
        for line in orchestrator.resolve_lines(events.lines_of(less, warehouse)):
            back[line.product_id] += line.quantity
        orchestrator.return_sold.inside(order.order_ref, back, reason=f"Changed at {order.channel}", actor=actor)
    if more:
        orchestrator.sell_for_order.inside(order.order_ref, orchestrator.resolve_lines(events.lines_of(more, warehouse)), actor=actor)
    write_lines(order, lines)


def _plain(quantities: Quantities) -> dict[str, str]:
    return {sku: plain(quantity) for sku, quantity in quantities.items()}


def _is_refused(order: ChannelOrder, wanted: Quantities) -> bool:
    """Whether the warehouse has refused this very change already, and a person has to look."""
    if order.fulfilment != Fulfilment.WAREHOUSE:
        return False
    return order.discrepancies.filter(kind=DiscrepancyKind.REFUSED, resolved_at=None, there=_plain(wanted)).exists()

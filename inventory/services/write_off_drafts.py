"""Write-offs that nobody wrote line by line: what has expired, and a quantity of a product whose lots the order of leaving chooses."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from django.db.models import F, Sum
from django.utils import timezone

from inventory.enums import OPEN_WRITE_OFFS, WriteOffOrigin, WriteOffReason, WriteOffStatus
from inventory.errors import InsufficientStock, Shortage
from inventory.locks import lock_catalogue_row, lock_write_off, share_batches
from inventory.models import BatchLocation, Product, Warehouse, WriteOff, WriteOffItem
from inventory.queries.stock import require_own_site
from inventory.services.moving import ON_THE_WAY
from inventory.services.write_off_confirmation import confirm_write_off
from inventory.services.write_offs import WriteOffLine, create_write_off, make_write_off, write_lines
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from inventory.stock.gate import StockKey, lock_stock
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import NotFound
from warehouse.core.jobs import one_by_one
from warehouse.core.quantities import ZERO, require_step
from warehouse.core.transactions import StartAgain, operation

EXPIRED_NOTE = "Drafted for what has expired."


def draft_expired_write_offs(*, actor: Actor) -> int:
    """The job that drafts write-offs for what has expired for good: one draft per warehouse, each in its own transaction; a person confirms.

    Returns how many lines it wrote. A warehouse that is busy stays for the next run.
    """
    sites = BatchLocation.objects.filter(has_stock=True, effective_expires_at__lte=timezone.now()).values_list("warehouse", flat=True).distinct()
    return one_by_one(partial(draft_expired, actor=actor), sorted(sites), told="draft a write-off for what expired in a warehouse")


@operation()
def draft_expired(warehouse_id: int, *, actor: Actor) -> int:
    """Write what has expired in a warehouse, is free, and is in no open write-off yet into its open automatic draft, or into a new one.

    Goods on a bench or in transit wait until they are put back or received. Locks the warehouse, so that two runs make one draft, then the draft. Returns
    how many lines were added; repeating it adds none.
    """
    lock_catalogue_row(Warehouse, warehouse_id)
    lines = _expired_lines(warehouse_id)
    if not lines:
        return 0
    draft = WriteOff.objects.filter(warehouse=warehouse_id, origin=WriteOffOrigin.EXPIRY, status=WriteOffStatus.DRAFT).order_by("-pk").first()
    if draft is not None:
        draft = lock_write_off(draft.pk)
    if draft is None or draft.status != WriteOffStatus.DRAFT:
        draft = make_write_off(warehouse_id=warehouse_id, notes=EXPIRED_NOTE, origin=WriteOffOrigin.EXPIRY, actor=actor)
    else:
        draft.save_changes()
    write_lines(draft, lines)
    return len(lines)


@operation(Role.RECEIVER, Role.SELLER)
def write_off_stock(*, warehouse_id: int, product_id: int, quantity: Decimal, reason: str, actor: Actor, note: str = "", notes: str = "") -> WriteOff:
    """Write off so much of a product, whichever lots: what can't be sold any more first, then by the order of leaving; made and confirmed at once.

    Only free goods, and none on a bench or in transit. Locks, events and approval as `confirm_write_off`. Raises NotFound, ValidationFailed,
    InsufficientStock.
    """
    require_own_site(warehouse_id, actor)
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound(f"There is no product {product_id}.", product=product_id)
    require_step(quantity, product.quantity_step, sku=product.sku, zero_allowed=False)
    key = StockKey(warehouse_id, product_id)
    # The paper and the batches are locked before the gate: so the choice is made before it too, and made again behind it.
    chosen = _choose(product, key, quantity)
    share_batches(candidate.batch_id for candidate, _ in chosen)
    lock_stock([key])
    if _places(_choose(product, key, quantity)) != _places(chosen):
        raise StartAgain
    lines = [WriteOffLine(candidate.batch_location_id, part, reason, note) for candidate, part in chosen]
    write_off = create_write_off.inside(warehouse_id=warehouse_id, lines=lines, notes=notes, actor=actor)
    return confirm_write_off.inside(write_off.pk, actor=actor)


def _expired_lines(warehouse_id: int) -> list[WriteOffLine]:
    expired = BatchLocation.objects.filter(
        warehouse=warehouse_id, has_stock=True, effective_expires_at__lte=timezone.now(), quantity__gt=F("reserved")
    )
    free = dict(expired.exclude(location__kind__in=ON_THE_WAY).order_by("pk").values_list("pk", F("quantity") - F("reserved")))
    open_items = WriteOffItem.objects.filter(write_off__warehouse=warehouse_id, write_off__status__in=OPEN_WRITE_OFFS, batch_location__in=free)
    for place, quantity in open_items.values_list("batch_location").annotate(Sum("quantity")):
        free[place] -= quantity
    return [WriteOffLine(place, quantity, WriteOffReason.EXPIRED) for place, quantity in free.items() if quantity > 0]


def _choose(product: Product, key: StockKey, quantity: Decimal) -> list[fefo.Allocation]:
    """Which free goods leave."""
    candidates = read_candidates([key])
    away = BatchLocation.objects.filter(pk__in=[c.batch_location_id for c in candidates], location__kind__in=ON_THE_WAY)
    passed_over = set(away.values_list("pk", flat=True))
    here = [candidate for candidate in fefo.leaving_order(candidates, product.rotation) if candidate.batch_location_id not in passed_over]
    now = timezone.now()
    chosen: list[fefo.Allocation] = []
    missing = quantity
    # A stable sort: each half stays in the order of leaving.
    for candidate in sorted(here, key=lambda c: fefo.unfit(c, now, product.min_remaining_days) is None):
        part = min(missing, candidate.free)
        if part > 0:
            chosen.append(fefo.Allocation(candidate, part))
            missing -= part
    if missing:
        raise InsufficientStock([Shortage(product.pk, product.sku, key.warehouse_id, quantity, sum((c.free for c in here), ZERO))])
    return chosen


def _places(chosen: Sequence[fefo.Allocation]) -> list[tuple[int, Decimal]]:
    return [(candidate.batch_location_id, part) for candidate, part in chosen]

"""Papers of the demo: a transfer on its way, a write-off that waits for a manager, goods that came back, a count, a held lot, a mix, a discount.

Each is known by its note or reference and made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from inventory.enums import AuditScope, BatchStatus, DiscountKind, WriteOffReason
from inventory.models import Audit, Batch, BatchLocation, Discount, OfflineSale, Product, Return, Transfer, Warehouse, WriteOff
from inventory.orchestrator import (
    MixSource,
    ReturnLine,
    SaleLine,
    TransferLine,
    WriteOffLine,
    apply_discount,
    confirm_write_off,
    create_audit,
    create_return,
    create_transfer,
    create_write_off,
    hold_batch,
    mix_batches,
    process_offline_sale,
    send_transfer,
    start_audit,
)
from warehouse.accounts.models import User
from warehouse.core.actor import Actor
from warehouse.demo.places import BELGRADE, SHOP

TRANSFER, WRITE_OFF, COUNT, DISCOUNT = "For the shop's afternoon.", "A pallet fell from the ramp.", "Five places in turn.", "Sweets of the week."
RECEIPT, MIX, HELD = "DEMO-1", "APPLE-DISPLAY", "JUICE-BEG-3"


def write_papers(sites: Mapping[str, Warehouse], products: Mapping[str, Product], users: Mapping[str, User]) -> int:
    """Make what is not there yet; returns how many papers are new."""
    receiver, manager, auditor = (Actor.of_user(users[name]) for name in ("receiver", "manager", "auditor"))
    belgrade, shop = sites[BELGRADE], sites[SHOP]
    made = 0
    if not Transfer.objects.filter(notes=TRANSFER).exists():
        lines = [TransferLine(_goods(belgrade, products[sku]).pk, Decimal(6)) for sku in ("KEFIR-500", "EGG-10")]
        paper = create_transfer(source_warehouse_id=belgrade.pk, target_warehouse_id=shop.pk, lines=lines, notes=TRANSFER, actor=receiver)
        send_transfer(paper.pk, actor=receiver)
        made += 1
    if not WriteOff.objects.filter(notes=WRITE_OFF).exists():
        loss = create_write_off(warehouse_id=belgrade.pk, lines=_dear_lines(belgrade), notes=WRITE_OFF, actor=receiver)
        confirm_write_off(loss.pk, actor=receiver)
        made += 1
    if not OfflineSale.objects.filter(warehouse=shop, receipt_number=RECEIPT).exists():
        bought = [SaleLine(products["CHOCO-100"].pk, Decimal(3)), SaleLine(products["JUICE-1L"].pk, Decimal(1))]
        process_offline_sale(warehouse_id=shop.pk, lines=bought, receipt_number=RECEIPT, actor=manager)
        made += 1
    sale = OfflineSale.objects.get(warehouse=shop, receipt_number=RECEIPT)
    if not Return.objects.filter(order_ref=sale.order_ref).exists():
        back = [ReturnLine(products["CHOCO-100"].pk, Decimal(2))]
        create_return(warehouse_id=shop.pk, order_ref=sale.order_ref, lines=back, customer_reason="Not the kind I wanted.", actor=receiver)
        made += 1
    if not Audit.objects.filter(notes=COUNT).exists():
        count = create_audit(warehouse_id=belgrade.pk, scope=AuditScope.CYCLE, cycle_places=5, notes=COUNT, actor=auditor)
        start_audit(count.pk, actor=auditor)
        made += 1
    held = Batch.objects.get(lot_number=HELD)
    if held.status == BatchStatus.AVAILABLE:
        hold_batch(held.pk, reason="The dairy asks to wait for its laboratory.", actor=receiver)
        made += 1
    if not Batch.objects.filter(lot_number=MIX).exists():
        made += _mix(shop, products["APPLE-KG"], receiver)
    if not Discount.objects.filter(note=DISCOUNT).exists():
        end = timezone.now() + timedelta(days=7)
        apply_discount(product_id=products["CHOCO-100"].pk, kind=DiscountKind.PERCENT, value=Decimal(10), valid_to=end, note=DISCOUNT, actor=manager)
        made += 1
    return made


def _goods(site: Warehouse, product: Product) -> BatchLocation:
    """The largest quantity of a product on the site's shelves."""
    found = BatchLocation.objects.filter(warehouse=site, product=product, location__is_pickable=True).order_by("-quantity", "pk").first()
    assert found is not None, f"{product} in {site}"
    return found


def _dear_lines(site: Warehouse) -> list[WriteOffLine]:
    """Lines worth more than one may write off alone: of the lots with most to spare, half of each."""
    lines: list[WriteOffLine] = []
    value = Decimal(0)
    spare = BatchLocation.objects.filter(warehouse=site, reserved=0, location__is_pickable=True, quantity__gte=40).select_related("batch", "product")
    for row in spare.order_by("-batch__purchase_price", "pk"):
        if value > settings.WRITE_OFF_APPROVAL_LIMIT:
            break
        half = row.quantity / 2 // row.product.quantity_step * row.product.quantity_step
        lines.append(WriteOffLine(row.pk, half, WriteOffReason.DAMAGED))
        value += half * row.batch.purchase_price
    return lines


def _mix(site: Warehouse, product: Product, actor: Actor) -> int:
    """Both lots of a fruit poured into one display."""
    rows = list(
        BatchLocation.objects.filter(warehouse=site, product=product, reserved=0, quantity__gte=2, location__is_pickable=True).order_by("pk")[:2]
    )
    if len({row.batch_id for row in rows}) < 2:
        return 0
    sources = [MixSource(row.pk, Decimal(2)) for row in rows]
    mix_batches(warehouse_id=site.pk, to_location_id=rows[0].location_id, sources=sources, lot_number=MIX, actor=actor)
    return 1

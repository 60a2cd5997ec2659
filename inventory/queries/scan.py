"""What a scanned code is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from biip import ParseError
from biip import parse as parse_code
from biip.gs1_messages import GS1Message
from django.db.models import Q, Value

from inventory.models import Barcode, Batch, BatchLocation, Location, Product
from inventory.queries.lots import find_lot
from inventory.queries.stock import stocked_by, visible_to
from warehouse.core.actor import Actor
from warehouse.core.texts import storable

GS1_GTIN, GS1_LOT, GS1_EXPIRY, GS1_BEST_BEFORE, GS1_PRODUCED = "01", "10", "17", "15", "11"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a code says: a location, a product (with lot, expiry and pack where the code has them), a batch, or nothing we know."""

    code: str
    kind: str
    product_id: int | None = None
    location_id: int | None = None
    batch_id: int | None = None
    pack_quantity: Decimal = Decimal(1)
    lot_number: str = ""
    expires_on: date | None = None
    produced_on: date | None = None


def find_by_scan(code: str, *, warehouse_id: int | None = None) -> Scanned:
    """Read any code: a location's, a product's barcode or SKU, a GS1 code with GTIN and lot, or a lot number that only one batch has.

    A lot is meaningless without its product: where two products share a lot number, the lot alone names nothing.
    """
    code = storable(code).strip()
    if not code:
        return Scanned(code, "unknown")
    location = Location.objects.filter(barcode=code).first()
    if location is None and warehouse_id is not None:
        location = Location.objects.filter(code=code, warehouse=warehouse_id).first()
    if location is not None:
        return Scanned(code, "location", location_id=location.pk)
    barcode = Barcode.objects.filter(code=code).first()
    if barcode is not None:
        return Scanned(code, "product", product_id=barcode.product_id, pack_quantity=barcode.pack_quantity)
    return _gs1(code) or _sku(code) or _lot(code) or Scanned(code, "unknown")


def is_taken_code(code: str, *, warehouse_id: int) -> bool:
    """Whether a code stands for a place of the warehouse, for goods, or for a lot, however many products have one of that number: nothing else can carry it.

    One statement, none for a GS1 code with a GTIN.
    """
    code = storable(code).strip()
    message = _message(code)
    if message is not None and any(element.ai.ai == GS1_GTIN for element in message.element_strings):
        return True
    places = Location.objects.filter(Q(barcode__iexact=code) | Q(code__iexact=code, warehouse=warehouse_id))
    named = [Barcode.objects.filter(code__iexact=code), Product.objects.filter(sku__iexact=code), Batch.objects.filter(lot_number__iexact=code)]
    return places.values(found=Value(1)).union(*(rows.values(found=Value(1)) for rows in named), all=True).exists()


def seen_by(found: Scanned, actor: Actor) -> Scanned:
    """What of it the actor may see: to a seller the places of other sites and the products that it never had are unknown codes, and a lot that lay
    with others only is its product alone."""
    if not actor.own_sites_only:
        return found
    strange_place = found.location_id and not visible_to(Location.objects.filter(pk=found.location_id), actor).exists()
    strange_product = found.product_id and not stocked_by(Product.objects.filter(pk=found.product_id), actor).exists()
    if strange_place or strange_product:
        return Scanned(found.code, "unknown")
    if found.batch_id and not visible_to(BatchLocation.objects.filter(batch=found.batch_id), actor).exists():
        return replace(found, kind="product", batch_id=None)
    return found


def _gs1(code: str) -> Scanned | None:
    message = _message(code)
    if message is None:
        return None
    values = {element.ai.ai: element for element in message.element_strings}
    if GS1_GTIN not in values:
        return None
    gtin = values[GS1_GTIN].value
    barcode = Barcode.objects.filter(code__in={gtin, gtin.lstrip("0"), gtin[1:], gtin[1:].lstrip("0")}).first()
    if barcode is None:
        return Scanned(code, "unknown")
    lot = values[GS1_LOT].value if GS1_LOT in values else ""
    expiry = values.get(GS1_EXPIRY) or values.get(GS1_BEST_BEFORE)
    batch = find_lot(barcode.product_id, lot)
    return Scanned(
        code,
        "batch" if batch else "product",
        product_id=barcode.product_id,
        batch_id=batch.pk if batch else None,
        pack_quantity=barcode.pack_quantity,
        lot_number=batch.lot_number if batch else lot,
        expires_on=expiry.date if expiry else None,
        produced_on=values[GS1_PRODUCED].date if GS1_PRODUCED in values else None,
    )


def _message(code: str) -> GS1Message | None:
    """The code as a GS1 message; scanners send the separator as FNC1 (0x1D), people type brackets."""
    if code.startswith("("):
        try:
            return GS1Message.parse_hri(code)
        except ParseError:
            return None
    try:
        return parse_code(code).gs1_message
    except ParseError:
        return None


def _sku(code: str) -> Scanned | None:
    product = Product.objects.filter(sku__iexact=code).first()
    return Scanned(code, "product", product_id=product.pk) if product else None


def _lot(code: str) -> Scanned | None:
    batches = list(Batch.objects.filter(lot_number__iexact=code)[:2])
    if len(batches) != 1:
        return None
    return Scanned(code, "batch", product_id=batches[0].product_id, batch_id=batches[0].pk, lot_number=batches[0].lot_number)

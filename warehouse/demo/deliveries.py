"""Deliveries of the demo: received by the same operations that people use. A delivery is known by its supplier's reference and comes once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from django.utils import timezone

from inventory.models import Location, Product, Receiving, Supplier, Warehouse
from inventory.orchestrator import ReceivingLine, create_receiving, receive_at_once
from warehouse.core.actor import Actor
from warehouse.demo.goods import CHILLED, FROZEN, GOODS, SEALED, Goods
from warehouse.demo.places import BELGRADE, NOVI_SAD, SHOP, shelves

# What each site does not keep.
MISSING = {
    BELGRADE: set[str](),
    NOVI_SAD: {"SALMON-200", "CAKE-600", "BUTTER-250", "TOMATO-KG"},
    SHOP: {"KEFIR-500", "BEEF-500", "EGG-10", "BERRY-300", "NUGG-400", "OIL-1L"},
}
SHARE = {BELGRADE: Decimal(1), NOVI_SAD: Decimal("0.7"), SHOP: Decimal("0.25")}
# Where only a few are left: a low stock, from one lot.
SCARCE = {(NOVI_SAD, "NUGG-400"): Decimal(4), (SHOP, "PELM-800"): Decimal(3)}
EXPECTED_TODAY = {"MILK-1L": "144", "KEFIR-500": "60", "CHEESE-KG": "18.5", "YOG-150": "100"}


@dataclass(slots=True)
class Delivery:
    reference: str
    supplier: str
    lines: list[ReceivingLine] = field(default_factory=list)


def receive_goods(sites: Mapping[str, Warehouse], products: Mapping[str, Product], suppliers: Mapping[str, Supplier], *, actor: Actor) -> int:
    """Bring an older and a newer lot of nearly everything to every site, and announce what Belgrade expects today. Returns how many deliveries came."""
    come = 0
    for site in sites.values():
        known = set(Receiving.objects.filter(warehouse=site, supplier_reference__startswith="DEMO-").values_list("supplier_reference", flat=True))
        for delivery in _deliveries(site, products):
            if delivery.reference not in known:
                receive_at_once(
                    warehouse_id=site.pk,
                    reference=delivery.reference,
                    lines=delivery.lines,
                    supplier_id=suppliers[delivery.supplier].pk,
                    actor=actor,
                )
                come += 1
    belgrade = sites[BELGRADE]
    if not Receiving.objects.filter(warehouse=belgrade, supplier_reference="DEMO-EXPECTED").exists():
        lines = [ReceivingLine(products[sku].pk, Decimal(quantity), Decimal(0)) for sku, quantity in EXPECTED_TODAY.items()]
        create_receiving(
            warehouse_id=belgrade.pk, supplier_id=suppliers["DAIRY"].pk, supplier_reference="DEMO-EXPECTED", lines=lines, notes="10:30", actor=actor
        )
        come += 1
    return come


def _deliveries(site: Warehouse, products: Mapping[str, Product]) -> Iterator[Delivery]:
    """One delivery per supplier and age of the lots; then what is special."""
    today = timezone.now().date()
    old: dict[str, Delivery] = {}
    new: dict[str, Delivery] = {}
    homes = {condition: shelves(site, condition) for condition in {goods.home for goods in GOODS}}
    filled = dict.fromkeys(homes, 0)
    for number, goods in enumerate(GOODS):
        if goods.sku in MISSING[site.code]:
            continue
        places = homes[goods.home]
        first = filled[goods.home]
        filled[goods.home] += 2
        product = products[goods.sku]
        small, large = (Decimal(6 + number % 5), Decimal(60 + 10 * (number % 4))) if goods.case else (Decimal(8), Decimal(40))
        if goods.sold_by_weight:
            small, large = Decimal("8.350"), Decimal("42.500")
        large = large * SHARE[site.code] // product.quantity_step * product.quantity_step
        if (site.code, goods.sku) in SCARCE:
            small, large = SCARCE[site.code, goods.sku], Decimal(0)
        for age, quantity, place in (("OLD", small, places[first % len(places)]), ("NEW", large, places[(first + 1) % len(places)])):
            if not quantity:
                continue
            delivery = (old if age == "OLD" else new).setdefault(goods.supplier, Delivery(f"DEMO-{age}-{goods.supplier}", goods.supplier))
            delivery.lines.append(_line(goods, product, site, quantity, place, today, age))
    yield from old.values()
    yield from new.values()
    if site.code == BELGRADE:
        yield _special(site, products, today)


def _line(goods: Goods, product: Product, site: Warehouse, quantity: Decimal, place: Location, today: date, age: str) -> ReceivingLine:
    expires_on = None
    if goods.lives:
        life = goods.lives[goods.home, SEALED]
        older = max(goods.min_remaining_days + 1, life * 4 // 10)
        days = older if age == "OLD" else max(older + 1, life * 9 // 10)
        expires_on = today + timedelta(days=days)
    return ReceivingLine(
        product.pk,
        quantity,
        lot_number=f"{goods.sku.split('-')[0]}-{site.code}-{'1' if age == 'OLD' else '2'}",
        label_expires_on=expires_on,
        purchase_price=(Decimal(goods.price) * Decimal("0.62")).quantize(Decimal("0.01")),
        location_id=place.pk,
    )


def _special(site: Warehouse, products: Mapping[str, Product], today: date) -> Delivery:
    """Yoghurt that expires tomorrow and was taken nevertheless, beef in the freezer, juice with two broken bottles."""
    chilled, frozen = shelves(site, CHILLED), shelves(site, FROZEN)
    tomorrow = ReceivingLine(
        products["YOG-150"].pk,
        Decimal(14),
        lot_number="YOG-BEG-0",
        label_expires_on=today + timedelta(days=1),
        purchase_price=Decimal("0.20"),
        location_id=chilled[-1].pk,
        accept_short_dated=True,
        short_dated_reason="Taken at a quarter of the price for the shop's counter.",
    )
    beef = ReceivingLine(
        products["BEEF-500"].pk,
        Decimal(30),
        lot_number="BEEF-BEG-F",
        label_expires_on=today + timedelta(days=100),
        label_condition=FROZEN,
        purchase_price=Decimal("3.10"),
        location_id=frozen[-1].pk,
    )
    juice = ReceivingLine(
        products["JUICE-1L"].pk,
        Decimal(24),
        damaged_quantity=Decimal(2),
        lot_number="JUICE-BEG-3",
        label_expires_on=today + timedelta(days=18),
        purchase_price=Decimal("2.40"),
        location_id=chilled[-2].pk,
    )
    return Delivery("DEMO-SPECIAL", "FARM", [tomorrow, beef, juice])

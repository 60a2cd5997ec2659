"""The site where a history is replayed: its places, the goods of the file, and enough of them."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import TypeVar

from django.contrib.auth.models import Group
from django.db.models.functions import Upper

from fulfillment.enums import OrderStatus
from fulfillment.models import Order
from inventory.enums import Condition, LocationKind
from inventory.models import Location, Product, Stock, Storefront, StorefrontProduct, Warehouse
from inventory.orchestrator import ReceivingLine, receive_at_once
from warehouse.accounts.models import User
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import DomainError
from warehouse.core.quantities import ZERO
from warehouse.replay.reader import Invoice

# The code of the site and the partners' name of it and of its storefront; the source of its orders.
SITE = "REPLAY"
SOURCE = "replay"
WORKER = "replay"
AISLES, BAYS, LEVELS = "ABCDEFGHIJ", 20, 2
LINES_OF_A_DELIVERY = 250
CURRENCY = "GBP"
MOST_PARAMETERS = 10_000

T = TypeVar("T")


def in_parts(values: Iterable[T], size: int = MOST_PARAMETERS) -> Iterator[list[T]]:
    """The values in lists that one statement can take."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


def make_site() -> Warehouse:
    """The warehouse with ten aisles of shelves, docks and benches; only what is missing is made."""
    site, _ = Warehouse.objects.get_or_create(
        code=SITE,
        defaults={
            "external_id": SOURCE,
            "name": "Replayed orders",
            "city": "Nottingham",
            "street": "Lenton Lane 1",
            "postal_code": "NG7 2NR",
            "country": "GB",
            "contact_name": "Dispatch",
            "phone": "+44 115 496 0000",
            "time_zone": "Europe/London",
            "priority": 900,
        },
    )
    Location.objects.bulk_create(_locations(site), ignore_conflicts=True)
    Storefront.objects.get_or_create(external_id=SOURCE, defaults={"name": "Replayed orders"})
    return site


def make_worker() -> Actor:
    """The one who does all the work of a replay; nobody can sign in as this user."""
    user, made = User.objects.get_or_create(username=WORKER, defaults={"first_name": "Replay", "last_name": "Worker"})
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
        user.groups.set(Group.objects.filter(name__in=[Role.PICKER, Role.PACKER, Role.RECEIVER, Role.INTEGRATION]))
    return Actor.of_user(user)


def make_products(invoices: Iterable[Invoice], others: Iterable[str] = ()) -> dict[str, Product]:
    """The products of all goods that are sold, and of these other codes, by code (the SKU in capitals). What is sold has a listing.

    What keeps no date needs none.
    """
    names: dict[str, str] = {}
    prices: dict[str, Decimal] = {}
    for invoice in invoices:
        for row in invoice.goods:
            names[row.code] = names.get(row.code) or row.description
            prices[row.code] = prices.get(row.code) or row.unit_price
    names |= {code: "" for code in others if code not in names}
    known = _products(names)
    fresh = [Product(sku=code, name=(name or code)[:200], tracks_expiry=False) for code, name in names.items() if code not in known]
    Product.objects.bulk_create(fresh, ignore_conflicts=True)
    known = _products(names)
    storefront = Storefront.objects.get(external_id=SOURCE)
    StorefrontProduct.objects.bulk_create(
        (
            StorefrontProduct(storefront=storefront, product=known[code], external_listing_id=code, price=price, currency=CURRENCY)
            for code, price in prices.items()
        ),
        ignore_conflicts=True,
    )
    return known


def _products(codes: Iterable[str]) -> dict[str, Product]:
    rows = Product.objects.annotate(code=Upper("sku"))
    return {row.code: row for part in in_parts(codes) for row in rows.filter(code__in=part)}


def waiting_invoices(invoices: Sequence[Invoice]) -> list[Invoice]:
    """The sales that have no order yet, or one that was rejected."""
    statuses = order_statuses(invoices)
    return [invoice for invoice in invoices if invoice.goods and statuses.get(invoice.number, OrderStatus.REJECTED) == OrderStatus.REJECTED]


def order_statuses(invoices: Iterable[Invoice]) -> dict[str, str]:
    """The status of each order that exists, by the invoice's number."""
    rows = Order.objects.filter(source=SOURCE).values_list("external_id", "status")
    return {number: status for part in in_parts(invoice.number for invoice in invoices) for number, status in rows.filter(external_id__in=part)}


def missing_goods(
    site: Warehouse, waiting: Iterable[Invoice], products: Mapping[str, Product], others: Iterable[tuple[str, Decimal]] = ()
) -> dict[str, Decimal]:
    """How much of each code must come before these invoices can be served: what they, and others, ask for, less what is free already."""
    wanted: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in waiting:
        for row in invoice.goods:
            wanted[row.code] += row.quantity
    for code, quantity in others:
        wanted[code] += quantity
    free = dict(Stock.objects.filter(warehouse=site).values_list("product_id", "available"))
    short = {code: quantity - max(free.get(products[code].pk, ZERO), ZERO) for code, quantity in wanted.items()}
    return {code: quantity for code, quantity in sorted(short.items()) if quantity > 0}


def shelves_of(site: Warehouse) -> list[int]:
    """The shelves of the site, in walking order."""
    return list(Location.objects.filter(warehouse=site, is_pickable=True, is_active=True).order_by("pick_sequence").values_list("pk", flat=True))


def shelf_of(code: str, shelves: Sequence[int]) -> int:
    """Where goods of this code lie: always the same shelf."""
    return shelves[zlib.crc32(code.encode()) % len(shelves)]


def receive(
    site: Warehouse, missing: Mapping[str, Decimal], products: Mapping[str, Product], *, actor: Actor
) -> Iterator[tuple[int, dict[str, str]]]:
    """Receive these goods, a few hundred lines at a time, each on its own shelf.

    Yields the lines of each delivery, and which codes among them the catalogue or the books refuse, and why.
    """
    shelves = shelves_of(site)
    lines = ((code, ReceivingLine(products[code].pk, quantity, location_id=shelf_of(code, shelves))) for code, quantity in missing.items())
    for part in in_parts(lines, LINES_OF_A_DELIVERY):
        yield len(part), _receive(site, part, actor)


def _receive(site: Warehouse, lines: Sequence[tuple[str, ReceivingLine]], actor: Actor) -> dict[str, str]:
    """Receive all but what is refused: a delivery is received whole or not at all, so one that is refused goes on in halves."""
    try:
        receive_at_once(warehouse_id=site.pk, reference="replayed orders", lines=[line for _, line in lines], actor=actor)
    except DomainError as error:
        if len(lines) == 1:
            return {lines[0][0]: error.detail}
        half = len(lines) // 2
        return _receive(site, lines[:half], actor) | _receive(site, lines[half:], actor)
    return {}


def _locations(site: Warehouse) -> Iterator[Location]:
    sequence = 0
    for number, aisle in enumerate(AISLES):
        for bay in range(1, BAYS + 1) if number % 2 == 0 else range(BAYS, 0, -1):
            for level in range(1, LEVELS + 1):
                sequence += 10
                code = f"{aisle}-{bay:02d}-{level}"
                yield Location(
                    warehouse=site,
                    code=code,
                    barcode=f"{SITE}-{code}",
                    condition=Condition.AMBIENT,
                    aisle=aisle,
                    bay=f"{bay:02d}",
                    level=str(level),
                    pick_sequence=sequence,
                    x=Decimal(4 * number),
                    y=Decimal("1.5") * bay,
                )
    for code, kind in (
        ("DOCK", LocationKind.RECEIVING),
        ("PACK", LocationKind.PACKING),
        ("QUAR", LocationKind.QUARANTINE),
        ("SHIP", LocationKind.SHIPPING),
    ):
        yield Location(warehouse=site, code=code, barcode=f"{SITE}-{code}", kind=kind, is_pickable=False)

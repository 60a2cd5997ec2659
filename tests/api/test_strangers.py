"""A seller among strangers: every address, every page, every operation. Nothing of another seller's site is seen or changed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from fulfillment.models import PickingTask
from inventory import orchestrator
from inventory.models import (
    Alert,
    Audit,
    Barcode,
    Batch,
    BatchLocation,
    Location,
    MixedBatch,
    Movement,
    OfflineSale,
    Product,
    Receiving,
    Reservation,
    Return,
    Seller,
    Stock,
    StorefrontProduct,
    Supplier,
    Transfer,
    Warehouse,
    WriteOff,
)
from inventory.orchestrator import MixSource, OrderedLine, ReceivingLine, ReturnLine, SaleLine, TransferLine, WriteOffLine
from tests.api.conftest import Caller
from tests.factories.fulfillment import order_for
from tests.factories.inventory import (
    ACTOR,
    BarcodeFactory,
    ProductFactory,
    SellerFactory,
    Site,
    StorefrontProductFactory,
    SupplierFactory,
    site,
    stocked,
)
from tests.inventory.books import assert_books_balance
from warehouse.api import router
from warehouse.core.actor import Role
from warehouse.core.errors import DomainError, NotFound, PermissionDenied
from warehouse.core.transactions import Operation

pytestmark = pytest.mark.django_db

MARK = "STRANGE"


class World(NamedTuple):
    """A seller with a shop, and a stranger's site where there is one of everything, all of it called STRANGE-something."""

    seller: Caller
    mine: Site
    theirs: Site
    goods: Product
    common: Product


@pytest.fixture
def world(db: None) -> World:
    seller = Caller(Role.SELLER)
    seller.user.is_staff = True
    seller.user.save()
    own = SellerFactory(code="OURS")
    own.members.add(seller.user)
    mine, theirs = site(code="SHOP", seller=own), site(code=f"{MARK}-SITE", name=f"{MARK}-SITE", seller=SellerFactory(code=f"{MARK}-SELLER"))
    common, goods = ProductFactory(sku="COMMON"), ProductFactory(sku=f"{MARK}-SKU", name=f"{MARK}-NAME")
    BarcodeFactory(product=goods, code=f"{MARK}-CODE")
    StorefrontProductFactory(product=goods, external_listing_id=f"{MARK}-LISTING")
    SupplierFactory(code=f"{MARK}-SUPPLIER", name=f"{MARK}-SUPPLIER")
    stocked(common, mine.shelf, 9, lot="OUR-LOT")
    there = stocked(common, theirs.shelf, 9, lot=f"{MARK}-COMMON-LOT")
    first, second = (stocked(goods, theirs.shelf, 30, lot=f"{MARK}-LOT-{n}") for n in (1, 2))
    _papers(theirs, goods, first, second, there)
    return World(seller, mine, theirs, goods, common)


def _papers(theirs: Site, goods: Product, first: BatchLocation, second: BatchLocation, there: BatchLocation) -> None:
    """One of every document of the stranger's site."""
    o, one, note = orchestrator, Decimal(1), f"{MARK}-NOTE"
    order_for([(goods, 2)], external_id=f"{MARK}-ORDER")
    o.reserve_for_order(f"{MARK}:1", [OrderedLine(goods.pk, one)], warehouse_id=theirs.id, actor=ACTOR)
    o.create_receiving(warehouse_id=theirs.id, lines=[ReceivingLine(goods.pk, one)], notes=note, actor=ACTOR)
    o.create_transfer(
        source_warehouse_id=theirs.id, target_warehouse_id=theirs.id, lines=[TransferLine(first.pk, one, theirs.dock.pk)], notes=note, actor=ACTOR
    )
    o.create_write_off(warehouse_id=theirs.id, lines=[WriteOffLine(first.pk, one, "lost", note)], notes=note, actor=ACTOR)
    o.remove_stock(warehouse_id=theirs.id, line=WriteOffLine(there.pk, one, "lost", note), actor=ACTOR)
    o.process_offline_sale(warehouse_id=theirs.id, lines=[SaleLine(goods.pk, one)], receipt_number=f"{MARK}-RECEIPT", actor=ACTOR)
    sold = OfflineSale.objects.get()
    o.create_return(warehouse_id=theirs.id, order_ref=sold.order_ref, lines=[ReturnLine(goods.pk, one)], notes=note, actor=ACTOR)
    o.create_audit(warehouse_id=theirs.id, scope="products", product_ids=[goods.pk], notes=note, actor=ACTOR)
    o.mix_batches(
        warehouse_id=theirs.id,
        to_location_id=theirs.shelf.pk,
        sources=[MixSource(first.pk, one), MixSource(second.pk, one)],
        lot_number=f"{MARK}-MIX",
        actor=ACTOR,
    )
    stock = Stock.objects.get(warehouse=theirs.id, product=goods.pk)
    o.set_low_stock_threshold(stock.pk, Decimal(1000), actor=ACTOR)
    o.evaluate_alerts(actor=ACTOR)


THINGS: list[type[Model]] = [
    Alert, Audit, Barcode, Batch, BatchLocation, Location, MixedBatch, Movement, OfflineSale, PickingTask, Product, Receiving, Reservation, Return, Seller,
    Stock, StorefrontProduct, Supplier, Transfer, Warehouse, WriteOff,
]  # fmt: skip


def test_there_is_something_to_hide(world: World) -> None:
    assert [model.__name__ for model in THINGS if not model._default_manager.exists()] == []
    assert_books_balance()


# --- REST --------------------------------------------------------------------------------------------------------------------------------


def addresses(world: World) -> Iterator[tuple[str, Any]]:
    """Every GET address under /api/v1/ with the ids of everything there is in its places."""
    named = {
        "product": [world.goods.pk],
        "location": [world.theirs.shelf.pk, world.theirs.dock.pk],
        "shop": [world.theirs.warehouse.code, world.theirs.id],
        "code": [f"{MARK}-CODE", f"{MARK}-LOT-1", f"{MARK}-SKU", world.theirs.shelf.barcode],
        "order": [1, "shop:1"],
        "item": [1],
    }
    for pattern in router.urls:
        view, actions = pattern.callback.cls, pattern.callback.actions
        if "get" not in actions:
            continue
        path = re.sub(r"\(\?P<(\w+)>(?:[^()\[\]]|\[[^\]]*\]|\([^)]*\))*\)", r"{\1}", str(pattern.pattern)).strip("^$").removesuffix("/?")
        names = re.findall(r"{(\w+)}", path)
        choices = [named[name] if name in named else list(view.rows.model._default_manager.values_list("pk", flat=True)) for name in names]
        for values in itertools.product(*choices):
            yield path.format(**dict(zip(names, values, strict=True))), view


def body_of(response: Any) -> str:
    parts = response.streaming_content if getattr(response, "streaming", False) else [response.content]
    return b"".join(parts).decode()


def test_no_address_shows_anything_of_a_stranger(world: World) -> None:
    seen, shown = 0, []
    for path, _ in addresses(world):
        response = world.seller.get(path)
        assert response.status_code in (200, 400, 403, 404), (path, response.content)
        body = body_of(response)
        if response.status_code == 200:
            seen += 1
            told = re.sub(r'"(code|instance)": ?"[^"]*"', "", body) if path.startswith("scan/") else body
            if MARK in told.upper():
                shown.append((path, told[:300]))
    assert shown == []
    assert seen > 20


def test_the_walk_finds_what_a_viewer_sees(world: World) -> None:
    """A control: without a seller's limits the same addresses show the stranger's things."""
    viewer = Caller(Role.MANAGER)
    found = {path for path, _ in addresses(world) if MARK in body_of(viewer.get(path)).upper()}
    kinds = {path.split("/")[0] for path in found}
    assert {
        "products", "barcodes", "warehouses", "locations", "storefront-products", "batches", "stock", "movements", "receivings", "transfers", "write-offs",
        "returns", "audits", "reservations", "mixed-batches", "orders", "picking-tasks", "scan", "seller",
    } <= kinds  # fmt: skip


FILTERS = {"warehouse": f"{MARK}-SITE", "sku": f"{MARK}-SKU", "lot_number": f"{MARK}-LOT-1", "location": "A-01", "search": MARK}


def test_no_filter_finds_anything_of_a_stranger(world: World) -> None:
    asked = 0
    for path, view in addresses(world):
        if "/" in path:
            continue
        filters = set(getattr(view, "filterset_class", None).base_filters if getattr(view, "filterset_class", None) else ())
        filters |= {"search"} if getattr(view, "search_fields", ()) else set()
        for name in filters & set(FILTERS):
            response = world.seller.get(path, **{name: FILTERS[name]})
            assert response.status_code in (200, 403), (path, name)
            if response.status_code == 200:
                asked += 1
                assert MARK not in str(response.json()["results"]).upper(), (path, name)
    assert asked > 10


# --- operations --------------------------------------------------------------------------------------------------------------------------


def calls(world: World) -> dict[str, Callable[[], Any]]:
    """Every operation that admits sellers, called on the stranger's things."""
    o, one, who = orchestrator, Decimal(1), {"actor": world.seller.actor}
    there = world.theirs.id
    place = BatchLocation.objects.get(batch__lot_number=f"{MARK}-LOT-1", location=world.theirs.shelf)
    paper = WriteOff.objects.get(status="draft")
    line, lost = ReceivingLine(world.goods.pk, one), WriteOffLine(place.pk, one, "lost")
    sale = [SaleLine(world.goods.pk, one)]
    return {
        "add_write_off_item": lambda: o.add_write_off_item(paper.pk, lost, **who),
        "adjust_stock": lambda: o.adjust_stock(there, world.goods.pk, one, reason="x", **who),
        "cancel_write_off": lambda: o.cancel_write_off(paper.pk, reason="x", **who),
        "change_write_off": lambda: o.change_write_off(paper.pk, notes="x", **who),
        "check_offline_sale_conflict": lambda: o.check_offline_sale_conflict(there, sale, **who),
        "confirm_write_off": lambda: o.confirm_write_off(paper.pk, **who),
        "create_write_off": lambda: o.create_write_off(warehouse_id=there, lines=[lost], **who),
        "place_stock": lambda: o.place_stock(warehouse_id=there, line=line, **who),
        "process_offline_sale": lambda: o.process_offline_sale(warehouse_id=there, lines=sale, receipt_number="1", **who),
        "receive_at_once": lambda: o.receive_at_once(warehouse_id=there, lines=[line], **who),
        "remove_stock": lambda: o.remove_stock(warehouse_id=there, line=lost, **who),
        "remove_write_off_item": lambda: o.remove_write_off_item(paper.pk, paper.items.get().pk, **who),
        "write_off_stock": lambda: o.write_off_stock(warehouse_id=there, product_id=world.goods.pk, quantity=one, reason="lost", **who),
    }


def admitting_sellers() -> set[str]:
    exported = {name: getattr(orchestrator, name) for name in orchestrator.__all__}
    return {name for name, found in exported.items() if isinstance(found, Operation) and Role.SELLER in found.roles}


def test_no_operation_touches_a_strangers_site(world: World) -> None:
    tried = calls(world)
    assert set(tried) == admitting_sellers()
    before = list(Movement.objects.values_list("pk", flat=True))
    for name, call in tried.items():
        with pytest.raises((NotFound, PermissionDenied)):
            call()
            pytest.fail(f"{name} was done in a stranger's site")
    assert list(Movement.objects.values_list("pk", flat=True)) == before
    assert WriteOff.objects.filter(status="draft").count() == 1


def test_no_operation_takes_a_strangers_goods_or_promises_along(world: World) -> None:
    """The own site is named, and in it the stranger's goods, places or reservations."""
    o, one, who = orchestrator, Decimal(1), {"actor": world.seller.actor}
    place = BatchLocation.objects.get(batch__lot_number=f"{MARK}-LOT-1", location=world.theirs.shelf)
    promise = Reservation.objects.get(order_ref=f"{MARK}:1")
    with pytest.raises(DomainError):
        o.create_write_off(warehouse_id=world.mine.id, lines=[WriteOffLine(place.pk, one, "lost")], **who)
    with pytest.raises(DomainError):
        o.remove_stock(warehouse_id=world.mine.id, line=WriteOffLine(place.pk, one, "lost"), **who)
    with pytest.raises(DomainError):
        o.place_stock(warehouse_id=world.mine.id, line=ReceivingLine(world.common.pk, one, location_id=world.theirs.shelf.pk), **who)
    with pytest.raises(DomainError):
        o.process_offline_sale(
            warehouse_id=world.mine.id,
            lines=[SaleLine(world.common.pk, Decimal(10))],
            receipt_number="2",
            reservation_ids_to_release=[promise.pk],
            **who,
        )
    promise.refresh_from_db()
    assert promise.status == "active"
    assert_books_balance()


def test_whom_the_operations_do_not_admit_they_refuse(world: World) -> None:
    """Every other operation refuses a seller before it looks at anything."""
    others = {name for name in orchestrator.__all__ if isinstance(getattr(orchestrator, name), Operation)} - admitting_sellers()
    assert len(others) > 60
    for name in others:
        with pytest.raises(PermissionDenied):
            getattr(orchestrator, name)(actor=world.seller.actor)


# --- the back office ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def office(world: World) -> Client:
    client = Client()
    client.force_login(world.seller.user)
    return client


def pages() -> list[type[Model]]:
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def test_no_list_of_the_back_office_shows_anything_of_a_stranger(world: World, office: Client) -> None:
    seen = []
    for model in pages():
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for query in ("", f"?q={MARK[1:]}"):  # the page repeats what was asked for
            answer = office.get(url + query)
            assert answer.status_code in (200, 302, 403), model
            if answer.status_code == 200:
                seen.append(model)
                told = answer.content.decode()
                assert MARK not in told.upper(), (model, told[max(0, told.upper().index(MARK) - 300) :][:600])
    assert {Stock, BatchLocation, Movement, Product, Location, Warehouse} <= set(seen)


def test_no_page_of_the_back_office_opens_for_a_strangers_row(world: World, office: Client) -> None:
    opened = 0
    for model in pages():
        for pk in model._default_manager.values_list("pk", flat=True)[:60]:
            answer = office.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk]))
            if answer.status_code == 200:
                opened += 1
                assert MARK not in answer.content.decode().upper(), (model, pk)
    assert opened > 5


def test_no_step_of_the_back_office_is_taken_on_a_strangers_row(world: World, office: Client) -> None:
    tried = 0
    before = list(Movement.objects.values_list("pk", flat=True))
    for model in pages():
        page = admin.site._registry[model]
        for step in getattr(page, "steps", ()):
            for row in model._default_manager.all()[:20]:
                if MARK not in "".join(str(value) for value in (row, getattr(row, "warehouse", ""), getattr(row, "order_ref", ""))).upper():
                    continue
                url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{step.name}", args=[row.pk])
                answer = office.post(url, {"expected_version": getattr(row, "version", -1), "reason": "x"})
                assert answer.status_code in (302, 403, 404), (model, step.name)
                tried += 1
    assert tried > 10
    assert list(Movement.objects.values_list("pk", flat=True)) == before

"""A cart with six totes: a wrong tote, a place with less than the books say, an order cancelled in the middle of the walk."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from fulfillment.models import Order, PackingTask, PickingBatch, PickingTask, PutBack
from fulfillment.queries.picking_batches import next_stop
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import make_picking_batches
from inventory.models import Location, Product
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import ACTOR, order_for, person
from tests.factories.inventory import BarcodeFactory, ProductFactory, Site, stocked
from tests.fulfillment.batches import hall, settled
from warehouse.core.actor import Role

GOODS = {
    "K-02": "Milk 3.2 % 1 l",
    "K-04": "Buckwheat, whole grain, 800 g",
    "L-03": "Ajvar, home style, 690 g",
    "M-02": "Green tea, 20 bags",
}
# What each order asks for, by the shelf.
ORDERS = [
    {"K-02": 3, "M-02": 1},
    {"K-02": 1, "L-03": 2},
    {"K-04": 2},
    {"L-03": 1, "M-02": 2},
    {"K-02": 2, "K-04": 1},
    {"M-02": 1},
]


@pytest.fixture
def cart(db: None) -> tuple[Site, dict[str, Location], PickingBatch]:
    """Six orders for goods of four shelves in one batch; milk lies on another shelf too."""
    here, shelves = hall()
    goods = {}
    for number, (code, name) in enumerate(GOODS.items(), start=1):
        goods[code] = ProductFactory(sku=f"SKU-{number}", name=name)
        BarcodeFactory(code=f"860000000001{number}", product=goods[code])
        stocked(goods[code], shelves[code], 30, lot=f"L-{number}", expires_in_days=20)
    stocked(goods["L-03"], shelves["L-01"], 30, lot="L-9", expires_in_days=60)
    for number, lines in enumerate(ORDERS, start=1):
        order_for([(goods[code], quantity) for code, quantity in lines.items()], order_number=f"S-100{number}")
    tasks = list(PickingTask.objects.order_by("pk").values_list("pk", flat=True))
    (batch,) = make_picking_batches(here.id, tasks, actor=ACTOR)
    return here, shelves, batch


def code_of(product: Product) -> str:
    return str(product.barcodes.get().code)


def tote_of(task: PickingTask) -> str:
    return f"TOTE-0{task.tote}7"


def to_the_tote(phone: Phone, batch: PickingBatch) -> Any:
    """Scan what is asked for until the tote is; the stop at hand."""
    stop = next_stop(batch.pk)
    assert stop is not None
    body = phone.page.locator("body").inner_text()
    if "Scan the place" in body:
        phone.scan(stop.location.barcode)
        phone.sees("Scan the product")
        phone.page.wait_for_timeout(300)
        body = "Scan the product"
    if "Scan the product" in body:
        phone.scan(code_of(stop.product))
        phone.sees(f"Scan tote T{stop.task.tote}")
        phone.page.wait_for_timeout(300)
    return stop


def put(phone: Phone, batch: PickingBatch) -> Any:
    """Pick the stop at hand into its tote."""
    stop = to_the_tote(phone, batch)
    phone.scan(tote_of(stop.task))
    expect(phone.page.locator("body")).to_contain_text(re.compile(f"in T{stop.task.tote}|All picked"))
    phone.page.wait_for_timeout(300)
    return stop


def test_six_orders_in_one_walk(phone: Phone, cart: Any) -> None:
    _, _, batch = cart
    phone.open("/floor/login")
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.tap("Pick", "link")
    phone.sees("walk for several orders waits")
    phone.look("batch-01-start")
    phone.tap("Take the next walk")
    phone.sees("Go to", "K-02", "6 orders", "0/10")
    phone.look("batch-02-place")

    stop = next_stop(batch.pk)
    assert stop is not None
    phone.scan(stop.location.barcode)
    phone.sees("Scan the product")
    phone.look("batch-03-product")
    stop = to_the_tote(phone, batch)
    phone.sees("Into tote", "T1", "empty tote here")
    phone.look("batch-04-empty-tote")
    phone.scan("T1")
    phone.sees("Wrong tote", "That is no tote")
    phone.look("batch-05-no-tote")
    phone.tap("OK", "link")
    put(phone, batch)

    stop = to_the_tote(phone, batch)  # the same goods for the next order: neither place nor product is scanned again
    phone.sees("Scan tote T2", "1/10", "3 pcs in T1")
    phone.look("batch-06-second-tote")
    phone.scan("TOTE-017")
    phone.sees("Wrong tote", "T2", "Goods of another order")
    phone.look("batch-07-wrong-tote")
    assert phone.heard()
    phone.tap("OK", "link")
    put(phone, batch)
    put(phone, batch)

    phone.tap("Undo last", "link")
    phone.sees("Take back the last scan?", "Take it out of", "T5")
    phone.look("batch-08-undo")
    phone.tap("Yes, put it back")
    phone.sees("Undone: 2 pcs", "2/10")
    put(phone, batch)
    put(phone, batch)

    gone = Order.objects.get(order_number="S-1001")
    process_order_cancelled(gone.source, gone.external_id, "changed my mind", actor=ACTOR)
    phone.open(f"/floor/pick/batch/{batch.pk}")
    phone.sees("An order was cancelled", "Take this tote off the cart", "T1", "TOTE-017")
    phone.look("batch-09-take-off")
    phone.scan("TOTE-027")
    phone.sees("Wrong tote")
    phone.tap("OK", "link")
    phone.scan("TOTE-017")
    phone.sees("Taken off", "5 orders")
    phone.look("batch-10-goes-on")

    while (stop := next_stop(batch.pk)) is not None and stop.location.code != "L-03":
        put(phone, batch)
    to_the_tote(phone, batch)
    phone.tap("Not enough", "link")
    phone.sees("Not enough here?", "Tote")
    phone.look("batch-11-not-enough")
    phone.tap("Yes, not enough")
    phone.sees("Noted: not enough", "The rest is fetched from L-01")
    phone.look("batch-12-elsewhere")
    while next_stop(batch.pk) is not None:
        stop = to_the_tote(phone, batch)
        if stop.task.tote_code:
            phone.look("batch-13-same-tote")
        put(phone, batch)

    phone.sees("All picked", "Bring everything to", "Order cancelled: put it back")
    phone.look("batch-14-done")
    assert PickingBatch.objects.get().status == "completed"
    assert PackingTask.objects.count() == 5
    assert PutBack.objects.get().quantity == 3
    settled()


@pytest.mark.parametrize("language", ["ru", "pl"])
def test_the_words_fit_in_other_languages(phone: Phone, cart: Any, language: str) -> None:
    _, _, batch = cart
    phone.open("/floor/login")
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open("/floor/")
    phone.tap({"ru": "Русский", "pl": "Polski"}[language])
    phone.open("/floor/pick")
    phone.look(f"batch-{language}-start")
    phone.page.locator("form[action='/floor/pick/claim'] button").click()
    stop = next_stop(batch.pk)
    phone.sees("K-02")
    assert stop is not None
    for code in (stop.location.barcode, code_of(stop.product)):
        phone.scan(code)
        phone.page.wait_for_timeout(500)
    phone.look(f"batch-{language}-tote")
    phone.scan("T1")
    phone.page.wait_for_timeout(500)
    phone.look(f"batch-{language}-no-tote")
    phone.open(f"/floor/pick/batch/{batch.pk}")
    phone.scan("TOTE-017")
    phone.page.wait_for_timeout(500)
    order = Order.objects.get(order_number="S-1001")
    process_order_cancelled(order.source, order.external_id, "", actor=ACTOR)
    phone.open(f"/floor/pick/batch/{batch.pk}")
    phone.look(f"batch-{language}-off")

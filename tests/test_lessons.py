"""What broke in other systems again and again: docs/lessons.md names the tests that keep it from breaking here, and those without another home stand here."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from requests.adapters import HTTPAdapter

from fulfillment import flows
from fulfillment.models import PickingTask, Shipment, StatusReport
from inventory.models import BatchLocation, OfflineSale, Reservation, ReservationItem, Stock
from inventory.orchestrator import (
    Finding,
    InsufficientStock,
    MixSource,
    OrderedLine,
    ReceivingLine,
    ReturnLine,
    SaleLine,
    TransferLine,
    UnfitNow,
    WriteOffLine,
    change_phase,
    complete_audit,
    complete_return,
    confirm_receiving,
    confirm_write_off,
    consume_reservation,
    create_audit,
    create_receiving,
    create_return,
    create_transfer,
    create_write_off,
    get_availability,
    inspect_return,
    mix_batches,
    move_stock,
    pick_reserved,
    process_offline_sale,
    promise_order,
    receive_transfer,
    record_count,
    remove_stock,
    reserve_for_order,
    scan_audit_place,
    send_transfer,
    split_batch,
    start_audit,
    write_off_stock,
)
from tests.api.conftest import Caller
from tests.factories.fulfillment import order_for, packed, person, picked, reachable_site
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.partners.fixtures import delivery, order_system
from warehouse.core.actor import Role
from warehouse.core.errors import DomainError
from warehouse.outbox.models import OutboxEvent

__all__ = ["delivery", "order_system"]  # fixtures

ONE = Decimal(1)
ROWS = list(range(1, 30))
# What earlier attempts of our own got wrong.
OWN = 5


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


# --- the table ---------------------------------------------------------------------------------------------------------------------------


def test_every_lesson_names_tests_that_exist() -> None:
    document = (settings.BASE_DIR / "docs" / "lessons.md").read_text()
    rows = re.findall(r"^\| (\d+) \|.*\|([^|]*)\|$", document, re.MULTILINE)
    assert [int(number) for number, _ in rows] == ROWS
    own = re.findall(r"^\| (\D[^|]*) \|([^|]*`[^|]*)\|$", document, re.MULTILINE)
    assert len(own) == OWN
    for number, cell in rows + own:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", cell)
        assert named, number
        for path, test in named:
            assert f"def {test}(" in (settings.BASE_DIR / path).read_text(), (number, path, test)


# --- 5: a lock held during an outside call -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_no_call_to_a_partner_within_a_transaction(order_system, delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the order to the waybill: whenever a request leaves the house, no transaction is open, so no lock waits for a stranger."""
    open_during: list[tuple[str, bool]] = []
    send = HTTPAdapter.send

    def watched(self: HTTPAdapter, request: Any, **kwargs: Any) -> Any:
        open_during.append((request.path_url, connection.in_atomic_block))
        return send(self, request, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", watched)
    product, here = ProductFactory(), reachable_site(external_id="1")
    stocked(product, here.shelf, 10)
    order_for([(product, 2, here)], external_id="4711")
    packed(picked(PickingTask.objects.get(), person(Role.PICKER)), person(Role.PACKER))
    flows.request_shipment(Shipment.objects.get().pk)
    for report in StatusReport.objects.all():
        flows.report_status(report.pk)

    assert {path.split("?")[0].split("/")[3] for path, _ in open_during} >= {"shipments", "orders"}
    assert [path for path, was_open in open_during if was_open] == []


# --- 7: silent clamping ------------------------------------------------------------------------------------------------------------------


def greedy(house: Site, shop: Site, place: BatchLocation, other: BatchLocation, much: Decimal) -> dict[str, Callable[[], Any]]:
    """Every way to ask for more than there is."""
    product, where = place.product_id, {"warehouse_id": house.id, "actor": ACTOR}
    line = [OrderedLine(product, much, house.id)]
    paper = create_write_off(lines=[WriteOffLine(place.pk, much, "lost")], **where)
    transfer = create_transfer(
        source_warehouse_id=house.id, target_warehouse_id=shop.id, target_location_id=shop.shelf.pk, lines=[TransferLine(place.pk, much)], actor=ACTOR
    )
    return {
        "reserve": lambda: reserve_for_order("shop:1", line, **where),
        "order": lambda: promise_order("shop:1", line, actor=ACTOR),
        "offline sale": lambda: process_offline_sale(lines=[SaleLine(product, much)], receipt_number="1", **where),
        "write-off": lambda: confirm_write_off(paper.pk, actor=ACTOR),
        "write-off of one": lambda: remove_stock(line=WriteOffLine(place.pk, much, "lost"), **where),
        "write-off by FEFO": lambda: write_off_stock(product_id=product, quantity=much, reason="lost", **where),
        "transfer": lambda: send_transfer(transfer.pk, actor=ACTOR),
        "move": lambda: move_stock(place.pk, much, to_location_id=house.dock.pk, actor=ACTOR),
        "split": lambda: split_batch(place.pk, much, actor=ACTOR),
        "change of phase": lambda: change_phase(place.pk, much, "open", actor=ACTOR),
        "mix": lambda: mix_batches(to_location_id=house.shelf.pk, sources=[MixSource(place.pk, much), MixSource(other.pk, ONE)], **where),
        "return": lambda: create_return(order_ref=OfflineSale.objects.get().order_ref, lines=[ReturnLine(product, much)], **where),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("much", ["5.001", "1000000"])
def test_more_than_there_is_is_refused_everywhere_and_never_clamped(house: Site, much: str) -> None:
    product = ProductFactory(base_unit="kg", quantity_step=Decimal("0.001"), lives={"ambient": 365, ("ambient", "opened"): 9})
    place, other = stocked(product, house.shelf, 5, lot="A"), stocked(product, house.shelf, 1, lot="B")
    process_offline_sale(warehouse_id=house.id, lines=[SaleLine(product.pk, ONE)], receipt_number="0", actor=ACTOR)
    asked = greedy(house, site(code="SHOP"), place, other, Decimal(much))
    before = list(BatchLocation.objects.values_list("pk", "quantity", "reserved"))

    for name, call in asked.items():
        with pytest.raises(DomainError) as refusal:
            call()
            pytest.fail(f"{name}: it was done")
        assert refusal.value.status == 409, (name, refusal.value)
    assert list(BatchLocation.objects.values_list("pk", "quantity", "reserved")) == before
    assert totals(product.pk, house.id) == (5, 0, 0, 5)
    assert_books_balance()


# --- 10: a chain of steps that fails half-way --------------------------------------------------------------------------------------------


def receiving(house: Site, shop: Site) -> Callable[[], Any]:
    lines = [ReceivingLine(ProductFactory().pk, Decimal(5), location_id=house.shelf.pk) for _ in range(2)]
    paper = create_receiving(warehouse_id=house.id, lines=lines, actor=ACTOR)
    return lambda: confirm_receiving(paper.pk, actor=ACTOR)


def sending(house: Site, shop: Site) -> Callable[[], Any]:
    place = stocked(ProductFactory(), house.shelf, 5)
    paper = create_transfer(
        source_warehouse_id=house.id, target_warehouse_id=shop.id, target_location_id=shop.shelf.pk, lines=[TransferLine(place.pk, ONE)], actor=ACTOR
    )
    return lambda: send_transfer(paper.pk, actor=ACTOR)


def arriving(house: Site, shop: Site) -> Callable[[], Any]:
    place = stocked(ProductFactory(), house.shelf, 5)
    paper = create_transfer(
        source_warehouse_id=house.id,
        target_warehouse_id=shop.id,
        target_location_id=shop.shelf.pk,
        lines=[TransferLine(place.pk, Decimal(3))],
        actor=ACTOR,
    )
    send_transfer(paper.pk, actor=ACTOR)
    return lambda: receive_transfer(paper.pk, received={paper.items.get().pk: Decimal(2)}, actor=ACTOR)


def writing_off(house: Site, shop: Site) -> Callable[[], Any]:
    """Promised goods, whose promise moves to another lot."""
    product = ProductFactory()
    place = stocked(product, house.shelf, 5, lot="A", expires_in_days=5)
    stocked(product, house.shelf, 5, lot="B", expires_in_days=50)
    reserve_for_order("shop:1", [OrderedLine(product.pk, Decimal(5))], warehouse_id=house.id, actor=ACTOR)
    paper = create_write_off(warehouse_id=house.id, lines=[WriteOffLine(place.pk, Decimal(5), "damaged")], release_reservations=True, actor=ACTOR)
    return lambda: confirm_write_off(paper.pk, actor=ACTOR)


def coming_back(house: Site, shop: Site) -> Callable[[], Any]:
    """Returned goods that make a write-off in the same transaction."""
    product = ProductFactory()
    stocked(product, house.shelf, 5)
    sale = process_offline_sale(warehouse_id=house.id, lines=[SaleLine(product.pk, Decimal(2))], receipt_number="1", actor=ACTOR)
    paper = create_return(warehouse_id=house.id, order_ref=sale.order_ref, lines=[ReturnLine(product.pk, Decimal(2))], actor=ACTOR)
    inspect_return(paper.pk, findings=[Finding(paper.items.get().pk, "spoiled", "write_off")], actor=ACTOR)
    return lambda: complete_return(paper.pk, actor=ACTOR)


def counting(house: Site, shop: Site) -> Callable[[], Any]:
    place = stocked(ProductFactory(), house.shelf, 5)
    audit = create_audit(warehouse_id=house.id, recount_above_percent=Decimal(100), actor=ACTOR)
    start_audit(audit.pk, actor=ACTOR)
    scan_audit_place(audit.pk, house.shelf.pk, actor=ACTOR)
    record_count(audit.pk, audit.lines.get(batch_location=place).pk, Decimal(4), actor=ACTOR)
    return lambda: complete_audit(audit.pk, actor=ACTOR)


def adopting(house: Site, shop: Site) -> Callable[[], Any]:
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    reserve_for_order("shop:1", [OrderedLine(product.pk, Decimal(5))], warehouse_id=house.id, ttl=timedelta(hours=1), actor=ACTOR)
    return lambda: promise_order("shop:1", [OrderedLine(product.pk, Decimal(7))], actor=ACTOR)


def taking_in(house: Site, shop: Site) -> Callable[[], Any]:
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    return lambda: order_for([(product, 2)], external_id="1")


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the business, as text."""
    names = [name for name in connection.introspection.table_names() if name.split("_")[0] in ("inventory", "fulfillment", "outbox")]
    found = {}
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1')
            found[name] = cursor.fetchall()
    return found


class Injected(Exception):
    """What the test lets go wrong."""


def fail_at(number: int) -> Callable[..., Any]:
    """Let the statement with this number fail; 1 is the first."""
    left = [number]

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            left[0] -= 1
            if left[0] == 0:
                raise Injected
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chain", [receiving, sending, arriving, writing_off, coming_back, counting, adopting, taking_in])
def test_a_chain_that_fails_at_any_step_leaves_nothing(chain: Callable[[Site, Site], Callable[[], Any]]) -> None:
    house, shop = site(code="MAIN"), site(code="SHOP")
    work = chain(house, shop)
    before = everything()
    steps = 0
    while True:
        try:
            with connection.execute_wrapper(fail_at(steps + 1)):
                work()
            break
        except Injected:
            steps += 1
            assert everything() == before, f"statement {steps} failed, and something was left"
    assert steps >= 5
    assert everything() != before  # in the end, with no fault, it is done
    assert_books_balance()


# --- 11: "expires today" judged in one way -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("left", "fit"), [(timedelta(seconds=1), True), (timedelta(0), False), (timedelta(seconds=-1), False)])
def test_one_moment_for_list_reserve_pick_and_ship(house: Site, monkeypatch: pytest.MonkeyPatch, left: timedelta, fit: bool) -> None:
    """A lot with two days that must be left when it ships, one second before, at, and one second after that moment: all say the same."""
    product = ProductFactory(sku="MILK", min_remaining_days=2)
    place = stocked(product, house.shelf, 9, expires_in_days=10)
    mine = reserve_for_order("shop:1", [OrderedLine(product.pk, Decimal(4))], warehouse_id=house.id, actor=ACTOR)
    pick, ship = (
        reserve_for_order(f"shop:{name}", [OrderedLine(product.pk, ONE)], warehouse_id=house.id, actor=ACTOR).items[0].id for name in ("pick", "ship")
    )
    assert place.effective_expires_at is not None
    moment = place.effective_expires_at - timedelta(days=2) - left
    monkeypatch.setattr(timezone, "now", lambda: moment)

    said = {
        "availability": get_availability([product.pk], warehouse_ids=[house.id])[0].available > 0,
        "list": Caller(Role.PICKER).get("stock/picking-locations", sku="MILK", warehouse="MAIN").json() != [],
        "reserve": works(lambda: reserve_for_order("shop:2", [OrderedLine(product.pk, ONE)], warehouse_id=house.id, actor=ACTOR), InsufficientStock),
        "order": works(lambda: promise_order("shop:3", [OrderedLine(product.pk, ONE)], actor=ACTOR), InsufficientStock),
        "till": works(
            lambda: process_offline_sale(warehouse_id=house.id, lines=[SaleLine(product.pk, ONE)], receipt_number="1", actor=ACTOR), InsufficientStock
        ),
        "pick": works(
            lambda: pick_reserved(
                pick,
                ONE,
                warehouse_id=house.id,
                product_id=product.pk,
                to_location_id=house.bench.pk,
                document_type="picking_task",
                document_id=1,
                actor=ACTOR,
            ),
            UnfitNow,
        ),
        "ship": works(lambda: consume_reservation(ReservationItem.objects.get(pk=ship).reservation_id, actor=ACTOR), UnfitNow),
    }

    assert said == dict.fromkeys(said, fit)
    assert Reservation.objects.get(pk=mine.reservation_id).status == "active"


def works(call: Callable[[], Any], refusal: type[DomainError]) -> bool:
    try:
        call()
    except refusal:
        return False
    return True


# --- 13: a date that shifts with the time zone -------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "America/St_Johns", "UTC", "Asia/Kathmandu", "Pacific/Kiritimati"])
@pytest.mark.parametrize("reader", ["Pacific/Honolulu", "Pacific/Kiritimati"])
def test_a_date_comes_back_as_it_was_printed(zone: str, reader: str, settings: Any) -> None:
    """From UTC−10 to UTC+14, whoever reads: the last day of a month in, the last day of a month out, and it ends at the site's midnight."""
    settings.TIME_ZONE = reader
    here = site(code="A", external_id="1", time_zone=zone)
    ProductFactory(sku="MILK")
    caller = Caller(Role.RECEIVER)
    body = {"warehouse": "A", "sku": "MILK", "quantity": 1, "lot_number": "L1", "label_expires_on": "2099-02-28", "produced_on": "2098-12-31"}
    made = caller.post("stock/place", body)

    assert made.status_code == 201, made.content
    (item,) = made.json()["items"]
    assert (item["label_expires_on"], item["produced_on"]) == ("2099-02-28", "2098-12-31")
    (batch,) = caller.get("batches", lot_number="L1").json()["results"]
    assert (batch["label_expires_on"], batch["produced_on"]) == ("2099-02-28", "2098-12-31")
    (place,) = caller.get(f"locations/{here.dock.pk}/stock").json()["results"]
    not_after = BatchLocation.objects.get().not_after
    assert not_after is not None

    ends = not_after.astimezone(ZoneInfo(zone))
    assert (ends.date(), ends.hour, ends.minute) == (date(2099, 3, 1), 0, 0)  # the end of the 28th, where the goods lie
    assert datetime.fromisoformat(place["effective_expires_at"]) <= not_after
    assert OutboxEvent.objects.exists()
    assert Stock.objects.get().quantity == 1

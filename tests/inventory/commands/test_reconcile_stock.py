"""`manage.py reconcile_stock` finds what was changed behind the books' back, and names it."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from inventory.models import Audit, Batch, BatchLocation, Location, Movement, Product, Reservation, ReservationItem, Stock, Warehouse
from inventory.orchestrator import OrderedLine, consume_reservation, pick_reserved, promise_order, release_reservation
from inventory.queries.reconciliation import CHECKS
from inventory.services.moving import move_stock
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import totals
from tests.inventory.events import heard

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def milk() -> Product:
    """A morning of work: two lots, promises made, picked, released and kept."""
    house: Site = site(code="MAIN")
    product = ProductFactory(sku="MILK", lives={"chilled": 14})
    stocked(product, house.cool, 10, lot="L1", expires_in_days=5)
    stocked(product, house.cool, 10, lot="L2", expires_in_days=9)
    promise_order("shop:1", [OrderedLine(product.pk, Decimal(12))], actor=ACTOR)
    sold = promise_order("shop:2", [OrderedLine(product.pk, Decimal(2))], actor=ACTOR)[0]
    consume_reservation(sold.reservation_id, actor=ACTOR, for_order=True)
    gone = promise_order("shop:3", [OrderedLine(product.pk, Decimal(1))], actor=ACTOR)[0]
    release_reservation(gone.reservation_id, reason="CHANGED_MIND", actor=ACTOR, for_order=True)
    item = ReservationItem.objects.filter(reservation__order_ref="shop:1").order_by("pk").first()
    assert item is not None
    pick_reserved(
        item.pk, Decimal(4), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=1, actor=ACTOR,
    )  # fmt: skip
    return product


def reconcile(*options: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("reconcile_stock", *options, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), err.getvalue()


def sql(statement: str, *parameters: Any) -> None:
    """What a hand in the database does, with every trigger off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, parameters)
        cursor.execute("RESET session_replication_role")


def test_after_a_morning_of_work_the_books_balance(milk: Product) -> None:
    code, out, err = reconcile()

    assert (code, out) == (0, "The books balance.\n")
    assert err.count("agrees") == len(CHECKS)


def test_json_of_balanced_books(milk: Product) -> None:
    code, out, _ = reconcile("--json")

    assert (code, json.loads(out)) == (0, {"findings": [], "count": 0, "ok": True})


def test_an_empty_database_balances() -> None:
    assert reconcile()[0] == 0


def test_reserved_of_a_total_changed(milk: Product) -> None:
    stock = Stock.objects.get()
    sql("UPDATE inventory_stock SET reserved = reserved - 1 WHERE id = %s", stock.pk)

    code, out, message = reconcile()

    assert code == 1
    assert out == f"stock: Stock {stock.pk}, MILK in MAIN: reserved is 11.000, should be 12.000\n"
    assert message == "The books do not balance: 1 disagreements."


def test_quantity_of_a_place_changed(milk: Product) -> None:
    place = BatchLocation.objects.filter(batch__lot_number="L2").get()
    sql("UPDATE inventory_batchlocation SET quantity = quantity + 3 WHERE id = %s", place.pk)

    code, out, _ = reconcile("--json")

    stock = Stock.objects.get()
    assert code == 1
    assert json.loads(out) == {
        "ok": False,
        "count": 2,
        "findings": [
            {
                "check": "ledger", "table": "BatchLocation", "id": str(place.pk), "sku": "MILK", "warehouse": "MAIN", "field": "quantity",
                "stored": "11.000", "computed": "8.000",
            },
            {
                "check": "stock", "table": "Stock", "id": str(stock.pk), "sku": "MILK", "warehouse": "MAIN", "field": "quantity",
                "stored": "18.000", "computed": "21.000",
            },
        ],
    }  # fmt: skip


def test_a_reservation_item_changed(milk: Product) -> None:
    item = ReservationItem.objects.filter(reservation__order_ref="shop:1", batch_location__batch__lot_number="L2").get()
    sql("UPDATE inventory_reservationitem SET quantity = quantity - 1 WHERE id = %s", item.pk)

    code, out, _ = reconcile()

    assert code == 1
    first = ReservationItem.objects.filter(reservation=item.reservation).order_by("pk").first()
    assert first is not None
    assert out.splitlines() == [
        f"promises: BatchLocation {item.batch_location_id}, MILK in MAIN: reserved is 2.000, should be 1.000",
        f"items: ReservationItem {item.pk}, MILK in MAIN: held is 1.000, should be 2.000",
        f"kept: ReservationItem {first.pk}, MILK in MAIN: quantity is 11.000, should be 12.000",
    ]


@pytest.mark.parametrize(
    ("order_ref", "change", "fields"),
    [
        ("shop:2", "released = consumed, consumed = 0", {"released", "consumed"}),
        ("shop:2", "quantity = quantity + 5, consumed = consumed + 5", {"quantity", "consumed"}),
        ("shop:1", "quantity = quantity + 5, released = released + 5", {"quantity", "released"}),
        ("shop:2", "actual = 77", {"actual"}),
        ("shop:2", "product_id = 999999", {"quantity", "consumed", "actual"}),
    ],
)
def test_a_reservation_item_changed_so_that_what_it_holds_still_agrees(milk: Product, order_ref: str, change: str, fields: set[str]) -> None:
    item = ReservationItem.objects.filter(reservation__order_ref=order_ref).order_by("pk").first()
    assert item is not None
    sql(f"UPDATE inventory_reservationitem SET {change} WHERE id = %s", item.pk)

    code, out, _ = reconcile("--json")

    kept = [finding for finding in json.loads(out)["findings"] if finding["check"] == "kept"]
    assert code == 1
    assert {finding["field"] for finding in kept} == fields
    assert str(item.pk) in {finding["id"] for finding in kept}


def test_a_reservation_item_deleted(milk: Product) -> None:
    item = ReservationItem.objects.filter(reservation__order_ref="shop:1", batch_location__batch__lot_number="L2").get()
    sql("DELETE FROM inventory_reservationitem WHERE id = %s", item.pk)

    code, out, _ = reconcile()

    assert code == 1
    assert f"items: ReservationItem missing in reservation {item.reservation_id}, MILK in MAIN: held is None, should be 2.000" in out


def test_a_reservation_closed_by_hand(milk: Product) -> None:
    reservation = Reservation.objects.get(order_ref="shop:1")
    sql("UPDATE inventory_reservation SET status = 'released' WHERE id = %s", reservation.pk)

    code, out, _ = reconcile()

    places = ReservationItem.objects.filter(reservation=reservation).values_list("batch_location_id", "quantity")
    assert code == 1
    assert sorted(out.splitlines()) == sorted(
        f"promises: BatchLocation {place}, MILK in MAIN: reserved is {quantity}, should be 0.000" for place, quantity in places
    )


def test_an_empty_place_deleted(milk: Product) -> None:
    """Its ledger adds up to nothing, but it is a ledger of something that is not there."""
    free = BatchLocation.objects.get(product=milk, batch__lot_number="L2", location__code="C-01")
    there = Location.objects.filter(warehouse=free.warehouse_id, code="C-02").first() or Location.objects.create(
        warehouse=free.warehouse, code="C-02", kind=free.location.kind, condition=free.location.condition
    )
    sql("DELETE FROM inventory_reservationitem WHERE batch_location_id = %s", free.pk)
    sql("UPDATE inventory_batchlocation SET reserved = 0 WHERE id = %s", free.pk)
    move_stock(free.pk, free.quantity, there.pk, actor=ACTOR)
    sql("UPDATE inventory_movement SET reserved_change = 0 WHERE batch_location_id = %s", free.pk)
    sql("DELETE FROM inventory_batchlocation WHERE id = %s", free.pk)

    code, out, _ = reconcile()

    assert code == 1
    assert f"ledger: BatchLocation {free.pk}, MILK in MAIN: quantity is None, should be 0.000" in out


def test_a_line_of_the_ledger_deleted(milk: Product) -> None:
    lost = Movement.objects.filter(batch_location__batch__lot_number="L1", type="receiving").get()
    following = Movement.objects.filter(batch_location=lost.batch_location_id, pk__gt=lost.pk).order_by("pk").first()
    assert following is not None
    sql("DELETE FROM inventory_movement WHERE id = %s", lost.pk)

    code, out, _ = reconcile()

    assert code == 1
    assert out.splitlines() == [
        f"ledger: BatchLocation {lost.batch_location_id}, MILK in MAIN: quantity is 6.000, should be -4.000",
        f"chain: Movement {following.pk}, MILK in MAIN: quantity_before is 10.000, should be 0",
    ]


def test_a_line_of_the_ledger_changed_so_that_the_sums_still_agree(milk: Product) -> None:
    line = Movement.objects.filter(type="reservation").order_by("pk").first()
    assert line is not None
    sql("UPDATE inventory_movement SET quantity_after = quantity_after + 1 WHERE id = %s", line.pk)

    code, out, _ = reconcile()

    assert code == 1
    assert f"chain: Movement {line.pk}, MILK in MAIN: quantity_after is {line.quantity_after + 1}, should be {line.quantity_after}" in out


def test_blocked_changed_and_the_reason_changed(milk: Product) -> None:
    place = BatchLocation.objects.get(batch__lot_number="L2")
    sql("UPDATE inventory_batchlocation SET blocked_reason = 'held' WHERE id = %s", place.pk)

    code, out, _ = reconcile()

    stock = Stock.objects.get()
    assert code == 1
    assert out.splitlines() == [
        f"stock: Stock {stock.pk}, MILK in MAIN: blocked is 0.000, should be 6.000",
        f"blocked: BatchLocation {place.pk}, MILK in MAIN: blocked_reason is held, should be ",
    ]


def test_a_total_deleted(milk: Product) -> None:
    sql("DELETE FROM inventory_stock")

    code, out, _ = reconcile()

    assert code == 1
    assert "stock: Stock None, MILK in MAIN: quantity is None, should be 18.000" in out


def test_a_status_changed(milk: Product) -> None:
    stock = Stock.objects.get()
    sql("UPDATE inventory_stock SET status = 'out_of_stock'")

    assert reconcile()[1] == f"status: Stock {stock.pk}, MILK in MAIN: status is out_of_stock, should be in_stock\n"


def test_a_trigger_that_was_left_off(milk: Product) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'pgtrigger_movement_keep_row%%'")
        (trigger,) = cursor.fetchone()
        cursor.execute(f"ALTER TABLE inventory_movement DISABLE TRIGGER {trigger}")
        try:
            code, out, _ = reconcile()
        finally:
            cursor.execute(f"ALTER TABLE inventory_movement ENABLE TRIGGER {trigger}")

    assert (code, out) == (1, "guards: database movement_keep_row: trigger is off, should be on\n")


def test_it_reads_one_snapshot_and_writes_nothing(milk: Product) -> None:
    from django.db import InternalError

    from warehouse.core.whole_tables import snapshot

    with pytest.raises(InternalError, match="read-only"), snapshot():
        Stock.objects.update(reserved=0)


# --- repaired when told to ---------------------------------------------------------------------------------------------------------------


def repair() -> dict[str, Any]:
    code, out, _ = reconcile("--json", "--repair")
    return {"code": code, **json.loads(out)}


def test_nothing_to_repair(milk: Product) -> None:
    assert repair() == {"code": 0, "findings": [], "count": 0, "repairs": [], "ok": True}
    assert not Audit.objects.exists()
    assert reconcile("--repair")[1] == "The books balance.\n"


def test_without_being_told_nothing_is_repaired(milk: Product) -> None:
    sql("UPDATE inventory_stock SET reserved = reserved - 1")
    assert [reconcile()[0], reconcile()[0]] == [1, 1]
    assert not Audit.objects.exists()


def test_a_place_follows_the_ledger_and_an_audit_shows_it(milk: Product) -> None:
    place = BatchLocation.objects.get(batch__lot_number="L2")
    Batch.objects.update(purchase_price=Decimal(2))
    sql("UPDATE inventory_batchlocation SET quantity = quantity + 3 WHERE id = %s", place.pk)
    lines = Movement.objects.count()

    with heard() as events:
        done = repair()

    assert (done["code"], done["count"], done["left"], done["ok"]) == (0, 2, [], True)
    audit = Audit.objects.get()
    stock = Stock.objects.get()
    assert (audit.status, audit.scope, list(audit.products.all())) == ("completed", "products", [milk])
    assert audit.notes == f"The books were repaired:\nBatchLocation {place.pk}: quantity 11.000 → 8.000"
    assert list(audit.lines.values_list("batch_location", "books_quantity", "counted_quantity", "difference")) == [(place.pk, 11, 8, -3)]
    assert [(each["document"], each["warehouse"], len(each["changes"])) for each in done["repairs"]] == [(audit.number, "MAIN", 1)]
    assert events.types() == ["inventory.audit.completed"]
    assert (events[0][1]["repair"], events[0][1]["value"]) == (True, {"EUR": "-6"})
    assert (stock.quantity, Movement.objects.count()) == (18, lines)
    assert reconcile()[0] == 0


def test_totals_reasons_and_what_promises_that_are_over_hold(milk: Product) -> None:
    house = Warehouse.objects.get()
    place = BatchLocation.objects.get(batch__lot_number="L2")
    reservation = Reservation.objects.get(order_ref="shop:1")
    sql("UPDATE inventory_reservation SET status = 'released', closed_at = now() WHERE id = %s", reservation.pk)
    sql("UPDATE inventory_batchlocation SET blocked_reason = 'held' WHERE id = %s", place.pk)
    sql("UPDATE inventory_stock SET quantity = 99, status = 'low_stock'")

    with heard() as events:
        done = repair()

    assert (done["code"], done["left"]) == (0, [])
    assert totals(milk.pk, house.pk) == (18, 0, 4, 14)  # the 4 picked ones stand on the bench
    released = Movement.objects.filter(document_type="audit")
    assert {(line.type, line.reservation_id, line.order_ref, line.document_id) for line in released} == {
        ("release", reservation.pk, "shop:1", Audit.objects.get().pk)
    }
    assert "stock.changed" in events.types()
    assert f"BatchLocation {place.pk}: blocked_reason held → none" in Audit.objects.get().notes
    assert reconcile()[0] == 0


def test_a_total_that_is_gone_is_made_again(milk: Product) -> None:
    sql("DELETE FROM inventory_stock")
    assert repair()["code"] == 0
    assert Stock.objects.get().quantity == 18


def test_what_can_not_be_known_is_left_alone(milk: Product) -> None:
    """A line of the ledger is gone: its sum is not to be trusted, whether it is possible or not."""
    good = ProductFactory(sku="GOOD")
    row = stocked(good, Location.objects.get(code="A-01"), 5)
    lost = Movement.objects.filter(batch_location__batch__lot_number="L2", type="reservation").earliest("pk")
    sql("DELETE FROM inventory_movement WHERE id = %s", lost.pk)
    sql("UPDATE inventory_batchlocation SET quantity = 7 WHERE id = %s", row.pk)
    before = list(BatchLocation.objects.filter(product=milk).order_by("pk").values("quantity", "reserved"))

    done = repair()

    assert (done["code"], done["ok"]) == (1, False)
    assert {finding["sku"] for finding in done["left"]} == {"MILK"}
    assert list(BatchLocation.objects.filter(product=milk).order_by("pk").values("quantity", "reserved")) == before
    assert BatchLocation.objects.get(pk=row.pk).quantity == 5


def test_an_impossible_ledger_does_not_keep_the_others_from_being_repaired(milk: Product) -> None:
    house = Location.objects.get(code="A-01")
    bad, good = (stocked(ProductFactory(sku=sku), house, 5) for sku in ("BAD", "GOOD"))
    sql("UPDATE inventory_movement SET quantity_change = -5, quantity_after = -5 WHERE batch_location_id = %s", bad.pk)
    sql("UPDATE inventory_batchlocation SET quantity = 7 WHERE id = %s", good.pk)

    code, out, message = reconcile("--repair")

    assert (code, BatchLocation.objects.get(pk=good.pk).quantity, BatchLocation.objects.get(pk=bad.pk).quantity) == (1, 5, 5)
    assert "quantity 7.000 → 5.000" in out
    assert message.endswith("disagreements are left.")


def test_a_promise_that_is_not_what_its_ledger_says_is_left_alone(milk: Product) -> None:
    item = ReservationItem.objects.filter(reservation__order_ref="shop:1", batch_location__batch__lot_number="L2").get()
    sql("UPDATE inventory_reservationitem SET quantity = quantity - 1 WHERE id = %s", item.pk)
    done = repair()
    assert (done["code"], done["repairs"]) == (1, [])
    assert not Audit.objects.exists()

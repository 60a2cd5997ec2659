"""Cancellations and adjustments of a history: to which sales they belong, what can't be booked and why, and nothing twice."""

from __future__ import annotations

import contextlib
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command

from inventory.enums import WriteOffReason
from inventory.models import Batch, Movement, Product, Return, ReturnItem, Stock, Warehouse, WriteOff
from inventory.orchestrator import ReturnLine, create_return
from inventory.queries.reconciliation import everything_that_disagrees
from tests.concurrency.threads import race
from warehouse.core.actor import Actor
from warehouse.replay import bookings, stock
from warehouse.replay.bookings import CHARGE, NEVER_SOLD, NOBODY, SOLD_LESS, reason_of
from warehouse.replay.reader import read_history

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
SALES = """\
501,71053,LANTERN,5,2010-12-01 08:00,3.39,A,UK
502,71053,LANTERN,3,2010-12-01 09:00,3.39,A,UK
502,22632,WARMER,4,2010-12-01 09:00,1.85,A,UK
503,71053,LANTERN,9,2010-12-01 10:00,3.39,B,UK
"""


@pytest.fixture
def replay(db, tmp_path: Path, delivery):
    """Replays these lines after the sales; the report."""
    path = tmp_path / "orders.csv"

    def call(*lines: str, code: int = 0, sales: str = SALES, options: tuple[str, ...] = ("--fulfil",)) -> dict:
        path.write_text(HEADER + sales + "\n".join(lines) + "\n")
        out = io.StringIO()
        with pytest.raises(SystemExit, check=lambda ended: ended.code == code) if code else contextlib.nullcontext():
            call_command("replay_orders", str(path), "--json", *options, stdout=out)
        assert everything_that_disagrees() == []
        return json.loads(out.getvalue())

    return call


def booked(report: dict, name: str = "returns") -> list[tuple[str, str, int, int, str]]:
    return [(row["invoice"], row["code"], row["quantity"], row["booked"], row["reason"]) for row in report[name]]


def returns() -> list[tuple[str, str, str, str, Decimal]]:
    rows = ReturnItem.objects.order_by("pk").values_list(
        "return_document__status", "return_document__reference", "return_document__order_ref", "product__sku", "quantity"
    )
    return list(rows)


def test_a_cancellation_belongs_to_the_newest_sales_of_the_customer_before_it(replay):
    report = replay("C504,71053,LANTERN,-4,2010-12-01 11:00,3.39,A,UK", "C504,22632,WARMER,-1,2010-12-01 11:00,1.85,A,UK")

    assert booked(report) == [("C504", "71053", -4, 4, ""), ("C504", "22632", -1, 1, "")]
    assert returns() == [
        ("completed", "C504", "replay:502", "71053", 3),
        ("completed", "C504", "replay:502", "22632", 1),
        ("completed", "C504", "replay:501", "71053", 1),
    ]
    assert (report["units_returned"], report["new"]["returns completed"], report["adds_up"]) == (5, 2, True)
    assert dict(Stock.objects.exclude(quantity=0).values_list("product__sku", "available")) == {"71053": 4, "22632": 1}
    (shelf,) = set(Movement.objects.filter(type="return_to_stock", product__sku="71053").values_list("location", flat=True))
    assert shelf == Movement.objects.get(type="receiving", product__sku="71053").location_id


def test_a_later_cancellation_gets_what_is_left(replay):
    report = replay(
        "C504,71053,LANTERN,-4,2010-12-01 11:00,3.39,A,UK",
        "C505,71053,LANTERN,-2,2010-12-01 12:00,3.39,A,UK",
        "C505,71053,LANTERN,-4,2010-12-01 12:00,3.39,A,UK",
    )

    assert booked(report) == [("C504", "71053", -4, 4, ""), ("C505", "71053", -2, 2, ""), ("C505", "71053", -4, 2, SOLD_LESS)]
    assert report["adds_up"] is True
    assert (
        replay(
            "C504,71053,LANTERN,-4,2010-12-01 11:00,3.39,A,UK",
            "C505,71053,LANTERN,-2,2010-12-01 12:00,3.39,A,UK",
            "C505,71053,LANTERN,-4,2010-12-01 12:00,3.39,A,UK",
        )["returns"]
        == report["returns"]
    )
    assert Return.objects.count() == 3


def test_what_belongs_to_no_sale_is_listed_with_its_reason(replay):
    report = replay(
        "C504,71053,LANTERN,-1,2010-12-01 07:00,3.39,A,UK",  # before the sales
        "C505,22632,WARMER,-1,2010-12-01 11:00,1.85,B,UK",  # somebody else's
        "C506,99999,NOBODY SOLD IT,-1,2010-12-01 11:00,1.85,A,UK",
        "C507,71053,LANTERN,-1,2010-12-01 11:00,3.39,,UK",
        "C508,D,Discount,-1,2010-12-01 11:00,27.5,A,UK",
        "C509,22632,WARMER,-5,2010-12-01 11:00,1.85,A,UK",
    )

    assert booked(report) == [
        ("C504", "71053", -1, 0, NEVER_SOLD),
        ("C505", "22632", -1, 0, NEVER_SOLD),
        ("C506", "99999", -1, 0, NEVER_SOLD),
        ("C507", "71053", -1, 0, NOBODY),
        ("C508", "D", -1, 0, CHARGE),
        ("C509", "22632", -5, 4, SOLD_LESS),
    ]
    assert returns() == [("completed", "C509", "replay:502", "22632", 4)]
    assert (report["units_returned"], report["adds_up"], report["problems"]) == (4, True, [])
    assert not Product.objects.filter(sku="99999").exists()


def test_adjustments_are_written_off_with_the_reason_that_their_description_gives(replay):
    report = replay(
        "504,71053,damages,-3,2010-12-01 11:00,0,,UK",
        "505,71053,,-2,2010-12-01 11:00,0,,UK",
        "506,84952C,?,-38,2010-12-01 11:00,0,,UK",
        "507,71053,LANTERN,6,2010-12-01 12:00,3.39,C,UK",  # a sale with a line that takes away
        "507,22632,lost in the warehouse,-1,2010-12-01 12:00,0,C,UK",
        "508,POST,POSTAGE,-1,2010-12-01 12:00,18,,UK",
    )

    assert booked(report, "stock_adjustments") == [
        ("504", "71053", -3, 3, ""),
        ("505", "71053", -2, 2, ""),
        ("506", "84952C", -38, 38, ""),
        ("507", "22632", -1, 1, ""),
        ("508", "POST", -1, 0, CHARGE),
    ]
    assert list(
        WriteOff.objects.order_by("pk").values_list("status", "notes", "items__product__sku", "items__quantity", "items__reason", "items__note")
    ) == [
        ("confirmed", "Adjustment 504 of the replayed history.", "71053", 3, "damaged", "damages"),
        ("confirmed", "Adjustment 505 of the replayed history.", "71053", 2, "other", "2 taken off by 505, no word why"),
        ("confirmed", "Adjustment 506 of the replayed history.", "84952C", 38, "other", "38 taken off by 506, no word why"),
        ("confirmed", "Adjustment 507 of the replayed history.", "22632", 1, "lost", "lost in the warehouse"),
    ]
    assert (report["units_adjusted"], report["new"]["adjustments written off"], report["adds_up"]) == (44, 4, True)
    assert not Stock.objects.exclude(quantity=0).exists()


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("Damaged", WriteOffReason.DAMAGED),
        ("wet/rusty", WriteOffReason.DAMAGED),
        ("crushed ctn", WriteOffReason.DAMAGED),
        ("lost", WriteOffReason.LOST),
        ("can't find", WriteOffReason.LOST),
        ("Stolen?", WriteOffReason.THEFT),
        ("sample for a shop", WriteOffReason.SAMPLE),
        ("out of date", WriteOffReason.EXPIRED),
        ("wrong code?", WriteOffReason.QUALITY_ISSUE),
        ("?", WriteOffReason.OTHER),
        ("", WriteOffReason.OTHER),
        ("check", WriteOffReason.OTHER),
    ],
)
def test_reasons(description: str, reason: WriteOffReason):
    assert reason_of(description) == reason


def test_without_fulfil_nothing_is_booked_and_nothing_more_is_received(replay):
    lines = ["C504,71053,LANTERN,-1,2010-12-01 11:00,3.39,A,UK", "505,84952C,damaged,-2,2010-12-01 11:00,0,,UK"]
    report = replay(*lines, options=())
    assert (report["units_returned"], report["units_adjusted"], report["adds_up"]) == (0, 0, True)
    assert not Product.objects.filter(sku="84952C").exists()
    assert replay(*lines)["new"] == {
        "lines received": 1, "orders taken in": 0, "orders shipped": 3, "returns completed": 1, "adjustments written off": 1,
    }  # fmt: skip


def test_it_goes_on_where_it_was_killed(replay, monkeypatch):
    """After the first of two orders of one cancellation, and before the adjustments: the totals are the same."""
    lines = ["C504,71053,LANTERN,-4,2010-12-01 11:00,3.39,A,UK", "505,71053,damaged,-2,2010-12-01 11:00,0,,UK"]
    book = bookings.book_return

    def killed(site_id, order_ref, *args, **kwargs):
        if order_ref == "replay:501":
            raise KeyboardInterrupt
        return book(site_id, order_ref, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(bookings, "book_return", killed)
        with pytest.raises(SystemExit):
            replay(*lines)
    assert returns() == [("completed", "C504", "replay:502", "71053", 3)]

    report = replay(*lines)

    assert returns()[1:] == [("completed", "C504", "replay:501", "71053", 1)]
    assert (booked(report), report["units_adjusted"], report["adds_up"]) == ([("C504", "71053", -4, 4, "")], 2, True)
    assert dict(Stock.objects.exclude(quantity=0).values_list("product__sku", "available")) == {"71053": 4}
    assert replay(*lines)["returns"] == report["returns"]


def test_what_somebody_else_took_back_is_not_taken_back_again(replay):
    replay()
    product = Product.objects.get(sku="71053")
    create_return(
        warehouse_id=Warehouse.objects.get().pk, order_ref="replay:502", lines=[ReturnLine(product.pk, Decimal(2))], actor=Actor.system("till")
    )

    report = replay("C504,71053,LANTERN,-7,2010-12-01 11:00,3.39,A,UK")

    assert booked(report) == [("C504", "71053", -7, 6, SOLD_LESS)]
    assert (report["units_returned"], report["adds_up"]) == (6, True)


def test_what_was_booked_and_is_less_in_the_file_now_is_a_difference(replay, tmp_path):
    replay("C504,71053,LANTERN,-2,2010-12-01 11:00,3.39,A,UK", "505,22632,damaged,-3,2010-12-01 11:00,0,,UK")

    report = replay("C504,71053,LANTERN,-1,2010-12-01 11:00,3.39,A,UK", "505,22632,damaged,-1,2010-12-01 11:00,0,,UK", code=1)

    assert report["differences"] == [
        {"invoice": "C504", "code": "71053", "file": "1", "documents": "2", "ledger": "2"},
        {"invoice": "505", "code": "22632", "file": "1", "documents": "3", "ledger": "3"},
    ]
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("replay_orders", str(tmp_path / "orders.csv"), "--fulfil", stdout=out)
    assert "Differences: 2\n  invoice C504, 71053: file 1, documents 2, ledger 2\n" in out.getvalue()


def test_what_needs_a_manager_is_a_problem_and_books_nothing(replay, settings):
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(1)
    line = "504,71053,damaged,-3,2010-12-01 11:00,0,,UK"
    replay()
    history = read_history((HEADER + SALES + line).encode())
    site, actor, products = stock.make_site(), stock.make_worker(), stock.make_products(history.invoices)
    for _ in stock.receive(site, {"71053": Decimal(3)}, products, actor=actor):
        Batch.objects.update(purchase_price=Decimal(5))

    report = replay(line, code=1)

    assert booked(report, "stock_adjustments")[0][3] == 0
    assert "needs a manager's approval" in report["problems"][0]["reason"]
    assert not WriteOff.objects.exists()
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(100)
    assert replay(line)["units_adjusted"] == 3


@pytest.mark.django_db(transaction=True)
def test_two_replays_at_once_book_an_adjustment_once(tmp_path):
    history = read_history((HEADER + "504,71053,damaged,-3,2010-12-01 11:00,0,,UK").encode())
    site, actor = stock.make_site(), stock.make_worker()
    products = stock.make_products(history.invoices, ["71053"])
    list(stock.receive(site, {"71053": Decimal(9)}, products, actor=actor))

    outcomes = race([lambda: bookings.book_adjustment(site.pk, "504", products["71053"], Decimal(3), "damaged", actor=actor) for _ in range(4)])

    assert sorted(outcome.value for outcome in outcomes) == [False, False, False, True]
    assert Stock.objects.get().quantity == 6


def test_the_summary_for_people(replay, tmp_path):
    replay(
        "C504,71053,LANTERN,-4,2010-12-01 11:00,3.39,A,UK", "C505,D,Discount,-1,2010-12-01 11:00,27.5,A,UK", "506,71053,damaged,-2,2010-12-01,0,,UK"
    )
    out = io.StringIO()
    call_command("replay_orders", str(tmp_path / "orders.csv"), "--fulfil", stdout=out)
    text = out.getvalue()
    assert "Returns: 1 of 2 lines booked, 4 units in the ledger." in text
    assert f"Returns not booked, or not wholly: 1\n  row 7: invoice C505, D × -1: {CHARGE}" in text
    assert "Adjustments: 1 of 1 lines booked, 2 units in the ledger." in text
    assert text.endswith("It adds up.\n")

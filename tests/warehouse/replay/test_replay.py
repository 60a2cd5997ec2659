"""An order history goes through the real intake, and through the hands, once."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from fulfillment.models import Order, OrderLine, PackingTask, PickingTask, Shipment
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_tasks import assign_picking_task
from inventory.models import Movement, Product, Receiving, Return, ReturnItem, Stock, Warehouse, WriteOff
from inventory.queries.reconciliation import everything_that_disagrees
from tests.partners.addresses import address_of
from tests.partners.fixtures import TOKEN
from warehouse.accounts.models import User
from warehouse.core.actor import Actor
from warehouse.core.progress import Progress
from warehouse.replay import stock, work
from warehouse.replay.alone import alone
from warehouse.replay.reader import read_history

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROWS = """\
536365,85123A,HOLDER,6,2010-12-01 08:26,2.55,17850,United Kingdom
536365,85123a,Holder white,2,2010-12-01 08:26,1.95,17850,United Kingdom
536365,71053,LANTERN,8,2010-12-01 08:26,3.39,17850,United Kingdom
536365,POST,POSTAGE,1,2010-12-01 08:26,18,17850,United Kingdom
C536366,71053,LANTERN,-1,2010-12-01 09:00,3.39,17850,United Kingdom
536367,71053,damaged,-3,2010-12-01 09:10,0,,United Kingdom
536368,71053,LANTERN,2,2010-12-01 09:20,0,,United Kingdom
536369,DOT,DOTCOM POSTAGE,1,2010-12-01 09:30,569.77,,United Kingdom
536370,22633,HAND WARMER,many,2010-12-01 09:40,1.85,,United Kingdom
536370,22632,HAND WARMER,5,2010-12-01 09:40,1.85,,United Kingdom
"""
TOTALS = {
    "lines": 10,
    "invoices": 6,
    "sales": 4,
    "sales_with_goods": 3,
    "cancellations": 1,
    "adjustments": 1,
    "goods_lines": 5,
    "units": 23,
    "codes": 3,
    "charge_lines": 2,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + ROWS)
    return path


def replay(file: Path, *options: str, code: int = 0) -> dict:
    out = io.StringIO()
    with pytest.raises(SystemExit, check=lambda ended: ended.code == code) if code else contextlib.nullcontext():
        call_command("replay_orders", str(file), "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def totals(report: dict) -> dict:
    return {name: report[name] for name in report if name not in ("new", "seconds")}


def test_orders_are_taken_in_once(db, file, capsys):
    first = replay(file)
    assert {name: first[name] for name in TOTALS} == TOTALS
    assert (first["orders"], first["units_ordered"], first["units_shipped"], first["adds_up"]) == ({"accepted": 3}, 23, 0, True)
    assert first["new"] == {"lines received": 3, "orders taken in": 3}
    assert (first["differences"], first["problems"]) == ([], [])
    assert first["rows_not_used"] == [{"row": 10, "invoice": "536370", "code": "22633", "reason": "Quantity 'many' is not a number"}]
    later = "returns and adjustments are booked with --fulfil, when the sales are shipped"
    assert first["returns"] == [
        {"row": 6, "invoice": "C536366", "code": "71053", "quantity": -1, "description": "LANTERN", "booked": 0, "reason": later}
    ]
    assert [(row["row"], row["invoice"], row["quantity"], row["reason"]) for row in first["stock_adjustments"]] == [(7, "536367", -3, later)]
    lines = OrderLine.objects.filter(order__external_id="536365").order_by("pk").values_list("product__sku", "listing_id", "quantity")
    assert list(lines) == [("85123A", "85123A", 6), ("85123A", "85123A", 2), ("71053", "71053", 8)]
    assert set(Product.objects.values_list("tracks_expiry", "is_active")) == {(False, True)}
    assert dict(Stock.objects.values_list("product__sku", "available")) == {"85123A": 0, "71053": 0, "22632": 0}

    second = replay(file)
    assert totals(second) == totals(first)
    assert second["new"] == {"lines received": 0, "orders taken in": 0}
    assert (Order.objects.count(), Receiving.objects.count()) == (3, 1)
    assert everything_that_disagrees() == []
    assert "Taking in: 3 of 3" in capsys.readouterr().err


def test_with_fulfil_everything_is_shipped_once(db, file, delivery):
    first = replay(file, "--fulfil")
    assert {name: first[name] for name in TOTALS} == TOTALS
    assert (first["orders"], first["units_shipped"], first["adds_up"]) == ({"shipped": 3}, 23, True)
    assert first["new"]["orders shipped"] == 3
    assert set(PickingTask.objects.values_list("status", flat=True)) == {"completed"}
    assert set(PackingTask.objects.values_list("status", flat=True)) == {"shipped"}
    assert sorted(made["request"]["order_id"] for made in delivery.partner.shipments()) == [536365, 536368, 536370]
    assert not Shipment.objects.filter(tracking_number="").exists()
    assert dict(Stock.objects.exclude(quantity=0, reserved=0).values_list("product__sku", "quantity")) == {"71053": 1}
    lines = Movement.objects.count()

    second = replay(file, "--fulfil")
    assert totals(second) == totals(first)
    assert second["new"] == {
        "lines received": 0, "orders taken in": 0, "orders shipped": 0, "returns completed": 0, "adjustments written off": 0,
    }  # fmt: skip
    assert (Movement.objects.count(), len(delivery.partner.shipments())) == (lines, 3)
    assert everything_that_disagrees() == []


def test_a_limit_and_then_the_rest(db, file, delivery):
    assert replay(file, "--fulfil", "--limit", "1")["orders"] == {"shipped": 1}
    assert replay(file, "--fulfil")["orders"] == {"shipped": 3}


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_limit_is_at_least_one(db, file, limit):
    with pytest.raises(CommandError, match="is no whole number from 1"):
        call_command("replay_orders", str(file), f"--limit={limit}")
    assert not Warehouse.objects.exists()


def test_while_one_replay_runs_another_is_refused(db, file):
    with alone():
        with pytest.raises(CommandError, match="Another replay runs"):
            replay(file)
        with connection.cursor() as cursor:
            cursor.execute("""
                SELECT a.backend_xmin FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
            """)
            assert cursor.fetchall() == [(None,)]  # it keeps vacuum from nothing
    assert not Warehouse.objects.exists()
    assert replay(file)["orders"] == {"accepted": 3}


def test_a_database_that_goes_away_is_said_and_the_next_run_goes_on(transactional_db, file, monkeypatch):
    def cut(*args, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patch:
        patch.setattr(work, "take_in", cut)
        with pytest.raises(CommandError, match=r"The database does not serve: .*\n?(.*\n)*The same command goes on from here\."):
            replay(file)
    connection.close()
    assert replay(file)["orders"] == {"accepted": 3}


def test_sigterm_interrupts(db, file, monkeypatch, capsys):
    def ended(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(work, "take_in", ended)
    with pytest.raises(SystemExit, check=lambda ended: ended.code == 130):
        call_command("replay_orders", str(file))
    assert "Interrupted. The same command goes on from here." in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == handler


def test_nothing_but_progress_is_said(transactional_db, file, delivery, capsys, caplog):
    caplog.set_level(logging.INFO)
    replay(file, "--fulfil")
    assert [record for record in caplog.records if record.levelno < logging.WARNING] == []
    said = capsys.readouterr().err.splitlines()
    assert (said[0], [line for line in said[1:] if not re.fullmatch(r"[\w ]+: \d+ of \d+", line)]) == (f"Reading {file}", [])


def test_an_order_as_large_as_the_reader_takes_is_shipped(db, tmp_path, delivery):
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + "U1,9201,A,1000000,2010-12-01,1,1,UK\n")
    call_command("replay_orders", str(file), "--fulfil")
    assert Order.objects.get().status == "shipped"


def test_what_is_there_is_used(db, file):
    product = Product.objects.create(sku="85123a", name="Ours", tracks_expiry=False)
    replay(file)
    assert list(Product.objects.filter(sku__iexact="85123A")) == [product]
    assert Order.objects.get(external_id="536365").lines.filter(product=product).count() == 2


def test_a_rejected_order_is_tried_again_when_stock_has_come(db, file):
    invoices = read_history(file.read_bytes()).invoices
    stock.make_site()
    stock.make_products(invoices)
    order = work.take_in(invoices[0], actor=stock.make_worker())
    assert order.status == "rejected"
    assert replay(file)["orders"] == {"accepted": 3}


def test_codes_that_the_catalogue_refuses_stop_no_other(db, tmp_path, delivery):
    """One needs a shelf life that it has not, one is not active, one is sold by the six; the adjustment's is not active either."""
    Product.objects.create(sku="9999EXP", name="x", tracks_expiry=True)
    Product.objects.create(sku="1999", name="x", tracks_expiry=False, is_active=False)
    Product.objects.create(sku="2999", name="x", tracks_expiry=False, is_active=False)
    Product.objects.create(sku="9103X", name="x", tracks_expiry=False, quantity_step=6)
    file = tmp_path / "orders.csv"
    refused = ["Z1,9999exp,A,3", "Z1,9998,A,3", "Z1,9999EXP,A,2", "Z2,9998,A,3", "Z3,1999,A,3", "Z4,9103x,A,3", "Z5,2999,damaged,-1"]
    file.write_text(HEADER + "".join(f"{row},2010-12-01 08:26,1,1,UK\n" for row in [*refused, *(f"Z6,{5000 + n},A,1" for n in range(30))]))

    report = replay(file, "--fulfil", code=1)

    problems = {problem["invoice"]: problem["reason"] for problem in report["problems"]}
    assert re.fullmatch(r"row 2: 9999EXP: .* has no shelf life .*; row 4: 9999EXP: .* has no shelf life .*", problems.pop("Z1"))
    assert re.fullmatch(r"row 6: 1999: There is no active product .*", problems.pop("Z3"))
    assert re.fullmatch(r"row 7: 9103X: .*3 is not a multiple of 6.*", problems.pop("Z4"))
    assert re.fullmatch(r"row 8: 2999: There is no active product .*", problems.pop("Z5"))
    assert problems == {}
    assert sorted(Order.objects.filter(status="shipped").values_list("external_id", flat=True)) == ["Z2", "Z6"]
    assert (report["units_shipped"], report["new"]["lines received"]) == (33, 31)
    assert everything_that_disagrees() == []
    Product.objects.update(is_active=True, tracks_expiry=False, quantity_step=1)
    mended = replay(file, "--fulfil")
    assert (mended["orders"], mended["units_shipped"], mended["units_adjusted"]) == ({"shipped": 5}, 47, 1)


def test_a_cancelled_order_is_a_difference(db, file):
    replay(file)
    process_order_cancelled("replay", "536368", "not wanted", actor=Actor.system("test"))
    report = replay(file, code=1)
    assert report["orders"] == {"accepted": 2, "cancelled": 1}
    assert report["differences"] == [{"invoice": "536368", "code": "71053", "file": "2", "ordered": "0", "shipped": "0"}]
    assert report["adds_up"] is False


def test_a_file_that_was_changed_differs_invoice_by_invoice(db, tmp_path):
    """Though each code comes to the same."""
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + "U1,9201,A,5,2010-12-01,1,1,UK\nU2,9201,A,5,2010-12-01,1,1,UK\n")
    replay(file)
    file.write_text(HEADER + "U1,9201,A,6,2010-12-01,1,1,UK\nU2,9201,A,4,2010-12-01,1,1,UK\n")

    report = replay(file, code=1)

    assert report["differences"] == [
        {"invoice": "U1", "code": "9201", "file": "6", "ordered": "5", "shipped": "0"},
        {"invoice": "U2", "code": "9201", "file": "4", "ordered": "5", "shipped": "0"},
    ]
    assert (report["units"], report["codes"], report["units_ordered"]) == (10, 1, 10)


@pytest.mark.parametrize(
    "content", ["U1,9201,A,none,2010-12-01,1,1,UK\n", (HEADER + "U1,9201,A,5,2010-12-01,1,1,UK\n").encode("utf-16-le").decode("latin1")]
)
def test_a_file_of_which_no_row_can_be_used_does_not_add_up(db, tmp_path, content):
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + content)
    out = io.StringIO()
    with pytest.raises(SystemExit, check=lambda ended: ended.code == 1):
        call_command("replay_orders", str(file), stdout=out)
    assert out.getvalue().endswith("No row can be used.\nIT DOES NOT ADD UP.\n")
    assert replay(file, code=1)["adds_up"] is False


def test_a_task_of_somebody_else_is_left_alone(db, file, delivery):
    replay(file)
    other = User.objects.create(username="petar")
    task = PickingTask.objects.get(order__external_id="536368")
    assign_picking_task(task.pk, other.pk, actor=Actor.system("test"))
    report = replay(file, "--fulfil", code=1)
    assert report["orders"] == {"accepted": 1, "shipped": 2}
    assert report["problems"] == [{"invoice": "536368", "reason": f"{task.number} is petar's task."}]


def test_a_refusal_of_the_carrier_is_a_problem_and_mends(db, file, delivery):
    delivery.partner.put_address("536368", None)
    report = replay(file, "--fulfil", code=1)
    assert report["orders"]["shipped"] == 2
    ((invoice, reason),) = [tuple(problem.values()) for problem in report["problems"]]
    assert (invoice, "404" in reason) == ("536368", True)
    delivery.partner.put_address("536368", address_of("536368"))
    assert replay(file, "--fulfil")["orders"] == {"shipped": 3}


def test_nobody_to_carry_is_said_at_once(db, file, settings, monkeypatch):
    settings.DELIVERY_URL = "http://127.0.0.1:9"
    monkeypatch.setenv("DELIVERY_URL", settings.DELIVERY_URL)
    with pytest.raises(CommandError, match=r"does not answer at http://127\.0\.0\.1:9"):
        replay(file, "--fulfil")


def test_files_that_cannot_be_read(db, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        replay(tmp_path / "nothing.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="Missing: InvoiceNo"):
        replay(tmp_path / "other.csv")
    assert not Warehouse.objects.exists()


def test_the_summary_for_people(db, file):
    out = io.StringIO()
    call_command("replay_orders", str(file), stdout=out)
    text = out.getvalue()
    assert "10 lines. 6 invoices: 4 sales (3 with goods), 1 cancellations, 1 adjustments." in text
    assert "Rows not used: 1\n  row 10: Quantity 'many' is not a number" in text
    assert text.endswith("It adds up.\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere():
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with Progress("Picking", 4, stream) as progress:
            progress.update(3)
            progress.update()
    assert "Picking: 100%" in terminal.getvalue()
    assert pipe.getvalue() == "Picking: 4 of 4\n"


@pytest.mark.slow
def test_killed_again_and_again_it_goes_on(environment, delivery, tmp_path):
    file = tmp_path / "orders.csv"
    rows = [f"{600 + n // 8},{20000 + n % 23},THING,{1 + n % 5},2010-12-01 08:26,1.25,{n // 8 % 7},UK" for n in range(160)]
    for n in range(4):
        rows += [
            f"C{700 + n},{20000 + 8 * n % 23},THING,-1,2010-12-02 08:26,1.25,{n % 7},UK",
            f"{800 + n},{20000 + n},damaged,-3,2010-12-02 08:26,0,,UK",
        ]
    file.write_text(HEADER + "\n".join(rows) + "\n")
    command = [sys.executable, "manage.py", "replay_orders", str(file), "--fulfil", "--json"]
    env = environment | {"DELIVERY_URL": delivery.url, "DELIVERY_TOKEN": TOKEN}
    kills = 0
    while True:
        # In files: what a killed process has started may hold a pipe open.
        with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
            process = subprocess.Popen(command, env=env, stdout=out, stderr=err)
            try:
                process.wait(timeout=random.uniform(1.5, 4) if kills < 6 else 250)
                break
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
    assert process.returncode == 0, (tmp_path / "err").read_text()
    report = json.loads((tmp_path / "out").read_text())
    assert (report["orders"], report["units_shipped"], report["adds_up"]) == ({"shipped": 20}, sum(1 + n % 5 for n in range(160)), True)
    connection.close()
    assert kills > 0
    assert Order.objects.count() == 20
    assert len(delivery.partner.shipments()) == 20
    assert everything_that_disagrees() == []
    # What is left is what came back.
    back = dict(ReturnItem.objects.values_list("product__sku").annotate(Sum("quantity")))
    assert dict(Stock.objects.exclude(quantity=0).values_list("product__sku", "quantity")) == back
    assert (report["units_returned"], report["units_adjusted"]) == (sum(back.values()), 3 * 4)
    assert [row for row in [*report["returns"], *report["stock_adjustments"]] if row["reason"]] == []
    assert (Return.objects.count(), WriteOff.objects.count()) == (4, 4)
    assert not Receiving.objects.exclude(status="confirmed").exists()

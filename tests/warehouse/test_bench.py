"""What `manage.py bench` measures with a ledger, at a size where no figure means anything: each case runs, balances, and counts its statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from bench import data, ledger, pages, pick, receive, reconcile, relay
from inventory.models import Movement, Stock
from inventory.queries.reconciliation import everything_that_disagrees
from warehouse.management.commands.bench import table

PRODUCTS, MOVEMENTS = 30, 2000


@pytest.fixture
def house(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The bench's data in the test's database; its processes and pgbench find it by the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    data.fill(PRODUCTS)
    ledger.grow_to(MOVEMENTS)
    yield
    with closing(connection.cursor()) as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS bench CASCADE")


def test_the_ledger_grows_and_balances(house: None) -> None:
    ledger.grow_to(2 * MOVEMENTS)
    # Two growths, each with a busy lot of a hundredth of it; and one line for each of three lots of the products of the other cases.
    assert Movement.objects.count() == 2 * MOVEMENTS * 101 // 100 + 3 * PRODUCTS
    assert Stock.objects.count() == 2 * MOVEMENTS // 10 + PRODUCTS
    assert everything_that_disagrees() == []


def test_pick(house: None) -> None:
    (row,) = pick.bench(1, PRODUCTS)
    assert (row["case"], row["statements"]) == ("pick", 11)
    assert row["p95_ms"] > 0
    assert row["floor_per_second"] > 0
    assert everything_that_disagrees() == []


def test_receive(house: None) -> None:
    (row,) = receive.bench(1, PRODUCTS)
    assert row["statements"] <= 20
    assert row["ratio"] > 0
    assert everything_that_disagrees() == []


def test_relay(house: None) -> None:
    full, steady = relay.bench(1, PRODUCTS)
    assert full["statements"] == 4
    assert full["floor_per_second"] > 0
    assert steady["p99_ms"] > 0


def test_reconcile(house: None, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = reconcile.bench(1, PRODUCTS)
    assert row["ratio"] > 0
    assert "peak memory" in capsys.readouterr().err


def test_reconcile_says_what_does_not_balance(house: None) -> None:
    Stock.objects.filter(product__sku="LEDGER-1").update(quantity=1000)
    with pytest.raises(RuntimeError, match=r"The books do not balance: {'stock': "):
        reconcile.bench(1, PRODUCTS)


@pytest.mark.slow
def test_pages(house: None) -> None:
    rows = pages.bench(1, PRODUCTS)
    assert len({row["case"] for row in rows}) == len(rows)
    assert pages.too_long(rows) == []


def test_a_page_of_too_many_statements_is_named() -> None:
    rows = [{"case": "page a", "statements": 12}, {"case": "page b", "statements": 13}, {"case": "report c", "statements": 20}]
    assert pages.too_long(rows) == ["page b"]


def test_the_table_and_a_case_that_is_none() -> None:
    assert table([{"case": "a", "ms": 1234.5}, {"case": "bc", "ms": None}]) == "case        ms\na     1,234.50\nbc           -"
    with pytest.raises(CommandError, match="There is no case nothing"):
        call_command("bench", "nothing")

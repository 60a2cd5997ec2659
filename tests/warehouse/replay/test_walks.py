"""What routes and batches save on an order history: where the codes lie, and a comparison that can be reckoned by hand."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from fulfillment.routing.layout import Layout, Pick
from warehouse.replay.walks import Plan, spread

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
# In one aisle of four places of a metre: every order is a walk to its farthest place and back.
ROWS = """\
1,10001,CUP,6,2010-12-01 08:26,2.55,17850,United Kingdom
1,10001,CUP again,1,2010-12-01 08:26,2.55,17850,United Kingdom
1,POST,POSTAGE,1,2010-12-01 08:26,18,17850,United Kingdom
2,10002,PLATE,8,2010-12-01 08:27,3.39,17850,United Kingdom
C3,10002,PLATE,-1,2010-12-01 09:00,3.39,17850,United Kingdom
4,10003,damaged,-3,2010-12-01 09:10,0,,United Kingdom
5,10001,CUP,2,2010-12-01 09:20,0,,United Kingdom
5,10003,FORK,many,2010-12-01 09:20,0,,United Kingdom
6,POST,POSTAGE,1,2010-12-01 09:30,18,17850,United Kingdom
7,10002,PLATE,5,2010-12-01 09:40,1.85,,United Kingdom
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + ROWS)
    return path


def run(file: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("compare_walks", str(file), *options, stdout=out)
    return out.getvalue()


def as_data(file: Path, *options: str) -> dict[str, Any]:
    return json.loads(run(file, "--json", *options))


def test_every_place_gets_a_code_before_one_gets_two():
    spots = Plan(2, 3, 500, 100, 1).spots
    codes = [f"C{number}" for number in range(15)]
    places = spread(codes, spots, 1)
    assert Counter(Counter(places.values()).values()) == {2: 3, 3: 3}
    assert spread(reversed(codes), spots, 1) == places
    assert spread(codes, spots, 2) != places


def test_one_block():
    plan = Plan(2, 3, 500, 100, 1)
    assert plan.layout == Layout((0, 500), (0, 400), 0)
    assert plan.spots == [Pick(0, 100), Pick(0, 200), Pick(0, 300), Pick(1, 100), Pick(1, 200), Pick(1, 300)]
    assert str(plan) == "2 aisles 5 m apart, 3 places of 1 m in each, cross aisles at both ends; walks begin and end in front of the first aisle"


def test_two_blocks_have_a_cross_aisle_where_no_place_is():
    plan = Plan(1, 5, 500, 120, 2)
    assert plan.layout == Layout((0,), (0, 360, 840), 0)
    assert plan.spots == [Pick(0, 120), Pick(0, 240), Pick(0, 480), Pick(0, 600), Pick(0, 720)]
    assert "cross aisles at both ends and in the middle" in str(plan)


def test_in_one_aisle(file: Path):
    """Codes 10001 and 10002 lie in different ones of four places: orders 1 and 5 walk to the first code's, 2 and 7 to the second's."""
    codes = spread(["10001", "10002"], Plan(1, 4, 500, 100, 1).spots, 1)
    near, far = sorted(2 * pick.y / 100 for pick in codes.values())
    assert near < far
    data = as_data(file, "--aisles", "1", "--places", "4", "--totes", "2")
    assert {key: value for key, value in data.items() if key != "ways"} == {
        "file": "orders.csv",
        "lines": 10,
        "invoices": 7,
        "bad_rows": 1,
        "orders": 4,
        "order_lines": 5,
        "codes": 2,
        "layout": {"aisles": 1, "places": 4, "blocks": 1, "aisle_distance": 5.0, "place_length": 1.0, "depot": 0.0},
        "seed": 1,
        "capacity": {"totes": 2, "items": None},
        "exceeding": 0,
        "shortest": {"picked": "seed", "method": "exact"},
    }
    assert [(way["picked"], way["walks"]) for way in data["ways"]] == [("order by order", 4), ("fcfs", 2), ("seed", 2), ("savings", 2)]
    for method in ("exact", "return"):
        # 1 and 2 first, then 5 and 7; or the two that go equally far.
        walked = [2 * near + 2 * far, 2 * far, near + far, near + far]
        assert [way["metres"][method] for way in data["ways"]] == walked


def test_the_exact_route_is_the_shortest_of_the_same_batches(tmp_path: Path):
    rows = [f"{number % 23},{10000 + number * 7 % 97},X,1,2010-12-01 08:26,1,1,UK" for number in range(200)]
    path = tmp_path / "more.csv"
    path.write_text(HEADER + "\n".join(rows))
    for blocks in ("1", "2"):
        data = as_data(path, "--blocks", blocks, "--places", "10", "--totes", "4")
        for way in data["ways"]:
            assert min(way["metres"].values()) == way["metres"]["exact"]
        alone, fcfs, *_ = data["ways"]
        assert fcfs["metres"]["exact"] < alone["metres"]["exact"]
        assert data["shortest"]["method"] == "exact"


def test_an_order_that_exceeds_the_cart_goes_alone(file: Path):
    data = as_data(file, "--items", "1")
    assert data["exceeding"] == 1
    assert [way["walks"] for way in data["ways"]] == [4, 4, 4, 4]
    assert "A cart takes 8 orders and 1 lines; going alone, because they exceed that: 1" in run(file, "--items", "1")


def test_the_table(file: Path):
    text = run(file, "--aisles", "1", "--places", "1", "--place-length", "2.5", "--seed", "7")
    assert "10 lines, 7 invoices; 4 orders with 5 lines of goods; rows not used: 1\n" in text
    assert "1 aisles 5 m apart, 1 places of 2.5 m in each" in text
    assert "2 stock codes spread over 1 places by seed 7\nA cart takes 8 orders\n" in text
    table = [line.split() for line in text.split("Metres")[1].split("\n\n")[0].splitlines()]
    assert table[0] == ["walks", "CPU", "time", "exact", "s_shape", "return", "midpoint", "largest_gap"]
    assert table[1][-5:] == ["20"] * 5
    for row in table[2:]:
        assert row[-5:] == ["5"] * 5
    assert text.endswith("Shortest: fcfs, exact: 5 m, 25.0% of the shortest walks order by order\n")


def test_a_limit_of_invoices(file: Path):
    assert as_data(file, "--limit", "3")["orders"] == 2


def test_refusals(file: Path, tmp_path: Path):
    for options, message in [
        (["--totes", "0"], "totes 0: a walk takes at least one order"),
        (["--items", "0"], "items 0: give more than 0, or None for no limit"),
        (["--aisles", "0"], "aisles 0: give more than 0"),
        (["--places", "-1"], "places -1: give more than 0"),
        (["--blocks", "3"], "blocks 3: give 1 or 2"),
        (["--aisles", "1001"], "aisles 1001: give at most 1,000"),
        (["--places", "1000000000"], "places 1000000000: give at most 100,000 in all aisles together"),
        (["--places", "1", "--blocks", "2"], "blocks 2: give 1 or 2, of at least one place each"),
        (["--place-length", "0.001"], "'0.001' is no length from 0.01 to 10,000 m, to the centimetre"),
        (["--aisle-distance", "wide"], "'wide' is no length from 0.01 to 10,000 m"),
        (["--aisle-distance", "1e999999999"], "'1e999999999' is no length"),
        (["--aisle-distance", "nan"], "'nan' is no length"),
        (["--limit", "0"], "'0' is no whole number from 1"),
        (["--limit", "-1"], "is no whole number from 1|expected one argument"),
    ]:
        with pytest.raises(CommandError, match=message):
            call_command("compare_walks", str(file), *options)
    with pytest.raises(CommandError, match="No such file"):
        call_command("compare_walks", str(tmp_path / "none.csv"))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="Missing: InvoiceNo"):
        call_command("compare_walks", str(tmp_path / "other.csv"))

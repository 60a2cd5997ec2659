"""`manage.py route`: its file, what it prints, and what it says to wrong input."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from fulfillment.management.commands.route import HELP
from fulfillment.routing.comparison import compare
from fulfillment.routing.files import EXAMPLE, read_problem
from fulfillment.routing.layout import Layout, Pick, Spot
from fulfillment.routing.routes import Method

GOOD: dict[str, Any] = {"aisles": [0, 1000], "cross_aisles": [0, 10000], "picks": [[0, 5000], [1, 4000, 1]]}


def route(text: str, tmp_path: Path, **options: Any) -> str:
    file = tmp_path / "walk.json"
    file.write_text(text)
    out = io.StringIO()
    call_command("route", str(file), stdout=out, **options)
    return out.getvalue()


def test_the_example_of_the_help_is_a_walk() -> None:
    assert EXAMPLE in HELP
    problem = read_problem(EXAMPLE)
    assert problem.layout == Layout(tuple(range(0, 4000, 400)), (0, 1550, 3100), depot=0)
    assert problem.picks == (Pick(0, 300), Pick(0, 1700), Pick(4, 1250, 1), Pick(9, 3000, 2))
    assert problem.start is None


def test_every_method_with_its_length_gap_and_stops(tmp_path: Path) -> None:
    text = json.dumps(GOOD | {"unit": "cm", "start": [0, 1000], "picks": [[0, 5000], [1, 9000], [1, 8000]]})
    printed = route(text, tmp_path)
    assert printed.splitlines()[:3] == [
        "method            metres    longer",
        "exact             210.00      0.0%",
        "s_shape           230.00      9.5%",
    ]
    assert "exact         0:5000 1:9000 1:8000" in printed.splitlines()


def test_json_has_the_path_too(tmp_path: Path) -> None:
    told = json.loads(route(json.dumps(GOOD), tmp_path, json=True, by_leg=True))
    assert (told["unit"], told["by_leg"]) == ("cm", True)
    assert [row["method"] for row in told["routes"]] == list(Method)
    assert told["routes"][0] == {
        "method": "exact",
        "length": 20000,
        "gap": 0.0,
        "stops": [0, 1],
        "path": [[0, 0], [0, 5000], [0, 0], [1000, 0], [1000, 4000], [1000, 0], [0, 0]],
    }


def test_metres_are_read_to_the_centimetre() -> None:
    problem = read_problem('{"unit": "m", "aisles": [0, 4.1], "cross_aisles": [0, 0.29, 30], "depot": 1.1, "start": [1, 0.57], "picks": []}')
    assert (problem.layout, problem.start) == (Layout((0, 410), (0, 29, 3000), 110), Spot(1, 57))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aisles": [0, float("nan")]}, "NaN is no length"),
        ({"depot": float("-inf")}, "-Infinity is no length"),
        ({"aisles": [0, -4]}, r"aisles\[1\]: write a number from 0 to 1,000,000 \(cm\); measure from a corner"),
        ({"aisles": [4, 0]}, "aisles: give the x of each aisle, ascending"),
        ({"aisles": []}, "aisles: give the x of each aisle"),
        ({"aisles": 3}, "aisles: write a list"),
        ({"aisles": {"count": 3}}, '"count": 10'),
        ({"aisles": {"count": -3, "spacing": 4}}, "aisles.count: write a whole number from 0 to 1,000"),
        ({"aisles": {"count": 10**9, "spacing": 4}}, "aisles.count: write a whole number from 0 to 1,000"),
        ({"aisles": {"count": 3, "spacing": -4}}, "aisles.spacing: write a number from 0"),
        ({"aisles": {"count": 3, "spacing": 0}}, "none twice"),
        ({"cross_aisles": [0]}, "two or three cross aisles"),
        ({"cross_aisles": [0, 1, 2, 3]}, "cross_aisles: write a list of at most 3"),
        ({"cross_aisles": [0, 10**300]}, r"cross_aisles\[1\]: write a number from 0"),
        ({"cross_aisles": [0, "100"]}, r"cross_aisles\[1\]: write a number from 0"),
        ({"depot": None}, "depot: write a number"),
        ({"unit": "ft"}, "unit: write one of cm, m"),
        ({"unit": ["m"]}, "unit: write one of cm, m"),
        ({"picks": [[2, 5]]}, r"picks\[0\]: there is no aisle 2; they are numbered from 0 to 1"),
        ({"picks": [[-1, 5]]}, r"picks\[0\], the aisle: write a whole number"),
        ({"picks": [[0, 5], [0, 10001]]}, r"picks\[1\]: y lies off the aisles; they reach from 0 to 10000 cm"),
        ({"picks": [[0, True]]}, r"picks\[0\], y: write a number"),
        ({"picks": [[True, 5]]}, r"picks\[0\], the aisle: write a whole number"),
        ({"picks": [[0, 0.5]]}, "0.5 cm is not a whole number of centimetres"),
        ({"picks": [[0, 5, -1]]}, "the leg: write a whole number from 0 to 99"),
        ({"picks": [[0]]}, "write the number of the aisle, from 0, and y"),
        ({"picks": [{"aisle": 0}]}, r"picks\[0\]: write a list of at most 3"),
        ({"picks": [[0, 5]] * 1001}, "picks: write a list of at most 1,000"),
        ({"start": [0, 20000]}, "start: y lies off the aisles"),
        ({"start": [0]}, "start: write the number of the aisle"),
        ({"shelves": 3}, "there is no key 'shelves'"),
    ],
)
def test_wrong_values_are_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=message):
        route(json.dumps(GOOD | change), tmp_path)


@pytest.mark.parametrize("text", ["", "{", "aisles: 3", "[" * 100_000, '{"depot": ' + "9" * 5_000 + "}"])
def test_what_is_no_json_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="It is not JSON"):
        route(text, tmp_path)


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_json_of_another_form_is_answered_with_an_example(text: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Write one JSON object, such as"):
        route(text, tmp_path)


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e-999999998888"])
def test_numbers_beyond_all_measure_are_refused(number: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cross_aisles\[1\]: |cross aisles"):
        route(f'{{"aisles": [0], "cross_aisles": [0, {number}], "picks": []}}', tmp_path)


def test_the_mark_at_the_head_of_a_file_is_passed_over_and_a_key_twice_is_not(tmp_path: Path) -> None:
    assert route("\ufeff" + json.dumps(GOOD), tmp_path) == route(json.dumps(GOOD), tmp_path)
    with pytest.raises(CommandError, match="picks: write each key once"):
        route('{"picks": [[0, 1]], "picks": []}', tmp_path)


def test_missing_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="'cross_aisles' is missing; 'picks' is missing"):
        route('{"aisles": [0]}', tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't be read: No such file"):
        call_command("route", str(tmp_path / "nowhere.json"))
    with pytest.raises(CommandError, match="can't be read: Is a directory"):
        call_command("route", str(tmp_path))
    (tmp_path / "walk.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match="is not text in UTF-8"):
        call_command("route", str(tmp_path / "walk.bin"))
    with pytest.raises(CommandError, match="Name a file, or ask for --table"):
        call_command("route")
    with pytest.raises(CommandError, match="a mean needs at least one walk"):
        call_command("route", table=True, instances=0)


def test_the_table_has_a_row_for_each_warehouse() -> None:
    out = io.StringIO()
    call_command("route", table=True, instances=1, seed=7, json=True, stdout=out)
    told = json.loads(out.getvalue())
    assert [(row["blocks"], row["aisles"], row["picks"]) for row in told["rows"]] == [
        (b, a, p) for b in (1, 2) for a in (5, 10) for p in (3, 7, 15, 30)
    ]
    for row in told["rows"]:
        assert row["mean_m"]["exact"] == min(row["mean_m"].values())
    text = io.StringIO()
    call_command("route", table=True, instances=1, seed=7, stdout=text)
    assert f"{told['rows'][0]['mean_m']['exact']:.1f}" in text.getvalue()


def test_the_same_seed_gives_the_same_walks() -> None:
    assert compare(1, 5, 7, 3, seed=1) == compare(1, 5, 7, 3, seed=1) != compare(1, 5, 7, 3, seed=2)

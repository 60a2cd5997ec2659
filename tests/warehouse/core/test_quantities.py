"""Quantities are exact, or refused with what was asked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import money, parse_quantity, plain, require_step


@pytest.mark.parametrize(
    ("value", "quantity"),
    [
        (1, "1.000"), ("1", "1.000"), (" 2.5 ", "2.500"), (2.85, "2.850"), ("2.85", "2.850"), (0.1, "0.100"), ("1e3", "1000.000"),
        (Decimal("0.001"), "0.001"), ("1.0000", "1.000"), (1_000_000, "1000000.000"),
    ],
)  # fmt: skip
def test_what_is_a_quantity(value: Any, quantity: str) -> None:
    assert str(parse_quantity(value)) == quantity


def test_a_tenth_and_two_tenths_of_a_kilogram_are_three() -> None:
    assert parse_quantity(0.1) + parse_quantity("0.2") == parse_quantity(0.3) == Decimal("0.300")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (0.1 + 0.2, "finer than a thousandth"), ("0.0001", "finer than a thousandth"), (0, "greater than zero"), ("-0", "greater than zero"),
        (-1, "greater than zero"), ("-0.001", "greater than zero"), (float("nan"), "not a finite number"), ("NaN", "not a finite number"),
        ("sNaN", "not a finite number"), (float("inf"), "not a finite number"), ("-Infinity", "greater than zero|not a finite number"),
        (1e30, "larger than the 1000000"), ("1e999999", "larger than the 1000000"), (1_000_001, "larger than"), ("1,5", "not a number"),
        ("", "not a number"), ("five", "not a number"), (None, "not a number"), (True, "not a number"), ([1], "not a number"), ({}, "not a number"),
        ("1e-999999", "finer than a thousandth"), ("9" * 5000, "larger than"), ("1_000", "not a number"), ("１", "not a number"),
    ],
)  # fmt: skip
def test_what_is_none(value: Any, why: str) -> None:
    with pytest.raises(ValidationFailed, match=why) as refusal:
        parse_quantity(value, field="items[3].quantity")

    assert refusal.value.errors == [{"field": "items[3].quantity", "code": "invalid_quantity", "asked": str(value)[:40]}]
    assert refusal.value.status == 400


def test_nothing_may_be_counted_where_that_makes_sense() -> None:
    assert parse_quantity("0", zero_allowed=True) == 0
    with pytest.raises(ValidationFailed, match="must not be negative"):
        parse_quantity("-1", zero_allowed=True)


@given(st.decimals("0.001", "1000000", places=3))
def test_every_thousandth_comes_back_as_it_went(quantity: Decimal) -> None:
    assert parse_quantity(str(quantity)) == parse_quantity(quantity) == quantity
    # JSON numbers are floats: the shortest form names the same thousandth.
    assert parse_quantity(float(quantity)) == quantity


@pytest.mark.parametrize(("quantity", "step"), [("2", "1"), ("0.250", "0.001"), ("0.5", "0.25"), ("0", "1")])
def test_on_the_step(quantity: str, step: str) -> None:
    require_step(Decimal(quantity), Decimal(step), sku="MILK")


@pytest.mark.parametrize(("quantity", "step"), [("0.5", "1"), ("1.001", "1"), ("0.3", "0.25"), ("NaN", "1"), ("Infinity", "1"), ("-1", "1")])
def test_off_the_step(quantity: str, step: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        require_step(Decimal(quantity), Decimal(step), sku="MILK", field="items[0].quantity")

    assert refusal.value.errors[0]["field"] == "items[0].quantity"
    assert refusal.value.errors[0]["sku"] == "MILK"


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Decimal("2.500"), "2.5"),
        (Decimal("100.000"), "100"),
        (Decimal("1E+2"), "100"),
        (Decimal("0.000"), "0"),
        (Decimal("-1.250"), "-1.25"),
        (None, ""),
    ],
)
def test_people_read_no_zeros_behind_the_point(quantity: Decimal | None, text: str) -> None:
    assert plain(quantity) == text


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("2.5000", "2.50 EUR"),
        ("0", "0.00 EUR"),
        ("1E+2", "100.00 EUR"),
        ("0.0450", "0.045 EUR"),
        ("1234567.8900", "1234567.89 EUR"),
        ("0.0001", "0.0001 EUR"),
    ],
)
def test_money_to_the_cent_or_finer(amount: str, shown: str) -> None:
    assert money(Decimal(amount), "EUR") == shown

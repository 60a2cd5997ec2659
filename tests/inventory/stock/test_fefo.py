"""Which goods leave first, and why. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.fefo import EXPLAINED, Candidate, Rules, Wanted, leaving_order, plan, unfit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
W, P = 1, 7


def goods(
    pk: int, free: str | int = 10, *, expires: float | None = 10, received: float = 0, blocked: str = "", warehouse: int = W, product: int = P
) -> Candidate:
    return Candidate(
        pk, warehouse, product, 100 + pk, 200 + pk, Decimal(free), None if expires is None else NOW + timedelta(days=expires),
        NOW + timedelta(days=received), blocked,
    )  # fmt: skip


def taken(candidates: list[Candidate], quantity: str | int, *, days: int = 0, rule: Rules | None = None) -> list[tuple[int, Decimal]]:
    result = plan(candidates, [Wanted(W, P, Decimal(quantity), days)], {P: rule or Rules("MILK")}, NOW)
    assert result.shortages == []
    return [(candidate.batch_location_id, amount) for candidate, amount in result.allocations]


def test_first_expired_first_out_over_several_lots() -> None:
    lots = [goods(1, 5, expires=9), goods(2, 3, expires=2), goods(3, 4, expires=5)]

    assert taken(lots, 9) == [(2, Decimal(3)), (3, Decimal(4)), (1, Decimal(2))]


def test_what_never_expires_leaves_last() -> None:
    assert taken([goods(1, 5, expires=None), goods(2, 5, expires=300)], 6) == [(2, Decimal(5)), (1, Decimal(1))]


def test_a_tie_goes_to_the_earlier_receipt_and_then_to_the_lower_id() -> None:
    lots = [goods(3, 1, received=-1), goods(2, 1, received=-2), goods(1, 1, received=-1)]

    assert [c.batch_location_id for c in leaving_order(lots, "fefo")] == [2, 1, 3]


def test_nulls_tie_by_receipt_and_id_too() -> None:
    lots = [goods(3, 1, expires=None, received=-1), goods(2, 1, expires=None, received=-2), goods(1, 1, expires=None, received=-1)]

    assert [c.batch_location_id for c in leaving_order(lots, "fefo")] == [2, 1, 3]


def test_fifo_skips_the_expiry() -> None:
    lots = [goods(1, 5, expires=2, received=-1), goods(2, 5, expires=9, received=-3)]

    assert taken(lots, 6, rule=Rules("NAILS", rotation="fifo")) == [(2, Decimal(5)), (1, Decimal(1))]


def test_fifo_still_refuses_what_is_unfit() -> None:
    lots = [goods(1, 5, expires=-1, received=-9), goods(2, 5, expires=9, received=-3)]

    assert taken(lots, 5, rule=Rules("NAILS", rotation="fifo")) == [(2, Decimal(5))]


@pytest.mark.parametrize(
    ("expires", "days", "fit"),
    [(0, 0, False), (1e-9, 0, True), (3, 3, False), (3.001, 3, True), (None, 3650, True), (-1, 0, False)],
)
def test_the_limit_is_later_than_the_ship_time_and_the_days(expires: float | None, days: int, fit: bool) -> None:
    candidate = goods(1, expires=None if expires is None else 0)
    if expires is not None:
        candidate = candidate._replace(expires_at=NOW + (timedelta(microseconds=1) if expires == 1e-9 else timedelta(days=expires)))

    assert (unfit(candidate, NOW, days) is None) is fit


def test_shipping_at_the_end_of_the_calendar_is_no_trouble() -> None:
    assert unfit(goods(1), datetime.max.replace(tzinfo=UTC), 3650) == "expires 2026-03-11 12:00 UTC, too early"
    assert unfit(goods(1), datetime.min.replace(tzinfo=UTC), 0) is None


@pytest.mark.parametrize(("blocked", "reason"), [("held", "on hold"), ("recalled", "recalled"), ("place", "its place is not for picking")])
def test_what_is_blocked_is_unfit_whenever_it_ships(blocked: str, reason: str) -> None:
    assert unfit(goods(1, expires=None, blocked=blocked), NOW - timedelta(days=999), 0) == reason


def test_blocked_as_expired_is_judged_afresh() -> None:
    """The job blocked it for today's minimum; asked for with less, or shipped earlier, it may be fit."""
    assert unfit(goods(1, expires=2, blocked="expired"), NOW, 0) is None
    assert unfit(goods(1, expires=2, blocked="expired"), NOW, 2) == "expires 2026-03-03 12:00 UTC, too early"


def test_the_larger_of_the_products_and_the_customers_days_counts() -> None:
    lots = [goods(1, 5, expires=4), goods(2, 5, expires=8)]

    assert taken(lots, 5, days=5) == [(2, Decimal(5))]
    assert taken(lots, 5, days=1, rule=Rules("MILK", min_remaining_days=5)) == [(2, Decimal(5))]
    assert taken(lots, 5, days=3, rule=Rules("MILK", min_remaining_days=2)) == [(1, Decimal(5))]


def test_every_short_line_is_said_with_what_there_was_and_what_was_passed_over() -> None:
    lots = [goods(1, 2), goods(2, 9, blocked="held"), goods(3, 4, product=8, expires=-1), goods(4, 100, product=9)]
    asked = [Wanted(W, 7, Decimal(5)), Wanted(W, 8, Decimal(1)), Wanted(W, 9, Decimal(1))]

    result = plan(lots, asked, {7: Rules("A"), 8: Rules("B"), 9: Rules("C")}, NOW)

    assert [(s.sku, s.asked, s.available) for s in result.shortages] == [("A", Decimal(5), Decimal(2)), ("B", Decimal(1), Decimal(0))]
    assert result.shortages[0].skipped == ({"batch_location": 2, "batch": 102, "free": "9", "reason": "on hold"},)
    assert result.shortages[1].skipped[0]["reason"] == "expires 2026-02-28 12:00 UTC, too early"


def test_the_explanation_says_what_was_considered_taken_and_passed_over() -> None:
    lots = [goods(1, 3, expires=1), goods(2, 3, expires=5), goods(3, 3, expires=-2), goods(4, 3, expires=9)]

    (line,) = plan(lots, [Wanted(W, P, Decimal(4))], {P: Rules("MILK")}, NOW).explanation

    assert line == {
        "warehouse": 1,
        "product": 7,
        "asked": "4",
        "rule": "fefo",
        "min_remaining_days": 0,
        "ship_at": NOW.isoformat(),
        "considered": 4,
        "taken": [
            {"batch_location": 1, "batch": 101, "quantity": "3", "expires_at": "2026-03-02T12:00:00+00:00"},
            {"batch_location": 2, "batch": 102, "quantity": "1", "expires_at": "2026-03-06T12:00:00+00:00"},
        ],
        "skipped": [{"batch_location": 3, "batch": 103, "free": "3", "reason": "expires 2026-02-27 12:00 UTC, too early"}],
    }


def test_the_explanation_does_not_grow_without_end() -> None:
    lots = [goods(n, 1) for n in range(1, 101)] + [goods(n, 1, expires=-1) for n in range(101, 201)]

    (line,) = plan(lots, [Wanted(W, P, Decimal(50))], {P: Rules("MILK")}, NOW).explanation

    assert (len(line["taken"]), len(line["skipped"]), line["considered"]) == (EXPLAINED, EXPLAINED, 200)


def test_another_warehouse_or_product_is_not_touched() -> None:
    lots = [goods(1, 5, warehouse=2), goods(2, 5, product=8), goods(3, 5)]

    assert taken(lots, 5) == [(3, Decimal(5))]


LOTS = st.lists(
    st.tuples(st.integers(1, 5000), st.one_of(st.none(), st.integers(-3, 6)), st.integers(-5, 0), st.sampled_from(["", "", "", "held", "place"])),
    max_size=12,
)


@given(LOTS, st.integers(1, 20_000), st.integers(0, 3), st.sampled_from(["fefo", "fifo"]))
def test_nothing_is_made_or_lost_and_nothing_better_is_left(lots: list[tuple[int, int | None, int, str]], asked: int, days: int, rule: str) -> None:
    candidates = [
        goods(n, str(Decimal(thousandths) / 1000), expires=expires, received=received, blocked=blocked)
        for n, (thousandths, expires, received, blocked) in enumerate(lots, start=1)
    ]
    quantity = Decimal(asked) / 1000

    result = plan(candidates, [Wanted(W, P, quantity, days)], {P: Rules("MILK", rotation=rule)}, NOW)

    fit = [c for c in leaving_order(candidates, rule) if unfit(c, NOW, days) is None]
    taken_from = [allocation.candidate for allocation in result.allocations]
    total = sum((allocation.quantity for allocation in result.allocations), Decimal(0))
    assert taken_from == fit[: len(taken_from)]
    assert all(0 < amount <= candidate.free for candidate, amount in result.allocations)
    assert all(amount == candidate.free for candidate, amount in result.allocations[:-1])
    if result.shortages:
        assert result.shortages[0].available == total == sum((c.free for c in fit), Decimal(0)) < quantity
    else:
        assert total == quantity

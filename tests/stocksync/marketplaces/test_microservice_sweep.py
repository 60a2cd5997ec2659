"""Changes are read from a list that shifts while it is read, and none is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import requests
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from stocksync.marketplaces.base import Position, RemoteOrder
from stocksync.marketplaces.microservice import MicroserviceClient
from stocksync.marketplaces.microservice.client import FIRST_SWEEP, OVERLAP
from stocksync.marketplaces.microservice.sweep import Sweep
from tests.fulfillment.parcels import Clock
from tests.partners.allegro_microservice import ACCOUNT
from tests.partners.fixtures import TOKEN
from tests.partners.server import PartnerServer
from warehouse.core.partners.errors import RetryableFailure

NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def put_many(server: PartnerServer, count: int, begin: datetime, seconds: float) -> set[str]:
    """Orders that changed one after another, evenly, within so many seconds."""
    for number in range(count):
        server.partner.put_order(number, updatedAt=(begin + timedelta(seconds=seconds * number / count)).isoformat())
    return {str(number) for number in range(count)}


def sweep(
    client: MicroserviceClient, position: Position, after: Callable[[RemoteOrder], None] = lambda _: None
) -> tuple[list[RemoteOrder], Position]:
    """A whole sweep; each order of a page is given to `after` before the next page is asked for."""
    found: list[RemoteOrder] = []
    for _ in range(1000):
        changes = client.read_changes(position)
        assert len(changes.position.journal) <= 200
        found += changes.orders
        for order in changes.orders:
            after(order)
        position = changes.position
        if changes.at_end:
            return found, position
    raise AssertionError("the sweep has no end")


def acknowledge(client: MicroserviceClient) -> Callable[[RemoteOrder], None]:
    """What stock synchronisation does with an order that it read: setting the flag changes the order, which moves it in the list."""

    def tell(order: RemoteOrder) -> None:
        if not order.known:
            client.set_deducted(order.external_id, True)

    return tell


def test_what_has_changed_comes_with_one_request(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    put_many(allegro_microservice, 100, ago(minutes=5), 60)
    allegro_microservice.partner.put_order("long ago", updatedAt=ago(hours=2).isoformat())
    before = timezone.now()
    changes = microservice.read_changes(Position(swept_until=before))
    assert (len(changes.orders), changes.at_end, changes.position.journal) == (100, True, "")
    assert changes.position.swept_until is not None
    assert before <= changes.position.swept_until <= timezone.now()
    assert [row["query"] for row in allegro_microservice.requests()] == [
        {"token_id": "account-1", "limit": "100", "offset": "0", "from_date": (before - OVERLAP).isoformat()}
    ]


def test_nothing_at_all_is_an_end_too(microservice: MicroserviceClient):
    changes = microservice.read_changes(Position(swept_until=ago()))
    assert (list(changes.orders), changes.at_end) == ([], True)


def test_the_first_sweep_goes_back_a_week(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    for name, days in (("in", FIRST_SWEEP - timedelta(hours=1)), ("out", FIRST_SWEEP + timedelta(hours=1))):
        allegro_microservice.partner.put_order(name, updatedAt=(ago() - days).isoformat())
    found, _ = sweep(microservice, Position())
    assert [order.external_id for order in found] == ["in"]


def test_what_became_known_late_is_found_behind_the_last_sweep(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    _, position = sweep(microservice, Position(swept_until=ago()))
    allegro_microservice.partner.put_order("late", updatedAt=ago(minutes=9).isoformat())
    found, _ = sweep(microservice, position)
    assert [order.external_id for order in found] == ["late"]


def test_a_partner_whose_clock_is_ahead_hides_nothing(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    ids = put_many(allegro_microservice, 350, ago(hours=-1), 3600)
    found, position = sweep(microservice, Position(swept_until=ago()))
    assert {order.external_id for order in found} == ids
    assert position.swept_until is not None
    assert position.swept_until <= timezone.now()


def test_orders_change_while_a_frozen_clock_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, microservice: MicroserviceClient, allegro_microservice: PartnerServer
):
    clock = Clock(monkeypatch)
    clock.passes(hours=-2)
    ids = put_many(allegro_microservice, 250, ago(), 1)
    found, position = sweep(microservice, Position(swept_until=clock.now))
    assert {order.external_id for order in found} == ids
    assert position.swept_until == clock.now


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("seconds", [500.0, 0.5])
def test_acknowledging_what_was_read_loses_nothing_that_was_not(
    microservice: MicroserviceClient, allegro_microservice: PartnerServer, seconds: float, newest_first: bool
):
    allegro_microservice.partner.newest_first = newest_first
    ids = put_many(allegro_microservice, 450, ago(minutes=9), seconds)
    found, _ = sweep(microservice, Position(swept_until=ago()), acknowledge(microservice))
    assert {order.external_id for order in found} == ids
    assert allegro_microservice.partner.flagged() == ids
    assert set(allegro_microservice.partner.times_told().values()) == {1}


def test_plain_paging_does_lose_orders(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    """The control: the same list, the same acknowledgements, offsets one after another."""
    allegro_microservice.partner.newest_first = False
    ids = put_many(allegro_microservice, 450, ago(minutes=9), 500)
    asked = {"token_id": ACCOUNT, "limit": "100", "from_date": ago(minutes=10).isoformat()}
    seen = set()
    for offset in range(0, 450, 100):
        answer = requests.get(
            f"{allegro_microservice.url}/api/v1/orders/",
            params={**asked, "offset": str(offset)},
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=10,
        )
        for row in answer.json()["orders"]:
            microservice.set_deducted(row["id"], True)
            seen.add(row["id"])
    assert len(seen) > 200
    assert ids - seen


@pytest.mark.parametrize("newest_first", [True, False])
def test_others_change_orders_too_while_they_are_read(microservice: MicroserviceClient, allegro_microservice: PartnerServer, newest_first: bool):
    partner, lots = allegro_microservice.partner, random.Random(7)
    partner.newest_first = newest_first
    ids = put_many(allegro_microservice, 450, ago(minutes=9), 1)
    left = sorted(ids)

    def somebody_cancels(_: RemoteOrder) -> None:
        if left and lots.random() < 0.3:
            partner.put_order(left.pop(lots.randrange(len(left))), status="CANCELLED")

    found, position = sweep(microservice, Position(swept_until=ago()), somebody_cancels)
    assert {order.external_id for order in found} == ids
    again, _ = sweep(microservice, position)
    told = {order.external_id: order.status for order in [*found, *again]}
    assert {order_id for order_id, status in told.items() if status == "CANCELLED"} == ids - set(left)


def test_a_sweep_goes_on_where_a_fault_stopped_it(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    ids = put_many(allegro_microservice, 450, ago(minutes=9), 1)
    allegro_microservice.fail("status", status=429, times=None, share=0.3)
    position, seen, failures = Position(swept_until=ago()), set(), 0
    for _ in range(500):
        try:
            changes = microservice.read_changes(position)
        except RetryableFailure:
            failures += 1
            continue
        seen |= {order.external_id for order in changes.orders}
        position = changes.position
        if changes.at_end:
            break
    assert (seen, failures > 0, position.journal) == (ids, True, "")


def test_a_journal_of_something_else_begins_a_new_sweep(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    ids = put_many(allegro_microservice, 5, ago(), 1)
    for journal in ("0E5d6c1f", ";;;;;;", "a;b;c;d;e;f;g"):
        found, position = sweep(microservice, Position(journal, ago()))
        assert ({order.external_id for order in found}, position.journal) == (ids, "")


@pytest.mark.parametrize(("seconds", "limit"), [(3000, 100), (3000, 7), (1, 100), (1, 7), (1, 1)])
def test_a_list_between_two_moments_is_complete_while_it_shrinks(
    microservice: MicroserviceClient, allegro_microservice: PartnerServer, seconds: float, limit: int
):
    begin = ago(hours=2)
    ids = put_many(allegro_microservice, 130, begin, seconds)
    allegro_microservice.partner.put_order("before", updatedAt=(begin - timedelta(seconds=1)).isoformat())
    allegro_microservice.partner.put_order("after", updatedAt=(begin + timedelta(seconds=3001)).isoformat())
    tell, page, seen = acknowledge(microservice), None, set()
    for _ in range(2000):
        listed = microservice.list_orders(begin, begin + timedelta(seconds=3000), page=page, limit=limit)
        assert len(listed.orders) <= limit
        for order in listed.orders:
            tell(order)
            seen.add(order.external_id)
        page = listed.next
        if page is None:
            break
    assert (page, seen) == (None, ids)


def test_a_page_that_nobody_named_is_refused(microservice: MicroserviceClient):
    with pytest.raises(ValueError, match="not the next of a page"):
        microservice.list_orders(ago(), ago(), page="2")


@dataclass
class Shifting:
    """A list that answers by stretches, with or without their bounds, and offsets, by the moment of the last change, this or the other way round."""

    changed: dict[int, datetime]
    newest_first: bool
    bounds: bool
    now: datetime = field(default=NOW)

    def ask(self, step: Sweep, limit: int) -> tuple[list[int], int]:
        fits = [(at, number) for number, at in self.changed.items() if step.start <= at and (step.end is None or at <= step.end)]
        if not self.bounds:
            fits = [(at, number) for at, number in fits if at not in {step.start, step.end}]
        fits.sort(reverse=self.newest_first)
        return [number for _, number in fits][step.offset : step.offset + limit], len(fits)


@given(
    moments=st.lists(st.integers(0, 90) | st.just(50), max_size=100),
    limit=st.integers(1, 30),
    newest_first=st.booleans(),
    bounds=st.booleans(),
    share=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(0, 1000),
)
def test_every_order_is_seen_whatever_changes_meanwhile(moments: list[int], limit: int, newest_first: bool, bounds: bool, share: float, seed: int):
    """Each page may be followed by changes of orders, read or not: an order that was there when the sweep began is seen at least once."""
    lots, listed = random.Random(seed), Shifting({}, newest_first, bounds)
    listed.changed = {number: NOW - timedelta(seconds=at) for number, at in enumerate(moments)}
    step: Sweep | None = Sweep.begin(NOW - timedelta(seconds=100), None, NOW)
    seen: set[int] = set()
    changes = 0
    for _ in range(3000):
        assert step is not None
        rows, total = listed.ask(step, limit)
        counts, step = step.after(len(rows), total, limit, listed.now)
        if counts:
            seen |= set(rows)
        if step is None:
            break
        assert Sweep.from_text(step.as_text()) == step
        listed.now += timedelta(seconds=1)
        for number in listed.changed:
            if changes < 150 and lots.random() < share:
                changes += 1
                listed.changed[number] = listed.now
    assert step is None
    assert seen == set(listed.changed)
